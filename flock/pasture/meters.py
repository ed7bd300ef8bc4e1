"""The limits of Bluesky's server: how much each name may use up in a window of time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from threading import Lock


@dataclass(frozen=True, slots=True)
class Windows:
    """The limits of the server, each as (how much, seconds): the real ones, if nothing else is said.

    `sign_ins` counts the requests for one name, `points` what an account writes, and `requests` all requests of
    one address; that last one is off, since a practising flock has one address.
    """

    sign_ins: tuple[tuple[int, int], ...] = ((30, 300), (300, 86_400))
    points: tuple[tuple[int, int], ...] = ((5_000, 3_600), (35_000, 86_400))
    requests: tuple[tuple[int, int], ...] = ()


REAL_WINDOWS = Windows()


class Meter:
    """Counts what each name uses up in windows that begin on the clock."""

    def __init__(self, windows: tuple[tuple[int, int], ...]) -> None:
        self._windows = windows
        self._used: dict[tuple[str, int], tuple[int, int]] = {}  # (name, seconds) -> (window's number, used)
        self._lock = Lock()

    def take(self, name: str, cost: int, now: float) -> dict[str, str] | None:
        """Count `cost`; return None, or the headers of the answer that refuses it."""
        refused = None
        with self._lock:
            for limit, seconds in self._windows:
                number, used = self._used.get((name, seconds), (0, 0))
                current = int(now // seconds)
                used = (used if number == current else 0) + cost
                self._used[name, seconds] = current, used
                if used > limit:
                    reset = (current + 1) * seconds
                    refused = {
                        "RateLimit-Limit": str(limit),
                        "RateLimit-Remaining": "0",
                        "RateLimit-Reset": str(reset),
                        "RateLimit-Policy": f"{limit};w={seconds}",
                        "Retry-After": str(math.ceil(reset - now)),
                    }
        return refused
