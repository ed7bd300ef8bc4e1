"""How fast one bot may post: its caps, and the intervals that spread its posts over the day."""

from __future__ import annotations

import math
from collections.abc import Callable

from flock.sheep.allowance import Allowance
from flock.temperament import Recitation
from flock.units import DAY

Intervals = tuple[float, float]  # seconds between two lines, and after the last one


class Pace:
    """The pace of `bot`: by its own cap and the flock's, each None where there is none.

    With `bursts`, its lines follow each other by its own intervals until the posts of a day are made. Else they
    are spread: see `spread`. `count` returns how many posts a text makes. `day` is the share of a day in which the
    bot speaks, from 0 to 1: its posts are spread over that.
    """

    __slots__ = (
        *("_bot", "_bursts", "_count", "_day", "_flock", "_has_left", "_measured", "_own"),
        *("is_capped", "is_spread"),
    )

    def __init__(
        self,
        bot: str,
        own: Allowance | None,
        flock: Allowance | None,
        *,
        bursts: bool,
        count: Callable[[str], int],
        day: float = 1.0,
    ) -> None:
        self._bot = bot
        self._day = day
        self._own = own
        self._flock = flock
        self._bursts = bursts or not (own or flock)
        self.is_capped = own is not None or flock is not None  # else nothing holds the bot back
        self.is_spread = not self._bursts  # whether the posts are spread over the day
        self._count = count
        self._has_left = False
        self._measured: tuple[Recitation, int] | None = None  # the latest, and its posts

    @property
    def is_shared(self) -> bool:
        """Whether the bot shares a cap with others, so that its intervals depend on theirs."""
        return self.is_spread and self._flock is not None

    @property
    def why(self) -> str:
        """The cap that holds the bot back, in words."""
        own, flock = self._own, self._flock
        if own is not None and (flock is None or own.cap <= flock.share):
            return f"its {_posts_a_day_are(own.cap)} spread over the day"
        return f"the flock's {_posts_a_day_are(flock.cap if flock else 0)} spread over the day and its bots"

    def expect(self, recitation: Recitation, line_interval: float, poem_interval: float) -> None:
        """Tell the flock's allowance what the bot would post by its own intervals, in seconds."""
        self._has_left = False
        if self._flock is None or self._bursts:
            return
        seconds = line_interval * pauses_of(recitation) + poem_interval * recitation.rest
        rate = self._posts_of(recitation) * DAY * self._day / seconds if seconds else math.inf
        self._flock.expect(self._bot, rate if self._own is None else min(self._own.cap, rate))

    def leave(self) -> None:
        """Leave the bot's share of the flock's posts to the others, until `expect` is called again."""
        self._has_left = True
        if self._flock is not None:
            self._flock.forget(self._bot)

    def intervals(self, recitation: Recitation, line_interval: float, poem_interval: float) -> Intervals:
        """Return the intervals of a recitation: the bot's own, in seconds, or those that its caps ask for."""
        if self._bursts:
            return line_interval, poem_interval
        if not self._has_left:
            self.expect(recitation, line_interval, poem_interval)
        own = math.inf if self._own is None else self._own.cap
        shared = math.inf if self._flock is None else self._flock.share
        cap = min(own, shared) / self._day
        return spread(recitation, self._posts_of(recitation), cap, line_interval, poem_interval)

    def longest_share(self, recitation: Recitation, *, bots: int) -> float:
        """Return the longest time from one line to the next, in seconds, where so many bots share the flock's cap;
        a day at least."""
        cap = self._flock.cap if self._flock is not None else 0
        return max(DAY, bots * self._posts_of(recitation) / len(recitation.utterances) * DAY / cap) if cap else DAY

    def longest_intervals(
        self, recitation: Recitation, line_interval: float, poem_interval: float, *, bots: int
    ) -> Intervals:
        """Return `intervals` as they are at the longest, where so many bots share the flock's cap."""
        own = math.inf if self._own is None else self._own.cap
        shared = self._flock.cap / max(1, bots) if self._flock is not None else math.inf
        cap = min(own, shared) / self._day
        return spread(recitation, self._posts_of(recitation), cap, line_interval, poem_interval)

    def _posts_of(self, recitation: Recitation) -> int:
        if self._measured is None or self._measured[0] is not recitation:
            self._measured = recitation, sum(self._count(each.text) for each in recitation.utterances)
        return self._measured[1]

    def take(self, now: float, *, posts: int, begins: bool) -> float | None:
        """Take one post from each allowance, or from none; see `Allowance.take`."""
        if self._own and (again := self._own.take(now, posts=posts, begins=begins)) is not None:
            return again
        if self._flock and (again := self._flock.take(now, self._bot, posts=posts, begins=begins)) is not None:
            if self._own:
                self._own.give_back(now)
            return again
        return None

    def bring_forward(self, now: float) -> None:
        """Let the bot's next line wait for no other bot's; see `Allowance.bring_forward`."""
        if self._flock is not None and not self._bursts:
            self._flock.bring_forward(self._bot, now)

    def give_back(self, taken: float) -> None:
        """Undo the `take` at `taken`."""
        if self._own:
            self._own.give_back(taken)
        if self._flock:
            self._flock.give_back(taken, self._bot)

    def count_again(self, counted: float, now: float) -> None:
        """Count the post that was counted at `counted` from `now` on: it was sent once more."""
        for each in (self._own, self._flock):
            if each is not None:
                each.count_again(counted, now)


def spread(
    recitation: Recitation, posts: int, cap: float, line_interval: float, poem_interval: float
) -> Intervals:
    """Return the intervals at which a recitation of so many posts keeps to `cap` posts a day, on average.

    A recitation that keeps to it by the bot's own intervals is left alone. Else its lines come so much later that
    it takes, with the rest behind it, 24 h / cap for each post; a rest that is shorter than the time of one line
    is as long. No day of a recitation that has more posts than the cap has more than its cap, however long the
    rest behind it is.
    """
    if not 0 < cap < math.inf:
        return line_interval, poem_interval
    needed, rest, pauses = posts * DAY / cap, poem_interval * recitation.rest, pauses_of(recitation)
    if posts <= cap and line_interval * pauses + rest >= needed:
        return line_interval, poem_interval
    one_line = needed / len(recitation.utterances)
    rest = max(rest, one_line)
    if pauses:
        line_interval = max(line_interval, (needed - (rest if posts <= cap else one_line)) / pauses)
    return line_interval, rest / recitation.rest if recitation.rest else poem_interval


def _posts_a_day_are(cap: int) -> str:
    return "1 post a day is" if cap == 1 else f"{cap:,} posts a day are"


def pauses_of(recitation: Recitation) -> float:
    """Return how many line intervals a recitation takes, up to its last line."""
    return sum(utterance.pause for utterance in recitation.utterances[:-1])
