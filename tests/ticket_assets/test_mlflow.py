"""Against a real MLflow tracking server, which keeps its runs in SQLite."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

import dagster as dg
import pytest
import requests

from tests.conftest import ROOT
from tests.environments import NotFetchedError, environment
from tests.projects import project, run_dagster
from ticket_assets.mlflow_export import (
    TrackingError,
    TrackingServer,
    export,
    metrics_of,
    parameters_of,
)

DAYS = "2016-03-08...2016-03-10"
# What the loading of a model imports of ours too. Of MLflow 3.18 only a part is published.
REQUIREMENTS = ("mlflow>=3.17,<3.18", "dagster>=1.13.27,<1.14", "fsspec", "pyarrow", "skops")
LOG_A_MODEL = """
import mlflow, pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

features = pd.DataFrame({"reassignment_count": [0, 1, 2, 3]})
model = LinearRegression().fit(features, [60.0, 120.0, 180.0, 240.0])
mlflow.sklearn.log_model(
    model, name="model", registered_model_name="tickets", signature=infer_signature(features)
)
"""
LOAD_THE_MODEL = """
import json, pandas as pd
from ticket_assets.evaluation.models import PriorityHours
from ticket_assets.evaluation.named_models import load_model

model = load_model("models:/tickets/1", PriorityHours())
seconds = model.predict(pd.DataFrame({"reassignment_count": [0, 5]}))
print(json.dumps([list(model.columns), model.version, list(map(float, seconds))]))
"""


@dataclass(frozen=True)
class Tracking:
    """A running server, and the Python of its environment."""

    address: str
    python: Path

    def run(self, code: str) -> str:
        finished = subprocess.run(
            [self.python, "-c", code],
            cwd=ROOT,
            env={"MLFLOW_TRACKING_URI": self.address, "PATH": "/usr/bin:/bin", "HOME": "/tmp"},
            capture_output=True,
            text=True,
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def runs(self) -> list[dict[str, Any]]:
        """All runs, by MLflow's own API."""
        server = TrackingServer(self.address)
        identity = server.experiment("ticket-evaluation")
        answer = requests.post(
            f"{self.address}/api/2.0/mlflow/runs/search",
            json={"experiment_ids": [identity], "order_by": ["attributes.start_time"]},
            timeout=10,
        )
        found: list[dict[str, Any]] = answer.json().get("runs", [])
        return found


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracking]:
    try:
        python = environment(REQUIREMENTS)
    except NotFetchedError as error:
        pytest.skip(f"MLflow cannot be fetched: {error}")
    folder = tmp_path_factory.mktemp("mlflow")
    with closing(socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [
            *(python.parent / "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
            *("--backend-store-uri", f"sqlite:///{folder}/runs.db"),
            *("--artifacts-destination", str(folder / "artifacts")),
            *("--workers", "1"),
        ],
        stdout=(folder / "log").open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        _wait_until_it_answers(address, server, folder / "log")
        yield Tracking(address, python)
    finally:
        subprocess.run(["pkill", "-9", "-s", str(server.pid)], check=False)
        server.wait()


def _wait_until_it_answers(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    while server.poll() is None:
        try:
            if requests.get(f"{address}/health", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_dagster(project(folder), DAYS, instance).success
    return folder


@pytest.mark.nightly
def test_each_day_is_a_run_with_its_figures_once(tracking: Tracking, store: Path) -> None:
    assert export(str(store), "2016-03-08...2016-03-09", tracking.address) == (2, 0)
    assert export(str(store), DAYS, tracking.address) == (1, 2)
    runs = tracking.runs()
    assert [run["info"]["run_name"] for run in runs] == ["2016-03-08", "2016-03-09", "2016-03-10"]
    assert {run["info"]["status"] for run in runs} == {"FINISHED"}
    summary = json.loads((store / "trial_summary/2016-03-08.json").read_text())
    metrics = {each["key"]: each["value"] for each in runs[0]["data"]["metrics"]}
    assert metrics == pytest.approx(metrics_of(summary))
    assert metrics["open/gradient-boosting/MAE"] > 0
    parameters = {each["key"]: each["value"] for each in runs[0]["data"]["params"]}
    assert parameters == parameters_of(summary)
    assert parameters["model_name"] == "priority-hours"


@pytest.mark.nightly
def test_a_run_that_was_interrupted_is_added_again(tracking: Tracking, store: Path) -> None:
    server = TrackingServer(tracking.address)
    identity = server.experiment("interrupted")
    body = {"experiment_id": identity, "run_name": "2016-03-08", "start_time": 0}
    summary = json.loads((store / "trial_summary/2016-03-08.json").read_text())
    body["tags"] = [{"key": "trial_id", "value": summary["id"]}]
    server._call("POST", "runs/create", body)
    assert export(str(store), "2016-03-08", tracking.address, "interrupted") == (1, 0)
    assert export(str(store), "2016-03-08", tracking.address, "interrupted") == (0, 1)


@pytest.mark.nightly
def test_a_model_of_the_registry_predicts_from_the_columns_of_its_signature(
    tracking: Tracking,
) -> None:
    tracking.run(LOG_A_MODEL)
    columns, version, seconds = json.loads(tracking.run(LOAD_THE_MODEL).splitlines()[-1])
    assert columns == ["reassignment_count"]
    assert version
    assert seconds == pytest.approx([60.0, 360.0])


def test_a_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    summary = tmp_path / "trial_summary" / "2016-03-08.json"
    summary.parent.mkdir()
    summary.write_text("{}")  # nobody looks into it before the server has answered
    with pytest.raises(TrackingError, match=r"127\.0\.0\.1:9: no answer of an MLflow server"):
        export(str(tmp_path), "2016-03-08", "http://127.0.0.1:9")


def test_undefined_figures_are_left_out_and_names_have_no_colon() -> None:
    scores = {"open": {"models": {"m:f": {"MAE": 2.0, "MAE_low": None}}}}
    trial = {"data": {"num_obs": 3, "metrics": {"MAE": 1.0, "R2": None}, "scores": scores}}
    assert metrics_of(trial) == {"num_obs": 3.0, "MAE": 1.0, "open/m.f/MAE": 2.0}
