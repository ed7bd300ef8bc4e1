"""How many posts a day a bot, or the whole flock, may make: a cap on the bill, kept over restarts."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence

from flock.units import DAY


class Allowance:
    """So many posts in any 24 hours. Times are the clock's steady time, in seconds; safe to share.

    `cap` None allows everything. `history` tells when posts were made in the day before, oldest first.
    """

    def __init__(self, cap: int | None, history: Iterable[float] = ()) -> None:
        self._cap = cap
        self._posts = deque(history, maxlen=cap) if cap else None
        self._lock = threading.Lock()

    def take(self, now: float) -> float | None:
        """Use one post and return None; or use none, and return when there will be one again."""
        if self._posts is None:
            return None if self._cap is None else now + DAY
        with self._lock:
            if len(self._posts) == self._cap and self._posts[0] > now - DAY:
                return self._posts[0] + DAY
            self._posts.append(now)
            return None

    def give_back(self) -> None:
        """Undo a `take` of a post that was not made after all."""
        if self._posts:
            with self._lock:
                self._posts.pop()


UNLIMITED = Allowance(None)  # one for all who have no cap


def take_from_all(allowances: Sequence[Allowance], now: float) -> float | None:
    """Use one post of each and return None; or of none, and return when the first that has none has one again."""
    for taken, allowance in enumerate(allowances):
        again = allowance.take(now)
        if again is not None:
            for before in allowances[:taken]:
                before.give_back()
            return again
    return None
