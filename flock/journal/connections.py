"""Connections to the journal's SQLite file: one that writes, and one that only looks."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from flock.journal.schema import check, is_current, migrate

_Found = TypeVar("_Found")


def connect(path: Path, *, flushes: bool = True) -> sqlite3.Connection:
    """Return a connection that reads and writes, in WAL mode. Raises sqlite3.Error.

    With `flushes` each commit is on the disk when it returns; without, when the WAL is flushed next.
    """
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if flushes else 'NORMAL'}")
    except BaseException:
        connection.close()
        raise
    return connection


def look(path: Path, ask: Callable[[sqlite3.Connection], _Found]) -> _Found:
    """Return what `ask` finds on a connection that writes nothing. Raises OSError or sqlite3.Error.

    Without a WAL no flock has the file open. Then the file is read as immutable, since SQLite would create a WAL
    otherwise; if a flock starts meanwhile, the answer may be wrong and is asked for again.
    """
    wal = path.with_name(f"{path.name}-wal")
    while True:
        is_at_rest = not wal.exists()
        try:
            with closing(_connect_read_only(path, is_at_rest=is_at_rest)) as connection:
                found = _ask_current(connection, ask)
        except sqlite3.Error:
            if not is_at_rest or not wal.exists():
                raise
        else:
            if not is_at_rest or not wal.exists():
                return found


def _connect_read_only(path: Path, *, is_at_rest: bool) -> sqlite3.Connection:
    path.stat()  # a missing file is a FileNotFoundError
    how = "immutable=1" if is_at_rest else "mode=ro"
    location = f"file:{quote(os.fspath(path.absolute()))}?{how}"
    return sqlite3.connect(location, uri=True, timeout=10, isolation_level=None)


def _ask_current(connection: sqlite3.Connection, ask: Callable[[sqlite3.Connection], _Found]) -> _Found:
    """Ask the database, or, if an older flock wrote it, a copy in memory that is brought up to date."""
    if is_current(connection):
        return ask(connection)
    check(connection)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
        connection.backup(copy)
        migrate(copy)
        return ask(copy)
