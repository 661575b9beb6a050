"""The bytes of Arrow's columns, digested where they lie."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prefect_compat.comparison.fingerprint.parts import Buffer, Run

# At a time: their offsets, lengths and flags together stay in a core's cache.
CELLS = 1 << 15

Bools = npt.NDArray[np.bool_]


def missing_of(chunks: Sequence[Any]) -> Bools:
    """A flag for each cell of the chunks together: true where it is null."""
    flags = np.zeros(sum(map(len, chunks)), bool)
    start = 0
    for chunk in chunks:
        if chunk.null_count:
            flags[start : start + len(chunk)] = _nulls(chunk)
        start += len(chunk)
    return flags


def joined_bytes(chunks: Sequence[Any]) -> tuple[Bools, Buffer]:
    """The null flags of chunks of text or bytes; and the others' lengths, then all their bytes.

    Nothing is copied but the lengths, which Arrow does not have: it keeps where each cell starts.
    """
    pieces = [piece for chunk in chunks for piece in _pieces(chunk)]
    kind = chunks[0].type
    is_large = pa.types.is_large_string(kind) or pa.types.is_large_binary(kind)
    width = "=i8" if is_large else "=i4"
    missing = missing_of(pieces)
    found, start = [], 0
    for piece in pieces:
        found.append(_lengths_and_bytes(piece, missing[start : start + len(piece)], width))
        start += len(piece)
    lengths, data = zip(*found, strict=True)
    all_lengths = Run(8 * sum(map(len, lengths)), (each.astype("<i8") for each in lengths))
    return missing, Buffer("bytes", (all_lengths, Run(sum(map(len, data)), data)))


def _pieces(chunk: Any) -> list[Any]:
    if len(chunk) <= CELLS:
        return [chunk]
    return [chunk.slice(start, CELLS) for start in range(0, len(chunk), CELLS)]


def _nulls(chunk: Any) -> Bools:
    bits = chunk.buffers()[0]
    # An array of the type null has no bits: all its cells are null.
    if bits is None:
        flags: Bools = chunk.is_null().to_numpy(zero_copy_only=False)
        return flags
    first = chunk.offset // 8
    # The bits of a slice are those of the whole array.
    holding = np.frombuffer(bits, np.uint8)[first : (chunk.offset + len(chunk) + 7) // 8]
    skipped = chunk.offset - 8 * first
    valid = np.unpackbits(holding, count=skipped + len(chunk), bitorder="little")[skipped:]
    return valid.view(bool) ^ True


def _lengths_and_bytes(
    chunk: Any, missing: Bools, width: str
) -> tuple[npt.NDArray[Any], memoryview]:
    """The length of each cell that is not null, and their bytes."""
    _, starts, data = chunk.buffers()
    if not len(chunk) or starts is None:
        return np.zeros(0, np.int64), memoryview(b"")
    offsets = np.frombuffer(starts, width)
    # The buffers of a slice are those of the whole array; `offset` says where it starts.
    offsets = offsets[chunk.offset : chunk.offset + len(chunk) + 1]
    lengths = offsets[1:] - offsets[:-1]
    size = int(offsets[-1] - offsets[0])
    if chunk.null_count:
        lengths = lengths[~missing]
        # Bytes behind a null are no content. Hardly any writer leaves some there.
        if int(lengths.sum()) != size:
            rest = chunk.drop_null()
            return _lengths_and_bytes(rest, np.zeros(len(rest), bool), width)
    if data is None:  # all texts are empty
        return lengths, memoryview(b"")
    return lengths, memoryview(data)[int(offsets[0]) : int(offsets[-1])]
