from unittest.mock import patch

import dagster as dg

RATE = 1.0


def dose(weight: float) -> float:
    return RATE * weight


def patient(name: str, weight: float, priority: int) -> dg.AssetsDefinition:
    @dg.asset(name=name, op_tags={"dagster/priority": str(priority)})
    def dose_of_patient() -> float:
        with patch(f"{__name__}.RATE", 2.0 * priority):
            return dose(weight)

    return dose_of_patient


defs = dg.Definitions(
    [patient("ann", 60.0, 1), patient("ben", 80.0, 3), patient("cleo", 70.0, 2)],
    executor=dg.in_process_executor,
)
