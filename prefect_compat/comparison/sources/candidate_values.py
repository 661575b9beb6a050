"""Writes the values that a candidate flow's tasks returned into files.

python -m prefect_compat.comparison.sources.candidate_values '{"home": ..., "outputs": [...], ...}'
"""

import json
import sys
from pathlib import Path

from prefect_compat.comparison.diff.values import write_values
from prefect_compat.comparison.fingerprint.parts import moved_modules
from prefect_compat.comparison.sources.candidate_results import load_results
from prefect_compat.graph.ids import parse_value_id


def main() -> None:
    """Reads the results in a process of its own: a pickle runs code of the candidate's modules."""
    task = json.loads(sys.argv[1])
    results = load_results(Path(task["home"]))
    outputs = [parse_value_id(text) for text in task["outputs"]]
    with moved_modules(task["moved"]):
        write_values(lambda output: results[output].value(), outputs, Path(task["folder"]))


if __name__ == "__main__":
    main()
