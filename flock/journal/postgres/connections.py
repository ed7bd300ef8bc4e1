"""Connections to the database: bounded in time, and made anew when they are lost."""

from __future__ import annotations

import logging
import select
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from flock.errors import BadOption
from flock.state import Database

Connection = psycopg.Connection[Any]

logging.getLogger("psycopg").addHandler(
    logging.NullHandler()
)  # what it warns of, the journal tells in its own way

_SETTINGS = {
    "application_name": "flock",
    "client_encoding": "utf8",
    "connect_timeout": "5",  # seconds
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "2",
    "tcp_user_timeout": "5000",  # milliseconds
}
# A frozen client must not hold up others: its transaction, and the locks with it, end on the server.
# Claims and caps look again at a row, or count again, when they have the lock: with "read committed" alone.
_BOUNDS = """
    SET statement_timeout = {milliseconds}; SET lock_timeout = {milliseconds};
    SET idle_in_transaction_session_timeout = 4000;
    SET default_transaction_isolation = 'read committed';
    SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 2;
    SET tcp_user_timeout = 5000;
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') IN ('off', 'local')
"""


# A write that was given up may still be under way on the connection that was lost: it must not come after others.
_BACKEND = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
_END = """
    SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity
    WHERE pid = %s AND backend_start = %s AND pid <> pg_backend_pid()
"""


class NoAnswer(psycopg.OperationalError):
    """The server has not answered in time."""


class Server:
    """Connects to a database. Raises BadOption for a URL that libpq cannot read, and never quotes it."""

    def __init__(self, database: Database, *, read_only: bool = False) -> None:
        self._read_only = read_only
        try:
            given = conninfo_to_dict(database.url)
        except psycopg.Error:
            raise BadOption(
                f"the journal {database}: libpq cannot read this URL; check the names of its settings"
            ) from None  # libpq's words may hold a password
        settings = {**_SETTINGS, **given}
        if not read_only:
            settings.setdefault(
                "target_session_attrs", "read-write"
            )  # of several hosts, the one that is no standby
        self._settings: dict[str, Any] = settings

    def connect(self, patience: float) -> Connection:
        """Return a connection whose statements end within `patience` seconds. Raises psycopg.Error."""
        connection = _Bounded.connect(**self._settings, autocommit=True)
        connection.patience = patience + 1.0  # the server's own answer says more
        try:
            connection.execute(_BOUNDS.format(milliseconds=int(patience * 1000)))
            if self._read_only:
                connection.execute("SET default_transaction_read_only = on")
            else:
                connection.backend = connection.execute(_BACKEND).fetchone()
        except BaseException:
            connection.close()
            raise
        return connection


def transact(connection: Connection, statements: Iterable[tuple[str, Any]]) -> list[list[Any]]:
    """Execute the statements, each with its values, in one transaction; return the rows of each, or none.

    All of it is one message. The server begins when it has the whole of that, so that it never waits for the rest,
    with rows locked, where this process is frozen or cut off. Raises psycopg.Error.
    """
    cursor = psycopg.ClientCursor(connection)
    composed = [cursor.mogrify(statement.encode(), values) for statement, values in statements]
    cursor.execute("; ".join(["BEGIN", *composed, "COMMIT"]).encode())
    found = [each.fetchall() if each.description else [] for each in cursor.results()]
    return found[1:-1]


class _Bounded(psycopg.Connection[Any]):
    """A connection that waits for the server no longer than `patience` seconds without a sign of it.

    `backend` is the process that serves it, if it may write: its number, and when it began.
    """

    patience = 10.0
    backend: tuple[Any, ...] | None = None

    def wait(self, gen: PQGen[Any], *args: Any, **kwargs: Any) -> Any:
        return super().wait(_bounded(gen, self.patience), *args, **kwargs)


def _bounded(gen: PQGen[Any], patience: float) -> PQGen[Any]:
    deadline = time.monotonic() + patience
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready:
                deadline = time.monotonic() + patience
            elif time.monotonic() >= deadline:
                raise NoAnswer
            wanted = gen.send(ready)
    except StopIteration as end:
        return end.value


class Link:
    """One connection for one purpose, used by one thread at a time. It is made when it is needed, and anew when it
    is lost; nothing is written on the lost one any more then. `losses` counts the lost ones."""

    def __init__(self, connect: Callable[[float], Connection], patience: float) -> None:
        self.losses = 0
        self._lost: tuple[Any, ...] | None = None  # the process that served the lost one, while it may be there
        self._connect = connect
        self._patience = patience
        self._connection: Connection | None = None
        self._turn = threading.Lock()

    @contextmanager
    def use(self) -> Iterator[Connection]:
        """Yield the connection, with no transaction open. Raises psycopg.Error."""
        with self._turn:
            connection = self._current()
            try:
                yield connection
            except BaseException:
                self._tidy(connection)
                raise

    def _current(self) -> Connection:
        if self._connection is not None and (self._connection.closed or _has_news(self._connection)):
            self._drop()
        if self._connection is None:
            connection = self._connect(self._patience)
            try:
                self._end_lost(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _end_lost(self, connection: Connection) -> None:
        """End the server's process of the lost connection, and with it what it may still write."""
        if self._lost is None:
            return
        if connection.execute(_END, self._lost).fetchone() == (False,):
            raise psycopg.OperationalError("an earlier write is still under way there")
        self._lost = None

    def _tidy(self, connection: Connection) -> None:
        """End what a failed statement has left open; a connection that is of no use is closed."""
        with suppress(psycopg.Error):
            if connection.info.transaction_status is TransactionStatus.INERROR:
                connection.rollback()
            if connection.info.transaction_status is TransactionStatus.IDLE:
                return
        self._drop()

    def drop(self) -> None:
        """Close the connection, so that the next use makes another: the server may have become a standby."""
        with self._turn:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self.losses += 1
            self._lost = getattr(connection, "backend", None)
            with suppress(psycopg.Error):
                connection.close()


def _has_news(connection: Connection) -> bool:
    """Return whether the server has said something on a connection that rests: that it ends, as a rule."""
    watched = select.poll()
    try:
        watched.register(connection.fileno(), select.POLLIN)
    except psycopg.Error:
        return True
    return bool(watched.poll(0))
