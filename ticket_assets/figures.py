"""Figures of a store's trial summaries, as a table for a terminal.

python -m ticket_assets.figures --store var/store --days 2016-03-01...2016-03-31
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ticket_assets.errors import StoreError
from ticket_assets.store.place import place_at

HOUR = 3600.0


def trials(store: str | Path, days: str) -> list[dict[str, Any]]:
    """The trial documents of a day or of a range A...B, in order of the days.

    Raises StoreError if the store has none of them.
    """
    first, last = days.split("...")[0], days.split("...")[-1]
    place = place_at(store)
    names = sorted(place.names("trial_summary"))
    # Days in this form sort as text.
    wanted = [
        f"trial_summary/{name}"
        for name in names
        if name.endswith(".json") and first <= name.removesuffix(".json") <= last
    ]
    documents = [json.loads(content) for content in place.each(place.read, wanted)]
    if not documents:
        raise StoreError(
            f"{store} holds no trial summary of {days}. Materialize trial_summary for these days."
        )
    return documents


def table(documents: list[dict[str, Any]]) -> Iterator[str]:
    """A header, and one line per day: tickets, MAE, MedAE (h), MSE (h2), R2.

    Errors of a day without tickets are blank.
    """
    yield f"{'day':<10}  {'tickets':>7}  {'MAE h':>8}  {'MedAE h':>8}  {'MSE h2':>12}  {'R2':>8}"
    for document in documents:
        data = document["data"]
        errors = data["metrics"]
        yield (
            f"{document['provenance']['day']:<10}  {data['num_obs']:>7,}"
            f"  {_figure(errors['MAE'], HOUR):>8}  {_figure(errors['MedAE'], HOUR):>8}"
            f"  {_figure(errors['MSE'], HOUR**2):>12}  {_figure(errors['R2'], 1, 3):>8}"
        )


def _figure(value: float | None, unit: float, digits: int = 1) -> str:
    return "" if value is None else f"{value / unit:,.{digits}f}"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", required=True, help="the store: a folder, or s3://bucket/prefix")
    parser.add_argument("--days", required=True, help="a day such as 2016-03-08, or a range A...B")
    options = parser.parse_args()
    try:
        lines = list(table(trials(options.store, options.days)))
    except StoreError as error:
        sys.exit(f"Error: {error}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
