"""One transaction on a SQLite connection: all of its statements, or none."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Commit what the block executes, or roll it back, and raise the first error.

    `connection` is in autocommit mode (`isolation_level=None`) and used by one thread at a time. A COMMIT that
    fails is rolled back, too: else the transaction would stay open, and no other could ever begin. A ROLLBACK that
    fails is made up for by the next transaction, before it begins.
    """
    _begin(connection)
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite may have rolled back already; the first error says more
            connection.execute("ROLLBACK")
        raise


def _begin(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK")  # the one that failed before
        connection.execute("BEGIN IMMEDIATE")
