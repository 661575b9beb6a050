"""The settings of the tests' own environment, which conftest.py sets before this import."""

from ticket_assets.days import daily_partitions
from ticket_assets.settings import Settings

SETTINGS = Settings.from_environment()
DAYS = daily_partitions(SETTINGS.first_day, SETTINGS.last_day)
