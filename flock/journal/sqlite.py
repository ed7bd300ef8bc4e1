"""The journal in one SQLite file, shared by all sheep threads of a process."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from flock.budget import DAY
from flock.errors import BotsTaken, JournalError, Unstorable
from flock.journal.base import Record, Settlement
from flock.journal.claims import Claims, make_private
from flock.journal.groups import Closed, GroupCommit, Statement, Write
from flock.journal.schema import check, columns, migrate
from flock.journal.transaction import roll_back, transaction

_COLUMNS = tuple(name for name in Record._fields if name != "bot")
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
"""  # each new tweet deletes at most three old ones: no delete takes long, and the file stops growing
_SETTLE = """
    UPDATE tweet SET outcome = ?, post_id = ?, why = ?, settled_at = ?
    WHERE bot = (SELECT id FROM sheep WHERE bot = ?) AND n = ? AND piece = ?
"""
_POSTS_OF_BOT = """
    SELECT coalesce(settled_at, intended_at) FROM tweet
    WHERE bot = (SELECT id FROM sheep WHERE bot = ?) AND outcome IN ('said', 'unknown', 'intended')
    ORDER BY n DESC, piece DESC LIMIT ?
"""  # backwards along the primary key: it visits about as many rows as it returns
_POSTS_OF_ALL = """
    SELECT coalesce(settled_at, intended_at) AS posted_at FROM tweet
    WHERE outcome IN ('said', 'unknown', 'intended')
    ORDER BY posted_at DESC LIMIT ?
"""  # one scan of the table, which keeps the latest rows only

# What SQLite, or Python's binding, raises for the values of one write: no other write would fail for that reason.
_UNSTORABLE = (
    ValueError,  # a lone surrogate cannot be encoded
    OverflowError,  # SQLite's integers have 64 bits
    TypeError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)
_DAMAGED = "it is damaged; restore a copy, or move it away and all bots start over"
_ADVICE = (
    ("SQLITE_FULL", "the disk is full; make room"),
    ("SQLITE_IOERR", "the disk fails; check it"),
    ("SQLITE_READONLY", "it cannot be written; check its owner and permissions, and those of its folder"),
    ("SQLITE_CANTOPEN", "it cannot be opened; check --state, and the permissions of its folder"),
    ("SQLITE_NOTADB", "it is damaged or no journal; restore a copy, or move it away and all bots start over"),
    ("SQLITE_CORRUPT", _DAMAGED),
    ("SQLITE_BUSY", "another program keeps it locked"),
)

_Found = TypeVar("_Found")


