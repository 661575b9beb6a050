"""Exports a store's trial summaries to an MLflow tracking server: one run a day.

python -m ticket_assets.mlflow_export --store var/store --days 2016-03-01...2016-03-31 \
    --tracking http://127.0.0.1:5000

It speaks MLflow's REST API, so MLflow need not be installed here. A day whose trial is there
already is left as it is; another trial of the day (other rows or model) is a run of its own.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import requests

from ticket_assets.addresses import printable
from ticket_assets.errors import StoreError, TicketAssetsError
from ticket_assets.figures import trials

EXPERIMENT = "ticket-evaluation"
TIMEOUT_S = 30.0
TRIAL = "trial_id"
RUNS_PER_PAGE = 1000


class TrackingError(TicketAssetsError):
    """The MLflow server does not answer, or refuses a request."""


class TrackingServer:
    """The parts of MLflow's REST API that an export needs (MLflow documentation, "REST API")."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._session = requests.Session()

    def experiment(self, name: str) -> str:
        """The id of the experiment, which is created if needed."""
        found = self._call(
            "GET", "experiments/get-by-name", {"experiment_name": name}, missing=True
        )
        if found:
            return str(found["experiment"]["experiment_id"])
        return str(self._call("POST", "experiments/create", {"name": name})["experiment_id"])

    def trial_ids(self, experiment: str) -> set[str]:
        """The trials that have a finished run."""
        return {
            tag["value"]
            for run in self._runs(experiment)
            for tag in run["data"].get("tags", ())
            if tag["key"] == TRIAL
        }

    def _runs(self, experiment: str) -> Iterator[Mapping[str, Any]]:
        query: dict[str, Any] = {
            "experiment_ids": [experiment],
            "filter": "attributes.status = 'FINISHED'",
            "max_results": RUNS_PER_PAGE,
        }
        while True:
            page = self._call("POST", "runs/search", query)
            yield from page.get("runs", ())
            if not page.get("next_page_token"):
                return
            query["page_token"] = page["next_page_token"]

    def add(self, experiment: str, trial: Mapping[str, Any]) -> None:
        """A finished run with the trial's figures, at the time of its day.

        It is finished last: a run that was interrupted is not, and the next export adds it again.
        """
        day = trial["provenance"]["day"]
        start_ms = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)
        tags = {TRIAL: trial["id"], "day": day}
        body = {
            "experiment_id": experiment,
            "run_name": day,
            "start_time": start_ms,
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        }
        run_id = self._call("POST", "runs/create", body)["run"]["info"]["run_id"]
        metrics = [
            {"key": key, "value": value, "timestamp": start_ms, "step": 0}
            for key, value in metrics_of(trial).items()
        ]
        parameters = [{"key": key, "value": value} for key, value in parameters_of(trial).items()]
        body = {"run_id": run_id, "metrics": metrics, "params": parameters}
        self._call("POST", "runs/log-batch", body)
        body = {"run_id": run_id, "status": "FINISHED", "end_time": int(time.time() * 1000)}
        self._call("POST", "runs/update", body)

    def _call(
        self, method: str, path: str, body: Mapping[str, Any], missing: bool = False
    ) -> dict[str, Any]:
        """The answer; empty if `missing` allows that there is no such thing."""
        address = f"{self._address}/api/2.0/mlflow/{path}"
        sent: dict[str, Any] = {"params": body} if method == "GET" else {"json": body}
        try:
            answer = self._session.request(method, address, timeout=TIMEOUT_S, **sent)
            content: dict[str, Any] = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise TrackingError(
                f"{printable(self._address)}: no answer of an MLflow server"
                f" ({type(error).__name__}). Start one by `mlflow server`, or correct --tracking."
            ) from error
        if answer.ok:
            return content
        if missing and content.get("error_code") == "RESOURCE_DOES_NOT_EXIST":
            return {}
        reason = content.get("message", answer.reason)
        raise TrackingError(f"{printable(self._address)}, {path}: refused: {reason}.")


def metrics_of(trial: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a trial by MLflow's names; undefined ones are left out.

    Besides the trial's own metrics, those of each model: `open/constant/MAE`. Seconds.
    """
    data = trial["data"]
    figures = {"num_obs": data["num_obs"], **data["metrics"]}
    for population, scores in data.get("scores", {}).items():
        for model, errors in scores["models"].items():
            # MLflow's names have no colon, and those of functions do.
            name = model.replace(":", ".")
            figures |= {f"{population}/{name}/{key}": value for key, value in errors.items()}
    return {key: float(value) for key, value in figures.items() if value is not None}


def parameters_of(trial: Mapping[str, Any]) -> dict[str, str]:
    """The provenance of a trial, as texts."""
    provenance = trial["provenance"]
    model = provenance.get("model", {})
    names = ("log_source", "log_sha256", "batch_size", "seed", "population")
    parameters = {name: str(provenance[name]) for name in names if name in provenance}
    return parameters | {f"model_{key}": str(value) for key, value in model.items()}


def export(store: str, days: str, tracking: str, experiment: str = EXPERIMENT) -> tuple[int, int]:
    """Adds the trials of these days; returns how many were added and how many were there.

    Raises StoreError if the store has none of the days, TrackingError if the server fails.
    """
    documents = trials(store, days)
    server = TrackingServer(tracking)
    identity = server.experiment(experiment)
    known = server.trial_ids(identity)
    new = [document for document in documents if document["id"] not in known]
    for document in new:
        server.add(identity, document)
    return len(new), len(documents) - len(new)


def main(arguments: Sequence[str] | None = None) -> None:
    """Exports and says what was added."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", required=True, help="the store: a folder, or s3://bucket/prefix")
    parser.add_argument("--days", required=True, help="a day such as 2016-03-08, or a range A...B")
    parser.add_argument("--tracking", required=True, help="the address of the tracking server")
    parser.add_argument("--experiment", default=EXPERIMENT, help="the experiment's name")
    options = parser.parse_args(arguments)
    try:
        added, there = export(options.store, options.days, options.tracking, options.experiment)
    except (StoreError, TrackingError) as error:
        sys.exit(f"Error: {error}")
    sys.stdout.write(f"{added} runs added, {there} were there already.\n")


if __name__ == "__main__":
    main()
