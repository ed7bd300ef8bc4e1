"""Durations in seconds, and how people write them: `90`, `90s`, `1.5h`, `1h30m`, `10 minutes`."""

from __future__ import annotations

import math
import re

MINUTE = 60.0  # seconds
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_UNITS = (  # the largest first, with the words for each
    (DAY, "d|days?"),
    (HOUR, "h|hrs?|hours?"),
    (MINUTE, "m|mins?|minutes?"),
    (1.0, "s|secs?|seconds?"),
)
_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_PLAIN = re.compile(rf"{_NUMBER}", re.ASCII)
_PART = re.compile(rf"\s*(?:and\s+|,\s*)?({_NUMBER})\s*([a-z]+)\.?", re.ASCII | re.IGNORECASE)
_LONGEST_TEXT = 100  # letters

EXPECTED = "seconds, 0 or more, such as 60, 0.5, 90s, 30m or 1.5h"
LONGEST = 366 * DAY


def parse_seconds(value: str | float) -> float:
    """Return `value` in seconds.

    `value` is a number of seconds, or a text such as `90s`, `1.5h`, `1h30m` or `10 minutes`. Raises ValueError,
    whose text says what was expected, for anything else, and for a duration that is negative, infinite or over 366
    days.
    """
    if isinstance(value, str):
        text = value.strip()
        seconds = float(text) if _PLAIN.fullmatch(text) else _sum_of_parts(text)
    else:
        seconds = value if not isinstance(value, bool) else math.nan
    if not 0 <= seconds <= LONGEST:
        raise ValueError(f"expected {EXPECTED}")
    return float(seconds)


def _sum_of_parts(text: str) -> float:
    """Return the seconds of a text such as "1 hour, 30 min"; NaN if it is none. A unit follows a larger one."""
    total, at, last = 0.0, 0, math.inf
    while at < len(text) <= _LONGEST_TEXT and (part := _PART.match(text, at)):
        unit = next((size for size, words in _UNITS if re.fullmatch(words, part[2], re.IGNORECASE)), math.inf)
        if unit >= last:
            return math.nan
        total, at, last = total + float(part[1]) * unit, part.end(), unit
    return total if text and at == len(text) else math.nan


def format_seconds(seconds: float) -> str:
    """Return `seconds` in the largest unit that keeps the text short: `45s`, `15m`, `1.5h`, `2d`."""
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        if seconds >= size and round(seconds / size, 1) * size == seconds:
            return f"{round(seconds / size, 1):.10g}{unit}"
    return f"{seconds:.0f}s" if seconds >= 10 else f"{seconds:.3g}s"


def roughly(seconds: float) -> str:
    """Return `seconds` as a short text for people; ten minutes or more are rounded to whole minutes, and two hours
    or more to tenths of an hour."""
    if seconds >= 2 * HOUR:
        return format_seconds(round(seconds / HOUR, 1) * HOUR)
    return format_seconds(seconds if seconds < 10 * MINUTE else round(seconds / MINUTE) * MINUTE)
