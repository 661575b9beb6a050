import dagster as dg

years = dg.StaticPartitionsDefinition(["2023", "2024"])


class Grading(dg.Config):
    passing: int


@dg.op
def passed(config: Grading) -> list[int]:
    return [points for points in (35, 50, 65, 80) if points >= config.passing]


@dg.op
def rate(passed: list[int]) -> float:
    return len(passed) / 4


@dg.partitioned_config(partitions_def=years)
def by_year(partition_key: str) -> dict[str, object]:
    return {"ops": {"passed": {"config": {"passing": 50 if partition_key == "2023" else 60}}}}


@dg.job(config=by_year)
def exams() -> None:
    rate(passed())


defs = dg.Definitions(jobs=[exams])
