"""Durations in seconds, and how people write them: `90`, `90s`, `30m`, `1.5h`, `2d`."""

from __future__ import annotations

import math
import re

MINUTE = 60.0  # seconds
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_SECONDS = {"": 1.0, "s": 1.0, "m": MINUTE, "h": HOUR, "d": DAY}
_PATTERN = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([smhd]?)", re.IGNORECASE | re.ASCII)

EXPECTED = "seconds, 0 or more, such as 60, 0.5, 90s, 30m or 1.5h"
LONGEST = 366 * DAY


def parse_seconds(value: str | float) -> float:
    """Return `value` in seconds.

    `value` is a number of seconds, or a text such as `90s`, `30m`, `1.5h` or `2d`. Raises ValueError, whose text
    says what was expected, for anything else, and for a duration that is negative, infinite or over 366 days.
    """
    if isinstance(value, str):
        match = _PATTERN.fullmatch(value.strip())
        seconds = float(match[1]) * _SECONDS[match[2].lower()] if match else math.nan
    else:
        seconds = value if not isinstance(value, bool) else math.nan
    if not 0 <= seconds <= LONGEST:
        raise ValueError(f"expected {EXPECTED}")
    return float(seconds)


def format_seconds(seconds: float) -> str:
    """Return `seconds` in the largest unit that keeps the text short: `45s`, `15m`, `1.5h`, `2d`."""
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        if seconds >= size and round(seconds / size, 1) * size == seconds:
            return f"{round(seconds / size, 1):.10g}{unit}"
    return f"{seconds:.0f}s" if seconds >= 10 else f"{seconds:.3g}s"


def roughly(seconds: float) -> str:
    """Return `seconds` as a short text for people; ten minutes or more are rounded to whole minutes."""
    return format_seconds(seconds if seconds < 10 * MINUTE else round(seconds / MINUTE) * MINUTE)
