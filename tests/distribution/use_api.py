"""Uses the library as a program of its user does; prints as JSON what came of it."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import dagster as dg

import prefect_compat


def main() -> None:
    import project

    day = "2016-05-10"
    flow = prefect_compat.as_flow(project.defs, job="documents")
    flow(partition=day)
    stored = json.loads(
        (Path(dg.EnvVar("MY_STORE").get_value() or "") / "total" / f"{day}.json").read_text()
    )
    result = prefect_compat.materialize(
        [project.numbers, project.total],
        partition_key=day,
        resources={"io_manager": dg.InMemoryIOManager()},
    )
    comparison = prefect_compat.compare(
        project.defs, job="documents", partition=day, store_env=["MY_STORE"]
    )
    facts = {
        "home": str(Path(prefect_compat.__file__).parent.parent),
        "version": prefect_compat.__version__,
        "versions": {name: version(name) for name in ("dagster", "prefect")},
        "stored": stored,
        "materialized": result.output_for_node("total"),
        "findings": [str(finding) for finding in comparison.verdict.findings],
        "outputs": len(comparison.right.outputs),
        "imported": [name for name in ("numpy", "pandas", "pyarrow") if sys.modules.get(name)],
    }
    Path(sys.argv[1]).write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
