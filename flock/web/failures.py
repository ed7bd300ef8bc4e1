"""How each service fares, and which posts of the last hour did not come out."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from flock.checks.costs import place_of
from flock.journal import Outcome
from flock.logbook import Entry
from flock.networks.registry import Networks
from flock.overview import State, overdue
from flock.units import HOUR, MINUTE
from flock.web.lookout import Seen

TROUBLED = (State.BACKING_OFF, State.WAITING, State.PENNED, State.QUIET)
_MAY_POST = frozenset({State.AWAKE, State.QUIET, State.BACKING_OFF})


class Failures:
    """Counts the posts of the last hour that were skipped, or may have been lost, by the minute."""

    def __init__(self) -> None:
        self._minutes: defaultdict[float, Counter[str]] = defaultdict(Counter)  # by the time at which each begins
        self._lock = threading.Lock()

    def add(self, entries: Iterable[Entry]) -> None:
        """Count those of these posts."""
        with self._lock:
            for entry in entries:
                if entry.post.outcome is not Outcome.SAID:
                    self._minutes[entry.post.at // MINUTE * MINUTE][entry.bot] += 1

    def counts(self, now: float) -> Counter[str]:
        """Return how many there were of each bot, by its name, in the hour before the wall-clock time `now`."""
        with self._lock:
            for minute in [each for each in self._minutes if not now - HOUR <= each <= now + HOUR]:
                del self._minutes[minute]
            return sum(self._minutes.values(), Counter())


class ServiceRow(NamedTuple):
    """How one service fares. `late` is the longest delay in seconds; `troubles` counts bots by their state."""

    place: str
    bots: int
    hour: int
    late: float
    troubles: Mapping[str, int]
    failed: int


def late(seen: Seen, now: float) -> float:
    """Return for how many seconds the bot's line has been due, if it may be posted; 0 otherwise."""
    if seen.bot.pid is None or seen.bot.state not in _MAY_POST:
        return 0.0
    return max(0.0, overdue(seen.record, now))


def services(
    bots: Sequence[Seen], networks: Networks, hour: Mapping[str, int], failed: Mapping[str, int], now: float
) -> list[ServiceRow]:
    """Return a row for each service that bots post to. `hour` and `failed` count the posts of each bot."""
    groups: defaultdict[str, list[Seen]] = defaultdict(list)
    for seen in bots:
        groups[place_of(seen.member.key, networks)].append(seen)
    return [
        ServiceRow(
            place=place,
            bots=len(group),
            hour=sum(hour.get(seen.bot.name, 0) for seen in group),
            late=max(late(seen, now) for seen in group),
            troubles={
                state.value: count
                for state in TROUBLED
                if (count := sum(seen.bot.state is state for seen in group))
            },
            failed=sum(failed.get(seen.bot.name, 0) for seen in group),
        )
        for place, group in sorted(groups.items(), key=lambda each: each[0].casefold())
    ]
