"""A journal in one SQLite file.

Sheep threads share one connection. The first that comes writes; whoever comes while it does waits, and the first
of those then commits for all of them: a connection a thread would spend its time waiting for locks, and a thread
of the journal's own would have to be woken for each write, and then wake the sheep.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from flock.errors import BotsTaken, JournalError
from flock.journal.base import Record, Settlement
from flock.units import DAY

_GROUP = 500  # writes in one commit, at most

_MIGRATIONS = (
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
)

_COLUMNS = tuple(name for name in Record._fields if name != "bot")
_READ = f"SELECT {', '.join(_COLUMNS)} FROM sheep WHERE bot = ? AND spoken"  # noqa: S608 - Record's own fields
_VALUES = ", ".join("?" * len(_COLUMNS))
_MOVE = f"""
    INSERT INTO sheep (bot, spoken, {", ".join(_COLUMNS)}) VALUES (?, 1, {_VALUES})
    ON CONFLICT (bot) DO UPDATE SET spoken = 1, {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)}
"""  # noqa: S608 - Record's own fields
_KEEP = _MOVE.replace("unsure = excluded.unsure", "unsure = unsure OR excluded.unsure")
_INTEND = """
    INSERT OR REPLACE INTO tweet (bot, n, piece, text, outcome, intended_at)
    SELECT id, ?, ?, ?, 'intended', ? FROM sheep WHERE bot = ?
"""
_PRUNE = """
    DELETE FROM tweet
    WHERE bot = (SELECT id FROM sheep WHERE bot = ?1) AND intended_at < ?2
        AND n < (SELECT min(n) + 3 FROM tweet WHERE bot = (SELECT id FROM sheep WHERE bot = ?1))
"""  # one comes, up to three go: never a long delete, and the file stops growing
_SETTLE = """
    UPDATE tweet SET outcome = ?, post_id = ?, why = ?, settled_at = ?
    WHERE bot = (SELECT id FROM sheep WHERE bot = ?) AND n = ? AND piece = ?
