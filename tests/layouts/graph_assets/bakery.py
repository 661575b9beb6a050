import dagster as dg


class Oven(dg.ConfigurableResource):
    degrees: int = 200

    def bake(self, dough: str) -> str:
        return f"{dough} at {self.degrees}"


@dg.op(retry_policy=dg.RetryPolicy(max_retries=2))
def knead(context: dg.OpExecutionContext) -> str:
    if context.retry_number == 0:
        raise dg.Failure("The yeast was cold.")
    return "dough"


@dg.op
def bake(dough: str, oven: Oven) -> str:
    return oven.bake(dough)


@dg.graph_asset
def bread() -> str:
    return bake(knead())


@dg.asset
def slices(bread: str) -> list[str]:
    return [f"{bread}, slice {number}" for number in range(3)]


@dg.asset_check(asset=slices)
def three_slices(slices: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=len(slices) == 3)


defs = dg.Definitions([bread, slices], asset_checks=[three_slices], resources={"oven": Oven()})
