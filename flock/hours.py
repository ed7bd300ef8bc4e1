"""When a bot speaks by the clock on the wall: schedules, waking hours, jitter. Pure.

Times are wall-clock times, in seconds since the epoch. A due time is a whole second, but for jitter.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from flock.cron import MONDAY, NEVER, change, instant, latest, local, next_time, offset
from flock.units import DAY, HOUR, MINUTE

LATE = HOUR  # seconds; a scheduled line that is later waits for the next time
_SLACK = 30.0  # seconds around a scheduled time: clocks drift, and cron comes once a minute
_LONGEST_SPREAD = 15 * MINUTE  # over which the bots of a flock wake up
_MOST_LOOKS = 2000  # at times outside the waking hours
_LONGEST_TEXT = 200  # letters
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEK = 7 * 24 * 60  # minutes

_EXPECTED = 'expected hours such as "08:00-23:00", or "mon-fri 07:00-09:00, sat-sun 10:00-24:00"'
_PART = re.compile(
    r"(?P<days>[a-z][a-z\s-]*?)?\s*"
    r"(?:(?P<start>\d{1,2}(?::\d\d)?)\s*-\s*(?P<end>\d{1,2}(?::\d\d)?))?",
    re.ASCII | re.IGNORECASE,
)

Range = tuple[int, int]  # minutes of the week, from Monday 00:00 on; the end may lie in the next week


def parse_awake(text: str) -> str:
    """Return waking hours as they were written, trimmed. Raises ValueError for another text."""
    waking_hours(text.strip())
    return text.strip()


@lru_cache(maxsize=256)
def waking_hours(text: str) -> tuple[Range, ...]:
    """Return the ranges that a text such as "mon-fri 08:00-18:00, sat 10:00-12:00" names. Raises ValueError."""
    found: list[Range] = []
    days: set[int] = set()
    for part in text.replace("–", "-").split(",") if len(text) <= _LONGEST_TEXT else [""]:
        match = _PART.fullmatch(part.strip())
        if match is None or not match[0]:
            raise ValueError(_EXPECTED)
        days |= _days(match["days"] or "")
        if match["start"] is None:
            continue  # days alone: the hours stand behind the next comma
        start, end = _minute(match["start"]), _minute(match["end"])
        if start in (end, 24 * 60):
            raise ValueError(f"{_EXPECTED}; {match['start']}-{match['end']} is no time at all")
        end += 24 * 60 * (end < start)
        found += ((day * 24 * 60 + start, day * 24 * 60 + end) for day in days or range(7))
        days = set()
    if days or not found:
        raise ValueError(_EXPECTED)
    return tuple(sorted(set(found)))


def _days(text: str) -> set[int]:
    """Return the days of the week that words such as "mon-fri sun" name."""
    found: set[int] = set()
    for word in re.sub(r"\s*-\s*", "-", text).split():
        first, _, last = word.partition("-")
        start = _day(first)
        found |= {(start + more) % 7 for more in range((_day(last or first) - start) % 7 + 1)}
    return found


def _day(name: str) -> int:
    meant = [day for day, full in enumerate(_DAYS) if len(name) >= 3 and full.startswith(name.lower())]
    if not meant:
        raise ValueError(_EXPECTED)
    return meant[0]


def _minute(text: str) -> int:
    hour, _, minutes = text.partition(":")
    minute = int(hour) * 60 + int(minutes or 0)
    if minute > 24 * 60 or int(minutes or 0) > 59:
        raise ValueError(_EXPECTED)
    return minute


def chance_of(seed: int, n: int) -> float:
    """Return a number from 0 up to 1 that is drawn by the seed of a bot and the number of its post."""
    digest = hashlib.blake2b(f"{seed} {n}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 2**56


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """When one bot may speak. Empty texts are what it has not: then its intervals count, at any hour.

    `schedule` is when a line is due, and `poem_schedule` the first line of a recitation. `awake` is when it speaks
    at all. `timezone` is an IANA name, empty for this machine's zone. `jitter` is from 0 to 1: by this share of an
    interval a pause is longer or shorter, and by this share of the time to the next due time a scheduled line is
    later.

    Methods take `begins` for the first line of a recitation, and `chance`, from 0 up to 1, for what is random.
    `interval` is the bot's line interval in seconds.
    """

    schedule: str = ""
    poem_schedule: str = ""
    awake: str = ""
    timezone: str = ""
    jitter: float = 0.0

    def expression(self, *, begins: bool) -> str:
        """Return the cron expression of a line, or an empty text where an interval counts."""
        return (begins and self.poem_schedule) or self.schedule

    @property
    def is_by_the_clock(self) -> bool:
        """Whether the time of day counts."""
        return bool(self.schedule or self.poem_schedule or self.awake)

    @property
    def never(self) -> str:
        """The field whose times all fall outside the waking hours; empty if there is none."""
        return _never(self)

    def is_awake(self, at: float) -> bool:
        """Return whether the bot speaks at that time."""
        return not self.awake or _is_within(waking_hours(self.awake), local(at, self.timezone))

    def wakes(self, at: float) -> float:
        """Return the first time from `at` on at which the bot is awake."""
        return _opening(self.awake, self.timezone, at) if self.awake else at

    def first(self, now: float, *, begins: bool, chance: float, interval: float) -> float:
        """Return when a line is due that no earlier line sets a time for."""
        if expression := self.expression(begins=begins):
            return self._scheduled(expression, now, chance)
        return self._spread(now, chance, interval)

    def after(
        self, due: float, pause: float, now: float, *, begins: bool, chance: float, interval: float
    ) -> float:
        """Return when the next line is due after one that was due at `due` and has ended now.

        `pause` is the interval between the two in seconds. Before a recitation without a schedule of its own it is
        the least time between the two; otherwise it does not count where there is a schedule.
        """
        if expression := self.expression(begins=begins):
            earliest = max(now, due + _SLACK)
            if begins and not self.poem_schedule:
                earliest = max(earliest, latest(expression, self.timezone, due) + pause - 1)
            return self._scheduled(expression, earliest, chance)
        pause *= 1 + self.jitter * (2 * chance - 1)
        return self._spread(due + pause if due + pause > now else now + pause, chance, interval)

    def fitted(self, due: float, now: float, *, begins: bool, chance: float, interval: float) -> float:
        """Return `due` if it is a due time of these hours, and not missed; otherwise the next one after now.

        A scheduled time that passed more than LATE seconds ago is missed.
        """
        expression, at = self.expression(begins=begins), max(due, now)
        if not expression:
            return due if self.is_awake(at) else self._spread(at, chance, interval)
        if now - due <= LATE and self.is_awake(at) and self._is_scheduled(expression, due):
            return due
        return self._scheduled(expression, now, chance)

    def held(self, due: float, now: float, *, begins: bool, chance: float, interval: float) -> float:
        """Return `due` if the line may be said now, and otherwise when it may.

        A line that is due outside these hours was asked for by the operator, and is said.
        """
        is_asked_for = not self.is_awake(due) and now - due <= LATE
        is_missed = bool(self.expression(begins=begins)) and now - due > LATE
        if is_asked_for or (self.is_awake(max(due, now)) and not is_missed):
            return due
        return self.first(max(due, now), begins=begins, chance=chance, interval=interval)

    def woken(self, now: float, *, chance: float, interval: float) -> float:
        """Return when a bot without a schedule speaks that slept until the clock was set to `now`: when it wakes
        up, or soon, and not with all others."""
        at = self._spread(now, chance, interval)
        return at if at > now else now + chance * min(interval, _LONGEST_SPREAD)

    def gap(self, *, begins: bool) -> float:
        """Return the mean time between two due times of the expression, in seconds."""
        return _gap(self, begins)

    @property
    def longest_day(self) -> float:
        """The share of a day, from 0 to 1, in which its intervals count at most. A schedule counts all day."""
        return _longest_day(self.awake) if self.awake and not self.schedule else 1.0

    def _is_scheduled(self, expression: str, due: float) -> bool:
        at = latest(expression, self.timezone, due + _SLACK)
        if due - at <= _SLACK:
            return True
        return bool(self.jitter) and due - at <= self.jitter * (self._next(expression, at) - at) + _SLACK

    def _scheduled(self, expression: str, after: float, chance: float) -> float:
        at = self._next(expression, after)
        if not self.jitter:
            return at
        gap = self._next(expression, at) - at
        later = at + max(0.0, min(chance * self.jitter * gap, gap - MINUTE))
        return later if self.is_awake(later) else at

    def _next(self, expression: str, after: float) -> float:
        """Return the first time of the expression after `after` at which the bot is awake."""
        last = after + NEVER
        for _ in range(_MOST_LOOKS):
            at = next_time(expression, self.timezone, after)
            if at >= last or self.is_awake(at):
                return at
            after = max(at, self.wakes(at) - 1)
        return last

    def _spread(self, at: float, chance: float, interval: float) -> float:
        """Return `at`, or a time soon after the bot wakes up: not all bots speak at once."""
        opening = self.wakes(at)
        if opening == at:
            return at
        later = chance * min(interval, _LONGEST_SPREAD)
        while later >= 1 and not self.is_awake(opening + later):
            later /= 2
        return opening + later if self.is_awake(opening + later) else opening


@lru_cache(maxsize=1024)
def _never(hours: Hours) -> str:
    start = instant(MONDAY, hours.timezone)
    for field, begins in (("schedule", False), ("poem_schedule", True)):
        expression = getattr(hours, field)
        if expression and hours.awake and hours.first(start, begins=begins, chance=0, interval=0) >= start + NEVER:
            return field
    return ""


@lru_cache(maxsize=1024)
def _gap(hours: Hours, begins: bool) -> float:
    start = instant(MONDAY, hours.timezone)
    expression = hours.expression(begins=begins)
    for days in (7, 371):  # 371 are 53 weeks
        count, at = -1, start - 1
        while at < start + days * DAY:
            count, at = count + 1, hours._next(expression, at)
        if count >= 8:
            break
    return days * DAY / max(1, count)


@lru_cache(maxsize=256)
def _longest_day(awake: str) -> float:
    ranges = waking_hours(awake)
    minutes = [MONDAY + timedelta(minutes=minute) for minute in range(_WEEK)]
    counts = [0] * 7
    for minute in minutes:
        counts[minute.weekday()] += _is_within(ranges, minute)
    return max(counts) / (24 * 60)


def _is_within(ranges: tuple[Range, ...], at: datetime) -> bool:
    minute = at.weekday() * 24 * 60 + at.hour * 60 + at.minute
    return any(start <= minute < end or start <= minute + _WEEK < end for start, end in ranges)


def _opening(awake: str, zone: str, at: float) -> float:
    """Return the first time from `at` on that is within the hours: there a range begins, or the clock is set."""
    ranges, here = waking_hours(awake), local(at, zone)
    if _is_within(ranges, here):
        return at
    monday = datetime(here.year, here.month, here.day) - timedelta(days=here.weekday())  # noqa: DTZ001 - as above
    starts = (monday + timedelta(minutes=start + week * _WEEK) for week in range(3) for start, _ in ranges)
    found = (instant(start, zone, fold) for start in starts for fold in (0, 1))
    first = min(each for each in found if each >= at and _is_within(ranges, local(each, zone)))
    if offset(first, zone) == offset(at, zone):
        return first
    is_set = change(zone, math.floor(at), math.floor(first))
    return min(first, is_set) if _is_within(ranges, local(is_set, zone)) else first
