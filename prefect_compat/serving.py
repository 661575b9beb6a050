"""A deployment that this process serves until a signal ends it."""

import asyncio
import shutil
import signal
from contextlib import suppress
from types import FrameType

import psutil
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner


class InterruptibleRunner(Runner):
    """Ends on SIGINT and SIGTERM alike: its flow runs are asked to end, its schedules paused.

    On SIGTERM, Prefect 3.8.8 calls `stop`, a coroutine in there, without waiting for it, and
    raises SystemExit amid the event loop's own code, which is followed by tracebacks.
    """

    async def start_until_signal(self) -> None:
        """Runs what the API asks for, until a signal comes."""
        self._task = asyncio.current_task()
        signal.signal(signal.SIGINT, self.handle_sigterm)
        with suppress(asyncio.CancelledError):
            await self.start()

    def handle_sigterm(self, number: int, frame: FrameType | None) -> None:
        for flow_run in psutil.Process().children():
            with suppress(psutil.Error):
                flow_run.terminate()
        if self._task is not None:
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)


def serve_deployment(deployment: RunnerDeployment) -> None:
    """Runs what the API asks of the deployment, until a signal comes."""
    runner = InterruptibleRunner()
    runner.add_deployment(deployment)
    try:
        asyncio.run(runner.start_until_signal())
    finally:
        # Prefect leaves it where it is interrupted while flow runs are open.
        shutil.rmtree(runner._tmp_dir, ignore_errors=True)
        with suppress(OSError):  # other runners have their folders in it
            runner._tmp_dir.parent.rmdir()
