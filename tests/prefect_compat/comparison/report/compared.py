"""Small comparisons for the tests of reports: figures that can be checked by hand."""

from dataclasses import replace
from html.parser import HTMLParser

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.costs import Costs, Figure, SideCosts, StepCosts
from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.sources.work import Work
from prefect_compat.comparison.verdict import judge
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.project import Project
from tests.prefect_compat.comparison.records import DAGSTER, PREFECT

WORK = Work(Project("shop"), JobChoice("the_job"), "2016-03-08", "{}", ("MY_STORE",))


def figure(median: float) -> Figure:
    return Figure(median, median - 0.5, median + 1)


def side_costs(side: str, add: float, warm: bool = True) -> SideCosts:
    """Costs in which each figure is another one."""
    return SideCosts(
        side=side,
        import_s=figure(1 + add),
        start_up_s=figure(2 + add),
        cold_s=figure(3 + add),
        warm_s=figure(4 + add) if warm else None,
        cpu_s=figure(5 + add),
        peak_memory_b=figure((6 + add) * 2**20),
        function_s=figure(7 + add),
        storage_s=figure(8 + add),
    )


def costs(warm: bool = True) -> Costs:
    step = StepCosts("a", figure(1), figure(2), figure(3), figure(4))
    sides = (side_costs("dagster", 0, warm), side_costs("prefect", 10, warm))
    return Costs(3, figure(2.5), *sides, (step,))


def compared(dagster: Record = DAGSTER, prefect: Record = PREFECT, **changes: object) -> Comparison:
    plain = Comparison(WORK, dagster, prefect, judge(dagster, prefect), (), None)
    return replace(plain, **changes)  # type: ignore[arg-type]


class Reader(HTMLParser):
    """The elements of a page, its words and its tables; each element is closed in its place."""

    VOID = ("meta", "br", "link", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.paragraphs: list[str] = []
        self.headings: list[str] = []
        self._open: list[str] = []
        self._table = ""
        self.feed(text)
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)
        if tag == "table":
            self._table = self.headings[-1]
            assert self._table not in self.tables
            self.tables[self._table] = []
        elif tag == "tr":
            self.tables[self._table].append([])
        elif tag in ("td", "th"):
            self.tables[self._table][-1].append("")
        elif tag in ("h1", "h2", "h3"):
            self.headings.append("")
        elif tag == "p":
            self.paragraphs.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if {"td", "th"} & set(self._open):
            self.tables[self._table][-1][-1] += data
        if {"h1", "h2", "h3"} & set(self._open):
            self.headings[-1] += data
        if "p" in self._open:
            self.paragraphs[-1] += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())
