"""Tally: sums up what the bots of a rehearsal say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from flock.events import Said, Skipped
from flock.rehearsal.rehearsal import Rehearsal
from flock.units import DAY, roughly

_LEAST_RATE = 0.05  # posts a day that are shown as more than 0.0


@dataclass(slots=True)
class BotTally:
    """The sums for one bot of a rehearsal. Times are in seconds, on the rehearsal's clock.

    `born` is the age at its first post, and `recalled` what it remembered then.
    """

    network: str = ""
    posts: int = 0
    refused: int = 0
    dollars: float = 0.0
    memory: float = 1.0
    recalled: float = 1.0
    born: float = 0.0
    age: float = 0.0
    until: float = 0.0
    first_forgotten: tuple[float, str] | None = None
    longest_fixation: tuple[int, str] = (0, "")
    fixation: int = 0

    def hear(self, event: Said, dollars: float) -> None:
        """Count one post, which costs `dollars`."""
        if not self.posts:
            self.born, self.recalled = event.age, event.memory
        self.posts += 1
        self.dollars += dollars
        self.memory, self.age, self.until = event.memory, event.age, event.at
        if event.mood == "forgets" and self.first_forgotten is None:
            self.first_forgotten = (event.at, event.text)
        self.fixation = self.fixation + 1 if event.mood == "is fixated" else 0
        self.longest_fixation = max(self.longest_fixation, (self.fixation, event.text))


class Tally:
    """Counts the posts of a rehearsal, and sums them up for each bot."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal
        self.by_bot: dict[str, BotTally] = {}

    def hear(self, event: Said) -> None:
        """Count one post."""
        self._bot(event).hear(event, self._rehearsal.price(event))

    def hear_refusal(self, event: Skipped) -> None:
        """Count a line that the network would refuse."""
        self._bot(event).refused += 1

    def _bot(self, event: Said | Skipped) -> BotTally:
        if event.bot not in self.by_bot:
            self.by_bot[event.bot] = BotTally(network=self._rehearsal.network(event))
        return self.by_bot[event.bot]

    def lines(self, seconds: float | None = None) -> Iterator[str]:
        """Yield the summary: the flock in one line, then some lines a bot.

        `seconds` is how long the rehearsal was; None where it ended with the last post of each bot.
        """
        posts: Counter[str] = Counter()
        dollars: defaultdict[str, float] = defaultdict(float)
        for bot in self.by_bot.values():
            posts[bot.network] += bot.posts
            dollars[bot.network] += bot.dollars
        where = ", ".join(f"{posts[name]:,} on {name}" for name in sorted(posts))
        shares = f" ({where})" if len(posts) > 1 else ""
        prices = "".join(f", {_dollars(dollars[name])} on {name}" for name in sorted(posts) if dollars[name])
        span = self._span(max((bot.until for bot in self.by_bot.values()), default=0.0), seconds)
        yield f"the flock: {len(self._rehearsal.flock)} sheep, {_posts(posts.total())}{span}{shares}{prices}"
        if practice := self._practice_dollars():
            yield f"    practice costs nothing; X would charge {_dollars(practice)}"
        for name, bot in sorted(self.by_bot.items()):
            yield f"{name}: {_posts(bot.posts)}{self._span(bot.until, seconds)}{_price(bot)}"
            yield from (f"    {line}" for line in self._details(name, bot))
        for sheep in self._rehearsal.flock:
            if sheep.name not in self.by_bot:
                yield f"{sheep.name}: {_posts(0)}{self._span(0.0, seconds)}"

    def _practice_dollars(self) -> float:
        """Return what the posts of the bots that practise would cost on their networks."""
        return sum(bot.dollars for name, bot in self.by_bot.items() if self._rehearsal.practises(name))

    def _span(self, until: float, seconds: float | None) -> str:
        """Return the length of the rehearsal in words: `seconds`, or the time to its last post, if any."""
        if seconds is None:
            seconds = max(0.0, until - self._rehearsal.start)
        days = round(seconds / DAY, 2)
        if days < 1:
            return f" in {roughly(round(seconds))}" if seconds >= 1 else ""
        return " in 1 day" if days == 1 else f" in {days:,.10g} days"

    def _details(self, name: str, bot: BotTally) -> Iterator[str]:
        posts, dollars = self._rehearsal.measured[name].a_day or (0.0, 0.0)
        if posts >= _LEAST_RATE:
            price = f", {_dollars(dollars)}" if dollars else ""
            yield f"{posts:,.1f} posts a day{price}, over whole recitations with their rests"
        if bot.refused:
            yield f"{_count(bot.refused)} refused: the same text twice in a row"
        born, age = f"{bot.born:.1f}", f"{bot.age:.1f}"
        ages = age if born in ("0.0", age) else f"{born} to {age}"
        yield f"age {ages}; remembers {bot.memory:.0%} of its poem"
        if bot.first_forgotten and bot.recalled == 1:  # otherwise it was not the first
            at, text = bot.first_forgotten
            yield f"first forgot something on {self._rehearsal.day(at)}: {text}"
        returns, text = bot.longest_fixation
        if returns:
            times = "once" if returns == 1 else "twice" if returns == 2 else f"{returns} times"
            yield f"longest fixation: came back {times}, at last as: {text}"


def _posts(count: int) -> str:
    return "1 post" if count == 1 else f"{count:,} posts"


def _price(bot: BotTally) -> str:
    return f", {_dollars(bot.dollars)} on {bot.network}" if bot.dollars else ""


def _dollars(amount: float) -> str:
    return f"${round(amount, 6):,.2f}"  # a sum of many prices is off by less


def _count(lines: int) -> str:
    return "1 line is" if lines == 1 else f"{lines:,} lines are"
