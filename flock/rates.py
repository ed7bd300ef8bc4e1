"""How often a bot posts: the arithmetic of a recitation that is repeated for ever. Times are in seconds; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flock.units import DAY

PIECE_INTERVAL = 3.0  # seconds between the posts of one line: readers get it as a whole, and not as a burst
_ROUNDING = 1e-6  # seconds, of sums of intervals


@dataclass(frozen=True, slots=True)
class Cycle:
    """One recitation and the rest after it: when each post is made, in seconds from the first one, and how many
    seconds pass until the next recitation begins. What a post takes on the network is not counted."""

    times: Sequence[float]
    seconds: float

    @property
    def posts(self) -> int:
        """How many posts one recitation makes."""
        return len(self.times)

    @property
    def speech(self) -> float:
        """How many seconds pass from the first post to the last one."""
        return self.times[-1]

    def a_day(self, cap: float | None = None) -> float:
        """Return how many posts are made in 24 hours: `posts_a_day` of this cycle."""
        return posts_a_day(self.posts, self.seconds, cap)

    def most_within(self, window: float) -> float:
        """Return the highest number of posts that fall within any `window` seconds.

        Infinite where a cycle takes no time.
        """
        if not self.seconds:
            return math.inf
        whole, rest = divmod(window, self.seconds)
        return whole * self.posts + self._most_within_less_than_a_cycle(rest)

    def _most_within_less_than_a_cycle(self, window: float) -> int:
        if not window:
            return 0
        twice = [*self.times, *(time + self.seconds for time in self.times)]
        most = end = 0
        for start in range(self.posts):
            while end < len(twice) and twice[end] < twice[start] + window - _ROUNDING:
                end += 1
            most = max(most, end - start)
        return most


def cycle_of(
    pieces: Iterable[int],
    line_interval: float,
    poem_interval: float,
    *,
    pauses: Iterable[float] | None = None,
    rest: float = 1.0,
) -> Cycle:
    """Return the cycle of a recitation whose lines make so many posts each: `pieces`, at least one line.

    `pauses` are factors of the interval after each line, and `rest` one of the poem interval, as a temperament
    stretches them; the pause after the last line is the rest.
    """
    counts = [*pieces]
    factors = [1.0] * len(counts) if pauses is None else [*pauses]
    times: list[float] = []
    now = 0.0
    for count, factor in zip(counts, factors, strict=True):
        times += (now + piece * min(PIECE_INTERVAL, line_interval) for piece in range(count))
        now = times[-1] + line_interval * factor
    return Cycle(times, times[-1] + poem_interval * rest)


def posts_a_day(posts: float, seconds: float, cap: float | None = None) -> float:
    """Return how many posts are made in 24 hours where `posts` are made in each `seconds`, at most `cap`.

    Infinite where `seconds` is 0 and there is no cap: then the network's answers set the pace.
    """
    steady = posts * DAY / seconds if seconds else math.inf if posts else 0.0
    return steady if cap is None else min(steady, cap)


def under_one_cap(rates: Sequence[float], cap: float | None, most: Sequence[float] | None = None) -> list[float]:
    """Return the rates of bots that share a cap: in proportion, where they are more than it together.

    `most` are the most that each bot makes, by a cap of its own; what it leaves is for the others. Bots with an
    infinite rate share the cap among them, since they leave nothing to those with a finite one.
    """
    found = [*(rates if most is None else most)]
    if cap is None or math.fsum(found) <= cap:
        return found
    left, sharing = float(cap), set(range(len(found)))
    while sharing:
        endless = any(math.isinf(rates[bot]) for bot in sharing)
        weights = {bot: float(math.isinf(rates[bot])) if endless else rates[bot] for bot in sharing}
        total = math.fsum(weights.values())
        shares = {bot: left * weight / total for bot, weight in weights.items()} if total else weights
        full = {bot for bot, share in shares.items() if share > found[bot]}
        if not full:
            for bot, share in shares.items():
                found[bot] = share
            break
        left -= math.fsum(found[bot] for bot in full)
        sharing -= full
    return found
