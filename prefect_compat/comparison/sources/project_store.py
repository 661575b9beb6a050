"""A store that exists, read by the IO managers of a project, as a source."""

from dataclasses import dataclass, replace
from pathlib import Path

from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.sources.place import Place
from prefect_compat.comparison.sources.project_source import STORED_OUTPUTS, ProjectSource
from prefect_compat.comparison.sources.source import NothingStoredError
from prefect_compat.comparison.sources.stores import Stores
from prefect_compat.comparison.sources.work import Work
from prefect_compat.errors import ComparisonError
from prefect_compat.progress import Progress


@dataclass(frozen=True)
class ProjectStore(ProjectSource):
    """The outputs in a store: each asset's partitions, as the project's IO managers find them."""

    address: str = ""

    @property
    def runs(self) -> bool:
        """False: nothing is run."""
        return False

    @classmethod
    def at(cls, address: str, work: Work, name: str) -> "ProjectStore":
        """The store at an address: a folder, or what the project's setting for its store takes.

        Raises ComparisonError if more than one setting places the project's outputs, or none does.
        """
        stores = work.stores or Stores(())
        variables, settings = stores.variables, stores.settings
        if len(variables) + len(settings) != 1 or stores.in_instance:
            raise ComparisonError(
                f"'{address}' is to be read by the project's IO managers, and it is not clear which"
                f" setting names it: its outputs are placed by {stores.words or 'nothing known'}."
                " Name one variable (--store-env), or compare the files themselves: leave out -m"
                " and give the layout."
            )
        place = Path(address).absolute() if "://" not in address else address
        at = {name: str(place) for name in variables}
        placed = replace(
            work,
            stores=replace(
                stores, settings=tuple(replace(entry, fixed=str(place)) for entry in settings)
            ),
            fault=None,
        )
        return cls(name, STORED_OUTPUTS, placed, place=Place(variables=at), address=address)

    def record(self, folder: Path, progress: Progress) -> Record:
        """Reads what the store has. Raises NothingStoredError if it has none of the assets."""
        record = super().record(folder, progress)
        if record.has_run and not record.outputs:
            raise NothingStoredError(
                f"{self.address} has none of the assets of {self.work.choice}. Name the folder in"
                " which the project stores its outputs."
            )
        return record
