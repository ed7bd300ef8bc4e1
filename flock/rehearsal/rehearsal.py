"""Rehearsal: runs a flock's own sheep on virtual time and without a network. Tally: sums up what they say."""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from flock.clock import VirtualClock
from flock.context import Context
from flock.errors import BadOption
from flock.events import Event, Events, Said, Skipped
from flock.journal import MemoryJournal
from flock.networks.registry import Networks
from flock.options import Options
from flock.sheep.allowance import allowance
from flock.shepherd import Shepherd
from flock.units import DAY

_MOST_REFUSED = 3  # recitations in a row of which each line is refused, after which a bot says nothing more
_MOST_TRIES = 1000  # tries in a row without a post, after which the rehearsal ends with an error


class Rehearsal:
    """A flock on virtual time, which starts at 0. The sheep start at birth, or at the age `at_age` (recitations).

    With `bot`, only the bot of that name takes part. `doubts` is what the operator should know about the poems.
    Raises what Shepherd raises, and BadOption when there is no such bot.
    """

    def __init__(self, keys: Path, options: Options, *, bot: str | None = None, at_age: float = 0.0) -> None:
        options = replace(options, dry_run=True, pasture=False, base_url=None)
        self._heard: list[Event] = []
        self._clock = VirtualClock()
        journal = MemoryJournal()
        self._networks = Networks(options)
        context = Context(
            options=options,
            clock=self._clock,
            journal=journal,
            networks=self._networks,
            events=Events([self._heard.append]),
            allowance=allowance(options.flock_posts_per_day, self._clock, journal),
        )
        shepherd = Shepherd(
            keys, options.line_interval, options.poem_interval, options=options, context=context, environment={}
        )
        shepherd.herd.spread()
        self.flock = [sheep for sheep in shepherd.all_sheep if bot in (None, sheep.name)]
        if not self.flock:
            names = ", ".join(sheep.name for sheep in shepherd.all_sheep[:10])
            raise BadOption(f"--bot {bot}: no key file is for that bot; the bots are {names}")
        self.doubts = tuple(shepherd.doubts(self.flock))
        for sheep in self.flock if at_age else ():
            sheep.grow_to(at_age)
        self._keys = {sheep.name: sheep.key for sheep in self.flock}

    def price(self, event: Said) -> float:
        """Return what the post would cost on the bot's network, in US dollars."""
        return self._networks.price(self._keys[event.bot], event.text)

    def network(self, event: Said | Skipped) -> str:
        """Return what people call the bot's network."""
        return self._networks.title(self._keys[event.bot])

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
        grown = [int(sheep.age) + recitations for sheep in self.flock]
        awake = [(sheep.wake, number, sheep) for number, sheep in enumerate(self.flock)]
        heapq.heapify(awake)
        while awake and awake[0][0] <= seconds:
            wake, number, sheep = awake[0]
            self._clock.advance_to(wake)
            sheep.beat()
            tries[number] += 1
            for event in self._heard:
                if isinstance(event, Said):
                    said[number] += 1
                    tries[number] = 0
                    if said[number] > posts:
                        continue
                yield event
            self._heard.clear()
            if tries[number] > _MOST_TRIES and sheep.standing.trouble:
                raise BadOption(f"{sheep.name} posted nothing in {_MOST_TRIES} tries: {sheep.standing.trouble}")
            is_mute = tries[number] > _MOST_REFUSED * len(sheep.memory) and not sheep.standing.trouble
            if said[number] >= posts or sheep.age >= grown[number] or (is_mute and math.isinf(seconds)):
                heapq.heappop(awake)
            else:
                heapq.heapreplace(awake, (sheep.wake, number, sheep))


@dataclass(slots=True)
class BotTally:
    """The sums for one bot of a rehearsal. Times are in seconds from the start of the rehearsal."""

    network: str = ""
    posts: int = 0
    refused: int = 0
    dollars: float = 0.0
    memory: float = 1.0
    age: float = 0.0
    until: float = 0.0
    first_forgotten: tuple[float, str] | None = None
    longest_fixation: tuple[int, str] = (0, "")
    fixation: int = 0

    def hear(self, event: Said, dollars: float) -> None:
        """Count one post, which costs `dollars`."""
        self.posts += 1
        self.dollars += dollars
        self.memory, self.age, self.until = event.memory, event.age, event.at
        if event.mood == "forgets" and self.first_forgotten is None:
            self.first_forgotten = (event.at, event.text)
        self.fixation = self.fixation + 1 if event.mood == "is fixated" else 0
        self.longest_fixation = max(self.longest_fixation, (self.fixation, event.text))

    def lines(self) -> Iterator[str]:
        """Yield the summary, without the bot's name."""
        days = max(self.until / DAY, 1 / 24)
        price = f"; ${self.dollars:,.2f} on {self.network}" if self.dollars else ""
        yield f"{self.posts:,} posts, {self.posts / days:,.1f} a day{price}"
        if self.refused:
            yield f"{_lines(self.refused)} refused: the same text twice in a row"
        yield f"age {self.age:.1f}; remembers {self.memory:.0%} of its poem"
        if self.first_forgotten:
            at, text = self.first_forgotten
            yield f"first forgot something on day {at // DAY + 1:.0f}: {text}"
        returns, text = self.longest_fixation
        if returns:
            yield f"longest fixation: came back {returns} times, at last as: {text}"


def _lines(count: int) -> str:
    return "1 line is" if count == 1 else f"{count:,} lines are"


class Tally:
    """Counts the posts of a rehearsal, and sums them up for each bot.

    `price` returns the price of a post in US dollars, and `network` what its network is called.
    """

    def __init__(self, price: Callable[[Said], float], network: Callable[[Said | Skipped], str]) -> None:
        self._price = price
        self._network = network
        self.by_bot: dict[str, BotTally] = {}

    def hear(self, event: Said) -> None:
        """Count one post."""
        self._bot(event).hear(event, self._price(event))

    def hear_refusal(self, event: Skipped) -> None:
        """Count a line that the network would refuse."""
        self._bot(event).refused += 1

    def _bot(self, event: Said | Skipped) -> BotTally:
        if event.bot not in self.by_bot:
            self.by_bot[event.bot] = BotTally(network=self._network(event))
        return self.by_bot[event.bot]

    def lines(self) -> Iterator[str]:
        """Yield the summary: the flock in one line, then some lines a bot."""
        posts: Counter[str] = Counter()
        dollars: defaultdict[str, float] = defaultdict(float)
        for bot in self.by_bot.values():
            posts[bot.network] += bot.posts
            dollars[bot.network] += bot.dollars
        where = ", ".join(f"{posts[name]:,} on {name}" for name in sorted(posts))
        shares = f" ({where})" if len(posts) > 1 else ""
        prices = "".join(f", ${dollars[name]:,.2f} on {name}" for name in sorted(posts) if dollars[name])
        yield f"the flock: {len(self.by_bot)} sheep, {posts.total():,} posts{shares}{prices}"
        for name, bot in sorted(self.by_bot.items()):
            first, *rest = bot.lines()
            yield f"{name}: {first}"
            yield from (f"    {line}" for line in rest)
