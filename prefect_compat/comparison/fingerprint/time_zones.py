"""Time zones by name or offset, whichever library made them."""

import datetime as dt
import re
import sys
from typing import Any
from zoneinfo import ZoneInfo

from prefect_compat.comparison.fingerprint.parts import NotComparable, Parts, attributes, qualified

# Zones of one name are one zone under all of these.
LIBRARIES = ("datetime", "zoneinfo", "pytz", "dateutil")


def zone_name(zone: dt.tzinfo | None) -> Any:
    """A time zone's name or its fixed offset; a zone that has neither stands for itself."""
    if zone is None:
        return None
    content = zone_content(zone)
    return content if isinstance(content, str) else zone


def zone_content(zone: Any) -> str | Parts:
    """Name, fixed offset, or what the zone was made from.

    Of a class of another library: the name if it derives from ZoneInfo, else nothing, as its
    class and attributes are all there is. Raises NotComparable for the machine's local zone.
    """
    kind = type(zone)
    if isinstance(zone, ZoneInfo):
        return _named(zone, ZoneInfo.key.__get__(zone))
    if kind.__module__.partition(".")[0] not in LIBRARIES:
        return Parts(())
    if kind is dt.timezone:
        offset, *name = zone.__getinitargs__()
        return _fixed(offset, *name)
    match qualified(kind):
        case "dateutil.tz.tz.tzutc":
            return "UTC"
        case "dateutil.tz.tz.tzoffset":
            return _fixed(zone._offset, zone._name)
        case "dateutil.tz.tz.tzfile":  # the file's path, or the name in dateutil's own archive
            named = re.search(r"(?:^|/zoneinfo/)([A-Za-z][^/]*(?:/[^/]+)*)$", str(zone._filename))
            return _named(zone, named and named[1])
        case "dateutil.tz.tz.tzrange" | "dateutil.tz.tz.tzstr":
            return attributes(sorted(vars(zone).items()))
        case "dateutil.tz.tz.tzlocal":  # where there is no summer time, it has an offset
            return _named(zone, None)
    name = getattr(zone, "zone", None)
    # pytz's FixedOffset has the attribute, but no name in it.
    if name is None and (offset := zone.utcoffset(None)) is not None:
        return _fixed(offset)
    return _named(zone, name)


def exact_zone_content(zone: Any) -> Any:
    """As `zone_content`; of pytz, also the offset that the zone is bound to unless it is the first.

    pytz makes an instance for each offset of a zone, of which `localize` picks one. A datetime
    shows its offset anyway.
    """
    content = zone_content(zone)
    bound = getattr(zone, "_tzinfos", None)
    if not isinstance(content, str) or not isinstance(bound, dict) or zone is _first(zone):
        return content
    return content, zone._utcoffset, zone._dst, zone._tzname


def _first(zone: Any) -> Any:
    return sys.modules["pytz"].timezone(zone.zone)  # which made it


def _named(zone: dt.tzinfo, name: str | None) -> str:
    if not name:
        raise NotComparable(f"the time zone {zone!r} has neither a name nor a fixed offset")
    return name


def _fixed(offset: dt.timedelta, name: str | None = None) -> str:
    """The offset, and a name that says something else."""
    text = f"UTC{offset.total_seconds():+}" if offset else "UTC"
    return text if name is None or name == text else f"{text} {name}"
