import sys
from pathlib import Path

import dagster as dg


@dg.asset
def temperature(
    context: dg.AssetExecutionContext, client: dg.PipesSubprocessClient
) -> dg.MaterializeResult:
    script = Path(__file__).with_name("measure.py")
    ended = client.run(command=[sys.executable, str(script)], context=context)
    return ended.get_materialize_result()


defs = dg.Definitions([temperature], resources={"client": dg.PipesSubprocessClient()})
