"""Widths of text, and what fits."""

import pytest

from prefect_compat.lineage.lettering import shortened, text_width


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0.0),
        ("a", 6.1),
        ("aa", 12.2),
        ("A", 7.0),
        ("m", 9.5),
        ("W", 9.5),
        ("…", 9.5),
        ("i", 4.0),
        ("I", 4.0),
        (" ", 4.0),
        ("f", 4.0),
        ("日", 10.5),
        ("\uff21", 10.5),
        ("e\u0301", 6.1),
        ("1", 6.1),
    ],
)
def test_a_letter_has_a_width(text: str, width: float) -> None:
    assert text_width(text, 10.0) == pytest.approx(width)


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("aaaa", 24.4001, "aaaa"),
        ("aaaa", 24.3, "aa…"),  # 14.8 pixels beside the ellipsis
        ("aaaa", 15.7001, "a…"),
        ("aaaa", 15.5, "…"),
        ("aaaa", 3.0, "…"),
        ("aa bbbb", 28.0, "aa…"),
        ("  a \n b ", 100.0, "a b"),
        ("", 0.0, ""),
    ],
)
def test_text_that_does_not_fit_is_cut(text: str, width: float, shown: str) -> None:
    assert shortened(text, width, 10.0) == shown
