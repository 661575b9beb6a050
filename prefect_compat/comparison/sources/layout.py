"""The layout of a store's files, such as `{asset}/{partition}.parquet`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from prefect_compat.comparison.sources.source import NothingStoredError
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.ids import OutputId
from prefect_compat.graph.job import listed

ASSUMED = "{asset}/{partition}.{type}"
PARTS = {
    "asset": r"(?P<asset>[^.][^:]*?)",
    "partition": r"(?P<partition>[^/]+?)",
    "type": r"(?P<type>[A-Za-z0-9]+)",
}


@dataclass(frozen=True)
class Layout:
    """The files of outputs by a pattern.

    `{asset}` is the asset's key with slashes, `{partition}` a partition key, `{type}` the file's
    ending; `*` stands for any text within one folder.
    """

    pattern: str

    def __post_init__(self) -> None:
        """Raises ComparisonError for a pattern without `{asset}` or with another field."""
        fields = re.findall(r"\{(\w*)\}", self.pattern)
        others = sorted({*fields} - {*PARTS})
        if "asset" not in fields or others or len(fields) > len({*fields}):
            raise ComparisonError(
                f"'{self.pattern}' is no layout of a store; expected one with {{asset}}, and where"
                " assets have partitions {partition}, each once, such as"
                " {asset}/{partition}.parquet."
            )

    def outputs(self, names: Iterable[str]) -> dict[OutputId, tuple[str, ...]]:
        """The output of each file that the pattern matches, with all its files in order."""
        found: dict[OutputId, list[str]] = {}
        for name in sorted(names):
            output = self._output(name)
            if output is not None:
                found.setdefault(output, []).append(name)
        return {output: tuple(files) for output, files in found.items()}

    def _output(self, name: str) -> OutputId | None:
        match = re.fullmatch(self._expression, name)
        if match is None:
            return None
        parts = match.groupdict()
        return OutputId(tuple(parts["asset"].split("/")), parts.get("partition"))

    @property
    def _expression(self) -> str:
        pieces = re.split(r"(\{\w+\}|\*)", self.pattern)
        return "".join(
            PARTS[piece[1:-1]]
            if piece.startswith("{")
            else "[^/]*"
            if piece == "*"
            else re.escape(piece)
            for piece in pieces
        )


def assumed_outputs(names: Iterable[str]) -> Mapping[OutputId, tuple[str, ...]]:
    """The outputs of files in folders as `ASSUMED`, and of others as `{asset}.{type}`."""
    every = list(names)
    return {
        **Layout("{asset}.{type}").outputs(name for name in every if "/" not in name),
        **Layout(ASSUMED).outputs(name for name in every if "/" in name),
    }


def in_partitions(output: OutputId, partition: str | None) -> bool:
    """True if the output is of this partition, or lies in the range `A...B` of its text."""
    if partition in (None, "*") or output.partition_key is None:
        return True
    first, _, last = str(partition).partition("...")
    return first <= output.partition_key <= (last or first)


def shown_address(address: str) -> str:
    """The address without user, password and query, which may be secret."""
    parts = urlsplit(address)
    if not parts.scheme or not parts.netloc:
        return address
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def nothing_matches(address: str, pattern: str | None, names: Iterable[str]) -> NothingStoredError:
    """The error for a store in which no file is an output."""
    there = listed(sorted(names), 5) or "no file"
    return NothingStoredError(
        f"{address}: no file matches {pattern or ASSUMED}; there is {there}. Name the layout of the"
        " store, such as --left-layout '{asset}/day={partition}/*.parquet'."
    )
