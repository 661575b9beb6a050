"""A table with a column of every common kind, each with a missing value if it can."""

import pandas as pd


def table() -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, 2, None], dtype="Int64"),
            "real": [0.1, 0.2, float("nan")],
            "text": pd.array(["a", "bc", None], dtype="str"),
            "when": pd.to_datetime(["2016-02-29 01:16", None, "2016-03-01 00:00"]),
            "for": pd.to_timedelta([1, 2, 3], unit="s"),
            "kind": pd.Categorical(["x", None, "y"]),
            "flag": [True, False, True],
        }
    )
    frame.attrs["provenance"] = {"seed": 1}
    return frame
