import dagster as dg


@dg.asset
def trains() -> list[str]:
    return ["8:05", "9:35"]


@dg.asset(deps=[trains], automation_condition=dg.AutomationCondition.eager())
def board() -> str:
    return "departures"


timetable = dg.define_asset_job("timetable", selection="*")


@dg.schedule(job=timetable, cron_schedule="0 4 * * *")
def every_morning() -> dg.RunRequest:
    return dg.RunRequest()


@dg.sensor(job=timetable)
def on_delay() -> dg.SkipReason:
    return dg.SkipReason("No train is late.")


defs = dg.Definitions(
    [trains, board], jobs=[timetable], schedules=[every_morning], sensors=[on_delay]
)
