"""The tables of the SQLite journal: how they are made, brought up to date, and checked for damage."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from flock.journal.transaction import transaction

# Each entry takes the schema one version further; what was released is never edited. The table `tweet` holds the
# posts of bots on all networks; it keeps its name, by which the queries of operators know it.
MIGRATIONS = (
    """
    CREATE TABLE sheep (
        id INTEGER PRIMARY KEY,
        bot TEXT NOT NULL UNIQUE,
        n INTEGER NOT NULL DEFAULT 0,
        line INTEGER NOT NULL DEFAULT 0,
        piece INTEGER NOT NULL DEFAULT 0,
        recitations INTEGER NOT NULL DEFAULT 0,
        due REAL NOT NULL DEFAULT 0,
        saying TEXT,
        unsure INTEGER NOT NULL DEFAULT 0,
        next_line TEXT NOT NULL DEFAULT '',
        last_id TEXT,
        wake REAL NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0,
        strikes INTEGER NOT NULL DEFAULT 0,
        penned TEXT NOT NULL DEFAULT '',
        key_stamp TEXT NOT NULL DEFAULT '',
        spoken INTEGER NOT NULL DEFAULT 0,
        holder INTEGER
    ) STRICT;
    CREATE TABLE tweet (
        bot INTEGER NOT NULL REFERENCES sheep (id),
        n INTEGER NOT NULL,
        piece INTEGER NOT NULL,
        text TEXT NOT NULL,
        outcome TEXT NOT NULL,
        post_id TEXT,
        why TEXT NOT NULL DEFAULT '',
        intended_at REAL NOT NULL,
        settled_at REAL,
        PRIMARY KEY (bot, n, piece)
    ) STRICT, WITHOUT ROWID;
    """,
    "ALTER TABLE sheep ADD COLUMN prior_line TEXT NOT NULL DEFAULT ''",
    """
    ALTER TABLE sheep ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE sheep ADD COLUMN intended REAL;
    UPDATE sheep SET intended = coalesce(
        (SELECT intended_at FROM tweet WHERE bot = sheep.id AND n = sheep.n AND piece = sheep.piece), due
    ) WHERE unsure;
    ALTER TABLE sheep DROP COLUMN unsure;
    ALTER TABLE sheep ADD COLUMN condition TEXT NOT NULL DEFAULT 'well';
    ALTER TABLE sheep ADD COLUMN trouble TEXT NOT NULL DEFAULT '';
    ALTER TABLE sheep ADD COLUMN kind TEXT NOT NULL DEFAULT '';
    UPDATE sheep SET condition = 'waiting' WHERE wake > due;
    UPDATE sheep SET condition = 'backing off' WHERE failures > 0;
    UPDATE sheep SET condition = 'penned', trouble = penned WHERE penned <> '';
    ALTER TABLE sheep DROP COLUMN penned;
    UPDATE sheep SET wake = 0 WHERE wake <= due;
    ALTER TABLE sheep RENAME COLUMN wake TO until;
    """,
    """
    ALTER TABLE sheep ADD COLUMN since REAL NOT NULL DEFAULT 0;
    ALTER TABLE sheep ADD COLUMN passed INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE sheep ADD COLUMN trials INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE sheep ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE sheep ADD COLUMN silent INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE sheep ADD COLUMN token TEXT;
    ALTER TABLE sheep ADD COLUMN thread TEXT;
    ALTER TABLE sheep ADD COLUMN account TEXT;
    CREATE UNIQUE INDEX sheep_account ON sheep (account);
    """,
    # The network X was called twitter. A flock of before that has the file open, and has claimed no bot yet, would
    # claim the bots by their old names, and run them a second time; it knows no `is_kept`, so all that it reads or
    # writes about a bot fails.
    """
    UPDATE sheep SET bot = 'x:' || substr(bot, 9) WHERE substr(bot, 1, 8) = 'twitter:';
    UPDATE sheep SET bot = replace(bot, ' (twitter)', ' (x)') WHERE substr(bot, 1, 8) = 'pasture:';
    UPDATE sheep SET account = 'x:' || substr(account, 9) WHERE substr(account, 1, 8) = 'twitter:';
    UPDATE sheep SET account = 'pasture:x:' || substr(account, 17)
        WHERE substr(account, 1, 16) = 'pasture:twitter:';
    ALTER TABLE sheep RENAME COLUMN spoken TO is_kept;
    """,
    # What the operator asks of a bot; a row is deleted when it is obeyed, with the bot's row in one transaction.
    """
    ALTER TABLE sheep ADD COLUMN paused REAL;
    CREATE TABLE command (
        id INTEGER PRIMARY KEY,
        bot INTEGER NOT NULL REFERENCES sheep (id),
        verb TEXT NOT NULL,
        line INTEGER,
        given_at REAL NOT NULL
    ) STRICT;
    """,
    # The line that `again` says once more, and the poem that a changed temperament is told from.
    """
    ALTER TABLE sheep ADD COLUMN said TEXT NOT NULL DEFAULT '';
    ALTER TABLE sheep ADD COLUMN poem TEXT NOT NULL DEFAULT '';
    """,
    # Since when `holder` runs the bot.
    "ALTER TABLE sheep ADD COLUMN held_since REAL",
)

_TABLES = ("sheep", "tweet", "command")
_REPAIR = "restore a copy, or move it away and all bots start over"

_UNIQUE = """
    SELECT origin, group_concat((SELECT group_concat(name) FROM pragma_index_info(list.name)))
    FROM pragma_index_list(?) AS list WHERE "unique" GROUP BY origin
