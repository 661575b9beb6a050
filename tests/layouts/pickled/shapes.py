from dataclasses import dataclass

import dagster as dg


@dataclass
class Circle:
    radius: float


@dg.asset
def circle() -> Circle:
    return Circle(2.0)


@dg.multi_asset(outs={"area": dg.AssetOut(), "edge": dg.AssetOut(is_required=False)})
def measures(circle: Circle):
    yield dg.Output(3.14159 * circle.radius**2, "area")


defs = dg.Definitions([circle, measures])
