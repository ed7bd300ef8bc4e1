"""How many posts a bot makes a day, and what they cost: as bars, and as a table."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from flock.journal import Outcome
from flock.logbook import Entry
from flock.units import HOUR

DAYS = 30
_HEIGHT, _WIDE, _GAP = 80.0, 26.0, 8.0  # units of the drawing


class Day(NamedTuple):
    """The posts of a day, which began at `at` (wall-clock time), and their price in US dollars."""

    at: float
    posts: int
    dollars: float


class Bar(NamedTuple):
    """A bar of the drawing; `x` is its left side, `y` its top."""

    x: float
    y: float
    width: float
    height: float


class Plot(NamedTuple):
    """A drawing. `level` is the height of the forecast, or None where there is none."""

    width: float
    height: float
    bars: Sequence[Bar]
    level: float | None
    most: float


def days_of(
    entries: Iterable[Entry], now: float, midnight: Callable[[float], float], price: Callable[[str], float]
) -> list[Day]:
    """Return the days up to `now`, from the first of the entries on, 30 at most.

    `midnight` returns the beginning of the day of a wall-clock time, `price` what a post of a text costs.
    """
    today = midnight(now)
    posts: defaultdict[float, int] = defaultdict(int)
    dollars: defaultdict[float, float] = defaultdict(float)
    for entry in entries:
        if entry.post.outcome is not Outcome.SKIPPED and entry.post.at <= now:
            day = midnight(entry.post.at)
            posts[day] += 1
            dollars[day] += price(entry.post.text)
    first = min(posts, default=today)
    days = [today]
    while days[-1] > first and len(days) < DAYS:
        days.append(midnight(days[-1] - HOUR))  # days may have 23 or 25 hours
    return [Day(day, posts[day], dollars[day]) for day in reversed(days)]


def plotted(values: Sequence[float], forecast: float | None) -> Plot:
    """Return bars of these values, and the level of the forecast."""
    if forecast is not None and not math.isfinite(forecast):
        forecast = None
    most = max([*values, forecast or 0.0]) or 1.0
    bars = [
        Bar(_GAP + place * (_WIDE + _GAP), _HEIGHT - height, _WIDE, height)
        for place, height in enumerate(_HEIGHT * value / most for value in values)
    ]
    level = None if not forecast else _HEIGHT - _HEIGHT * forecast / most
    return Plot(_GAP + len(values) * (_WIDE + _GAP), _HEIGHT, bars, level, most)
