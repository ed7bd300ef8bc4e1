"""How many posts each bot has made within the last hour."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from flock.logbook import Entry
from flock.units import HOUR, MINUTE


class Lately:
    """Counts posts by the minute: a thousand posts a second take as much memory as one."""

    def __init__(self) -> None:
        self._minutes: defaultdict[float, Counter[str]] = defaultdict(Counter)  # by the time at which each begins

    def add(self, entries: Iterable[Entry]) -> None:
        """Count these posts. What was skipped is none."""
        for entry in entries:
            if entry.post.outcome != "skipped":
                self._minutes[entry.post.at // MINUTE * MINUTE][entry.bot] += 1

    def counts(self, now: float) -> Counter[str]:
        """Return how many posts each bot has made in the hour before the wall-clock time `now`, to the minute."""
        for minute in [each for each in self._minutes if not now - HOUR <= each <= now + HOUR]:
            del self._minutes[minute]  # it is over, or the clock was set back
        found: Counter[str] = Counter()
        for counts in self._minutes.values():
            found.update(counts)
        return found
