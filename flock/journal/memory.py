"""A journal in memory, for dry runs, rehearsals and tests. Nothing of it is left when the process ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from flock.budget import DAY
from flock.journal.base import Outcome, Record, Settlement


class MemoryJournal:
    """A journal in memory. It belongs to one flock, so that claims cannot conflict."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._posted: dict[str, deque[float]] = {}  # the times of the last day, in the order of the posts
        self._open: dict[str, float] = {}  # when each open intent was noted

    def claim(self, bots: Sequence[str]) -> None:
        del bots

    def read(self, bot: str) -> Record | None:
        record = self._records.get(bot)
        return record._replace(unsure=bot in self._open) if record else None

    def intend(self, record: Record, text: str, at: float) -> None:
        del text
        self._open[record.bot] = at
        self._records[record.bot] = record

    def settle(self, settlement: Settlement, record: Record) -> None:
        self._open.pop(record.bot, None)
        if settlement.outcome in (Outcome.SAID, Outcome.UNKNOWN):
            posted = self._posted.setdefault(record.bot, deque())
            posted.append(settlement.at)
            while posted[0] < settlement.at - DAY:
                posted.popleft()
        self._records[record.bot] = record

    def keep(self, record: Record) -> None:
        self._records[record.bot] = record

    def latest_posts(self, count: int, bot: str | None = None) -> list[float]:
        if not count:
            return []
        if bot is not None:
            return sorted(self._times(bot)[-count:])
        return sorted(time for each in self._records for time in self._times(each))[-count:]

    def _times(self, bot: str) -> list[float]:
        intended = [self._open[bot]] if bot in self._open else []
        return [*self._posted.get(bot, ()), *intended]

    def close(self) -> None:
        self._records.clear()
        self._posted.clear()
        self._open.clear()
