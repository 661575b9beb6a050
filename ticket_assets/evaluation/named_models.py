"""The model that a setting names: ours, a function, a scikit-learn pipeline, an MLflow model."""

import hashlib
import importlib
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ticket_assets.errors import ModelError
from ticket_assets.evaluation.features import FEATURES
from ticket_assets.evaluation.models import PRIORITY_HOURS, TRAINED, Model, PriorityHours

ACCEPTED = (
    f"{PRIORITY_HOURS}, {', '.join(TRAINED)}, a function as module:function, a scikit-learn"
    " pipeline as path/to/file.skops, or an MLflow model as models:/name/version"
)
_MLFLOW = re.compile(r"(models|runs|mlflow-artifacts):/\S+")
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
# What scikit-learn's own estimators are made of besides the types that skops trusts. A function in
# a partial is listed and judged by itself.
_TRUSTED = re.compile(r"(sklearn\.[\w.]+|functools\.partial)")


def is_model_name(text: str) -> bool:
    """True if `load_model` knows this kind of name, or the model is one of `TRAINED`."""
    return (
        text in (PRIORITY_HOURS, *TRAINED)
        or text.endswith(".skops")
        or bool(_MLFLOW.fullmatch(text) or _FUNCTION.fullmatch(text))
    )


@dataclass(frozen=True)
class NamedModel:
    """A model that was loaded by its name."""

    name: str
    version: str
    columns: Sequence[str]
    function: Any

    def predict(self, features: pd.DataFrame) -> Any:
        """Calls the model's function. Raises ModelError, with its cause, if it fails."""
        try:
            return self.function(features)
        except Exception as error:
            raise ModelError(
                f"model {self.name}: failed on {len(features)} rows with {type(error).__name__}:"
                f" {error}. It gets a pandas DataFrame with the columns"
                f" {', '.join(self.columns)}; correct the model."
            ) from error


def load_model(name: str, hours: PriorityHours) -> Model:
    """The model of this name, but none of `TRAINED`; `hours` are those of `priority-hours`.

    Raises ModelError if it cannot be loaded.
    """
    if name == PRIORITY_HOURS:
        return hours
    if name.endswith(".skops"):
        return _pipeline(Path(name).expanduser())
    if _MLFLOW.fullmatch(name):
        return _from_mlflow(name)
    if _FUNCTION.fullmatch(name):
        return _function(name)
    raise ModelError(f"model '{name}': expected {ACCEPTED}. Correct TICKET_MODEL.")


def _function(name: str) -> Model:
    """A function of a frame, or an object or class that has the attributes of a Model.

    Its `version` is the attribute of that name, else a digest of its module's source; its `columns`
    are the attribute of that name, else all FEATURES.
    """
    module_name, _, path = name.partition(":")
    found: Any
    try:
        found = module = importlib.import_module(module_name)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ModelError(
            f"model {name}: cannot be imported ({error}); expected module:function, importable from"
            " the working directory or installed. Correct TICKET_MODEL."
        ) from error
    if inspect.isclass(found):
        found = found()
    function = getattr(found, "predict", found)
    if not callable(function):
        raise ModelError(
            f"model {name}: found {type(found).__name__}, expected a function of a DataFrame, or an"
            " object with a method `predict`. Correct TICKET_MODEL."
        )
    version = getattr(found, "version", None) or _digest_of_source(module)
    return NamedModel(name, str(version), tuple(getattr(found, "columns", FEATURES)), function)


def _digest_of_source(module: Any) -> str:
    return f"sha256:{hashlib.sha256(inspect.getsource(module).encode()).hexdigest()}"


def _pipeline(path: Path) -> Model:
    """A fitted scikit-learn estimator that skops has stored; it predicts seconds."""
    try:
        import skops.io
    except ImportError as error:
        raise ModelError(
            f"model {path}: needs skops, which reads pipelines without running code in them."
            " Install it: pip install 'ticket-assets[skops]'."
        ) from error
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"model {path}: {error.strerror or error}. Expected a file that"
            " skops.io.dump(pipeline, path) wrote; correct TICKET_MODEL."
        ) from error
    try:
        types = skops.io.get_untrusted_types(data=content)
        refused = [each for each in types if not _TRUSTED.fullmatch(each)]
        if refused:
            raise ModelError(
                f"model {path}: holds {', '.join(refused)}, expected types of scikit-learn and of"
                " NumPy only, because others could run any code. Store the pipeline without them,"
                " or name a function of yours as module:function."
            )
        estimator = skops.io.loads(content, trusted=types)
    except ModelError:
        raise
    except Exception as error:  # skops raises whatever a damaged file makes of its readers
        raise ModelError(
            f"model {path}: cannot be read by skops ({type(error).__name__}: {error}). Store it"
            " again with skops.io.dump, with this version of scikit-learn."
        ) from error
    columns = getattr(estimator, "feature_names_in_", None)
    if columns is None or not hasattr(estimator, "predict"):
        raise ModelError(
            f"model {path}: found {type(estimator).__name__}, expected a regressor fitted on a"
            " DataFrame: its columns' names say what it reads. Fit it on one and store it again."
        )
    version = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return NamedModel(path.name, version, tuple(map(str, columns)), estimator.predict)


def _from_mlflow(uri: str) -> Model:
    """A model of an MLflow registry or run. MLflow may run code of it: name only your own."""
    try:
        import mlflow.pyfunc
    except ImportError as error:
        raise ModelError(
            f"model {uri}: needs MLflow, which is not installed. Install it beside ticket-assets:"
            " pip install mlflow-skinny, and what the model itself needs."
        ) from error
    try:
        model = mlflow.pyfunc.load_model(uri)
    except Exception as error:  # whatever the registry or the model's own code raises
        raise ModelError(
            f"model {uri}: MLflow cannot load it ({type(error).__name__}: {error}). Look at"
            " MLFLOW_TRACKING_URI and the model's name and version."
        ) from error
    schema = model.metadata.get_input_schema()
    columns = tuple(schema.input_names()) if schema is not None else FEATURES
    version = model.metadata.model_uuid or model.metadata.run_id or uri
    return NamedModel(uri, str(version), columns, model.predict)
