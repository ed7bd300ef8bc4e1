"""The accounts of the bots in PostgreSQL: a bot is its account, whatever it is called."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import psycopg

from flock.journal.base import identified
from flock.journal.postgres.connections import Connection

_NOTE = """
    UPDATE sheep SET account = given.account FROM unnest(%s::text[], %s::text[]) AS given(bot, account)
    WHERE sheep.bot = given.bot AND sheep.account IS NULL
        AND NOT EXISTS (SELECT FROM sheep AS other WHERE other.account = given.account)
"""
_KNOWN = "SELECT bot, account FROM sheep WHERE account IS NOT NULL"
_FRESH = 5.0  # seconds; ten thousand bots are identified at a start


class Accounts:
    """Reads the accounts of all bots by one look, which holds for some seconds. `ask` runs a function on a
    connection."""

    def __init__(self, ask: Callable[[Callable[[Connection], dict[str, str]]], dict[str, str]]) -> None:
        self._ask = ask
        self._of: dict[str, str | None] = {}
        self._bots: dict[str, str] = {}
        self._read_at = float("-inf")

    def identify(self, bot: str, account: str | None) -> str:
        """See `Journal.identify`."""
        if account is None:
            return bot
        if time.monotonic() - self._read_at > _FRESH:
            self._read()
        return identified(bot, account, self._of, self._bots)

    def note(self, accounts: Mapping[str, str]) -> list[str]:
        """Note the accounts of these bots, which are claimed. Return the names under which another flock has noted
        some of these accounts."""
        accounts = {bot: account for bot, account in accounts.items() if self._bots.get(account) != bot}
        if not accounts:
            return []
        self._ask(lambda connection: _note(connection, accounts))
        self._read()
        known = {account: self.identify(bot, account) for bot, account in accounts.items()}
        return [known[account] for bot, account in accounts.items() if known[account] != bot]

    def forget(self) -> None:
        """Read the accounts anew at the next question."""
        self._read_at = float("-inf")

    def _read(self) -> None:
        found = self._ask(lambda connection: dict(connection.execute(_KNOWN).fetchall()))
        self._of, self._bots = dict(found), {account: bot for bot, account in found.items()}
        self._read_at = time.monotonic()


def _note(connection: Connection, accounts: Mapping[str, str]) -> dict[str, str]:
    try:
        connection.execute(_NOTE, ([*accounts], [*accounts.values()]))
    except psycopg.errors.UniqueViolation:  # two of these bots, or another flock just now
        for bot, account in accounts.items():
            _note_one(connection, bot, account)
    return {}


def _note_one(connection: Connection, bot: str, account: str) -> None:
    try:
        connection.execute(_NOTE, ([bot], [account]))
    except psycopg.errors.UniqueViolation:  # it is another bot's, as `note` finds
        return


def names(bots: Sequence[str]) -> str:
    """Return some of these bots as a message names them."""
    return ", ".join(bot.partition(":")[2] for bot in bots[:5]) + (", …" if len(bots) > 5 else "")
