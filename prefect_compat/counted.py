"""Counts as people write them."""


def counted(number: int, noun: str) -> str:
    """`1 step`, `2 steps`, `1,024 steps`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
