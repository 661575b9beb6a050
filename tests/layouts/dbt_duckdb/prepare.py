"""dbt's manifest, which dagster-dbt reads when the project is loaded."""

import subprocess
import sys
from pathlib import Path

subprocess.run(
    [Path(sys.executable).parent / "dbt", "parse", "--quiet", "--profiles-dir", "."],
    cwd="books",
    check=True,
)