"""

_Statement = tuple[str, tuple[object, ...]]


class _Write:
    """Statements that are committed together, and the thread that waits for its turn: to commit, or to go on."""

    __slots__ = ("error", "is_done", "statements", "turn")

    def __init__(self, statements: Sequence[_Statement]) -> None:
        self.statements = statements
        self.error: BaseException | None = None
        self.is_done = False
        self.turn = threading.Lock()
        self.turn.acquire()


class SqliteJournal:
    """A journal in one SQLite file, durable at each commit (WAL, synchronous=FULL).

    What was said is kept for `keep` seconds, and for a day once `latest_posts` was asked for: caps on the posts of
    a day are counted from it. The place of each sheep, and how much it has said in its life, is kept for ever.
    """

    def __init__(self, path: Path, *, keep: float = 2 * DAY) -> None:
        self.path = path
        self._keep = keep
        self._queued: list[_Write] = []
        self._queueing = threading.Lock()
        self._is_led = False  # somebody commits, or will in a moment
        self._lock_file: int | None = None
        self._claimed: set[str] = set()
        self._reading = threading.Lock()  # an open SELECT would hide newer rows from the other threads
        self._closed = False
        with ExitStack() as opened:
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._reader = opened.enter_context(closing(self._connect()))
                migrate(self._reader)
                self._writer = self._connect()
            except (OSError, sqlite3.Error) as error:
                raise self._trouble(error) from error
            opened.pop_all()

    def claim(self, bots: Sequence[str]) -> None:
        """Lock one byte of the lock file a bot: the kernel lets go of it however this process ends."""
        bots = [bot for bot in bots if bot not in self._claimed]
        if not bots:
            return
        try:
            self._write([("INSERT OR IGNORE INTO sheep (bot) VALUES (?)", (bot,)) for bot in bots])
            rows = {bot: number for number, bot in self._fetch("SELECT id, bot FROM sheep")}
            lock_path = self.path.with_name(self.path.name + ".lock")
            if self._lock_file is None:
                self._lock_file = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            taken = [bot for bot in bots if not _lock_byte(self._lock_file, rows[bot])]
            if taken:
                for bot in set(bots).difference(taken):
                    fcntl.lockf(self._lock_file, fcntl.LOCK_UN, 1, rows[bot])
                raise BotsTaken(self._who_has(taken))
            self._write([("UPDATE sheep SET holder = ? WHERE bot = ?", (os.getpid(), bot)) for bot in bots])
            self._claimed.update(bots)
        except (OSError, sqlite3.Error) as error:
            raise self._trouble(error) from error

    def _who_has(self, bots: Sequence[str]) -> str:
        marks = ", ".join("?" * len(bots[:100]))
        query = f"SELECT DISTINCT holder FROM sheep WHERE bot IN ({marks})"  # noqa: S608 - only question marks
        pids = [str(pid) for (pid,) in self._fetch(query, tuple(bots[:100])) if pid]
        names = ", ".join(bot.partition(":")[2] for bot in bots[:5]) + (", …" if len(bots) > 5 else "")
        holder = f"process {', '.join(pids)}" if pids else "another process"
        return f"{holder} already runs {names}; stop that flock first, or take these keys out of this one"

    def read(self, bot: str) -> Record | None:
        for row in self._fetch(_READ, (bot,)):
            found = dict(zip(_COLUMNS, row, strict=True))
            return Record(bot, **found | {"unsure": bool(found["unsure"])})
        return None

    def intend(self, record: Record, text: str, at: float) -> None:
        self._write(
            [
                _move(record._replace(unsure=True)),
                (_INTEND, (record.n, record.piece, text, at, record.bot)),
                (_PRUNE, (record.bot, at - self._keep)),
            ]
        )

    def settle(self, settlement: Settlement, record: Record) -> None:
        done = (settlement.outcome, settlement.post_id, settlement.why, settlement.at)
        self._write(
            [
                _move(record._replace(unsure=False)),
                (_SETTLE, (*done, record.bot, settlement.n, settlement.piece)),
            ]
        )

    def keep(self, record: Record) -> None:
        self._write([_move(record._replace(unsure=False), _KEEP)])

    def latest_posts(self, count: int, bot: str | None = None) -> list[float]:
        query = """
            SELECT coalesce(settled_at, intended_at) AS posted_at
            FROM tweet JOIN sheep ON sheep.id = tweet.bot
            WHERE outcome IN ('said', 'unknown', 'intended') AND sheep.bot = coalesce(?, sheep.bot)
            ORDER BY posted_at DESC LIMIT ?
        """
        self._keep = max(self._keep, DAY)
        return [posted_at for (posted_at,) in self._fetch(query, (bot, count))][::-1]

    def close(self) -> None:
        """Finish what is queued, then let go of the bots. Whoever writes afterwards is told so."""
        if self._closed:
            return
        self._queue(_Write([]), closing=True)
        self._writer.close()
        self._reader.close()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _fetch(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        try:
            with self._reading:
                return self._reader.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._trouble(error) from error

    def _write(self, statements: Sequence[_Statement]) -> None:
        """Wait until `statements` are on the disk, all of them. Raises JournalError if they are not."""
        write = _Write(statements)
        self._queue(write, closing=False)
        if write.error is not None:
            raise self._trouble(write.error) from write.error

    def _queue(self, write: _Write, *, closing: bool) -> None:
        """Wait until `write` is done. Whoever comes when nobody commits does it, for all who have come by then."""
        with self._queueing:
            if self._closed:
                raise JournalError(f"the journal {self.path}: it is closed")
            self._closed = closing
            self._queued.append(write)
            leads, self._is_led = not self._is_led, True
        if not leads:
            write.turn.acquire()
        if not write.is_done:
            self._lead()

    def _lead(self) -> None:
        """Commit one group, and hand the lead to the first of those who have come in the meantime."""
        with self._queueing:
            group, self._queued = self._queued[:_GROUP], self._queued[_GROUP:]
        try:
            self._commit(group)
        finally:
            with self._queueing:
                self._is_led = bool(self._queued)
                if self._queued:
                    self._queued[0].turn.release()

    def _commit(self, group: Sequence[_Write]) -> None:
        error: BaseException | None = None
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for write in group:
                for statement, values in write.statements:
                    self._writer.execute(statement, values)
            self._writer.execute("COMMIT")
        except BaseException as problem:  # every thread that waits is told of it
            error = problem
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            if not isinstance(problem, Exception):
                raise
        finally:
            for write in group:
                write.error = error
                write.is_done = True
                write.turn.release()

    def _trouble(self, error: BaseException) -> JournalError:
        code = getattr(error, "sqlite_errorname", "") or ""
        for name, advice in _ADVICE:
            if code.startswith(name):
                return JournalError(f"the journal {self.path}: {advice}")
        return JournalError(f"the journal {self.path}: {getattr(error, 'strerror', None) or error}")


_ADVICE = (
    ("SQLITE_FULL", "the disk is full; make room"),
    ("SQLITE_IOERR", "the disk fails; check it"),
    ("SQLITE_READONLY", "it cannot be written; check its owner and permissions, and those of its folder"),
    ("SQLITE_CANTOPEN", "it cannot be opened; check --state, and the permissions of its folder"),
    ("SQLITE_NOTADB", "it is damaged or no journal; restore a copy, or move it away and all bots start over"),
    ("SQLITE_CORRUPT", "it is damaged; restore a copy, or move it away and all bots start over"),
    ("SQLITE_BUSY", "another program keeps it locked"),
)


def _move(record: Record, statement: str = _MOVE) -> _Statement:
    return statement, (record.bot, *(getattr(record, name) for name in _COLUMNS))


def migrate(connection: sqlite3.Connection, migrations: Iterable[str] = _MIGRATIONS) -> None:
    """Bring the database forward, each step in one transaction with its number (PRAGMA user_version)."""
    migrations = tuple(migrations)
    if connection.execute("PRAGMA user_version").fetchone()[0] > len(migrations):
        raise sqlite3.NotSupportedError("it was written by a newer flock; install that version again")
    for number, script in enumerate(migrations, start=1):
        with closing(connection.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                if cursor.execute("PRAGMA user_version").fetchone()[0] < number:
                    for statement in filter(str.strip, script.split(";")):
                        cursor.execute(statement)
                    cursor.execute(f"PRAGMA user_version = {number}")
                cursor.execute("COMMIT")
            except BaseException:
                cursor.execute("ROLLBACK")
                raise


def _lock_byte(file: int, offset: int) -> bool:
    """Return whether this process could lock that byte of `file`."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
    except BlockingIOError:
        return False
    except PermissionError:  # the other answer that POSIX allows
        return False
    return True
