"""What lies in the store, read back output by output through the assets' own IO managers."""

from collections.abc import Iterable

from prefect_compat import io_managers
from prefect_compat.execution import Execution
from prefect_compat.parity.fingerprint import UNKNOWN, Fingerprint, fingerprint
from prefect_compat.parity.record import RecordedOutput
from prefect_compat.plan import OutputId


def read_contents(execution: Execution, outputs: Iterable[OutputId]) -> tuple[RecordedOutput, ...]:
    """The fingerprint of each output that an orchestrator says it made.

    What cannot be read back is of an unknown kind: it equals nothing.
    """
    return tuple(RecordedOutput(output, _fingerprint(execution, output)) for output in outputs)


def _fingerprint(execution: Execution, output: OutputId) -> Fingerprint:
    try:
        return fingerprint(io_managers.read_back(execution, output))
    except Exception as error:  # whatever a user's IO manager raises is this output's finding
        return Fingerprint(UNKNOWN, f"cannot be read back: {error}")
