"""The work on the flowers in pandas and scikit-learn, without an orchestrator."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

MEASURES = ["sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"]
SPECIES = "species"


class FlowerError(Exception):
    """The flowers or the settings are not as expected; the message says what to do."""


@dataclass(frozen=True)
class Model:
    """A fitted logistic regression: one row of weights and one intercept for each class."""

    classes: tuple[str, ...]
    features: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    intercepts: tuple[float, ...]

    def as_document(self) -> dict[str, object]:
        """The model as JSON; the inverse of `from_document`."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: dict[str, list]) -> "Model":  # type: ignore[type-arg]
        weights = tuple(tuple(row) for row in document["weights"])
        intercepts = tuple(document["intercepts"])
        return cls(tuple(document["classes"]), tuple(document["features"]), weights, intercepts)


def load(csv: str = "") -> pd.DataFrame:
    """150 flowers, one per row: four measures in cm, and `species`.

    Without a path, reads scikit-learn's copy of Fisher's iris data (UCI data set 53). Raises
    FlowerError if the CSV cannot be read or lacks a column.
    """
    if not csv:
        from sklearn.datasets import load_iris  # takes 1 s; only this and the fit need it

        bunch = load_iris()
        table = pd.DataFrame(bunch.data, columns=MEASURES)
        return table.assign(species=bunch.target_names[bunch.target].astype("str"))
    try:
        table = pd.read_csv(csv)
    except (OSError, ValueError) as error:
        raise FlowerError(
            f"{csv} cannot be read as CSV: {error}. Correct the path or the file."
        ) from error
    missing = [name for name in [*MEASURES, SPECIES] if name not in table.columns]
    if missing:
        raise FlowerError(
            f"{csv} has no column {', '.join(missing)}; expected"
            f" {', '.join([*MEASURES, SPECIES])}. Add it to the file."
        )
    return table[[*MEASURES, SPECIES]]


def classes(flowers: pd.DataFrame) -> list[str]:
    """The species that occur, in alphabetical order."""
    return sorted(flowers[SPECIES].unique())


def encode(flowers: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The flowers with one more column of 0 and 1 for each class."""
    columns = {name: (flowers[SPECIES] == name).astype("int8") for name in names}
    return flowers.assign(**columns)


def split(
    flowers: pd.DataFrame, target_col: str, test_data_ratio: float, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and test rows, drawn from the seed, in the order of the rows.

    Both have the same shares of the classes. Raises FlowerError if the target is no column, or if
    a class has too few rows.
    """
    from sklearn.model_selection import train_test_split

    if target_col not in flowers.columns:
        raise FlowerError(
            f"target_col is '{target_col}'; expected one of the columns"
            f" {', '.join(flowers.columns)}. Correct it in the run's configuration."
        )
    try:
        train, test = train_test_split(
            flowers,
            test_size=test_data_ratio,
            random_state=seed,
            stratify=flowers[target_col],
        )
    except ValueError as error:
        raise FlowerError(f"The flowers cannot be split by {target_col}: {error}") from error
    return train.sort_index(ignore_index=True), test.sort_index(ignore_index=True)


def train(flowers: pd.DataFrame, names: list[str], max_iter: int) -> Model:
    """A multinomial logistic regression of the one-hot columns on the measures."""
    from sklearn.linear_model import LogisticRegression

    targets = flowers[names].to_numpy().argmax(axis=1)
    fitted = LogisticRegression(max_iter=max_iter).fit(flowers[MEASURES].to_numpy(), targets)
    weights = tuple(tuple(map(float, row)) for row in fitted.coef_)
    return Model(tuple(names), tuple(MEASURES), weights, tuple(map(float, fitted.intercept_)))


def predict(model: Model, flowers: pd.DataFrame) -> pd.DataFrame:
    """The `species` of each flower, and the `predicted` one."""
    scores = flowers[list(model.features)].to_numpy() @ np.array(model.weights).T
    best = (scores + np.array(model.intercepts)).argmax(axis=1)
    predicted = pd.Series(np.array(model.classes)[best], index=flowers.index, dtype="str")
    return pd.DataFrame({SPECIES: flowers[SPECIES], "predicted": predicted})


def accuracy(predictions: pd.DataFrame) -> dict[str, float]:
    """The number of flowers (`of`), of `right` predictions, and their share (`accuracy`)."""
    right = int((predictions[SPECIES] == predictions["predicted"]).sum())
    return {"of": len(predictions), "right": right, "accuracy": right / len(predictions)}
