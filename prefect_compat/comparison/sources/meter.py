"""The cost of a side, measured in its process."""

import resource
import sys
import time

import psutil

from prefect_compat.comparison.record.record import Cost
from prefect_compat.comparison.sources.prefect_server import RunningServer
from prefect_compat.garbage import collect_as_usual


class Meter:
    """Measures what a side uses: this process, those that it started, and its Prefect server.

    Of processes that have ended, the CPU counts and the memory does not.
    """

    def __init__(self) -> None:
        self._process = psutil.Process()
        server = RunningServer.handed_over()
        self._server = psutil.Process(server.pid) if server else None
        # Wall-clock time, so the import is timed by `time.time`: `perf_counter` starts elsewhere.
        self._created = self._process.create_time()
        self._imported = time.time()
        self._ready = (0.0, 0.0, 0.0)

    def is_ready(self) -> None:
        """Marks the start of the run."""
        collect_as_usual()
        self._ready = (time.time(), time.perf_counter(), self._cpu_s())

    def has_run(self) -> Cost:
        """The cost since `is_ready`."""
        wall_s, cpu_s = time.perf_counter() - self._ready[1], self._cpu_s() - self._ready[2]
        # `ru_maxrss` is in KiB on Linux and in bytes on macOS.
        unit_b = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_b
        return Cost(
            wall_s=wall_s,
            import_s=self._imported - self._created,
            start_up_s=self._ready[0] - self._imported,
            cpu_s=cpu_s,
            # Of other processes psutil knows the present size, not the peak.
            peak_memory_b=peak + sum(child.memory_info().rss for child in self._children()),
        )

    def _children(self) -> list[psutil.Process]:
        processes = self._process.children(recursive=True)
        if self._server is not None:
            processes.append(self._server)
        return [process for process in processes if process.is_running()]

    def _cpu_s(self) -> float:
        times = [self._process.cpu_times(), *(child.cpu_times() for child in self._children())]
        return float(sum(sum(entry[:4]) for entry in times))  # its own, and its ended children's
