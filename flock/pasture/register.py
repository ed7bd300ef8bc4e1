"""What people made at the pasture while it ran: accounts, apps and tokens, in memory or in a SQLite file.

No secret is in it. Its entries hold digests, and salts from which a token is derived together with a secret.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path
from threading import Lock
from typing import Any

from flock.errors import BadOption, printable

_TABLE = """
    CREATE TABLE IF NOT EXISTS register (
        kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, name)
    ) WITHOUT ROWID
"""


class Register:
    """Entries of several kinds, each with a name and an object of JSON. All threads may use it.

    All entries are in memory; with a path they are in that file, too, and it must be closed. Raises BadOption if
    the file cannot be used.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lock = Lock()
        self._entries: dict[str, dict[str, dict[str, Any]]] = {}
        self._db: sqlite3.Connection | None = None
        if path is not None:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._read(self._db, path)

    def put(self, kind: str, name: str, value: dict[str, Any]) -> None:
        """Write an entry, over an earlier one of that name."""
        with self._lock:
            if self._db is not None:
                row = (kind, name, json.dumps(value))
                self._db.execute("INSERT OR REPLACE INTO register VALUES (?, ?, ?)", row)
            self._entries.setdefault(kind, {})[name] = value

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return an entry, or None."""
        with self._lock:
            return self._entries.get(kind, {}).get(name)

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the entries of a kind by their names."""
        with self._lock:
            return dict(self._entries.get(kind, {}))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()

    def _read(self, db: sqlite3.Connection, path: Path) -> None:
        try:
            db.execute(_TABLE)
            rows = db.execute("SELECT kind, name, value FROM register").fetchall()
        except sqlite3.Error as error:
            db.close()
            where = printable(str(path))
            raise BadOption(f"the pasture cannot keep its accounts in {where}: {error}") from error
        for kind, name, value in rows:
            self._entries.setdefault(kind, {})[name] = json.loads(value)


def digest(secret: str) -> str:
    """Return what the register may hold of a secret that nobody can guess."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
