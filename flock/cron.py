"""When a cron expression comes, in a time zone. Pure; times are in seconds since the epoch.

An expression names local times. Each of them comes once:

- A time that the clock skips comes as much later as the clock is set forward.
- A time that comes twice, since the clock is set back, counts the first time. Only where the hour is `*` is the
  repeated hour an hour of its own.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flock.units import DAY, HOUR

MONDAY = datetime(2026, 1, 5)  # noqa: DTZ001 - local times have no zone here: its name stands beside them
NEVER = 50 * 366 * DAY  # seconds; how far cronsim looks ahead
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - as above
_NEAR = 3 * HOUR  # no clock is set by more for the summer
_LONGEST_TEXT = 200  # letters

_EXPECTED = 'expected a cron expression of five fields (minute, hour, day, month, weekday), such as "0 9 * * *"'
_EXPECTED_ZONE = "expected the name of a time zone, such as Europe/Berlin"


def parse_schedule(text: str) -> str:
    """Return a cron expression of five fields, with one blank between them. Raises ValueError for another text."""
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - only those flocks need it that have a schedule

    expression = " ".join(text.split()[:7])
    if len(text) > _LONGEST_TEXT or expression.count(" ") != 4:
        raise ValueError(_EXPECTED)
    try:
        next(CronSim(expression, MONDAY))
    except StopIteration:
        raise ValueError(f"{_EXPECTED}; found one that never comes") from None
    except (CronSimError, AssertionError) as error:
        what = str(error).removeprefix("Bad ").replace("-", " ") or "field"
        raise ValueError(f"{_EXPECTED}; the {what} is wrong") from None
    return expression


def parse_timezone(text: str) -> str:
    """Return the name of a time zone that this machine knows. Raises ValueError for another text."""
    from zoneinfo import available_timezones  # noqa: PLC0415 - to word an error

    name = text.strip()
    try:
        if name and len(name) <= _LONGEST_TEXT:
            ZoneInfo(name)
            return name
    except (ValueError, OSError, KeyError):  # KeyError: ZoneInfoNotFoundError
        pass
    zones = available_timezones()
    if not zones:
        raise ValueError(f"{_EXPECTED_ZONE}; this machine knows none: install its package tzdata")
    wanted = name.replace(" ", "_").casefold()
    alike = [zone for zone in sorted(zones) if wanted and f"/{zone.casefold()}".endswith(f"/{wanted}")]
    raise ValueError(f"{_EXPECTED_ZONE}; did you mean {alike[0]}?" if alike else _EXPECTED_ZONE)


def change(zone: str, start: int, end: int) -> int:
    """Return the second, from `start` to `end`, at which the clock is set."""
    before = offset(start, zone)
    return bisect_left(range(end), True, lo=start, key=lambda at: offset(at, zone) != before)


def next_time(expression: str, zone: str, after: float) -> float:
    """Return the first time of the expression after `after`."""
    from cronsim import CronSim  # noqa: PLC0415 - see parse_schedule

    here = local(after, zone)
    if _is_even(after, zone):
        if (each := next(CronSim(expression, here), None)) is None:
            return after + NEVER
        if _is_even(at := instant(each, zone), zone):
            return at
    near, best = timedelta(seconds=_NEAR), math.inf
    for each in CronSim(expression, here - near):
        if best < math.inf and each > local(best, zone) + near:
            break
        best = min([best, *(at for at in _instants(expression, each, zone) if at > after)])
    return best if best < math.inf else after + NEVER


def latest(expression: str, zone: str, until: float) -> float:
    """Return the latest time of the expression up to `until`."""
    from cronsim import CronSim  # noqa: PLC0415 - see parse_schedule

    here = local(math.floor(until) + 1, zone)
    if _is_even(until, zone):
        if (each := next(CronSim(expression, here, reverse=True), None)) is None:
            return -math.inf
        if _is_even(at := instant(each, zone), zone):
            return at
    near, best = timedelta(seconds=_NEAR), -math.inf
    for each in CronSim(expression, here + near, reverse=True):
        if best > -math.inf and each < local(best, zone) - near:
            break
        best = max([best, *(at for at in _instants(expression, each, zone) if at <= until)])
    return best


def _instants(expression: str, named: datetime, zone: str) -> list[float]:
    """Return when that local time of the expression comes: once, or twice where each hour counts."""
    first, second = instant(named, zone), instant(named, zone, 1)
    return [first, second] if second > first and expression.split()[1] == "*" else [first]


def local(at: float, zone: str) -> datetime:
    """Return the local time, with no zone; an empty text is this machine's zone."""
    if zone:
        return datetime.fromtimestamp(at, ZoneInfo(zone)).replace(tzinfo=None)
    return datetime.fromtimestamp(at)  # noqa: DTZ006 - this machine's zone


def instant(named: datetime, zone: str, fold: int = 0) -> float:
    """Return when that local time comes: the first time, or the second one. One that is skipped comes later."""
    return named.replace(tzinfo=ZoneInfo(zone) if zone else None, fold=fold).timestamp()


def offset(at: float, zone: str) -> float:
    """Return by how many seconds local time is ahead of UTC."""
    return (local(math.floor(at), zone) - _EPOCH).total_seconds() - math.floor(at)


def _is_even(at: float, zone: str) -> bool:
    """Return whether the clock is not set within some hours around that time."""
    return offset(at - _NEAR, zone) == offset(at + _NEAR, zone)
