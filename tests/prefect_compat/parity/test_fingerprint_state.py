"""What a value carries beside its known content is content, or the value is not comparable."""

from typing import Any

import pytest

from prefect_compat.parity.as_text import text_rows
from prefect_compat.parity.fingerprint import fingerprint
from tests.prefect_compat.parity.stateful import DIFFERENT, SAME, UNKNOWN, inside


@pytest.mark.parametrize("is_inside", [False, True], ids=["alone", "inside"])
@pytest.mark.parametrize("name", DIFFERENT)
def test_a_difference_is_seen(name: str, is_inside: bool) -> None:
    left, right, _ = DIFFERENT[name]
    if is_inside:
        left, right = inside((left, right))
    found, same, other = fingerprint(left()), fingerprint(left()), fingerprint(right())
    assert found.is_comparable, found.digest
    assert other.is_comparable, other.digest
    assert found.same_as(same)
    assert found.digest != other.digest


SHOWN = [name for name, (_, _, place) in DIFFERENT.items() if place is not None]


def texts(value: Any) -> dict[str, str]:
    rows = text_rows(value)
    if list(rows.columns) == ["place", "value"]:
        assert rows["place"].is_unique
        return dict(zip(rows["place"], rows["value"], strict=True))
    return {str(name): rows[name].iloc[0] for name in rows.columns}


@pytest.mark.parametrize("name", SHOWN)
def test_text_names_the_place_of_a_difference(name: str) -> None:
    left, right, place = DIFFERENT[name]
    mine, same, other = texts(left()), texts(left()), texts(right())
    assert mine == same
    differing = {key for key in {*mine, *other} if mine.get(key) != other.get(key)}
    assert differing
    assert all(key == place or (place and key.startswith(place)) for key in differing)


@pytest.mark.parametrize("is_inside", [False, True], ids=["alone", "inside"])
@pytest.mark.parametrize("name", SAME)
def test_what_says_the_same_is_the_same(name: str, is_inside: bool) -> None:
    left, right = inside(SAME[name]) if is_inside else SAME[name]
    found, other = fingerprint(left()), fingerprint(right())
    assert found.is_comparable, found.digest
    assert found.same_as(other), other.digest


@pytest.mark.parametrize("name", UNKNOWN)
def test_state_that_cannot_be_read_is_not_comparable(name: str) -> None:
    make, reason = UNKNOWN[name]
    found = fingerprint(make())
    assert not found.is_comparable
    assert reason in found.digest
