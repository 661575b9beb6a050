"""Data versions: a digest of each day's content, of its values and not of its file's bytes."""

import hashlib
from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from ticket_assets.store.canonical_json import canonical_json
from ticket_assets.store.provenance import provenance_of
from ticket_assets.store.split import Document, Documents, rows_by_day
from ticket_assets.store.tables import Table, map_parts, no_rows_of

Hashes = npt.NDArray[np.uint64]


def content_digests(content: Table | Documents, keys: Sequence[str]) -> dict[str, str]:
    """The sha256 of each day's content by partition key.

    It covers a table's column names, types, values, their order, and provenance. A day has the
    same digest alone and within a range.
    """
    if isinstance(content, dict):
        return {key: document_digest(content[key]) for key in keys}
    digests = DayDigests(content, keys)
    for part in map_parts(partial(_hashes_by_day, keys=keys), content):
        for key, hashes in part:
            digests.update(key, hashes)
    return digests.by_key()


def document_digest(document: Document) -> str:
    """The sha256 of one document."""
    return hashlib.sha256(canonical_json(document)).hexdigest()


class DayDigests:
    """Digests of a table's days, fed with the hashes of their rows in the table's order."""

    def __init__(self, table: Table, keys: Sequence[str]) -> None:
        # A day without rows has no hashes: only the header shows that its columns changed.
        header = [(name, str(dtype)) for name, dtype in no_rows_of(table).dtypes.items()]
        provenances = provenance_of(table)
        self._digests = {
            key: hashlib.sha256(canonical_json([header, provenances.get(key, {})])) for key in keys
        }

    def update(self, key: str, hashes: Hashes) -> None:
        self._digests[key].update(hashes.tobytes())

    def by_key(self) -> dict[str, str]:
        return {key: digest.hexdigest() for key, digest in self._digests.items()}


def row_hashes(content: pd.DataFrame | pd.Series) -> Hashes:
    """A hash of each row of a table, or of each value of a column."""
    hashes: Hashes = pd.util.hash_pandas_object(content, index=False).to_numpy()
    return hashes


def _hashes_by_day(table: pd.DataFrame, keys: Sequence[str]) -> list[tuple[str, Hashes]]:
    hashes = row_hashes(table)
    return [(key, hashes[rows]) for key, rows in zip(keys, rows_by_day(table, keys), strict=True)]
