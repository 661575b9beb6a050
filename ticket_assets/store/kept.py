"""Tables that a process has read, for the next step that asks for the same files."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import pandas as pd

# A year of the real log takes 60 MB; of a much larger one nothing is kept.
KEPT_BYTES = 256 << 20

State = tuple[tuple[str, tuple[int, ...]], ...]
Request = tuple[str, tuple[str, ...] | None]


class KeptTables:
    """The tables read last, up to `limit` bytes in all.

    A table is given out again only while each of its files has the identity that it had when it was
    read. A write replaces files, so it changes them. Every caller gets a copy of its own: pandas
    copies the values when one of them writes.
    """

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit = limit
        self._tables: OrderedDict[Request, tuple[State, pd.DataFrame, int]] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, name: str, columns: Sequence[str] | None, state: State) -> pd.DataFrame | None:
        """The table of an asset's files in this state, or None."""
        wanted = tuple(columns) if columns else None
        with self._guard:
            for request in ((name, wanted), (name, None)):
                known = self._tables.get(request)
                if known is not None and known[0] == state:
                    self._tables.move_to_end(request)
                    table = known[1] if request[1] == wanted else known[1][list(wanted or ())]
                    return table.copy(deep=False)
        return None

    def keep(
        self, name: str, columns: Sequence[str] | None, state: State, table: pd.DataFrame
    ) -> None:
        """Keeps the table, and forgets the ones that were asked for least lately."""
        size = int(table.memory_usage(deep=False).sum())
        request = (name, tuple(columns) if columns else None)
        with self._guard:
            self._tables.pop(request, None)
            if size > self._limit:
                return
            self._tables[request] = (state, table.copy(deep=False), size)
            while sum(entry[2] for entry in self._tables.values()) > self._limit:
                self._tables.popitem(last=False)


def state_of(identities: Mapping[str, tuple[int, ...]]) -> State:
    """The state of some files, for `KeptTables`: the identity of each, by its name."""
    return tuple(identities.items())
