import pandas as pd

from ticket_assets.days import to_days
from ticket_assets.evaluation.drift import measure_drift


def test_drift_compares_the_latest_days_with_those_before() -> None:
    metrics = pd.DataFrame(
        {"day": to_days([f"2016-05-{n:02}" for n in range(1, 11)]), "mae_s": [1.0] * 7 + [3.0] * 3}
    )
    drift = measure_drift(metrics, recent_days=3)
    assert (drift.recent_mae_s, drift.earlier_mae_s, drift.ratio) == (3.0, 1.0, 3.0)
    assert measure_drift(metrics, recent_days=28).ratio is None
