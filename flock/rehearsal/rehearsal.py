"""Rehearsal: runs a flock's own sheep on virtual time and without a network."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from flock.clock import VirtualClock
from flock.context import Context
from flock.errors import BadOption, printable
from flock.events import Event, Events, Paced, Said, Skipped
from flock.journal import Journal, MemoryJournal
from flock.keys import Key
from flock.keys.credentials import PRACTICE
from flock.networks.registry import Networks
from flock.observers.wording import describe
from flock.options import Options, settle_options
from flock.rehearsal.borrowed import BorrowedJournal, UnpostedNetworks
from flock.rehearsal.measured import Measured
from flock.sheep.allowance import allowance
from flock.sheep.sheep import Sheep
from flock.shepherd import Shepherd
from flock.units import DAY

_MOST_REFUSED = 3  # recitations in a row of which each line is refused, after which a bot says nothing more
_PRICES = 10_000  # texts whose price is remembered: it takes a look for links, and lines come again
_MOST_TRIES = 1000  # tries in a row without a post, after which the rehearsal ends with an error


class Rehearsal:
    """A flock on virtual time. It starts at 0, and the sheep at birth, or at the age `at_age` (recitations).

    Where the time of day counts for a bot, it starts at the beginning of the present day instead, in local time.

    With `journal`, the sheep start at the places that it holds, and the time `start` is wall-clock time (seconds
    since the epoch). It may have been opened read-only: nothing is written to it. With `options.pasture` or
    `base_url` these are the places of practice.

    With `bots`, only the bots of these names take part. `flock` holds the sheep that do, and `notes` what the
    operator should know of those that do not, and of poems: one line each. Raises what Shepherd raises, and
    BadOption when there is no such bot.

    `read` are the keys of the folder, if they have been read: then `keys` is not looked at, and only the bots that
    take part get a sheep, unless a cap of the flock binds them all.
    """

    def __init__(
        self,
        keys: Path,
        options: Options,
        *,
        bots: Collection[str] = (),
        at_age: float = 0.0,
        journal: Journal | None = None,
        start: float = 0.0,
        read: Sequence[Key] = (),
    ) -> None:
        options = settle_options(None, options, environment={})
        self._read, self._wanted = read, _names_meant(bots)
        if journal is None:
            options = replace(options, dry_run=True, pasture=False, base_url=None)
        self._heard: list[Event] = []
        self._has_dates = journal is not None
        shepherd, here = self._raise(keys, options, journal, start)
        if journal is None and any(sheep.hours and sheep.hours.is_by_the_clock for sheep in shepherd.all_sheep):
            self._networks.close()
            self._heard.clear()
            self._has_dates = True
            start = time.mktime((*time.localtime()[:3], 0, 0, 0, 0, 0, -1))
            shepherd, here = self._raise(keys, options, journal, start)
        self.start = start
        shepherd.herd.spread()
        chosen = _chosen(shepherd.all_sheep, bots)
        resting = [line for sheep in chosen if (line := _at_rest(sheep))]
        self.flock = [sheep for sheep in chosen if not _at_rest(sheep)]
        names = {sheep.name for sheep in chosen}
        edited = [f"{event.bot} {describe(event)}" for event in self._heard if event.bot in names]
        self._heard.clear()
        self.notes = tuple(map(printable, (*resting, *edited, *shepherd.doubts(chosen))))
        self.has_places = not isinstance(here, BorrowedJournal) or bool(here.found)
        for sheep in self.flock if at_age else ():
            sheep.grow_to(at_age)
        self._keys = {sheep.name: sheep.key for sheep in self.flock}
        self._price_of = lru_cache(_PRICES)(lambda bot, text: self._networks.price(self._keys[bot], text))
        self.temperaments = {sheep.name: sheep.temperament for sheep in self.flock}
        self.measured = {
            sheep.name: Measured(_beginning(sheep, start), _cap(sheep, options)) for sheep in self.flock
        }

    def _raise(
        self, keys: Path, options: Options, journal: Journal | None, start: float
    ) -> tuple[Shepherd, MemoryJournal]:
        """Return the flock at the time `start`, and the journal that it begins with."""
        self._clock = VirtualClock(start)
        here = MemoryJournal() if journal is None else BorrowedJournal(journal)
        self._networks = Networks(options) if journal is None else UnpostedNetworks(options)
        context = Context(
            options=options,
            clock=self._clock,
            journal=here,
            networks=self._networks,
            events=Events([self._heard.append]),
            allowance=allowance(options.flock_posts_per_day, self._clock, here),
        )
        intervals = options.line_interval, options.poem_interval
        among = self._among(options) if self._read else None
        return Shepherd(keys, *intervals, options=options, context=context, keys=among, environment={}), here

    def _among(self, options: Options) -> list[Key]:
        """Return the keys of which there are to be sheep, of those that have been read."""
        for key in self._read:
            self._networks.bot(key)  # of all, since names depend on the others
        if not self._wanted or options.flock_posts_per_day is not None:
            return [*self._read]
        return [
            key
            for key in self._read
            if {key.screen_name.casefold(), self._networks.label(key).casefold()} & self._wanted.keys()
        ]

    def close(self) -> None:
        """Close what the networks keep open."""
        self._networks.close()

    def price(self, event: Said) -> float:
        """Return what the post would cost on the bot's network, in US dollars."""
        return self._price_of(event.bot, event.text)

    def network(self, event: Said | Skipped) -> str:
        """Return what people call the bot's network."""
        return self._networks.title(self._keys[event.bot])

    def practises(self, bot: str) -> bool:
        """Return whether the posts of the bot of that name are practice, which costs nothing."""
        return self._networks.realm(self._keys[bot]) == PRACTICE

    def day(self, at: float) -> str:
        """Return on which day `at` (seconds) is: "day 1", or a date in local time where places are real."""
        if self._has_dates:
            return time.strftime("%Y-%m-%d", time.localtime(at))
        return f"day {at // DAY + 1:.0f}"

    def moment(self, at: float) -> str:
        """Return the day and the time of day of `at` (seconds)."""
        if self._has_dates:
            return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
        second = int(at % DAY)
        return f"{self.day(at):<7} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"

    def play(
        self, *, seconds: float = math.inf, posts: float = math.inf, recitations: float = math.inf
    ) -> Iterator[Event]:
        """Yield the events, in order of time, until each bot has reached one of these limits."""
        if math.isinf(posts) and math.isinf(recitations):
            for sheep in self.flock:
                if not (sheep.line_interval or sheep.poem_interval):
                    raise BadOption(f"{sheep.name} has no interval, so that a day would never end; give it one")
        # By number, since two sheep on two networks may have one name.
        said = [0] * len(self.flock)
        tries = [0] * len(self.flock)
        idle = [0] * len(self.flock)  # tries of which nothing was heard but refusals
        grown = [int(sheep.age) + recitations for sheep in self.flock]
        awake = [(sheep.wake, number, sheep) for number, sheep in enumerate(self.flock)]
        heapq.heapify(awake)
        while awake and awake[0][0] <= self.start + seconds:
            wake, number, sheep = awake[0]
            self._clock.advance_to(wake)
            recited = sheep.place.recitations
            sheep.beat()
            tries[number] += 1
            idle[number] += not any(isinstance(event, Paced) for event in self._heard)
            for event in self._heard:
                if isinstance(event, Said):
                    said[number] += 1
                    tries[number] = idle[number] = 0
                    if said[number] > posts:
                        continue
                    self.measured[sheep.name].hear(self.price(event))
                yield event
            self._heard.clear()
            if sheep.place.recitations != recited:
                self.measured[sheep.name].end_recitation(sheep.due)
            why = sheep.standing.trouble or ("" if idle[number] else "its caps allow no post")
            if tries[number] > _MOST_TRIES and why:
                raise BadOption(f"{sheep.name} posted nothing in {_MOST_TRIES} tries: {why}")
            is_mute = idle[number] > _MOST_REFUSED * len(sheep.memory) and not sheep.standing.trouble
            if said[number] >= posts or sheep.age >= grown[number] or (is_mute and math.isinf(seconds)):
                heapq.heappop(awake)
            else:
                heapq.heapreplace(awake, (sheep.wake, number, sheep))


