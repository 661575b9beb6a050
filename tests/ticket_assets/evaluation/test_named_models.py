import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

from tests.ticket_assets.evaluation.tables import log
from ticket_assets.errors import ModelError
from ticket_assets.evaluation.features import FEATURES
from ticket_assets.evaluation.models import PriorityHours, predict
from ticket_assets.evaluation.named_models import is_model_name, load_model

BATCH = log({"2016-05-10": 4}).assign(urgency="2 - Medium", reassignment_count=range(4))
CODE = """
version = "not the model's"

def hours(features):
    return features["reassignment_count"] * 3600.0
hours.columns = ("reassignment_count",)

class Fixed:
    version = "7"
    columns = ("priority",)
    def predict(self, features):
        return [60.0] * len(features)

def leaks(features):
    return features["closed_at"]
leaks.columns = ("closed_at",)

def fails(features):
    return features["no such column"]
fails.columns = ("priority",)

def too_short(features):
    return [1.0]
too_short.columns = ("priority",)

def not_finite(features):
    return [1.0, 2.0, float("nan"), 4.0]
not_finite.columns = ("priority",)

def a_text(features):
    return ["soon"] * 4
a_text.columns = ("priority",)

constant = 3
everything = lambda features: list(features)
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "our_models", raising=False)
    path = tmp_path / "our_models.py"
    path.write_text(CODE)
    return path


def seconds(name: str) -> list[float]:
    table = predict(BATCH, load_model(name, PriorityHours()))
    return list(table["predicted_s"])


class TestAFunction:
    def test_gets_its_columns_and_returns_seconds(self) -> None:
        assert seconds("our_models:hours") == [0, 3600, 7200, 10800]

    def test_may_be_a_class_with_a_version(self) -> None:
        model = load_model("our_models:Fixed", PriorityHours())
        assert (model.name, model.version) == ("our_models:Fixed", "7")
        assert seconds("our_models:Fixed") == [60.0] * 4

    def test_has_its_module_s_source_as_version(
        self, module: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = load_model("our_models:hours", PriorityHours()).version
        module.write_text(CODE.replace("* 3600.0", "* 3601.0"))
        monkeypatch.delitem(sys.modules, "our_models")
        assert load_model("our_models:hours", PriorityHours()).version != before

    def test_gets_all_that_is_no_leak_unless_it_names_its_columns(self) -> None:
        model = load_model("our_models:everything", PriorityHours())
        assert tuple(model.columns) == FEATURES

    @pytest.mark.parametrize(
        ("name", "fault"),
        [
            ("our_models:leaks", "the feature 'closed_at' is refused as a leak"),
            ("our_models:fails", r"failed on 4 rows with KeyError: 'no such column'"),
            ("our_models:too_short", r"found an array of shape \(1,\), expected one finite"),
            ("our_models:not_finite", r"found nan for 1 rows \(first: 2016-05-10, log_row 3\)"),
            ("our_models:a_text", "found list .*, expected one finite number"),
            ("our_models:constant", "found int, expected a function of a DataFrame"),
            ("our_models:missing", "cannot be imported"),
            ("no_such_module:f", "cannot be imported"),
        ],
    )
    def test_that_is_no_model_is_one_clear_error(self, name: str, fault: str) -> None:
        with pytest.raises(ModelError, match=rf"(?s)model {name}: .*{fault}"):
            seconds(name)


class TestAPipeline:
    @pytest.fixture(scope="class")
    def fitted(self) -> bytes:
        encoder = make_column_transformer(
            (OrdinalEncoder(), ["priority", "urgency"]), remainder="passthrough"
        )
        pipeline = make_pipeline(encoder, HistGradientBoostingRegressor(min_samples_leaf=1))
        features = BATCH[["priority", "urgency", "reassignment_count"]]
        pipeline.fit(features, np.arange(4) * 60.0)
        stored: bytes = skops.io.dumps(pipeline)
        return stored

    @pytest.fixture
    def path(self, tmp_path: Path, fitted: bytes) -> Path:
        (tmp_path / "model.skops").write_bytes(fitted)
        return tmp_path / "model.skops"

    def test_predicts_what_it_learned_from_its_own_columns(self, path: Path) -> None:
        model = load_model(str(path), PriorityHours())
        assert tuple(model.columns) == ("priority", "urgency", "reassignment_count")
        assert seconds(str(path)) == pytest.approx([0, 60, 120, 180], abs=1)

    def test_has_its_file_s_content_as_version(self, path: Path) -> None:
        before = load_model(str(path), PriorityHours()).version
        skops.io.dump(LinearRegression().fit(BATCH[["reassignment_count"]], range(4)), path)
        assert load_model(str(path), PriorityHours()).version != before

    def test_with_code_of_others_is_refused_and_not_run(self, path: Path) -> None:
        step = FunctionTransformer(func=pd.eval)  # runs what its input says
        skops.io.dump(make_pipeline(step, LinearRegression()), path)
        with pytest.raises(ModelError, match=r"holds pandas\.[\w.]*eval, expected types of scikit"):
            load_model(str(path), PriorityHours())

    @pytest.mark.parametrize(
        ("content", "fault"),
        [(b"PK\3\4 but no zip", "cannot be read by skops"), (None, "No such file")],
    )
    def test_that_cannot_be_read_is_named(
        self, path: Path, content: bytes | None, fault: str
    ) -> None:
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ModelError, match=rf"model {path}: .*{fault}"):
            load_model(str(path), PriorityHours())

    def test_that_does_not_know_its_columns_is_refused(self, path: Path) -> None:
        skops.io.dump(LinearRegression().fit(np.eye(2), [1, 2]), path)
        with pytest.raises(ModelError, match="fitted on a DataFrame"):
            load_model(str(path), PriorityHours())


def test_mlflow_that_is_not_installed_is_said() -> None:
    with pytest.raises(ModelError, match="needs MLflow, which is not installed"):
        load_model("models:/tickets/1", PriorityHours())


@pytest.mark.parametrize(
    ("name", "known"),
    [("priority-hours", True), ("constant", True), ("a.b:c", True), ("x.skops", True),
     ("models:/m/1", True), ("runs:/1/model", True), ("median", False), ("x.pkl", False),
     ("https://host/x", False), ("", False)],
)  # fmt: skip
def test_a_name_tells_the_kind_of_model(name: str, known: bool) -> None:
    assert is_model_name(name) is known


def test_the_hours_are_those_of_the_configuration() -> None:
    assert load_model("priority-hours", PriorityHours(low=1)) == PriorityHours(low=1)
