"""The costs of both sides: medians over the rounds, with their spread."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from prefect_compat.comparison.record.record import Record


@dataclass(frozen=True)
class Figure:
    """The median over the rounds, the least value and the most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        """The figure of one value or more."""
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True)
class SideCosts:
    """The costs of one side, in seconds and bytes.

    `function_s` and `storage_s` sum the time that all steps spent in the project's own functions
    and IO managers; steps may overlap. `warm_s` is None if each round ran the job only once.
    """

    side: str
    import_s: Figure
    start_up_s: Figure
    cold_s: Figure
    warm_s: Figure | None
    cpu_s: Figure
    peak_memory_b: Figure
    function_s: Figure
    storage_s: Figure

    @property
    def knows_own_time(self) -> bool:
        """True if the time of the project's own code was measured apart."""
        return self.function_s.most + self.storage_s.most > 0


@dataclass(frozen=True)
class StepCosts:
    """The seconds of one step under both, from start to end, and the project's own part."""

    step: str
    left_s: Figure
    left_own_s: Figure
    right_s: Figure
    right_own_s: Figure


@dataclass(frozen=True)
class Costs:
    """The costs of both sides.

    `floor_s` is the time of the functions and IO managers alone: their sum under Dagster, which
    runs them one after another in one thread.
    """

    rounds: int
    floor_s: Figure
    left: SideCosts
    right: SideCosts
    steps: tuple[StepCosts, ...]


def summarise(first: Sequence[Record], second: Sequence[Record]) -> Costs:
    """The costs over all rounds; each side has one record a round, and one or more."""
    return Costs(
        rounds=len(first),
        floor_s=_figure(first, lambda side: _own_s(side, "function_s") + _own_s(side, "storage_s")),
        left=_side(first),
        right=_side(second),
        steps=tuple(_steps(first, second)),
    )


def _figure(records: Sequence[Record], value: Callable[[Record], float]) -> Figure:
    return Figure.of([value(record) for record in records])


def _side(records: Sequence[Record]) -> SideCosts:
    warm = [cost for record in records if (cost := record.cost.warm_wall_s) is not None]
    return SideCosts(
        side=records[0].side,
        import_s=_figure(records, lambda side: side.cost.import_s),
        start_up_s=_figure(records, lambda side: side.cost.start_up_s),
        cold_s=_figure(records, lambda side: side.cost.wall_s),
        warm_s=Figure.of(warm) if warm else None,
        cpu_s=_figure(records, lambda side: side.cost.cpu_s),
        peak_memory_b=_figure(records, lambda side: side.cost.peak_memory_b),
        function_s=_figure(records, lambda side: _own_s(side, "function_s")),
        storage_s=_figure(records, lambda side: _own_s(side, "storage_s")),
    )


def _own_s(record: Record, part: str) -> float:
    return sum(float(getattr(step, part)) for step in record.steps)


def _steps(first: Sequence[Record], second: Sequence[Record]) -> list[StepCosts]:
    left, right = ([_by_name(record) for record in side] for side in (first, second))
    # A step that did not run in every round, on both sides, has no times to compare.
    names = [name for name in left[0] if all(name in steps for steps in (*left, *right))]
    return [
        StepCosts(
            name,
            *(
                Figure.of([steps[name][part] for steps in side])
                # In the order of StepCosts' fields: Dagster's two figures, then Prefect's.
                for side in (left, right)
                for part in (0, 1)
            ),
        )
        for name in names
    ]


def _by_name(record: Record) -> dict[str, tuple[float, float]]:
    """Seconds from start to end and the project's own part, per step, summed over all runs."""
    seconds: dict[str, tuple[float, float]] = {}
    for step in record.steps:
        if step.started_s is not None and step.ended_s is not None:
            wall, own = seconds.get(step.name, (0.0, 0.0))
            seconds[step.name] = (
                wall + step.ended_s - step.started_s,
                own + step.function_s + step.storage_s,
            )
    return seconds