def _chosen(flock: Sequence[Sheep], bots: Collection[str]) -> list[Sheep]:
    """Return the sheep of these names, or all. Raises BadOption for a name that no sheep has."""
    wanted = _names_meant(bots)
    chosen = [sheep for sheep in flock if not wanted or _names(sheep) & wanted.keys()]
    found = {name for sheep in chosen for name in _names(sheep)}
    for name in wanted.keys() - found:
        names = ", ".join(sheep.name for sheep in flock[:10])
        raise BadOption(f"--bot {wanted[name]}: no key file is for that bot; the bots are {names}")
    return chosen


def _names_meant(bots: Collection[str]) -> dict[str, str]:
    """Return these names, by the form in which names are compared."""
    return {name.strip().removeprefix("@").casefold(): name for name in bots}


def _names(sheep: Sheep) -> set[str]:
    return {sheep.name.casefold(), sheep.key.screen_name.casefold()}


def _at_rest(sheep: Sheep) -> str:
    """Return why the sheep says nothing until its operator acts, or an empty text."""
    if sheep.is_penned:
        return f"{sheep.name} is penned and left out: {sheep.standing.trouble}"
    if sheep.place.paused is not None:
        return f"{sheep.name} is paused and left out"
    return ""


def _beginning(sheep: Sheep, start: float) -> float | None:
    """Return when the sheep's next recitation begins, or None if it is in the midst of one."""
    place = sheep.place
    is_at_top = place.line == 0 and place.piece == 0
    return max(place.due, start) if is_at_top else None


def _cap(sheep: Sheep, options: Options) -> float | None:
    """Return the most posts that the sheep may make in a day, or None."""
    own = sheep.key.posts_per_day
    caps = (options.posts_per_day if own is None else own, options.flock_posts_per_day)
    return min((cap for cap in caps if cap is not None), default=None)