"""

_Column = tuple[str, str, int, int]  # name, type, whether NULL is refused, place in the primary key


def migrate(connection: sqlite3.Connection, migrations: Iterable[str] = MIGRATIONS) -> None:
    """Bring the database up to date; each step is one transaction with its number (PRAGMA user_version).

    Raises sqlite3.Error, of which NotSupportedError says that a newer flock wrote the file.
    """
    migrations = tuple(migrations)
    _refuse_newer(connection, migrations)
    for number, script in enumerate(migrations, start=1):
        with transaction(connection):
            if version(connection) < number:
                for statement in filter(str.strip, script.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")


def version(connection: sqlite3.Connection) -> int:
    """Return how many migrations the database has seen; 0 for an empty one."""
    number: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return number


def check(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError unless the tables have the columns that they should have in this version.

    The database need not be of the latest version: it is compared with an empty one that saw as many migrations.
    """
    _refuse_newer(connection, MIGRATIONS)
    if not version(connection):
        raise sqlite3.DatabaseError("it is no journal of flock, or damaged; check --state")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        migrate(model, MIGRATIONS[: version(connection)])
        for table in _TABLES:
            problem = next(_problems(table, model, connection), None)
            if problem:
                raise sqlite3.DatabaseError(f"it is damaged ({problem}); {_REPAIR}")


def _refuse_newer(connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    if version(connection) > len(migrations):
        raise sqlite3.NotSupportedError("it was written by a newer flock; install that version again")


def is_current(connection: sqlite3.Connection) -> bool:
    """Return whether the database has seen every migration."""
    return version(connection) == len(MIGRATIONS)


def _problems(table: str, model: sqlite3.Connection, found: sqlite3.Connection) -> Iterator[str]:
    is_strict = "SELECT strict FROM pragma_table_list WHERE schema = 'main' AND name = ?"
    if _columns(model, table) and not _columns(found, table):
        yield f"the table {table} is missing"
    for column in _columns(model, table) - _columns(found, table):
        yield f"the column {table}.{column[0]} is missing or of another type"
    if found.execute(is_strict, (table,)).fetchone() != model.execute(is_strict, (table,)).fetchone():
        yield f"the table {table} is not STRICT"
    if found.execute(_UNIQUE, (table,)).fetchall() != model.execute(_UNIQUE, (table,)).fetchall():
        yield f"the table {table} has other unique indexes"


def _columns(connection: sqlite3.Connection, table: str) -> set[_Column]:
    return set(connection.execute('SELECT name, type, "notnull", pk FROM pragma_table_info(?)', (table,)))
