"""docs/comparison.schema.json, the JSON schema of `prefect-compat compare --json`.

`python -m tools.json_schema` writes it.
"""

import json
from pathlib import Path

from prefect_compat.comparison.report.document import json_schema

PAGE = Path(__file__).parent.parent / "docs" / "comparison.schema.json"


def reference() -> str:
    """The file."""
    return json.dumps(json_schema(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
