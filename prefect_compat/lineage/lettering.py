"""Estimates of the width of text, and text cut to a width."""

import unicodedata


def shortened(text: str, width: float, font_size: float) -> str:
    """The text on one line, cut with an ellipsis if it would be wider.

    Widths are generous estimates for sans-serif faces.
    """
    line = " ".join(text.split())
    if text_width(line, font_size) <= width:
        return line
    room = width - text_width("…", font_size)
    used, kept = 0.0, ""
    for letter in line:
        used += text_width(letter, font_size)
        if used > room:
            break
        kept += letter
    return kept.rstrip() + "…"


def text_width(text: str, font_size: float) -> float:
    """The estimated width in a sans-serif face, in the unit of `font_size`."""
    return font_size * sum(map(_letter_width, text))


def _letter_width(letter: str) -> float:
    if unicodedata.combining(letter):
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.05
    if letter in "mwMW@%…—":
        return 0.95
    if letter in "ijl.,:;'|!()[] /tfrI":
        return 0.4
    return 0.7 if letter.isupper() else 0.61
