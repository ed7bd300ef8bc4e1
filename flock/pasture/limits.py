"""Rate limits: a fixed window for each user, as X has it."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock


@dataclass(frozen=True)
class RateLimit:
    """At most `posts` posting requests of one user in `window_seconds`, whether they are accepted or refused.

    The default allows a post each second, for demonstrations. X allows a ninth of that.
    """

    posts: int = 900
    window_seconds: int = 900


@dataclass(frozen=True)
class Allowance:
    """The state of a user's window after a request. `reset` is in seconds since the epoch."""

    granted: bool
    limit: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """The same in the headers that X sends."""
        return {
            "x-rate-limit-limit": str(self.limit),
            "x-rate-limit-remaining": str(self.remaining),
            "x-rate-limit-reset": str(self.reset),
        }


class RateLimiter:
    """Counts the posting requests of each user. A window opens with the user's first request."""

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._windows: dict[str, tuple[int, int]] = {}  # user id -> (opened at, requests so far)
        self._lock = Lock()

    def take(self, user_id: str, now: float) -> Allowance:
        """Count one request of a user at `now`, in seconds since the epoch."""
        seconds = self._limit.window_seconds
        with self._lock:
            opened, used = self._windows.get(user_id, (int(now), 0))
            if not opened <= now < opened + seconds:
                opened, used = int(now), 0
            granted = used < self._limit.posts
            used += granted
            self._windows[user_id] = opened, used
        return Allowance(granted, self._limit.posts, self._limit.posts - used, opened + seconds)
