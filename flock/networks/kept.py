"""What networks remember over restarts: a file beside the journal, which holds tokens and is its owner's alone."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from flock.errors import JournalError
from flock.journal.transaction import transaction


class KeptFile:
    """A SQLite file that only its owner can read. It must be closed. Safe to share between threads.

    Each part of flock that keeps something makes a table of its own. Raises JournalError where the file cannot be
    used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            path.chmod(0o600)
            self._db = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error
        try:
            self.execute("PRAGMA synchronous = FULL")
        except JournalError:
            self._db.close()
            raise

    def execute(self, statement: str, *values: str) -> list[Any]:
        """Execute one statement; return its rows. What it wrote is on the disk then."""
        with self._lock, self._translated():
            return self._db.execute(statement, values).fetchall()

    def add_column(self, table: str, name: str, kind: str) -> None:
        """Add a column, of that SQL type, to a table that an earlier version may have made without it."""
        with self._lock, self._translated(), transaction(self._db) as db:
            has_it = db.execute("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", (table, name)).fetchall()
            if not has_it:
                db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError) as error:  # ValueError: a lone surrogate
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> JournalError:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        return JournalError(f"cannot keep sessions in {self._path}: {cause}")


class KeptTexts(MutableMapping[str, str]):
    """A text for each name, in a table of the file. Every method may raise JournalError."""

    def __init__(self, file: KeptFile, table: str) -> None:
        self._file = file
        self._table = table
        columns = "name TEXT PRIMARY KEY, text TEXT NOT NULL"
        file.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns}) WITHOUT ROWID")

    def __getitem__(self, name: str) -> str:
        if rows := self._file.execute(f"SELECT text FROM {self._table} WHERE name = ?", name):  # noqa: S608
            return str(rows[0][0])
        raise KeyError(name)

    def __setitem__(self, name: str, text: str) -> None:
        self._file.execute(f"INSERT OR REPLACE INTO {self._table} VALUES (?, ?)", name, text)  # noqa: S608

    def __delitem__(self, name: str) -> None:
        self[name]  # raises KeyError
        self._file.execute(f"DELETE FROM {self._table} WHERE name = ?", name)  # noqa: S608 - the table is flock's

    def __iter__(self) -> Iterator[str]:
        return (row[0] for row in self._file.execute(f"SELECT name FROM {self._table} ORDER BY name"))  # noqa: S608

    def __len__(self) -> int:
        return int(self._file.execute(f"SELECT count(*) FROM {self._table}")[0][0])  # noqa: S608
