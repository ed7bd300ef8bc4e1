"""How many posts a day a bot, or the whole flock, may make: a cap on the bill, kept over restarts."""

from __future__ import annotations

import math
import threading
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence

from flock.clock import Clock
from flock.journal import Journal
from flock.units import DAY, MINUTE

_CATCH_UP = 10 * MINUTE  # seconds; cron comes less often than a turn of a large cap


class Allowance:
    """So many posts in any 24 hours. Times are the clock's steady time, in seconds; safe to share between threads.

    `history` tells when posts were made in the day before, oldest first. The bots of a flock share one: `expect`
    tells what each of them would post by its own intervals, and `share` what each may. As long as they would post
    more than the cap together, each line gets a turn: when there is room for its posts behind those that wait
    already, and a half of 24 h / cap after the line before, so that bots that begin in one moment do not use up
    the day. Unused turns of the last ten minutes may be used together.
    """

    def __init__(self, cap: int, history: Iterable[float] = ()) -> None:
        self.cap = cap
        self._posts = deque(history, maxlen=cap or None)
        self._rates: dict[str, float] = {}
        self._ascending: list[float] = []  # the same rates; to sort them for each change would take long
        self._share: float | None = None  # None: to be computed
        self._next = self._posts[-1] + self._gap if self._posts else -math.inf
        self._turns: dict[str, float] = {}  # of bots that wait for theirs
        self._booked = deque[float](maxlen=cap or None)  # the latest posts, with those of the turns to come
        self._lock = threading.Lock()

    def expect(self, bot: str, posts_a_day: float) -> None:
        """Note how many posts a day `bot` makes by its own intervals, on average."""
        with self._lock:
            if self._rates.get(bot) != posts_a_day:
                self._drop_rate(bot)
                self._rates[bot] = posts_a_day
                insort(self._ascending, posts_a_day)

    def forget(self, bot: str) -> None:
        """Note that `bot` makes no posts for now."""
        with self._lock:
            self._drop_rate(bot)
            self._turns.pop(bot, None)

    def _drop_rate(self, bot: str) -> None:
        self._share = None
        if (rate := self._rates.pop(bot, None)) is not None:
            del self._ascending[bisect_left(self._ascending, rate)]

    @property
    def share(self) -> float:
        """How many posts a day each bot may make, of those that are expected to make more; infinite if all may.

        What a bot of a slow rhythm leaves is shared out among the others.
        """
        with self._lock:
            return self._fair_share()

    def take(self, now: float, bot: str = "", *, posts: int = 1, begins: bool = True) -> float | None:
        """Use one post and return None; or use none, and return when there will be one again.

        With `begins` it is the first post of a line, which waits for its turn, and until all of its `posts` may be
        made: a line that was begun is not held up, unless it is longer than the cap.
        """
        if not self.cap:
            return now + DAY
        with self._lock:
            posts = min(posts, self.cap) if begins else 1
            turn = self._turn(bot, now, posts) if begins else now
            ready = max(turn, self._free_at(self._posts, posts))
            if ready > now:
                return ready
            self._turns.pop(bot, None)
            self._posts.append(now)
            return None

    def bring_forward(self, bot: str, now: float) -> None:
        """Give the bot its turn now, as its operator asks for; the posts of the day are what they are."""
        with self._lock:
            self._turns[bot] = now

    def give_back(self, taken: float, bot: str = "") -> None:
        """Undo the `take` at `taken`, of a post that was not made after all. The bot's turn stays its own."""
        with self._lock:
            for back, made in enumerate(reversed(self._posts), 1):  # it is among the latest
                if made == taken:
                    del self._posts[-back]
                    self._turns[bot] = taken
                    return
                if made < taken - MINUTE:  # threads take them nearly in order
                    return

    def count_again(self, counted: float, now: float) -> None:
        """Count a post from `now` on, and not from about `counted` on any more."""
        if not self.cap:
            return
        with self._lock:
            nearest = min(self._posts, key=lambda made: abs(made - counted), default=math.inf)
            if abs(nearest - counted) < MINUTE:
                self._posts.remove(nearest)
            self._posts.append(now)

    @property
    def _gap(self) -> float:
        return DAY / self.cap / 2

    def _free_at(self, made: Sequence[float], posts: int) -> float:
        """Return from when on so many posts may be made, so far as those before them, `made`, tell."""
        before = len(made) - (self.cap - posts)  # so many of them have to be a day old
        return made[before - 1] + DAY if before > 0 else -math.inf

    def _turn(self, bot: str, now: float, posts: int) -> float:
        """Return when the bot's turn is: the one that it waits for, or the next one that is free."""
        if self._fair_share() == math.inf:
            self._turns.clear()
            self._booked.clear()
            return now
        if bot not in self._turns:
            if not self._booked:
                self._booked.extend(self._posts)
            earliest = now - max(0.0, _CATCH_UP - self._gap) if self._posts else now
            turn = max(earliest, self._next, self._free_at(self._booked, posts))
            self._booked.extend([turn] * posts)
            self._turns[bot] = turn
            self._next = turn + self._gap
        return self._turns[bot]

    def _fair_share(self) -> float:
        if self._share is None:
            self._share = fair_share(self.cap, self._ascending)
        return self._share


def fair_share(cap: float, rates: Iterable[float]) -> float:
    """Return the largest share for which all bots together stay within `cap`, where each takes its rate or, if
    that is less, the share; infinite if they stay within it anyway."""
    left = float(cap)
    ascending = sorted(rates)
    for bots, rate in zip(range(len(ascending), 0, -1), ascending, strict=True):
        if rate * bots > left:
            return left / bots
        left -= rate
    return math.inf


def allowance(cap: int | None, clock: Clock, journal: Journal, bot: str | None = None) -> Allowance | None:
    """Return the posts a day of `bot`, or of the whole flock, less those that the journal knows of; None for no
    cap.

    Posts dated in the future, since the clock was wrong, count as made now.
    """
    if cap is None:
        return None
    wall = clock.wall()
    offset = clock.now() - wall
    return Allowance(cap, [time + offset for time in journal.latest_posts(cap, bot, now=wall)])
