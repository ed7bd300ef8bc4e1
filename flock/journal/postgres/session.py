"""What is asked of the database besides the writes of sheep, and what all of it raises."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg

from flock.errors import JournalError, Unstorable
from flock.journal.postgres.connections import Connection, Link, Server
from flock.journal.postgres.trouble import LOST, trouble, what
from flock.state import Database

_WRITING, _LOOKING = 15.0, 120.0  # seconds for a statement; the shepherd asks, whom systemd's watchdog expects
_Found = TypeVar("_Found")


class Session:
    """One connection to `database`, for all threads in turn. Every method raises JournalError, or Unstorable for a
    value that cannot be stored. `on_lost` is called when another server may have become the right one."""

    def __init__(
        self, database: Database, server: Server, on_lost: Callable[[], None], *, read_only: bool
    ) -> None:
        self.database = database
        self._link = Link(server.connect, _LOOKING if read_only else _WRITING)
        self._on_lost = on_lost
        self._is_read_only = read_only
        self._pid = os.getpid()
        self.is_closed = False

    @property
    def is_inherited(self) -> bool:
        """Whether this is a forked child, which must not use the connections of its parent."""
        return self._pid != os.getpid()

    def ask(self, ask: Callable[[Connection], _Found]) -> _Found:
        """Return what `ask` finds on the connection."""
        self.refuse_closed()
        with self.translated(), self._link.use() as connection:
            return ask(connection)

    def fetch(self, query: str, values: Any = ()) -> list[Any]:
        """Return the rows of a query."""
        return self.ask(lambda connection: connection.execute(query.encode(), values).fetchall())

    def execute(self, statement: str, values: Any) -> None:
        """Execute a statement that writes."""
        self.refuse_read_only()
        self.ask(lambda connection: connection.execute(statement.encode(), values))

    def refuse_closed(self) -> None:
        """Raise JournalError if nothing can be asked any more."""
        if self.is_closed:
            raise self.error("it is closed")
        if self.is_inherited:
            raise self.error("the parent process opened it; open it again in this one")

    def refuse_read_only(self) -> None:
        """Raise JournalError if nothing may be written."""
        if self._is_read_only:
            raise self.error("it was opened read-only")

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn the errors of psycopg into the journal's."""
        try:
            yield
        except (UnicodeEncodeError, OverflowError, psycopg.DataError) as error:
            raise self.unstorable(error) from error
        except psycopg.Error as error:
            raise self.trouble(error) from error

    def error(self, words: str) -> JournalError:
        """Return an error in these words."""
        return JournalError(f"the journal {self.database}: {words}")

    def trouble(self, error: BaseException) -> JournalError:
        """Return the error in words; connect anew where the server may have become a standby."""
        if isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith(LOST):
            self._on_lost()
            self._link.drop()
        return trouble(self.database, error)

    def unstorable(self, error: BaseException) -> Unstorable:
        """Return the error for values that cannot be stored."""
        return Unstorable(f"the journal cannot store this: {what(error)}")

    def close(self) -> None:
        """Close the connection."""
        self.is_closed = True
        self._link.drop()
