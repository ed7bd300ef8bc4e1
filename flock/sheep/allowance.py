"""How many posts a day a bot, or the whole flock, may make: a cap on the bill, kept over restarts."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence

from flock.clock import Clock
from flock.journal import Journal
from flock.units import DAY


class Allowance:
    """So many posts in any 24 hours. Times are the clock's steady time, in seconds; safe to share between threads.

    `history` tells when posts were made in the day before, oldest first.
    """

    def __init__(self, cap: int, history: Iterable[float] = ()) -> None:
        self._cap = cap
        self._posts = deque(history, maxlen=cap or None)
        self._lock = threading.Lock()

    def take(self, now: float) -> float | None:
        """Use one post and return None; or use none, and return when there will be one again."""
        if not self._cap:
            return now + DAY
        with self._lock:
            if len(self._posts) == self._cap and self._posts[0] > now - DAY:
                return self._posts[0] + DAY
            self._posts.append(now)
            return None

    def give_back(self, taken: float) -> None:
        """Undo the `take` at `taken`, of a post that was not made after all."""
        with self._lock:
            if taken in self._posts:
                self._posts.remove(taken)


def allowance(cap: int | None, clock: Clock, journal: Journal, bot: str | None = None) -> Allowance | None:
    """Return the posts a day of `bot`, or of the whole flock, less those that the journal knows of; None for no
    cap.

    Posts dated in the future, since the clock was wrong, count as made now.
    """
    if cap is None:
        return None
    now = clock.now()
    offset = now - clock.wall()
    return Allowance(cap, [min(time + offset, now) for time in journal.latest_posts(cap, bot)])


def take_from_all(allowances: Sequence[Allowance], now: float) -> float | None:
    """Take one post from every allowance, or from none.

    Return None, or the time at which the exhausted allowance frees up.
    """
    for taken, each in enumerate(allowances):
        again = each.take(now)
        if again is not None:
            for before in allowances[:taken]:
                before.give_back(now)
            return again
    return None
