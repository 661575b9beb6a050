"""The project with Dagster's default executor, which starts a process for each step."""

from ticket_assets.definitions import build_definitions
from ticket_assets.settings import Settings

defs = build_definitions(Settings.from_environment(), executor=None)
