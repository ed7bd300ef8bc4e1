"""The tables of the journal in PostgreSQL: how they are made, and brought up to date."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from flock.journal.postgres.connections import Connection

# Each entry takes the schema one version further; what was released is never edited.
MIGRATIONS = (
    """
    CREATE TABLE lease (
        epoch BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        host TEXT NOT NULL,
        pid BIGINT NOT NULL,
        until TIMESTAMPTZ NOT NULL
    );
    CREATE TABLE sheep (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        bot TEXT COLLATE "C" NOT NULL UNIQUE,
        account TEXT COLLATE "C" UNIQUE,
        epoch BIGINT,
        held_since DOUBLE PRECISION,
        is_kept BOOLEAN NOT NULL DEFAULT false,
        n BIGINT NOT NULL DEFAULT 0,
        line BIGINT NOT NULL DEFAULT 0,
        piece BIGINT NOT NULL DEFAULT 0,
        recitations BIGINT NOT NULL DEFAULT 0,
        due DOUBLE PRECISION NOT NULL DEFAULT 0,
        saying TEXT,
        intended DOUBLE PRECISION,
        next_line TEXT NOT NULL DEFAULT '',
        prior_line TEXT NOT NULL DEFAULT '',
        last_id TEXT,
        token TEXT,
        thread TEXT,
        refusals BIGINT NOT NULL DEFAULT 0,
        passed BIGINT NOT NULL DEFAULT 0,
        trials BIGINT NOT NULL DEFAULT 0,
        skipped BIGINT NOT NULL DEFAULT 0,
        silent BIGINT NOT NULL DEFAULT 0,
        paused DOUBLE PRECISION,
        said TEXT NOT NULL DEFAULT '',
        poem TEXT NOT NULL DEFAULT '',
        condition TEXT NOT NULL DEFAULT 'well',
        trouble TEXT NOT NULL DEFAULT '',
        kind TEXT NOT NULL DEFAULT '',
        until DOUBLE PRECISION NOT NULL DEFAULT 0,
        failures BIGINT NOT NULL DEFAULT 0,
        strikes BIGINT NOT NULL DEFAULT 0,
        key_stamp TEXT NOT NULL DEFAULT '',
        since DOUBLE PRECISION NOT NULL DEFAULT 0
    ) WITH (fillfactor = 60);
    CREATE INDEX sheep_epoch ON sheep (epoch);
    CREATE TABLE tweet (
        bot BIGINT NOT NULL,
        n BIGINT NOT NULL,
        piece BIGINT NOT NULL,
        text TEXT NOT NULL,
        outcome TEXT NOT NULL,
        post_id TEXT,
        why TEXT NOT NULL DEFAULT '',
        intended_at DOUBLE PRECISION NOT NULL,
        settled_at DOUBLE PRECISION,
        PRIMARY KEY (bot, n, piece)
    );
    CREATE INDEX tweet_at ON tweet ((coalesce(settled_at, intended_at)));
    CREATE TABLE command (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        bot BIGINT NOT NULL,
        verb TEXT NOT NULL,
        line BIGINT,
        given_at DOUBLE PRECISION NOT NULL
    );
    CREATE INDEX command_bot ON command (bot);
    """,
)

_KEY = 0x666C6F636B  # "flock": of the lock that a migration holds
# By a scan, not by to_regclass: the latter may not see yet what another flock has committed just now.
_TABLES_THERE = """
    SELECT relname FROM pg_class WHERE relname IN ('sheep', 'journal_version') AND pg_table_is_visible(oid)
"""
_TABLES = {"lease": "epoch", "sheep": "poem", "tweet": "settled_at", "command": "given_at"}


def version(connection: Connection) -> int:
    """Return how many migrations the database has seen; 0 where flock has no tables. Raises psycopg.Error."""
    there = {name for (name,) in connection.execute(_TABLES_THERE)}
    if "journal_version" not in there:
        if there:
            raise psycopg.NotSupportedError(
                "it has a table sheep that is not flock's; use another database or schema"
            )
        return 0
    row = connection.execute("SELECT version FROM journal_version").fetchone()
    return int(row[0]) if row else 0


def migrate(connection: Connection, migrations: Sequence[str] = MIGRATIONS) -> bool:
    """Bring the database up to date, in one transaction; return whether it had no tables. Raises psycopg.Error, of
    which NotSupportedError says that a newer flock wrote it."""
    before = version(connection)
    if before == len(migrations):
        return False
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_KEY,))
        before = version(connection)  # another flock may have migrated it just now
        _refuse_newer(before, migrations)
        for script in migrations[before:]:
            connection.execute(script.encode())
        if not before:
            connection.execute("CREATE TABLE journal_version (version INTEGER NOT NULL)")
            connection.execute("INSERT INTO journal_version VALUES (0)")
        connection.execute("UPDATE journal_version SET version = %s", (len(migrations),))
    return not before


def check(connection: Connection) -> None:
    """Raise psycopg.Error unless the database is of this version and has its tables."""
    found = version(connection)
    _refuse_newer(found, MIGRATIONS)
    if found < len(MIGRATIONS):
        raise psycopg.NotSupportedError(
            "an older flock wrote it; start this version's flock once, to bring it up to date"
        )
    encoding = connection.execute("SHOW server_encoding").fetchone()
    if encoding != ("UTF8",):
        raise psycopg.NotSupportedError(
            "the database must be in UTF8; make another (createdb -E UTF8 -T template0)"
        )
    for table, column in _TABLES.items():
        connection.execute(f"SELECT {column} FROM {table} LIMIT 0".encode())


def _refuse_newer(found: int, migrations: Sequence[str]) -> None:
    if found > len(migrations):
        raise psycopg.NotSupportedError("it was written by a newer flock; install that version again")
