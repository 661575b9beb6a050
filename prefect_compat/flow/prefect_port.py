"""The one door to Prefect's inside: only this module names private parts of Prefect.

Checked against Prefect 3.6 to 3.8.8.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import prefect.context
from prefect.runner import Runner
from prefect.settings import temporary_settings


@contextmanager
def settings_of_process(settings: Mapping[Any, Any]) -> Iterator[None]:
    """Applies settings in every thread of the process.

    `temporary_settings` alone holds for the current context: threads that Prefect starts for its
    events and logs would go on with the old settings.
    """
    with ExitStack() as stack:
        with temporary_settings(dict(settings)):
            context = prefect.context.get_settings_context()
            stack.enter_context(prefect.context._temporary_global_settings_context(context))
        yield


def remove_folder(runner: Runner) -> None:
    """Removes the temporary folder of a runner.

    Prefect leaves it if the runner is interrupted while flow runs are open.
    """
    shutil.rmtree(runner._tmp_dir, ignore_errors=True)
    with suppress(OSError):  # other runners have their folders in its parent
        runner._tmp_dir.parent.rmdir()