class SqliteJournal:
    """A journal in one SQLite file, in WAL mode.

    Threads share one connection for writing and one for reading. Writes of several threads are committed in groups
    (`GroupCommit`). A write that fails because of its own values (a text that cannot be encoded, say) raises
    Unstorable and is left out; the other writes of its group are committed.

    What a kill or a power cut leaves: `intend` returns when the intent is on the disk (fsync; `synchronous=FULL`).
    Every other write returns when the operating system has it (`synchronous=NORMAL`), and reaches the disk with
    the next intent of any bot, at a checkpoint, or at `close`. A kill of the process loses nothing, since the
    operating system keeps what it has. A power cut may lose what was written since the last intent of any bot: at
    most the last settlement of each bot, and what `keep` noted after it. A lost settlement is an open intent
    (`unsure`), and the network is asked about that post at the next start. A lost `keep` means that the bot tries
    sooner, and is told again that it is suspended, for instance. Writes are lost from the end only: the WAL is
    read up to its first incomplete transaction.

    What was said is kept for `keep` seconds, and for a day at least once `latest_posts` was asked for, since caps
    on the posts of a day are counted from it. Each bot's place and its count of posts are kept for ever.

    With `read_only` nothing is created, migrated or written, and every writing method raises JournalError. The
    columns that an older flock's file lacks have their defaults. Each read opens the file anew and sees the latest
    commit, also beside a running flock. (Where a WAL lies beside the file without its -shm file, because somebody
    copied only those two, SQLite creates the latter.)
    """

    commit_with = GroupCommit  # benchmarks/journal.py measures others

    def __init__(self, path: Path, *, keep: float = 2 * DAY, read_only: bool = False) -> None:
        self.path = path
        self._keep = keep
        self._is_read_only = read_only
        self._is_closed = False
        self._flushes = True  # what `PRAGMA synchronous` of the writer is set to: FULL, or NORMAL
        self._pid = os.getpid()
        self._reading = threading.Lock()  # an open SELECT would hide newer rows from the other threads
        self._closing = threading.Lock()
        self._claims = Claims(path.with_name(f"{path.name}.lock"))
        self._claimed: set[str] = set()
        self.commits = self.commit_with(self._commit)
        try:
            if read_only:
                self._look(check)
            else:
                self._open()
        except (OSError, ValueError, sqlite3.Error) as error:
            raise self._trouble(error) from error

    def _open(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_private(self.path)  # SQLite gives its -wal and -shm files the mode of this one
        with ExitStack() as opened:
            self._reader = opened.enter_context(closing(_connect(self.path)))
            migrate(self._reader)
            check(self._reader)
            self._writer = opened.enter_context(closing(_connect(self.path)))
            opened.pop_all()

    def claim(self, bots: Sequence[str]) -> None:
        """Lock one byte of the lock file for each bot, against other journals of this and of other processes.

        All are claimed, or none. `close` frees them, and so does the end of the process. A forked child has none.
        """
        bots = [bot for bot in bots if bot not in self._claimed]
        if not bots:
            return
        self._write([("INSERT OR IGNORE INTO sheep (bot) VALUES (?)", (bot,)) for bot in bots])
        numbers = {self._number(bot): bot for bot in bots}
        try:
            taken = self._claims.take(numbers)
        except OSError as error:
            raise self._trouble(error) from error
        if taken:
            raise BotsTaken(self._who_has([numbers[number] for number in taken]))
        self._write([("UPDATE sheep SET holder = ? WHERE bot = ?", (os.getpid(), bot)) for bot in bots])
        self._claimed.update(bots)

    def _number(self, bot: str) -> int:
        for (number,) in self._fetch("SELECT id FROM sheep WHERE bot = ?", (bot,)):
            return int(number)
        raise JournalError(f"the journal {self.path}: {_DAMAGED}")  # it has just taken the row, and has it not

    def _who_has(self, bots: Sequence[str]) -> str:
        marks = ", ".join("?" * len(bots[:100]))
        query = f"SELECT DISTINCT holder FROM sheep WHERE bot IN ({marks})"  # noqa: S608 - only question marks
        pids = [pid for (pid,) in self._fetch(query, tuple(bots[:100])) if pid]
        names = ", ".join(bot.partition(":")[2] for bot in bots[:5]) + (", …" if len(bots) > 5 else "")
        if pids == [os.getpid()]:
            return f"this process already runs {names}; close that flock first, or take these keys out of this one"
        holder = f"process {', '.join(map(str, pids))}" if pids else "another process"
        return f"{holder} already runs {names}; stop that flock first, or take these keys out of this one"

    def read(self, bot: str) -> Record | None:
        def ask(connection: sqlite3.Connection) -> Record | None:
            names = _COLUMNS
            if self._is_read_only:
                found = columns(connection, "sheep")
                names = tuple(name for name in _COLUMNS if name in found)
            query = f"SELECT {', '.join(names)} FROM sheep WHERE bot = ? AND spoken"  # noqa: S608 - Record's fields
            row = connection.execute(query, (bot,)).fetchone()
            if row is None:
                return None
            values = dict(zip(names, row, strict=True))
            return Record(bot, **values | {"unsure": bool(values["unsure"])})

        return self._ask(ask)

    def intend(self, record: Record, text: str, at: float) -> None:
        self._write(
            [
                _move(record._replace(unsure=True)),
                (_INTEND, (record.n, record.piece, text, at, record.bot)),
                (_PRUNE, (record.bot, at - self._keep)),
            ],
            flush=True,
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
        """Return when the latest `count` posts were made. Of one bot, this takes time only for these."""
        self._keep = max(self._keep, DAY)
        of_one, of_all = (_POSTS_OF_BOT, (bot, count)), (_POSTS_OF_ALL, (count,))
        rows = self._fetch(*of_all) if bot is None else self._fetch(*of_one)
        return sorted(posted_at for (posted_at,) in rows)

    def close(self) -> None:
        """Commit what is queued, flush it to the disk, and free the bots. Later calls raise JournalError.

        In a forked child it does nothing: all of that is the parent's.
        """
        if self._pid != os.getpid():
            return
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
            self.commits.close()
            if not self._is_read_only:
                with suppress(sqlite3.Error):  # then the disk fails, but the WAL still has everything
                    self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)")  # also where another program reads
                self._writer.close()
                with self._reading:
                    self._reader.close()
            self._claims.close()

    def _refuse_forked(self) -> None:
        """A forked child must not use its parent's connections: SQLite's locks are not inherited."""
        if self._pid != os.getpid():
            raise JournalError(f"the journal {self.path}: the parent process opened it; open it again in this one")

    # Reading

    def _fetch(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        return self._ask(lambda connection: connection.execute(query, values).fetchall())

    def _ask(self, ask: Callable[[sqlite3.Connection], _Found]) -> _Found:
        """Return what `ask` finds. Raises JournalError, or Unstorable if it asks for what cannot be there."""
        try:
            if self._is_closed:
                raise JournalError(f"the journal {self.path}: it is closed")
            if self._is_read_only:
                return self._look(ask)
            self._refuse_forked()
            with self._reading:
                return ask(self._reader)
        except (UnicodeError, OverflowError) as error:
            raise Unstorable(f"the journal cannot store this: {error}") from error
        except (OSError, sqlite3.Error) as error:
            raise self._trouble(error) from error

    def _look(self, ask: Callable[[sqlite3.Connection], _Found]) -> _Found:
        """Ask a connection that writes nothing.

        Without a WAL no flock has the file open. Then the file is read as immutable, since SQLite would create a
        WAL otherwise; if a flock starts meanwhile, the answer may be wrong and is asked for again.
        """
        wal = self.path.with_name(f"{self.path.name}-wal")
        while True:
            is_at_rest = not wal.exists()
            try:
                with closing(_connect_read_only(self.path, is_at_rest=is_at_rest)) as connection:
                    found = ask(connection)
            except sqlite3.Error:
                if not is_at_rest or not wal.exists():
                    raise
            else:
                if not is_at_rest or not wal.exists():
                    return found

    # Writing

    def _write(self, statements: Sequence[Statement], *, flush: bool = False) -> None:
        """Commit `statements`, all or none; with `flush`, return when they are on the disk.

        Raises JournalError if the journal cannot take them, and Unstorable if it cannot take their values.
        """
        if self._is_read_only:
            raise JournalError(f"the journal {self.path}: it was opened read-only")
        self._refuse_forked()
        write = Write(statements, flush=flush)
        try:
            self.commits.submit(write)
        except Closed:
            raise JournalError(f"the journal {self.path}: it is closed") from None
        if isinstance(write.error, _UNSTORABLE):
            raise Unstorable(f"the journal cannot store this: {write.error}") from write.error
        if write.error is not None:
            raise self._trouble(write.error) from write.error

    def _commit(self, group: Sequence[Write]) -> None:
        """Commit the writes in one transaction, and set the `error` of each.

        If one cannot be stored, both halves are tried on their own, and so on until it is alone.
        """
        try:
            self._transact(group)
        except _UNSTORABLE as error:
            if len(group) == 1:
                group[0].error = error
            else:
                middle = len(group) // 2
                self._commit(group[:middle])
                self._commit(group[middle:])
        except Exception as error:  # noqa: BLE001 - raised in each thread that waits
            for write in group:
                write.error = error

    def _transact(self, group: Sequence[Write]) -> None:
        flushes = any(write.flush for write in group)
        if flushes != self._flushes:
            roll_back(self._writer)  # the PRAGMA is refused within a transaction
            self._writer.execute(f"PRAGMA synchronous = {'FULL' if flushes else 'NORMAL'}")
            self._flushes = flushes
        with transaction(self._writer) as connection:
            for write in group:
                for statement, values in write.statements:
                    connection.execute(statement, values)
        for write in group:
            write.error = None

    def _trouble(self, error: BaseException) -> JournalError:
        code = getattr(error, "sqlite_errorname", "") or ""
        for name, advice in _ADVICE:
            if code.startswith(name):
                return JournalError(f"the journal {self.path}: {advice}")
        if code == "SQLITE_ERROR":  # a statement does not fit the tables
            return JournalError(f"the journal {self.path}: {_DAMAGED} ({error})")
        return JournalError(f"the journal {self.path}: {getattr(error, 'strerror', None) or error}")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_read_only(path: Path, *, is_at_rest: bool) -> sqlite3.Connection:
    path.stat()  # a missing file is a FileNotFoundError
    how = "immutable=1" if is_at_rest else "mode=ro"
    location = f"file:{quote(os.fspath(path.absolute()))}?{how}"
    return sqlite3.connect(location, uri=True, timeout=10, isolation_level=None)


def _move(record: Record, statement: str = _MOVE) -> Statement:
    return statement, (record.bot, *(getattr(record, name) for name in _COLUMNS))
