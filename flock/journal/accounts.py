"""The accounts of the bots in the SQLite journal: a bot is its account, whatever it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flock.journal.base import numbered
from flock.journal.groups import Statement

_NOTE = "UPDATE OR IGNORE sheep SET account = ? WHERE bot = ? AND account IS NULL"
_KNOWN = "SELECT bot FROM sheep WHERE account = ?"
_IS_ANOTHERS = "SELECT 1 FROM sheep WHERE bot = ? AND account IS NOT NULL"


class Accounts:
    """Asks with `fetch`, and notes with `write`, which take what `SqliteJournal` gives them."""

    def __init__(
        self, fetch: Callable[[str, Sequence[object]], list[Any]], write: Callable[[Sequence[Statement]], None]
    ) -> None:
        self._fetch = fetch
        self._write = write
        self._noted: dict[str, str] = {}  # the bots of accounts that this journal has claimed

    def identify(self, bot: str, account: str | None) -> str:
        """See `Journal.identify`."""
        if account is None:
            return bot
        if account in self._noted:
            return self._noted[account]
        for (known,) in self._fetch(_KNOWN, (account,)):
            return str(known)
        return numbered(bot, account) if self._fetch(_IS_ANOTHERS, (bot,)) else bot

    def note(self, accounts: Mapping[str, str]) -> list[str]:
        """Note the accounts of these bots, which are claimed. Return the names under which another flock has just
        noted some of these accounts."""
        accounts = {bot: account for bot, account in accounts.items() if account not in self._noted}
        if not accounts:
            return []
        self._write([(_NOTE, (account, bot)) for bot, account in accounts.items()])
        known = {account: self.identify(bot, account) for bot, account in accounts.items()}
        others = [known[account] for bot, account in accounts.items() if known[account] != bot]
        if not others:
            self._noted |= known
        return others

    def forget(self, bots: Sequence[str]) -> None:
        """Forget which accounts these bots have; another flock may run them now."""
        gone = set(bots)
        self._noted = {account: bot for account, bot in self._noted.items() if bot not in gone}
