"""Times as people write and read them: in this machine's time zone."""

from __future__ import annotations

import re
import time

from flock.units import DAY, parse_seconds

EXPECTED = "today, yesterday, 14:05, 2026-11-28, 2026-11-28 14:05, or how long ago, such as 90m, 6h, 2d"
_MOMENT = re.compile(r"(?:(\d{4})-(\d\d)-(\d\d))?(?:(?:^|[ T])(\d\d?):(\d\d)(?::(\d\d))?)?")


def midnight(now: float, *, days_ago: int = 0) -> float:
    """Return when the day of the time `now` began, or one before; days may have 23 or 25 hours."""
    day = time.localtime(now)
    return time.mktime((day.tm_year, day.tm_mon, day.tm_mday - days_ago, 0, 0, 0, 0, 0, -1))


def parse_since(text: str, now: float) -> float:
    """Return the time that `text` means at the time `now`. Raises ValueError, which says what was expected."""
    word = text.strip().lower()
    if word in ("today", "yesterday"):
        return midnight(now, days_ago=("today", "yesterday").index(word))
    if word and (found := _MOMENT.fullmatch(text.strip())):
        today = time.localtime(now)
        year, month, day, hour, minute, second = (int(part) if part else None for part in found.groups())
        date = (year, month, day) if year and month and day else (today.tm_year, today.tm_mon, today.tm_mday)
        moment = (*date, hour or 0, minute or 0, second or 0)
        try:
            at = time.mktime((*moment, 0, 0, -1))
        except (OverflowError, ValueError):
            at = None
        if at is not None and (*date, hour or 0) == time.localtime(at)[:4] and moment[4] < 60 and moment[5] < 60:
            return at
    try:
        return now - parse_seconds(word)
    except ValueError:
        raise ValueError(f"expected {EXPECTED}") from None


def clock(at: float, now: float) -> str:
    """Return the time as short as it is clear: "14:05", "Sun 14:05" within six days, else "2026-11-28"."""
    there = time.localtime(at)
    if there[:3] == time.localtime(now)[:3]:
        return time.strftime("%H:%M", there)
    return time.strftime("%a %H:%M" if abs(at - now) < 6 * DAY else "%Y-%m-%d", there)


def stamp(at: float) -> str:
    """Return the time in full: "2026-11-28 14:05:09"."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
