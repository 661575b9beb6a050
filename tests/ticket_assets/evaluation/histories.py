"""Past incidents for the tests of training."""

import numpy as np
import pandas as pd

from ticket_assets.evaluation.training import HISTORY_COLUMNS

STATES = ("New", "Active", "Resolved")


def history(first_day: str, days: int, rows_per_day: int = 20, seed: int = 0) -> pd.DataFrame:
    """Rows of an incident each; those of a state are about as many hours from their closing as the
    state's name has letters, and those of `Group 1` twice as many."""
    rng = np.random.default_rng(seed)
    size = days * rows_per_day
    day = pd.Series(np.repeat(pd.date_range(first_day, periods=days, unit="s"), rows_per_day))
    state = rng.choice(STATES, size)
    group = rng.choice(["Group 1", "Group 2"], size)
    hours = np.char.str_len(state) * np.where(group == "Group 1", 2, 1) + rng.random(size)
    closed = (day + pd.Timedelta(hours=23)).astype("datetime64[s]")
    rows = pd.DataFrame(
        {
            "day": day,
            "log_row": np.arange(1, size + 1),
            "number": pd.Series([f"INC{n:07}" for n in range(size)], dtype="str"),
            "incident_state": pd.Series(state, dtype="str"),
            "assignment_group": pd.Series(group, dtype="str"),
            "closed_at": closed,
            "sys_updated_at": closed - pd.to_timedelta((hours * 3600).astype(int), unit="s"),
        }
    )
    rows["opened_at"] = rows["sys_updated_at"] - pd.Timedelta(hours=5)
    for name in ("priority", "contact_type", "category"):
        rows[name] = pd.Series(["one"] * size, dtype="str")
    for name in ("reassignment_count", "sys_mod_count", "reopen_count"):
        rows[name] = rng.integers(0, 4, size)
    for name in ("made_sla", "u_priority_confirmation", "active"):
        rows[name] = rng.random(size) < 0.5
    return rows[["day", "log_row", *HISTORY_COLUMNS]]
