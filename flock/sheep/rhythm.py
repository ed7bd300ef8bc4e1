"""When the lines of one bot are due by the clock on the wall, told in the steady time that a sheep lives in."""

from __future__ import annotations

from typing import Any

from flock.clock import Clock
from flock.errors import BadKeys, Problem
from flock.hours import Hours, chance_of
from flock.journal import Place
from flock.keys import Key
from flock.options import Options
from flock.sheep.pace import Intervals
from flock.units import HOUR

_DRIFT = 1.0  # seconds; a clock that is set by less is only slewed
_SET_BACK = 3 * HOUR  # where a clock is set back by more, it was wrong, and so were the times that it had shown


class Rhythm:
    """The `hours` of one bot on `clock`. `line_interval` is the bot's own interval between two lines, in seconds.

    What is random is drawn by the bot's `seed` and the number of its post: a rehearsal draws the same.
    """

    __slots__ = ("_ahead", "_clock", "hours", "line_interval")

    def __init__(self, hours: Hours, clock: Clock, line_interval: float) -> None:
        self.hours = hours
        self.line_interval = line_interval
        self._clock = clock
        self._ahead = self._wall_ahead

    def first(self, place: Place, seed: int, at: float = 0.0) -> float:
        """Return when the line at `place` is due, from the steady time `at` on, if no earlier line says when."""
        start = max(self._clock.wall(), self._wall(at) - 1)
        return max(at, self._steady(self.hours.first(start, **self._how(place, seed))))

    def after(self, here: Place, pause: float, seed: int, *, begins: bool) -> float:
        """Return when the line after the one at `here` is due; `begins` says that a recitation begins with it.

        `pause` is the interval between the two in seconds, as the temperament stretches it.
        """
        how = self._how(here, seed) | {"begins": begins}
        return self._steady(self.hours.after(self._wall(here.due), pause, self._clock.wall(), **how))

    def fitted(self, place: Place, seed: int) -> Place:
        """Return `place` with its due time as these hours have it: for a place that other hours, or none, led to.

        A line that was begun is finished at any hour.
        """
        if _is_begun(place):
            return place
        before = self._wall(place.due)
        due = self.hours.fitted(before, self._clock.wall(), **self._how(place, seed))
        return place if due == before else place._replace(due=self._steady(due))

    def held(self, place: Place, seed: int) -> float:
        """Return when the line at `place` may be said: its due time, unless the bot sleeps or it was missed."""
        if _is_begun(place):
            return place.due
        before = self._wall(place.due)
        due = self.hours.held(before, self._clock.wall(), **self._how(place, seed))
        return place.due if due == before else self._steady(due)

    def longest(self, pause: float, place: Place) -> float:
        """Return for how many seconds the line at `place` is waited for at most, where no pause is longer than
        `pause` seconds."""
        now, how = self._clock.wall(), self._how(place, 0) | {"chance": 1.0}
        return self.hours.after(now, pause, now, **how) - now

    @property
    def is_off(self) -> bool:
        """Whether the clock on the wall was set since a due time was told last."""
        return abs(self._wall_ahead - self._ahead) >= _DRIFT

    def set_right(self, place: Place, seed: int) -> float:
        """Return when the line at `place` is due, also where the clock on the wall was set since that was told.

        A scheduled line keeps its time on the wall, so that no time comes twice; where the clock was set back by
        far, it was wrong, and the next time comes. A bot that slept wakes up by the clock on the wall. An interval
        is kept as it is.
        """
        before, self._ahead = self._ahead, self._wall_ahead
        forward = self._ahead - before
        if abs(forward) < _DRIFT or _is_begun(place):
            return place.due
        hours, now, how = self.hours, self._clock.wall(), self._how(place, seed)
        if hours.expression(begins=_begins(place)):
            return place.due - forward if forward > -_SET_BACK else self._steady(hours.first(now, **how))
        if hours.is_awake(now - forward):
            return self._steady(hours.fitted(self._wall(place.due), now, **how))
        return self._steady(hours.woken(now, chance=how["chance"], interval=self.line_interval))

    @property
    def _wall_ahead(self) -> float:
        return self._clock.wall() - self._clock.now()

    def _wall(self, at: float) -> float:
        return at + self._wall_ahead

    def _steady(self, at: float) -> float:
        self._ahead = self._wall_ahead
        return at - self._ahead

    def _how(self, place: Place, seed: int) -> dict[str, Any]:
        chance = chance_of(seed, place.n)
        return {"begins": _begins(place), "chance": chance, "interval": self.line_interval}


def rhythm_of(key: Key, options: Options, clock: Clock, line_interval: float) -> Rhythm | None:
    """Return the rhythm of the bot with this key, or None where it has no hours. Raises what `hours_of` raises."""
    hours = hours_of(key, options)
    return Rhythm(hours, clock, line_interval) if hours else None


def hours_of(key: Key, options: Options) -> Hours | None:
    """Return the hours that hold for the bot with this key, or None where it has none.

    An interval in the key file overrides a schedule of the options. Raises BadKeys for a schedule that never comes
    while the bot is awake.
    """
    schedule = key.schedule or (None if key.line_interval is not None else options.schedule)
    poem_schedule = key.poem_schedule or (None if key.poem_interval is not None else options.poem_schedule)
    awake = key.awake or options.awake
    jitter = (options.jitter if key.jitter is None else key.jitter) or 0.0
    if not (schedule or poem_schedule or awake or jitter):
        return None
    hours = Hours(
        schedule=schedule or "",
        poem_schedule=poem_schedule or "",
        awake=awake or "",
        timezone=key.timezone or options.timezone or "",
        jitter=jitter,
    )
    if field := hours.never:
        text = (
            f"expected times at which the bot is awake ({hours.awake}), found {getattr(hours, field)}; change one"
        )
        raise BadKeys([Problem(key.file, field, text)])
    return hours


def paced_by(hours: Hours | None, line_interval: float, poem_interval: float) -> Intervals:
    """Return these intervals, in seconds, or the mean ones of a schedule in their place."""
    if hours and hours.schedule:
        line_interval, poem_interval = hours.gap(begins=False), max(poem_interval, 1.0)
    return line_interval, hours.gap(begins=True) if hours and hours.poem_schedule else poem_interval


def _is_begun(place: Place) -> bool:
    return place.piece > 0 or place.intended is not None


def _begins(place: Place) -> bool:
    return place.line == 0 and place.piece == 0
