"""A journal that forgets everything at the end: for dry runs, rehearsals and tests."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from flock.journal.base import Outcome, Record, Settlement
from flock.units import DAY


class MemoryJournal:
    """A journal for flocks whose doings nobody needs to remember."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._posted: dict[str, deque[float]] = {}  # of the last day
        self._open: dict[str, float] = {}

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
        bots = self._records if bot is None else [bot]
        times = sorted(time for each in bots for time in self._times(each))
        return times[-count:] if count else []

    def _times(self, bot: str) -> list[float]:
        intended = [self._open[bot]] if bot in self._open else []
        return [*self._posted.get(bot, ()), *intended]

    def close(self) -> None:
        self._records.clear()
