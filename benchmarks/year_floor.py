"""The year in plain Python: the evaluation's functions, and one file per asset and day.

python -m benchmarks.year_floor STORE FIRST_DAY LAST_DAY [pandas] [without-models]

Prints the seconds after the imports. With `pandas` the files are written as most would write them.
`without-models` leaves out what is trained and what depends on it.
"""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from ticket_assets.days import to_keys
from ticket_assets.evaluation.model_scores import joined_rows, score_models
from ticket_assets.evaluation.models import PriorityHours, compared_with, predict
from ticket_assets.evaluation.sample import draw_sample
from ticket_assets.evaluation.scores import score, target_seconds
from ticket_assets.evaluation.summary import Provenance, summarise
from ticket_assets.evaluation.training import predict_trained, train
from ticket_assets.event_log.cache import open_log
from ticket_assets.settings import Settings
from ticket_assets.store.encode import encode
from ticket_assets.store.provenance import provenance_of, with_provenance
from ticket_assets.store.split import Piece, split
from ticket_assets.store.tables import to_frame
from ticket_assets.training_rows import read_training_rows

BATCH_SIZE, SEED = 1000, 498
CHAMPION = PriorityHours.name
MODELS = compared_with(CHAMPION)


def run(
    store: Path, first_day: date, last_day: date, settings: Settings, *, with_models: bool = True
) -> None:
    """The fastest plain way that leaves the bytes of the assets' store, on one thread of Python."""
    log = open_log(settings.event_log, cache=settings.cache)
    days = pd.date_range(first_day, last_day, unit="s", name="day")
    keys = to_keys(days)
    origin = {"log_source": Path(log.identity.source).name, "log_sha256": log.identity.sha256}
    raw_log = with_provenance(to_frame(log.read(first_day, last_day)), dict.fromkeys(keys, origin))
    batch = with_provenance(
        draw_sample(raw_log, BATCH_SIZE, SEED),
        provenance_of(raw_log),
        batch_size=BATCH_SIZE,
        seed=SEED,
    )
    targets = with_provenance(target_seconds(batch), provenance_of(batch))
    hours = PriorityHours()
    predictions = with_provenance(predict(batch, hours), provenance_of(batch), hours=asdict(hours))
    metrics = with_provenance(
        score(targets, predictions, days), provenance_of(targets), provenance_of(predictions)
    )
    tables = {
        "raw_log": raw_log,
        "sampled_batch": batch,
        "targets": targets,
        "predictions": predictions,
        "metrics": metrics,
    }
    for name, table in tables.items():
        _write(store / name, split(table, keys))
    if not with_models:
        return
    challengers = train(read_training_rows(log, days), days)
    trained = with_provenance(predict_trained(batch, challengers), provenance_of(batch))
    rows = joined_rows(batch, targets, predictions, trained, CHAMPION)
    scores = score_models(rows, MODELS, CHAMPION, days)
    _write(store / "challenger_predictions", split(trained, keys))
    of_models = with_provenance(scores, provenance_of(predictions))
    _write(store / "model_scores", split(of_models, keys))
    _write(store / "challenger", challengers)
    versions = {name: version(name) for name in ("ticket-assets", "pandas", "numpy")}
    origins = {
        key: Provenance.of(key, facts, versions) for key, facts in provenance_of(metrics).items()
    }
    _write(store / "trial_summary", dict(summarise(targets, metrics, scores, origins)))


def _write(folder: Path, pieces: Mapping[str, Piece]) -> None:
    folder.mkdir(parents=True)
    for key, piece in pieces.items():
        file = encode(piece)
        with (folder / f"{key}{file.suffix}").open("wb") as opened:
            file.write(opened)


def run_by_pandas(
    store: Path, first_day: date, last_day: date, settings: Settings, *, with_models: bool = True
) -> None:
    """The usual way: pandas' own `to_parquet` for each asset and day."""
    log = open_log(settings.event_log, cache=settings.cache)
    days = pd.date_range(first_day, last_day, unit="s", name="day")
    raw_log = log.read(first_day, last_day).to_pandas(date_as_object=False)
    raw_log = raw_log.astype(dict.fromkeys(raw_log.select_dtypes("datetime"), "datetime64[s]"))
    batch = draw_sample(raw_log, BATCH_SIZE, SEED)
    targets = target_seconds(batch)
    predictions = predict(batch, PriorityHours())
    metrics = score(targets, predictions, days)
    tables = {
        "raw_log": raw_log,
        "sampled_batch": batch,
        "targets": targets,
        "predictions": predictions,
        "metrics": metrics,
    }
    _write_by_pandas(store, tables, days)
    if not with_models:
        return
    challengers = train(read_training_rows(log, days), days)
    trained = predict_trained(batch, challengers)
    rows = joined_rows(batch, targets, predictions, trained, CHAMPION)
    scores = score_models(rows, MODELS, CHAMPION, days)
    _write_by_pandas(store, {"challenger_predictions": trained, "model_scores": scores}, days)
    provenance = {
        day: Provenance(
            day, log.identity.source, log.identity.sha256, BATCH_SIZE, SEED, PriorityHours(), {}
        )
        for day in to_keys(days)
    }
    summaries = summarise(targets, metrics, scores, provenance)
    for name, documents in (("challenger", challengers), ("trial_summary", summaries)):
        (store / name).mkdir()
        for key, document in documents.items():
            (store / name / f"{key}.json").write_text(json.dumps(document, indent=2))


def _write_by_pandas(
    store: Path, tables: Mapping[str, pd.DataFrame], days: pd.DatetimeIndex
) -> None:
    for name, table in tables.items():
        folder = store / name
        folder.mkdir(parents=True)
        parts = dict(iter(table.groupby("day")))
        for day, key in zip(days, to_keys(days), strict=True):
            parts.get(day, table.head(0)).to_parquet(folder / f"{key}.parquet", index=False)


if __name__ == "__main__":
    folder, first, last, *words = sys.argv[1:]
    way = run_by_pandas if "pandas" in words else run
    started = time.perf_counter()
    way(
        Path(folder),
        date.fromisoformat(first),
        date.fromisoformat(last),
        Settings.from_environment(),
        with_models="without-models" not in words,
    )
    print(time.perf_counter() - started)
