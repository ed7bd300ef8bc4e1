"""A journal that forgets everything at the end: for dry runs, rehearsals and tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flock.journal.base import Outcome, Record, Settlement


class MemoryJournal:
    """A journal for flocks whose doings nobody needs to remember."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._posted: dict[str, list[float]] = {}

    def claim(self, bots: Sequence[str]) -> None:
        del bots

    def read(self, bot: str) -> Record | None:
        return self._records.get(bot)

    def intend(self, record: Record, text: str, at: float) -> None:
        del text, at
        self._records[record.bot] = replace(record, unsure=True)

    def settle(self, settlement: Settlement, record: Record) -> None:
        if settlement.outcome in (Outcome.SAID, Outcome.UNKNOWN):
            self._posted.setdefault(record.bot, []).append(settlement.at)
        self._records[record.bot] = replace(record, unsure=False)

    def keep(self, record: Record) -> None:
        before = self._records.get(record.bot, record)
        self._records[record.bot] = replace(record, unsure=before.unsure)

    def latest_posts(self, count: int, bot: str | None = None) -> list[float]:
        posts = self._posted if bot is None else {bot: self._posted.get(bot, [])}
        times = sorted(time for times in posts.values() for time in times)
        return times[-count:] if count else []

    def close(self) -> None:
        self._records.clear()
