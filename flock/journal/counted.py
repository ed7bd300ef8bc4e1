"""Which posts a cap may count: these are not pruned, whatever their dates."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable


class Counted:
    """Knows how many of each bot's latest posts a cap of the bot, or of the whole flock, may count.

    It goes by the order of the posts, not by their dates: the clock may have been wrong. A row is that of a bot.
    Safe to share between threads.
    """

    def __init__(self) -> None:
        self._caps: dict[str, int] = {}
        self._latest: deque[int] = deque(maxlen=0)  # the rows of the flock's latest posts
        self._shares: Counter[int] = Counter()
        self._guard = threading.Lock()

    def ask(self, cap: int, bot: str) -> None:
        """Note a cap of one bot."""
        with self._guard:
            self._caps[bot] = max(cap, self._caps.get(bot, 0))

    def ask_of_all(self, cap: int, latest: Iterable[int]) -> None:
        """Note a cap of the whole flock, and the rows of its latest posts, earliest first."""
        with self._guard:
            if cap > (self._latest.maxlen or 0):
                self._latest = deque(latest, maxlen=cap)
                self._shares = Counter(self._latest)

    def add(self, row: int) -> None:
        """Note one more post."""
        with self._guard:
            if not self._latest.maxlen:
                return
            if len(self._latest) == self._latest.maxlen:
                self._shares[self._latest[0]] -= 1
            self._latest.append(row)
            self._shares[row] += 1

    def of(self, bot: str, row: int) -> int:
        """Return how many of this bot's latest posts are counted; 0 without a cap."""
        with self._guard:
            return max(self._caps.get(bot, 0), self._shares[row])
