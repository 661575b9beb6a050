"""The year in plain Python: the evaluation's functions, and one file per asset and day.
python -m benchmarks.year_floor STORE FIRST_DAY LAST_DAY prints the seconds after the imports.
"""

import json
import sys
import time
from datetime import date
from pathlib import Path

import pandas as pd

from ticket_assets.evaluation.models import PriorityHours, predict
from ticket_assets.evaluation.sample import draw_sample
from ticket_assets.evaluation.scores import score, target_seconds
from ticket_assets.evaluation.summary import Provenance, summarise
from ticket_assets.event_log.cache import open_log
from ticket_assets.settings import Settings

BATCH_SIZE, SEED = 1000, 498


def run(store: Path, first_day: date, last_day: date, settings: Settings) -> None:
    log = open_log(settings.event_log, cache=settings.cache)
    days = pd.date_range(first_day, last_day, unit="s", name="day")
    raw_log = log.read(first_day, last_day).to_pandas(date_as_object=False)
    raw_log = raw_log.astype(dict.fromkeys(raw_log.select_dtypes("datetime"), "datetime64[s]"))
    batch = draw_sample(raw_log, BATCH_SIZE, SEED)
    targets = target_seconds(batch)
    predictions = predict(batch, PriorityHours())
    metrics = score(targets, predictions, days)
    provenance = {
        day: Provenance(
            day, log.identity.source, log.identity.sha256, BATCH_SIZE, SEED, PriorityHours(), {}
        )
        for day in days.strftime("%Y-%m-%d")
    }
    documents = summarise(targets, metrics, provenance)
    tables = {
        "raw_log": raw_log,
        "sampled_batch": batch,
        "targets": targets,
        "predictions": predictions,
        "metrics": metrics,
    }
    for name, table in tables.items():
        folder = store / name
        folder.mkdir(parents=True)
        parts = dict(iter(table.groupby("day")))
        for day, key in zip(days, provenance, strict=True):
            parts.get(day, table.head(0)).to_parquet(folder / f"{key}.parquet", index=False)
    (store / "trial_summary").mkdir()
    for key, document in documents.items():
        (store / "trial_summary" / f"{key}.json").write_text(json.dumps(document, indent=2))


if __name__ == "__main__":
    started = time.perf_counter()
    run(
        Path(sys.argv[1]),
        date.fromisoformat(sys.argv[2]),
        date.fromisoformat(sys.argv[3]),
        Settings.from_environment(),
    )
    print(time.perf_counter() - started)
