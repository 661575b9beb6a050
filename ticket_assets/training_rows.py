"""The rows of the log's past on which the models of a day are trained."""

from datetime import timedelta

import pandas as pd

from ticket_assets.evaluation.sample import draw_sample
from ticket_assets.evaluation.training import FIRST_OFFSET, HISTORY_COLUMNS, ROWS_PER_DAY
from ticket_assets.event_log import Log
from ticket_assets.store.tables import to_frame

# Of a larger log a part of its days is read at a time.
ROWS_AT_A_TIME = 500_000


def read_training_rows(log: Log, days: pd.DatetimeIndex) -> pd.DataFrame:
    """The rows on which `train` trains the models of these days, in bounded memory.

    At most ROWS_PER_DAY of each day, drawn by the day alone. Columns: `day`, `log_row` and
    HISTORY_COLUMNS, ordered by day and `log_row`.
    """
    first = days[0].date() + timedelta(days=FIRST_OFFSET)
    last = days[-1].date() - timedelta(days=1)
    log_days = (log.last_day - log.first_day).days + 1
    step = max(1, log_days * ROWS_AT_A_TIME // max(1, log.identity.rows))
    parts: list[pd.DataFrame] = []
    while not parts or first <= last:
        end = min(first + timedelta(days=step - 1), last)
        rows = to_frame(log.read(first, end, HISTORY_COLUMNS))
        parts.append(draw_sample(rows, ROWS_PER_DAY, seed=0))
        first = end + timedelta(days=1)
    return pd.concat(parts, ignore_index=True)
