"""The posts of the practice server's Mastodon, in SQLite: in a file or in memory."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from threading import Lock

from flock.pasture.store import among


@dataclass(frozen=True)
class Status:
    """One post. `created_at` is in seconds since the epoch, `key` the Idempotency-Key that it was made with."""

    id: str
    account_id: str
    text: str
    spoiler_text: str
    visibility: str
    language: str | None
    in_reply_to_id: str | None
    created_at: float
    key: str
    is_deleted: bool = False


_COLUMNS = ", ".join(each.name for each in fields(Status))
_MARKS = ", ".join("?" for _ in fields(Status))
_TABLE = f"""
    CREATE TABLE IF NOT EXISTS statuses ({_COLUMNS}, number INTEGER PRIMARY KEY);
    CREATE INDEX IF NOT EXISTS statuses_of_account ON statuses (account_id, number);
    CREATE INDEX IF NOT EXISTS statuses_by_key ON statuses (account_id, key);
"""


class Statuses:
    """All threads share one connection under a lock. Ids are decimal numbers that grow."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = Lock()
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._db.close).atexit = False  # for an application that is thrown away
        self._db.executescript(_TABLE)
        self._latest = self._db.execute("SELECT coalesce(max(number), 0) FROM statuses").fetchone()[0]

    def next_id(self, now: float) -> str:
        """Return an id that is larger than any before."""
        with self._lock:
            self._latest = max(self._latest + 1, int(now * 1000) << 16)
            return str(self._latest)

    def add(self, status: Status) -> None:
        """Store a post."""
        with self._lock:
            row = (*astuple(status), int(status.id))
            self._db.execute(f"INSERT INTO statuses VALUES ({_MARKS}, ?)", row)  # noqa: S608 - our own constant

    def get(self, status_id: str) -> Status | None:
        """Return the post with that id, unless it was deleted."""
        found = self._select("WHERE id = ? AND NOT is_deleted", status_id)
        return found[0] if found else None

    def with_key(self, account_id: str, key: str, since: float) -> Status | None:
        """Return the first post that an account made with that key since then, also if it was deleted."""
        found = self._select(
            "WHERE account_id = ? AND key = ? AND created_at >= ? ORDER BY number LIMIT 1", account_id, key, since
        )
        return found[0] if found else None

    def of(self, account_id: str, *, limit: int, after: int = 0, before: int = 0) -> list[Status]:
        """Return the latest posts of an account between two ids, latest first; -1 is no limit, 0 no bound."""
        return self._select(
            "WHERE account_id = ? AND number > ? AND (? = 0 OR number < ?) AND NOT is_deleted"
            " ORDER BY number DESC LIMIT ?",
            *(account_id, after, before, before, limit),
        )

    def newest(self, count: int, accounts: Sequence[str] | None = None) -> list[Status]:
        """Return the latest `count` posts of all accounts, or of those with these ids, latest first."""
        if accounts is None:
            return self._select("WHERE NOT is_deleted ORDER BY number DESC LIMIT ?", count)
        where, ids = among("account_id", accounts)
        return self._select(f"WHERE NOT is_deleted AND {where} ORDER BY number DESC LIMIT ?", ids, count)

    def count(self, account_id: str) -> int:
        """Return how many posts an account has."""
        return len(self.of(account_id, limit=-1))

    def delete(self, status_id: str) -> None:
        """Delete a post; its key is still known."""
        with self._lock:
            self._db.execute("UPDATE statuses SET is_deleted = 1 WHERE id = ?", (status_id,))

    def close(self) -> None:
        """Close the connection. Posts in memory are lost."""
        with self._lock:
            self._db.close()

    def _select(self, tail: str, *values: str | int | float) -> list[Status]:
        with self._lock:
            rows = self._db.execute(f"SELECT {_COLUMNS} FROM statuses {tail}", values)  # noqa: S608 - our own
            return [Status(*row) for row in rows]
