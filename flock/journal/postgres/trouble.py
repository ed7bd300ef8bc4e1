"""What goes wrong with a journal in PostgreSQL, in one line that says what to do."""

from __future__ import annotations

import re

import psycopg

from flock.errors import JournalError, printable
from flock.journal.postgres.connections import NoAnswer
from flock.state import Database

_DAMAGED = "its tables are not those of flock, or damaged; restore a copy (pg_restore), or use an empty database"
_OF_STATES = (  # the beginning of an error's SQLSTATE
    ("53100", "the disk of the server is full; make room"),
    ("53300", "the server takes no more connections; raise max_connections"),
    ("25006", "the server is read-only: a standby, or on its way to be one"),
    ("42501", "permission denied; make this user the owner of the database, or grant it CREATE on the schema"),
    ("28", "the server refuses the user or the password; check the URL, PGPASSFILE or the service file"),
    ("3D000", "there is no such database; make it first (createdb)"),
    ("3F000", "there is no schema to make tables in; make it first (CREATE SCHEMA)"),
    ("42", _DAMAGED),
    ("55P03", "the server takes too long; look at its load and its locks"),
    ("57014", "the server takes too long; look at its load and its locks"),
)
_OF_CONNECTIONS = (  # libpq gives no SQLSTATE where there is no connection
    (
        re.compile('authentication failed|no password supplied|role ".*" does not exist|no pg_hba.conf entry'),
        dict(_OF_STATES)["28"],
    ),
    (re.compile('database ".*" does not exist'), dict(_OF_STATES)["3D000"]),
)
LOST = ("25006", "57P", "08")  # after these the next connection may lead to another server

# What PostgreSQL, or psycopg, raises for the values of one write: no other write would fail for that reason.
UNSTORABLE = (
    ValueError,  # a lone surrogate cannot be encoded
    OverflowError,
    TypeError,
    psycopg.DataError,
    psycopg.IntegrityError,
)


def trouble(database: Database, error: BaseException) -> JournalError:
    """Return the error that tells of what happened to the journal in `database`."""
    return JournalError(printable(f"the journal {database}: {what(error)}"))


def what(error: BaseException) -> str:
    """Return in words what happened. The values of statements are not in them."""
    if not isinstance(error, psycopg.Error):
        return str(error)
    if any(isinstance(each, NoAnswer) for each in (error, error.__context__)):
        return "the server does not answer"
    state = error.sqlstate or ""
    if advice := next((words for start, words in _OF_STATES if state.startswith(start)), ""):
        return advice if advice != _DAMAGED else f"{advice} ({error.diag.message_primary})"
    text = error.diag.message_primary or next(iter(str(error).splitlines()), "") or type(error).__name__
    text = text.removeprefix("connection failed: ")
    if found := next((words for pattern, words in _OF_CONNECTIONS if pattern.search(text)), ""):
        return found
    return f"the server cannot be used ({text})" if isinstance(error, psycopg.OperationalError) else text
