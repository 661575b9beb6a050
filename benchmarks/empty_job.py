"""Six assets in a row, each with a check, that do nothing: the lowest cost of such a job."""

import dagster as dg
import pandas as pd  # noqa: F401  our job imports it too

DAYS = dg.DailyPartitionsDefinition("2016-02-29", end_date="2017-02-19")


class Nowhere(dg.IOManager):
    """Stores nothing."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        pass

    def load_input(self, context: dg.InputContext) -> None:
        return None


def asset_and_check(number: int) -> tuple[dg.AssetsDefinition, dg.AssetChecksDefinition]:
    upstream = [f"asset_{number - 1}"] if number else []

    @dg.asset(name=f"asset_{number}", deps=upstream, partitions_def=DAYS)
    def nothing() -> None:
        return None

    @dg.asset_check(asset=nothing, name=f"check_{number}", partitions_def=DAYS)
    def passes() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    return nothing, passes


made = [asset_and_check(number) for number in range(6)]
defs = dg.Definitions(
    assets=[asset for asset, _ in made],
    asset_checks=[check for _, check in made],
    jobs=[dg.define_asset_job("ticket_model_evaluation")],
    executor=dg.in_process_executor,
    resources={"io_manager": Nowhere()},
)
