"""Thin asset functions around `flowers`."""

from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from examples.iris_assets import flowers
from examples.iris_assets.flowers import Model

ENGINEERING, SCIENCE = "data_engineering", "data_science"


class IrisConfig(dg.Config):
    """The source of the flowers."""

    csv: str = Field(default="", description="path of a CSV; empty for scikit-learn's copy")


class SplitConfig(dg.Config):
    """The division into training and test flowers."""

    target_col: str = Field(default="species", description="column whose classes both parts have")
    test_data_ratio: float = Field(default=0.2, gt=0, lt=1, description="share of the test rows")
    seed: int = Field(default=0, ge=0, description="decides which rows are drawn")


class TrainConfig(dg.Config):
    """The limits of the fit."""

    max_iter: int = Field(default=1000, ge=1, description="most iterations of the solver")


@dg.asset(group_name=ENGINEERING, kinds={"pandas", "parquet"}, code_version="1")
def iris(config: IrisConfig) -> dg.MaterializeResult[pd.DataFrame]:
    """150 flowers: four measures in cm, and the species."""
    table = flowers.load(config.csv)
    return dg.MaterializeResult(value=table, metadata={"dagster/row_count": len(table)})


@dg.asset(group_name=ENGINEERING, kinds={"json"}, code_version="1")
def classes(iris: pd.DataFrame) -> list[str]:
    """The species that occur."""
    return flowers.classes(iris)


@dg.asset(group_name=ENGINEERING, kinds={"pandas", "parquet"}, code_version="1")
def encoded(iris: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """The flowers with a column of 0 and 1 for each class."""
    return flowers.encode(iris, classes)


@dg.multi_asset(
    outs={
        name: dg.AssetOut(
            group_name=ENGINEERING, kinds={"pandas", "parquet"}, code_version="1", description=words
        )
        for name, words in {
            "training_flowers": "The flowers to fit the model on.",
            "test_flowers": "The flowers to judge the model by.",
        }.items()
    }
)
def split(config: SplitConfig, encoded: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and test rows."""
    return flowers.split(encoded, config.target_col, config.test_data_ratio, config.seed)


# Dagster materializes the assets of data science again whenever their data are new.
WHEN_NEW = dg.AutomationCondition.eager()


@dg.asset(
    group_name=SCIENCE,
    kinds={"scikitlearn", "json"},
    code_version="1",
    automation_condition=WHEN_NEW,
)
def model(
    config: TrainConfig, training_flowers: pd.DataFrame, classes: list[str]
) -> dict[str, Any]:
    """A logistic regression, as its weights."""
    return flowers.train(training_flowers, classes, config.max_iter).as_document()


@dg.asset(
    group_name=SCIENCE,
    kinds={"pandas", "parquet"},
    code_version="1",
    automation_condition=WHEN_NEW,
)
def predicted_species(model: dict[str, Any], test_flowers: pd.DataFrame) -> pd.DataFrame:
    """The species of each test flower, and the predicted one."""
    return flowers.predict(Model.from_document(model), test_flowers)


@dg.asset(group_name=SCIENCE, kinds={"json"}, code_version="1", automation_condition=WHEN_NEW)
def accuracy(predicted_species: pd.DataFrame) -> dg.MaterializeResult[dict[str, Any]]:
    """The number and share of recognised test flowers."""
    counts = flowers.accuracy(predicted_species)
    print(f"{counts['right']} of {counts['of']} flowers recognised: {counts['accuracy']:.1%}")
    return dg.MaterializeResult(value=counts, metadata=counts)


ASSETS = [iris, classes, encoded, split, model, predicted_species, accuracy]
