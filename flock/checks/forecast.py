"""What each bot will post, how often, and what that costs: whole recitations of the poem as it is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from flock.keys import Key
from flock.networks.registry import Networks
from flock.poem import cut
from flock.rates import Cycle, cycle_of, under_one_cap
from flock.sheep.sheep import Sheep

MONTH = 30  # days


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One bot's steady rate. `cap` is its own posts in any 24 hours, or None.

    `uncapped` is how many posts a day its intervals make, and `posts_a_day` what is left of them under its own cap
    and the flock's; both are infinite where there are no intervals. `dollars_a_post` is the mean over one
    recitation. `is_real` is false for practice, which costs nothing.
    """

    sheep: Sheep
    is_real: bool
    lines: int
    cycle: Cycle
    cap: int | None
    uncapped: float
    posts_a_day: float
    dollars_a_post: float

    @property
    def dollars_a_day(self) -> float:
        """What the posts of a day cost, in US dollars."""
        return self.dollars_a_post * self.posts_a_day if self.dollars_a_post else 0.0

    @property
    def dollars_uncapped(self) -> float:
        """What the posts of a day would cost without caps, in US dollars."""
        return self.dollars_a_post * self.uncapped if self.dollars_a_post else 0.0


def forecast(flock: Sequence[Sheep], networks: Networks, flock_cap: int | None) -> list[Forecast]:
    """Return the forecast of each sheep, in order. `flock_cap` is the flock's posts in any 24 hours, or None.

    `networks` tells where the bots post. Nothing is posted, and no server is asked.
    """
    recitals: dict[object, tuple[list[int], float]] = {}
    cycles, dollars = [], []
    for sheep in flock:
        own = sheep.key.credentials
        counted = getattr(own, "content_warning", None), getattr(own, "mentions", None)
        same = (sheep.key.network, counted, tuple(sheep.memory))
        if same not in recitals:
            recitals[same] = _recital(sheep.key, sheep.memory, networks)
        pieces, price = recitals[same]
        cycles.append(cycle_of(pieces, sheep.line_interval, sheep.poem_interval))
        dollars.append(price if networks.is_real(sheep.key) else 0.0)
    caps = [sheep.posts_per_day for sheep in flock]
    alone = [cycle.a_day(cap) for cycle, cap in zip(cycles, caps, strict=True)]
    return [
        Forecast(
            sheep=sheep,
            is_real=networks.is_real(sheep.key),
            lines=len(sheep.memory),
            cycle=cycle,
            cap=cap,
            uncapped=cycle.a_day(),
            posts_a_day=rate,
            dollars_a_post=price,
        )
        for sheep, cycle, cap, rate, price in zip(
            flock, cycles, caps, under_one_cap(alone, flock_cap), dollars, strict=True
        )
    ]


def _recital(key: Key, lines: Sequence[str], networks: Networks) -> tuple[list[int], float]:
    """Return how many posts each line makes, and what a post costs on average."""
    fits = networks.fits(key)
    pieces = [cut(line, fits) for line in lines]
    posts = [piece for each in pieces for piece in each]
    total = math.fsum(networks.price(key, post) for post in posts)
    return [len(each) for each in pieces], total / len(posts)
