"""The one door to Prefect's inside: only this module names private parts of Prefect.

Checked against Prefect 3.6 to 3.8.8.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

import prefect.context
from prefect.runner import Runner
from prefect.settings import temporary_settings


@contextmanager
def settings_of_process(settings: Mapping[Any, Any]) -> Iterator[None]:
    """Applies settings in every thread of the process.

    `temporary_settings` alone holds for the current context: threads that Prefect starts for its
    events and logs would go on with the old settings.
    """
    with temporary_settings(dict(settings)):
        context = prefect.context.get_settings_context()
    # Contexts that have no settings of their own read this one.
    with patch.object(prefect.context, "GLOBAL_SETTINGS_CONTEXT", context):
        yield


def remove_folder(runner: Runner) -> None:
    """Removes the temporary folder of a runner.

    Prefect leaves it if the runner is interrupted while flow runs are open.
    """
    shutil.rmtree(runner._tmp_dir, ignore_errors=True)
    with suppress(OSError):  # other runners have their folders in its parent
        runner._tmp_dir.parent.rmdir()
