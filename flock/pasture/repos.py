"""The records of accounts as Bluesky's server keeps them, in SQLite: in a file or in memory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import EllipsisType
from typing import Any

from flock.errors import BadOption
from flock.journal.transaction import transaction
from flock.pasture.lexicon import cid
from flock.pasture.store import among


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `cid` is its hash."""

    did: str
    collection: str
    rkey: str
    cid: str
    value: dict[str, Any]

    @property
    def uri(self) -> str:
        """The address of the record."""
        return f"at://{self.did}/{self.collection}/{self.rkey}"


class Swapped(Exception):
    """Raised when another record is there than was expected; its text says which."""


class Repos:
    """The records. All threads share one connection under a lock. It must be closed.

    Raises BadOption if the file cannot be used.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lock = Lock()
        try:
            self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS records (did TEXT, collection TEXT, rkey TEXT, cid TEXT NOT NULL,"
                " value TEXT NOT NULL, PRIMARY KEY (did, collection, rkey)) WITHOUT ROWID"
            )
        except sqlite3.Error as error:
            raise BadOption(f"the pasture cannot keep its records in {path}: {error}") from error

    def put(
        self, did: str, collection: str, rkey: str, value: dict[str, Any], *, swap: str | EllipsisType | None = ...
    ) -> tuple[Record, bool]:
        """Store a record, and return it and whether anything changed.

        `swap` is the hash of the record that must be there before, or None where none may be; without it whatever
        is there is overwritten. The same record again changes nothing, whatever `swap` says. Raises Swapped.
        """
        record = Record(did, collection, rkey, cid(value), value)
        with self._transaction() as db:
            there = self._find(did, collection, rkey)
            if there and there.cid == record.cid:
                return there, False
            if not isinstance(swap, EllipsisType) and swap != (there.cid if there else None):
                raise Swapped(f"Record was at {there.cid if there else 'null'}")
            db.execute(
                "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)",
                (did, collection, rkey, record.cid, json.dumps(value)),
            )
        return record, True

    def get(self, did: str, collection: str, rkey: str) -> Record | None:
        """Return a record, or None."""
        with self._lock:
            return self._find(did, collection, rkey)

    def delete(self, did: str, collection: str, rkey: str) -> bool:
        """Delete a record, and return whether it was there."""
        with self._transaction() as db:
            return (
                db.execute(
                    "DELETE FROM records WHERE did = ? AND collection = ? AND rkey = ?", (did, collection, rkey)
                ).rowcount
                > 0
            )

    def records(
        self, did: str, collection: str, *, limit: int = -1, cursor: str = "", reverse: bool = False
    ) -> list[Record]:
        """Return the records of an account, the highest key first, or the lowest with `reverse`.

        They begin behind the key `cursor`, if one is given.
        """
        order, behind = ("", ">") if reverse else ("DESC", "<")
        where = f"did = ? AND collection = ? AND (? = '' OR rkey {behind} ?) ORDER BY rkey {order} LIMIT ?"
        query = f"SELECT did, collection, rkey, cid, value FROM records WHERE {where}"  # noqa: S608  # our own
        with self._lock:
            rows = self._db.execute(query, (did, collection, cursor, cursor, limit)).fetchall()
        return [_record(row) for row in rows]

    def newest(self, collection: str, count: int, accounts: Sequence[str]) -> list[Record]:
        """Return the `count` records of these accounts with the highest keys, the highest first."""
        where, dids = among("did", accounts)
        query = f"SELECT did, collection, rkey, cid, value FROM records WHERE collection = ? AND {where}"  # noqa: S608
        with self._lock:
            rows = self._db.execute(f"{query} ORDER BY rkey DESC LIMIT ?", (collection, dids, count)).fetchall()
        return [_record(row) for row in rows]

    def close(self) -> None:
        """Close the connection. Records in memory are lost."""
        with self._lock:
            self._db.close()

    def _find(self, did: str, collection: str, rkey: str) -> Record | None:
        row = self._db.execute(
            "SELECT did, collection, rkey, cid, value FROM records WHERE did = ? AND collection = ? AND rkey = ?",
            (did, collection, rkey),
        ).fetchone()
        return _record(row) if row else None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, transaction(self._db) as db:
            yield db


def _record(row: tuple[str, str, str, str, str]) -> Record:
    return Record(*row[:4], json.loads(row[4]))
