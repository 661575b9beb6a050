"""A deployment that this process serves until a signal ends it."""

import asyncio
import signal
import threading
import time
from contextlib import suppress
from types import FrameType

import psutil
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner

from prefect_compat.flow.prefect_port import remove_folder
from prefect_compat.signals import ask_to_end, grace_s


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
        flow_runs = psutil.Process().children()
        for flow_run in flow_runs:
            ask_to_end(flow_run)
        # Waiting here would hold up the event loop, which the handler has interrupted.
        threading.Thread(target=self._cancel_after, args=(flow_runs,), daemon=True).start()

    def _cancel_after(self, flow_runs: list[psutil.Process]) -> None:
        # Prefect kills the flow runs that are left when it is cancelled, and they would leave
        # their temporary folders. By their state: to reap them is for the event loop.
        until = time.monotonic() + grace_s() - 1
        while any(map(_is_alive, flow_runs)) and time.monotonic() < until:
            time.sleep(0.05)
        assert self._task is not None  # the handler is installed after it is known
        self._task.get_loop().call_soon_threadsafe(self._task.cancel)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def serve_deployment(deployment: RunnerDeployment) -> None:
    """Runs what the API asks of the deployment, until a signal comes."""
    runner = InterruptibleRunner()
    runner.add_deployment(deployment)
    try:
        asyncio.run(runner.start_until_signal())
    finally:
        remove_folder(runner)
