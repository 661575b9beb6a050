"""The second step of a write: one day's piece, encoded as a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ticket_assets.store.canonical_json import canonical_json
from ticket_assets.store.durable import Write
from ticket_assets.store.split import Piece
from ticket_assets.store.tables import ROWS_PER_PART

TABLE, DOCUMENT, PAGE = ".parquet", ".json", ".html"
PARQUET: dict[str, Any] = {"compression": "zstd", "store_schema": True}


@dataclass(frozen=True)
class Report:
    """A document, and pages for people that are made from it; `pages` are texts by suffix.

    Only the document is read back.
    """

    document: Mapping[str, Any]
    pages: Mapping[str, str]

    def files(self) -> "dict[str, EncodedFile]":
        """The files by suffix."""
        return {DOCUMENT: encode(self.document)} | {
            suffix: EncodedFile(suffix, partial(_write_text, text=text))
            for suffix, text in self.pages.items()
        }


def _write_text(file: Any, text: str) -> None:
    file.write(text.encode())


@dataclass(frozen=True)
class EncodedFile:
    """A file that is ready to be written: how its name ends, and its content."""

    suffix: str
    write: Write


def encode(piece: Piece) -> EncodedFile:
    """A table as Parquet, a document as JSON.

    The same piece always gives the same bytes. Raises ValueError for a document with NaN.
    """
    if isinstance(piece, pa.Table):
        return EncodedFile(
            TABLE, lambda file: pq.write_table(piece, file, row_group_size=ROWS_PER_PART, **PARQUET)
        )
    # Encoded now and not when the file is written: a document that is no JSON must fail before
    # the first file is touched.
    content = canonical_json(piece, indent=2)
    return EncodedFile(DOCUMENT, lambda file: file.write(content))
