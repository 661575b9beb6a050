"""The project with Dagster's default executor, which starts a process for each step."""

from ticket_assets.definitions import SETTINGS, build_definitions

defs = build_definitions(SETTINGS, executor=None)
