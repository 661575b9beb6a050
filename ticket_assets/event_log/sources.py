"""The sources of the event log, each as a local file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ticket_assets.addresses import printable
from ticket_assets.errors import SourceError
from ticket_assets.event_log.download import DownloadLimits, fetch
from ticket_assets.event_log.synthetic import SAMPLE_NAME, write_sample

UCI_URL = (
    "https://archive.ics.uci.edu/static/public/498/"
    "incident+management+process+enriched+event+log.zip"
)
# The sha256 of the CSV and not of the archive, which UCI packs anew now and then.
UCI_CSV_SHA256 = "fd184bbfd62329cfe093e99da2ea7071905f2ead91900b448eb2635870821bef"
ACCEPTED = (
    "sample, uci, an http(s):// or s3:// address, the path of a .zip or .csv file, or a folder"
    " (with a / at its end, if it does not exist yet)"
)


@dataclass(frozen=True)
class LocalFile:
    """A source's file and, if known, the CSV's sha256.

    `source` and `location` name it in messages, so they contain no secrets.
    """

    path: Path
    source: str
    location: str
    csv_sha256: str | None = None


def locate(
    source: str, folder: Path, limits: DownloadLimits, log: Callable[[str], None]
) -> LocalFile:
    """The source's file, generated or fetched into `folder` if needed.

    Raises SourceError for an unknown kind of source, and for one that cannot be fetched. It never
    falls back from one source to another.
    """
    if source == "sample":
        path = folder / SAMPLE_NAME
        # It is written whole or not at all, and its name has the version of its content.
        if not path.exists():
            log(f"generating the synthetic sample log into {path}")
            write_sample(path)
        return LocalFile(path, source, "sample")
    if source == "uci":
        path = fetch(UCI_URL, folder / "downloads", limits, log)
        return LocalFile(path, source, UCI_URL, UCI_CSV_SHA256)
    if source.startswith(("http://", "https://", "s3://")):
        path = fetch(source, folder / "downloads", limits, log)
        return LocalFile(path, printable(source), printable(source))
    return _local(source)


def _local(source: str) -> LocalFile:
    path, shown = Path(source).expanduser(), printable(source)
    if "://" in source or path.suffix.lower() not in (".zip", ".csv"):
        raise SourceError(
            f"TICKET_EVENT_LOG is '{shown}'; expected {ACCEPTED}. Correct it, or unset it for the"
            " sample."
        )
    if not path.is_file():
        # The text may be an address without its scheme: its folder must show no secret either.
        folder = Path(shown).expanduser().absolute().parent
        raise SourceError(
            f"TICKET_EVENT_LOG is '{shown}', but there is no such file (looked in {folder})."
            f" Expected {ACCEPTED}. Correct the path."
        )
    return LocalFile(path, source, str(path.absolute()))
