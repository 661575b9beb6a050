"""docs/ejected-flow.md: the ticket flow that `prefect-compat eject` writes, beside its assets.

`python -m tools.ejected_flow` writes it.
"""

import inspect
from pathlib import Path

from prefect_compat.eject.eject import EjectOptions, eject
from prefect_compat.eject.header import Origin
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.job_source import JobSource
from prefect_compat.graph.project_settings import read_project_settings
from ticket_assets import assets
from ticket_assets.definitions import load_definitions

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "ejected-flow.md"
JOB = "ticket_model_evaluation"
FLOW = f"flows/{JOB}.py"
COMMAND = f"prefect-compat eject -m ticket_assets.definitions -j {JOB} -o out --vendor"


def files() -> dict[str, str]:
    """The files of the ticket project without Dagster."""
    options = EjectOptions(
        is_vendored=True, left_out=read_project_settings(ROOT / "pyproject.toml").eject.leave_out
    )
    origin = Origin("ticket_assets.definitions", None, tuple(COMMAND.split()))
    source = JobSource(load_definitions(), JobChoice(JOB))
    return dict(eject(source, origin, options).files)


def page() -> str:
    """The page."""
    written = files()
    (tasks,) = (text for name, text in written.items() if name.endswith("/assets.py"))
    return f"""# The ticket flow, as it is written

`python -m tools.ejected_flow` writes this page: it shows what [eject](eject.md) makes of the
project's own job, by `{COMMAND}`.

## A function, before and after

The asset in `ticket_assets/assets.py`:

```python
{inspect.getsource(assets.targets.function).strip()}
```

The function in `tasks`. Its body is the same but for Dagster's names; what `table_facts` and
`materialized` do with metadata is carried over in the same way:

```python
{_function(tasks, "targets")}
```

## The flow

```python
{written[FLOW].strip()}
```
"""


def _function(code: str, name: str) -> str:
    start = code.index(f"def {name}(")
    end = code.find("\n\n\n", start)
    return code[start : end if end > 0 else None].strip()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
