from pathlib import Path

import pytest

from ticket_assets.errors import SettingError
from ticket_assets.settings import Settings


def test_the_defaults_need_no_environment() -> None:
    settings = Settings.from_environment({})
    assert settings.event_log == "sample"
    assert settings.store == Path.cwd() / "var/store"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TICKET_FIRST_DAY", "29/2/2016", "TICKET_FIRST_DAY is '29/2/2016'; expected a day"),
        ("TICKET_FIRST_DAY", "2020-01-01", "lies after TICKET_LAST_DAY"),
        ("TICKET_DOWNLOAD_ATTEMPTS", "0", "expected a number above 0"),
        ("TICKET_DOWNLOAD_TIMEOUT_S", "soon", "expected a number above 0"),
        ("TICKET_DASK", "yes", "expected nothing .*, local, local:4 for four workers, or a sched"),
        ("TICKET_DASK", "local:0", "expected nothing"),
        ("TICKET_STORE", "s3://bucket/store", "expected a local path"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        Settings.from_environment({name: value})
