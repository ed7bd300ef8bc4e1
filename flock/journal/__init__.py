"""The journal: where each bot is in its poem, and which post it is about to make.

It is what makes each post go out exactly once, also after a kill -9. `open_journal` opens one.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from flock.errors import BadOption
from flock.journal.base import (
    WELL,
    Command,
    Condition,
    Journal,
    Noted,
    Outcome,
    Place,
    Record,
    Settlement,
    Standing,
    Verb,
)
from flock.journal.memory import MemoryJournal
from flock.journal.sqlite import SqliteJournal
from flock.state import Database, Where, parse_database, scheme_of
from flock.units import DAY

__all__ = [
    "WELL",
    "Command",
    "Condition",
    "Journal",
    "MemoryJournal",
    "Noted",
    "Outcome",
    "Place",
    "Record",
    "Settlement",
    "SqliteJournal",
    "Standing",
    "Verb",
    "find_journal",
    "open_journal",
]

if TYPE_CHECKING:
    from flock.journal.postgres.journal import PostgresJournal

_INSTALL = "type: pip install 'poem-flock[postgres]'"
_EXPECTED = (
    "expected the path of a file, or a URL such as sqlite:///var/lib/flock/flock.db or "
    "postgresql://db.example/flock"
)


def open_journal(
    where: str | os.PathLike[str] | Database, *, keep: float = 2 * DAY, read_only: bool = False
) -> Journal:
    """Open the journal at `where`: a path, a URL `sqlite:///absolute/path`, percent-encoded, or a PostgreSQL
    database, by its URL as libpq reads it.

    What was said is remembered for `keep` seconds. With `read_only` nothing is created, migrated or written, and a
    flock may run meanwhile; methods that write raise JournalError.

    Raises BadOption for another kind of URL, or when psycopg is missing; JournalError if the journal cannot be
    used; and BotsTaken if an older flock still writes it, in which case it cannot be brought up to date yet.
    """
    state = _state(where)
    if isinstance(state, Path):
        return SqliteJournal(state, keep=keep, read_only=read_only)
    return _in_database(state, keep=keep, read_only=read_only)


def find_journal(where: Where) -> Journal | None:
    """Open the journal at `where` to be read only, or return None if there is none yet. Raises JournalError."""
    if isinstance(where, Path) and not where.exists():
        return None
    if isinstance(where, Path):
        return open_journal(where, read_only=True)
    with ExitStack() as opened:
        journal = opened.enter_context(closing(_in_database(where, read_only=True)))
        if not journal.has_tables:
            return None
        opened.pop_all()
        return journal


def _in_database(database: Database, *, keep: float = 2 * DAY, read_only: bool) -> PostgresJournal:
    try:
        from flock.journal.postgres.journal import PostgresJournal  # noqa: PLC0415 - an extra
    except ImportError:
        raise BadOption(f"the journal {database}: psycopg is not installed; {_INSTALL}") from None
    return PostgresJournal(database, keep=keep, read_only=read_only)


def _state(where: str | os.PathLike[str] | Database) -> Where:
    if isinstance(where, Database):
        return where
    scheme = scheme_of(where) if isinstance(where, str) else ""
    if not isinstance(where, str) or not scheme:
        if not os.fspath(where):
            raise BadOption(f"the journal: {_EXPECTED}, found nothing")
        return Path(where)
    if scheme in ("postgresql", "postgres"):
        try:
            return parse_database(where)
        except ValueError as error:
            raise BadOption(f"the journal: {error}") from None
    if scheme != "sqlite":
        raise BadOption(f"the journal: {_EXPECTED}, found a {scheme} URL")  # the rest may hold a password
    parts = urlsplit(where)
    if parts.netloc or parts.query or parts.fragment or not parts.path.strip("/"):
        raise BadOption(f"the journal: {_EXPECTED}, found {where!r}")
    return Path(unquote(parts.path))
