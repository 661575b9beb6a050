"""One side of a comparison, whatever it is: a job, a flow, a store that exists."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.sources.work import Work
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.ids import ValueId
from prefect_compat.progress import Progress


class NothingStoredError(ComparisonError):
    """A store that exists has none of the outputs."""


class Source(Protocol):
    """Makes the record of what was made, and hands out values of it."""

    @property
    def name(self) -> str:
        """The name of the side, in reports and as the name of its folder."""

    def record(self, folder: Path, progress: Progress) -> Record:
        """Makes the record, in a folder of this side's name below `folder`.

        A source that cannot be run has a record that says so.
        """

    def write_values(
        self, outputs: Sequence[ValueId], record: Record, folder: Path, values: Path
    ) -> None:
        """Writes the values of these outputs into the folder `values`, as `diff.values` does.

        `folder` is the one in which the record was made. Raises ComparisonError if they cannot be
        read.
        """


class RunSource(Source, Protocol):
    """A source that runs something, and can do so again."""

    @property
    def work(self) -> Work:
        """The work that the source runs."""

    def of(self, work: Work, keys: Sequence[str]) -> Self:
        """This side, with other work; `keys` are its partitions, none for a job without them."""

    def stored(self, folder: Path, progress: Progress) -> Record:
        """Reads what the side's own store has now, after a run in `folder`.

        Raises ComparisonError if it is not known where the side stores.
        """

    def exit_code(self, folder: Path, progress: Progress) -> int:
        """Runs the work and returns how its process ended: negative if a signal ended it."""
