"""What each bot will post, how often, and what that costs: whole recitations of the poem as it is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from flock.keys import Key
from flock.networks.registry import Networks
from flock.options import Options
from flock.poem import cut
from flock.rates import Cycle, cycle_of, under_one_cap
from flock.sheep.allowance import fair_share
from flock.sheep.pace import spread
from flock.sheep.sheep import STEADFAST, Sheep

MONTH = 30  # days


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
    plain = [
        cycle_of(recital.pieces, sheep.line_interval, sheep.poem_interval)
        for sheep, recital in zip(flock, found, strict=True)
    ]
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


def _spread(sheep: Sheep, recital: _Recital, rate: float, cycle: Cycle) -> Cycle:
    """Return the cycle of a bot whose lines are spread over the day so that it makes `rate` posts in it."""
    if rate >= cycle.a_day():
        return cycle
    as_written = STEADFAST(tuple(sheep.memory), 0, 0)
    intervals = spread(as_written, sum(recital.pieces), rate, sheep.line_interval, sheep.poem_interval)
    return cycle_of(recital.pieces, *intervals)


def _recital(key: Key, lines: Sequence[str], networks: Networks) -> _Recital:
    fits = networks.fits(key)
    pieces = [cut(line, fits) for line in lines]
    posts = [piece for each in pieces for piece in each]
    total = math.fsum(networks.price(key, post) for post in posts)
    return _Recital([len(each) for each in pieces], total / len(posts))
