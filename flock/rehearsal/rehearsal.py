"""The same sheep on virtual time: what a flock will say, and when, with nothing posted."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from flock.clock import VirtualClock
from flock.context import Commons, allowance
from flock.errors import BadOption
from flock.events import Event, Events, Said
from flock.journal import MemoryJournal
from flock.networks import Networks
from flock.networks.x.length import holds_url
from flock.options import Options
from flock.shepherd import Shepherd

DAY = 86400.0
_SILENCE = 1000  # tries without a word after which a rehearsal gives up on a bot
POST_PRICE, POST_WITH_URL_PRICE = 0.015, 0.20  # dollars a post on X, in November 2026


class Rehearsal:
    """A flock that recites in no time at all, from birth, or from the age `at_age` (in recitations) on.

    With `bot`, that one rehearses alone. Time starts at 0. Raises what Shepherd raises, and BadOption when there
    is no such bot.
    """

    def __init__(self, keys: Path, options: Options, *, bot: str | None = None, at_age: float = 0.0) -> None:
        options = replace(options, dry_run=True, pasture=False, base_url=None)
        self._heard: list[Event] = []
        self._clock = VirtualClock()
        journal = MemoryJournal()
        commons = Commons(
            options=options,
            clock=self._clock,
            journal=journal,
            networks=Networks(options),
            events=Events([self._heard.append]),
            allowance=allowance(options.flock_posts_per_day, self._clock, journal),
        )
        shepherd = Shepherd(keys, options.line_interval, options.poem_interval, options=options, commons=commons)
        shepherd.spread()
        self.flock = [sheep for sheep in shepherd.all_sheep if bot in (None, sheep.name)]
        if not self.flock:
            names = ", ".join(sheep.name for sheep in shepherd.all_sheep[:10])
            raise BadOption(f"--bot {bot}: no key is of that bot; there are {names}")
        for sheep in self.flock if at_age else ():
            sheep.grow_to(at_age)

    def play(
        self, *, seconds: float = math.inf, tweets: float = math.inf, recitations: float = math.inf
    ) -> Iterator[Event]:
        """Yield what happens, in order of time, until each bot has come to one of these ends."""
        if math.isinf(tweets) and math.isinf(recitations):
            for sheep in self.flock:
                if not (sheep.line_interval or sheep.poem_interval):
                    raise BadOption(f"{sheep.name} would never come to the end of a day; give it an interval")
        said = dict.fromkeys((sheep.name for sheep in self.flock), 0)
        silent = dict.fromkeys(said, 0)
        grown = {sheep.name: int(sheep.age) + recitations for sheep in self.flock}
        awake = [(sheep.wake, number, sheep) for number, sheep in enumerate(self.flock)]
        heapq.heapify(awake)
        while awake and awake[0][0] <= seconds:
            wake, number, sheep = awake[0]
            self._clock.advance_to(wake)
            sheep.beat()
            silent[sheep.name] += 1
            for event in self._heard:
                if isinstance(event, Said):
                    said[event.bot] += 1
                    silent[event.bot] = 0
                    if said[event.bot] > tweets:
                        continue
                yield event
            self._heard.clear()
            if silent[sheep.name] > _SILENCE:
                raise BadOption(f"{sheep.name} has nothing to say: {sheep.trouble}")
            if said[sheep.name] >= tweets or sheep.age >= grown[sheep.name]:
                heapq.heappop(awake)
            else:
                heapq.heapreplace(awake, (sheep.wake, number, sheep))


@dataclass(slots=True)
class BotTally:
    """What came of one bot in a rehearsal; times are in seconds from its start."""

    tweets: int = 0
    dollars: float = 0.0
    memory: float = 1.0
    age: float = 0.0
    until: float = 0.0
    first_forgotten: tuple[float, str] | None = None
    longest_fixation: tuple[int, str] = (0, "")
    fixation: int = 0

    def hear(self, event: Said) -> None:
        """Count one tweet."""
        self.tweets += 1
        self.dollars += POST_WITH_URL_PRICE if holds_url(event.text) else POST_PRICE
        self.memory, self.age, self.until = event.memory, event.age, event.at
        if event.mood == "forgets" and self.first_forgotten is None:
            self.first_forgotten = (event.at, event.text)
        self.fixation = self.fixation + 1 if event.mood == "is fixated" else 0
        self.longest_fixation = max(self.longest_fixation, (self.fixation, event.text))

    def lines(self) -> Iterator[str]:
        """Yield the summary, without the bot's name."""
        days = max(self.until / DAY, 1 / 24)
        yield f"{self.tweets:,} tweets, {self.tweets / days:,.1f} a day; ${self.dollars:,.2f} on X"
        yield f"age {self.age:.1f}; remembers {self.memory:.0%} of its poem"
        if self.first_forgotten:
            at, text = self.first_forgotten
            yield f"first forgot something on day {at // DAY + 1:.0f}: {text}"
        returns, text = self.longest_fixation
        if returns:
            yield f"longest fixation: came back {returns} times, at last as: {text}"


class Tally:
    """Counts a rehearsal, and sums it up bot by bot."""

    def __init__(self) -> None:
        self.by_bot: dict[str, BotTally] = {}

    def hear(self, event: Said) -> None:
        """Count one tweet."""
        self.by_bot.setdefault(event.bot, BotTally()).hear(event)

    def lines(self) -> Iterator[str]:
        """Yield the summary: the flock in one line, then some lines a bot."""
        tweets = sum(bot.tweets for bot in self.by_bot.values())
        dollars = sum(bot.dollars for bot in self.by_bot.values())
        yield f"the flock: {len(self.by_bot)} sheep, {tweets:,} tweets, ${dollars:,.2f} on X"
        for name, bot in sorted(self.by_bot.items()):
            first, *rest = bot.lines()
            yield f"{name}: {first}"
            yield from (f"    {line}" for line in rest)
