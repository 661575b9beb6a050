"""A store that exists as a source: files in a folder or at an address, and no run at all.

Nothing is written there. A file's fingerprint is that of its bytes, so a table is never held in
memory; whether two files with different bytes have the same rows, the rows say.
"""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from prefect_compat.comparison.diff.values import read_file, write_values
from prefect_compat.comparison.fingerprint.fingerprint import Fingerprint
from prefect_compat.comparison.record.record import Aspect, Cost, Record, RecordedOutput
from prefect_compat.comparison.sources.layout import (
    Layout,
    assumed_outputs,
    in_partitions,
    nothing_matches,
    shown_address,
)
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.ids import OutputId, ValueId
from prefect_compat.progress import Progress

BLOCK_B = 2**20


@dataclass(frozen=True)
class FileStore:
    """The files of a store, local or at an address that fsspec opens, such as `s3://…`.

    `pattern` is the layout; without it files in folders are `{asset}/{partition}.{type}`.
    `partition` is a key or a range `A...B`; without it everything is compared.
    """

    name: str
    address: str
    pattern: str | None = None
    partition: str | None = None

    def record(self, folder: Path, progress: Progress) -> Record:
        """The outputs in the store, with the fingerprints of their files.

        Raises ComparisonError if the store cannot be read, or no file in it is an output.
        """
        with progress.stage(f"{self.name}: reading {self._shown}") as update:
            outputs = []
            for output, files in self.files.items():
                update(output.label)
                outputs.append(RecordedOutput(output, self._fingerprint(files)))
        progress.line(f"{self.name}: {len(outputs)} outputs")
        return record_of_outputs(self.name, tuple(outputs), "a store")

    def write_values(
        self, outputs: Sequence[ValueId], record: Record, folder: Path, values: Path
    ) -> None:
        """Copies the files of tables, and writes other values as text."""
        values.mkdir(parents=True, exist_ok=True)
        files = {output: self.files[output] for output in outputs if isinstance(output, OutputId)}

        def load(output: ValueId) -> Any:
            assert isinstance(output, OutputId)  # a store has nothing else
            local = [self._local(name, values) for name in files[output]]
            return read_file(local)

        write_values(load, outputs, values)

    @cached_property
    def files(self) -> Mapping[OutputId, tuple[str, ...]]:
        """The names of each output's files. Raises ComparisonError if there is none."""
        names = self._names()
        found = Layout(self.pattern).outputs(names) if self.pattern else assumed_outputs(names)
        by_output = {
            output: files
            for output, files in found.items()
            if in_partitions(output, self.partition)
        }
        if not by_output:
            raise nothing_matches(self._shown, self.pattern, names)
        return by_output

    @property
    def _shown(self) -> str:
        return shown_address(self.address)

    @cached_property
    def _root(self) -> Any:
        from upath import UPath  # Dagster depends on it

        try:
            root = UPath(self.address)
            is_there = root.is_dir()
        except Exception as error:  # whatever the file system of the address raises
            raise self._unreadable(error) from error
        if not is_there:
            raise ComparisonError(
                f"{self._shown} is no folder that can be read. Name the folder or the address"
                " below which the store keeps its files."
            )
        return root

    def _names(self) -> list[str]:
        try:
            return sorted(
                path.relative_to(self._root).as_posix()
                for path in self._root.rglob("*")
                if path.is_file() and not path.name.startswith((".", "_"))
            )
        except ComparisonError:
            raise
        except Exception as error:  # whatever the file system of the address raises
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> ComparisonError:
        # A library may repeat the whole address in its message.
        said = str(error).replace(self.address, self._shown)
        reason = " ".join(said.split()) or type(error).__name__
        return ComparisonError(f"{self._shown} cannot be read: {reason}")

    def _fingerprint(self, names: Sequence[str]) -> Fingerprint:
        digest, size = hashlib.sha256(), 0
        for name in names:
            try:
                with (self._root / name).open("rb") as file:
                    while block := file.read(BLOCK_B):
                        digest.update(block)
                        size += len(block)
            except Exception as error:  # whatever the file system of the address raises
                raise self._unreadable(error) from error
        kind = names[0].rpartition(".")[2] + " file" + ("s" if len(names) > 1 else "")
        return Fingerprint(f"{kind} of {size:,} bytes", digest.hexdigest())

    def _local(self, name: str, values: Path) -> Path:
        """The file on this machine; one of another machine is copied."""
        path = self._root / name
        if path.protocol in ("", "file", "local"):
            return Path(path.path)
        local = values / "copied" / name
        local.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as source, local.open("wb") as target:
            shutil.copyfileobj(source, target, BLOCK_B)
        return local


def record_of_outputs(
    side: str, outputs: tuple[RecordedOutput, ...], what: str, *, reads_values: bool = False
) -> Record:
    """The record of a source that knows nothing but outputs; `what` it is, for people.

    `reads_values` is True if the project's own IO managers have read them.
    """
    reasons = {
        **dict.fromkeys(Aspect, f"{what} keeps only outputs"),
        Aspect.TYPES: f"{what} was read without the project's IO managers",
        Aspect.COSTS: f"{what} was read, not made",
    }
    del reasons[Aspect.NONE]
    if reads_values:
        del reasons[Aspect.TYPES]
    unknown = tuple((str(aspect), reason) for aspect, reason in reasons.items())
    return Record(side, (), outputs, (), (), Cost(0.0), unknown=unknown)
