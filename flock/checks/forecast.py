"""What each bot will post, how often, and what that costs: whole recitations of the poem as it is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from flock.cron import MONDAY, instant
from flock.hours import Hours
from flock.keys import Key
from flock.networks.registry import Networks
from flock.options import Options
from flock.poem import cut
from flock.rates import PIECE_INTERVAL, Cycle, cycle_of, under_one_cap
from flock.sheep.allowance import fair_share
from flock.sheep.pace import spread
from flock.sheep.sheep import STEADFAST, Sheep
from flock.temperament import Recitation
from flock.units import DAY

MONTH = 30  # days
_WALK = 28 * DAY  # seconds of a bot's hours that are walked through
_MOST_LINES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One bot's steady rate. `cap` is its own posts in any 24 hours, or None.

    `uncapped` is how many posts a day its intervals make, and `posts_a_day` what is left of them under its own cap
    and the flock's; both are infinite where there are no intervals. `price` is that of a post on `network`, the
    mean over one recitation, in US dollars. `is_real` is false for practice, which costs nothing. `network` is
    what people call the network that the key is for; for a practice key, X.
    """

    sheep: Sheep
    is_real: bool
    network: str
    lines: int
    cycle: Cycle
    cap: int | None
    uncapped: float
    posts_a_day: float
    price: float

    @property
    def dollars_a_post(self) -> float:
        """What a post costs here, in US dollars."""
        return self.price if self.is_real else 0.0

    @property
    def dollars_a_day(self) -> float:
        """What the posts of a day cost, in US dollars."""
        return self.dollars_a_post * self.posts_a_day if self.dollars_a_post else 0.0

    @property
    def dollars_for_real(self) -> float:
        """What the posts of a day would cost if the bot did not practise, in US dollars."""
        return self.price * self.posts_a_day if self.price else 0.0

    @property
    def dollars_uncapped(self) -> float:
        """What the posts of a day would cost without caps, if the bot did not practise, in US dollars."""
        return self.price * self.uncapped if self.price else 0.0


class _Recital(NamedTuple):
    """How many posts each line of a poem makes, and what a post costs on average, in US dollars."""

    pieces: list[int]
    dollars: float


def forecast(flock: Sequence[Sheep], networks: Networks, options: Options) -> list[Forecast]:
    """Return the forecast of each sheep, in order, under its own cap and the flock's, spread over the day or not.

    `networks` tells where the bots post. Nothing is posted, and no server is asked.
    """
    recitals: dict[object, _Recital] = {}
    found = []
    for sheep in flock:
        own = sheep.key.credentials
        counted = getattr(own, "content_warning", None), getattr(own, "mentions", None)
        same = (sheep.key.network, counted, tuple(sheep.memory))
        if same not in recitals:
            recitals[same] = _recital(sheep.key, sheep.memory, networks)
        found.append(recitals[same])
    plain = [_cycle(sheep, recital) for sheep, recital in zip(flock, found, strict=True)]
    alone = [cycle.a_day(sheep.posts_per_day) for sheep, cycle in zip(flock, plain, strict=True)]
    rates = _under_the_cap(alone, [cycle.a_day() for cycle in plain], options)
    return [
        Forecast(
            sheep=sheep,
            is_real=networks.is_real(sheep.key),
            network=networks.title(sheep.key),
            lines=len(sheep.memory),
            cycle=cycle if options.burst else _spread(sheep, recital, rate, cycle),
            cap=sheep.posts_per_day,
            uncapped=cycle.a_day(),
            posts_a_day=rate,
            price=recital.dollars,
        )
        for sheep, recital, cycle, rate in zip(flock, found, plain, rates, strict=True)
    ]


def _under_the_cap(alone: Sequence[float], uncapped: Sequence[float], options: Options) -> list[float]:
    """Return what each bot posts a day under the flock's cap, of what it would post without it, or without caps.

    In bursts the posts of a day are made by the bots' own intervals: the faster bot makes more of them.
    """
    cap = options.flock_posts_per_day
    if cap is None or options.burst:
        return under_one_cap(uncapped, cap, alone)
    share = fair_share(cap, alone)
    return [min(rate, share) for rate in alone]


def _cycle(sheep: Sheep, recital: _Recital) -> Cycle:
    """Return the cycle of a bot as its own intervals, or its hours, have it."""
    pauses = tuple(each.pause for each in _as_written(sheep).utterances)
    if sheep.hours is None:
        return cycle_of(recital.pieces, sheep.line_interval, sheep.poem_interval, pauses=pauses)
    return _walked(sheep.hours, tuple(recital.pieces), pauses, sheep.line_interval, sheep.poem_interval)


def _as_written(sheep: Sheep) -> Recitation:
    return sheep.paced(STEADFAST(tuple(sheep.memory), 0, 0))


@lru_cache(maxsize=1024)
def _walked(
    hours: Hours, pieces: tuple[int, ...], pauses: tuple[float, ...], line_interval: float, poem_interval: float
) -> Cycle:
    """Return the cycle of a bot with these hours: its first recitation, and how long one takes on average.

    The recitations of some weeks are walked through, up to a number of lines.
    """
    start = due = hours.first(instant(MONDAY, hours.timezone), begins=True, chance=0.5, interval=line_interval)
    times: list[float] = []
    recitations = lines = 0
    while recitations < 1 or (lines < _MOST_LINES and due - start < _WALK):
        for place, (count, pause) in enumerate(zip(pieces, pauses, strict=True)):
            posts = [due + piece * min(PIECE_INTERVAL, line_interval) for piece in range(count)]
            times += [post - start for post in posts if not recitations]
            begins = place + 1 == len(pieces)
            interval = poem_interval if begins else line_interval * pause
            due = hours.after(due, interval, posts[-1], begins=begins, chance=0.5, interval=line_interval)
        recitations, lines = recitations + 1, lines + len(pieces)
    return Cycle(times, (due - start) / recitations)


def _spread(sheep: Sheep, recital: _Recital, rate: float, cycle: Cycle) -> Cycle:
    """Return the cycle of a bot whose lines are spread over the day so that it makes `rate` posts in it."""
    if rate >= cycle.a_day():
        return cycle
    as_written = _as_written(sheep)
    intervals = spread(as_written, sum(recital.pieces), rate, sheep.line_interval, sheep.poem_interval)
    return cycle_of(recital.pieces, *intervals, pauses=[each.pause for each in as_written.utterances])


def _recital(key: Key, lines: Sequence[str], networks: Networks) -> _Recital:
    fits = networks.fits(key)
    pieces = [cut(line, fits) for line in lines]
    posts = [piece for each in pieces for piece in each]
    total = math.fsum(networks.price(key, post) for post in posts)
    return _Recital([len(each) for each in pieces], total / len(posts))
