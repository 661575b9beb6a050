"""Writes the values that a candidate flow's tasks returned into files.

python -m prefect_compat.comparison.sources.candidate_values '{"home": ..., "outputs": [...], ...}'
"""

import json
import sys
from pathlib import Path

from prefect_compat.comparison.diff.values import write_values
from prefect_compat.comparison.sources.foreign_flow import load_results
from prefect_compat.graph.ids import OutputId


def main() -> None:
    """Reads the results in a process of its own: a pickle runs code of the candidate's modules."""
    task = json.loads(sys.argv[1])
    results = load_results(Path(task["home"]))
    outputs = [OutputId.parse(text) for text in task["outputs"]]
    write_values(lambda output: results[output].value(), outputs, Path(task["folder"]))


if __name__ == "__main__":
    main()
