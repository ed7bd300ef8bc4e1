"""The journal in one SQLite file, shared by all sheep threads of a process."""

from __future__ import annotations

import logging
import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, TypeVar

from flock.errors import BotsTaken, JournalError, Unstorable
from flock.journal import looks
from flock.journal import statements as sql
from flock.journal.accounts import Accounts
from flock.journal.base import (
    WELL,
    Command,
    Noted,
    Outcome,
    Place,
    Record,
    Settlement,
    Standing,
    Verb,
    given_to,
)
from flock.journal.checkpoints import Checkpoints
from flock.journal.claims import Claims, locked
from flock.journal.connections import connect, look
from flock.journal.counted import Counted
from flock.journal.custody import Custody, lock_file
from flock.journal.groups import Closed, GroupCommit, Statement, Write
from flock.journal.schema import check, is_current, migrate, version
from flock.journal.trouble import DAMAGED, trouble
from flock.units import DAY

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
_PRUNE_EVERY = 8  # posts of a bot
_Found = TypeVar("_Found")

log = logging.getLogger(__name__)


class _TakenBack(Exception):
    """A bot's row is gone, or is not as this journal left it."""


class _NotThere(ValueError):
    """The command that a write obeys is not there any more. As a ValueError it concerns no other write."""


class SqliteJournal:
    """A journal in one SQLite file, in WAL mode.

    Threads share one connection for writing and one for reading. Writes of several threads are committed in groups
    (`GroupCommit`). A write that fails because of its own values (a text that cannot be encoded, say) raises
    Unstorable and is left out; the other writes of its group are committed.

    What a kill or a power cut leaves: `intend` returns when the intent is on the disk: after its commit the WAL
    is flushed (fdatasync). Every other write returns when the operating system has it (`synchronous=NORMAL`), and
    reaches the disk with the next intent of any bot, at a checkpoint, or at `close`. A kill of the process loses
    nothing, since the operating system keeps what it has. A power cut may lose what was written since the last
    intent of any bot: at most the last settlement of each bot, and what `keep` noted after it. A lost settlement
    is an open intent (`Place.intended`), and the network is asked about that post at the next start. A lost
    `keep` means that the bot tries sooner, and is told again that it is suspended, for instance. Writes are lost
    from the end only: the WAL is read up to its first incomplete transaction.

    What was said is kept for `keep` seconds, and for a day at least once `latest_posts` was asked for, since caps
    on the posts of a day are counted from it. The posts that a cap may count are kept whatever their dates are.
    Each bot's place and its count of posts are kept for ever.

    A flock calls `look_after` once a second. When the files at the path are not those any more that this journal
    has open, or another program has written an older state over them, every write raises JournalError.

    With `read_only` nothing is created, migrated or written, and every writing method raises JournalError. A file
    of an older flock is migrated in memory: each read of it copies the whole file. Each read opens the file anew
    and sees the latest commit, also beside a running flock. (Where a WAL lies beside the file without its -shm
    file, as in a copy of only those two, SQLite creates the latter.)
    """

    commit_with = GroupCommit  # benchmarks/journal.py measures others

    def __init__(self, path: Path, *, keep: float = 2 * DAY, read_only: bool = False) -> None:
        self.path = path
        self._keep = keep
        self._is_read_only = read_only
        self._is_closed = False
        self.is_new = False
        self._wal: int | None = None  # a descriptor of the WAL, to flush it
        self._pid = os.getpid()
        self._reading = threading.Lock()  # an open SELECT would hide newer rows from the other threads
        self._closing = threading.Lock()
        self._claimed: set[str] = set()
        self._recognizing = threading.Lock()
        self._accounts = Accounts(self._fetch, self._write)
        self._rows: dict[str, int] = {}  # a bot, and the id of its row
        self._at: dict[int, tuple[int, int]] = {}  # a claimed bot's row, and the n and piece that it has
        self._counted: Counted | None = None  # where there are caps
        self._change = ""  # what happened to the file, in words; then nothing is written
        self._checkpoints = Checkpoints(self._checkpoint)
        self.commits = self.commit_with(self._commit)
        try:
            if read_only:
                look(self.path, check)
            else:
                self._custody = Custody(path)
                self._open()
        except (OSError, ValueError, sqlite3.Error) as error:
            raise trouble(self.path, error) from error

    def _open(self) -> None:
        with ExitStack() as opened:
            opened.callback(self._custody.close)
            self._custody.open()
            file = self._custody.path
            self._reader = opened.enter_context(closing(connect(file)))
            if version(self._reader):
                check(self._reader)  # first: a migration of damaged tables would not say which
            elif not self._custody.beside.path.exists():  # else a warning was given that it is lost
                self.is_new = True
            if not is_current(self._reader):
                self._migrate()
            self._writer = opened.enter_context(closing(connect(file, flushes=False)))
            self._try_out()
            self._custody.hold()
            opened.pop_all()

    def _migrate(self) -> None:
        """Bring the tables up to date, unless an older flock still runs: it could not write these tables.

        Raises BotsTaken in that case. An older flock has locked the bytes of its bots in the same lock file.
        """
        with closing(Claims(self._custody.beside.path)) as claims:
            holders: dict[int, int] = {}
            if version(self._reader):
                holders = dict(self._reader.execute("SELECT id, holder FROM sheep WHERE holder IS NOT NULL"))
            taken = claims.take(holders) if holders else []
            if taken and not is_current(self._reader):  # another process may have migrated them just now
                pids = ", ".join(sorted({str(holders[number]) for number in taken}))
                who = f"process {pids} of an older flock"
                raise BotsTaken(f"the journal {self.path}: {who} still writes it; stop that flock first")
            migrate(self._reader)

    def _try_out(self) -> None:
        """Execute every statement once, and roll all of it back. Raises sqlite3.Error.

        What is in its way (a view, a trigger, a column of another kind) is so told at the start.
        """
        bot, place, execute = "flock:try", Place(), self._writer.execute
        execute("BEGIN IMMEDIATE")
        try:
            execute(sql.ADD, (bot,))
            found = execute("SELECT id FROM sheep WHERE bot = ?", (bot,)).fetchone()
            here = (*(found or (None,)), place.n, place.piece)
            done = [
                execute(sql.MOVE, (*place, *here)),
                execute(sql.INTEND, (*here, "", 0.0)),
                execute(sql.SETTLE, (Outcome.SAID, "", "", 0.0, *here)),
                execute(sql.KEEP, (*place, *WELL, *here)),
                given := execute(sql.GIVE, (Verb.PAUSE, None, 0.0, bot)),
                execute(sql.OBEYED, (given.lastrowid, Verb.PAUSE, None, 0.0)),
            ]
            execute(sql.GIVEN)
            execute(sql.READDRESS, (here[0], here[0]))
            execute(sql.WITHDRAW_OPEN, (here[0], here[0]))
            execute(sql.PRUNE, self._prune(here[0], bot, 0.0))
            execute(sql.WITHDRAW, here)
            if any(cursor.rowcount != 1 for cursor in done):
                raise sqlite3.DatabaseError(f"{DAMAGED} (what is written does not stay)")
        finally:
            with suppress(sqlite3.Error):  # SQLite may have rolled back already; the first error says more
                execute("ROLLBACK")

    def claim(self, bots: Sequence[str], accounts: Mapping[str, str] | None = None) -> None:
        """Lock one byte for each bot, against other journals of this and of other processes (see `Custody`).

        All are claimed, or none. `close` frees them, and so does the end of the process. A forked child has none.
        """
        if bots := [bot for bot in bots if bot not in self._claimed]:
            self._lock(bots)
            self._note_accounts({bot: accounts[bot] for bot in bots if accounts and bot in accounts})
            self._claimed.update(bots)

    def _note_accounts(self, accounts: Mapping[str, str]) -> None:
        if others := self._accounts.note(accounts):
            raise BotsTaken(self._who_has(others))

    def _lock(self, bots: Sequence[str]) -> None:
        try:
            self._write([(sql.ADD, (bot,)) for bot in bots])
        except Unstorable as error:
            if isinstance(error.__cause__, sqlite3.Error):  # it is not the names
                raise trouble(self.path, error.__cause__) from error
            raise
        numbers = {self._row(bot): bot for bot in bots}
        try:
            taken = self._custody.take(numbers)
        except OSError as error:
            raise trouble(self.path, error) from error
        if taken:
            raise BotsTaken(self._who_has([numbers[number] for number in taken]))
        self._write([(sql.HOLD, (os.getpid(), time.time(), bot)) for bot in bots])

    def identify(self, bot: str, account: str | None) -> str:
        return self._accounts.identify(bot, account)

    def recognize(self, bot: str, name: str, account: str) -> str:
        with self._recognizing:
            known = self._accounts.identify(name, account)
            if known != bot and known in self._claimed:
                raise BotsTaken(self._who_has([known]))
            self.claim([known])
            self._note_accounts({known: account})
            if known != bot:
                self._write([(sql.READDRESS, (self._row(known), self._row(bot)))])
            return known

    def _row(self, bot: str) -> int:
        """Return the id of the bot's row, which is added if there is none."""
        if bot not in self._rows:
            if not (found := self._fetch("SELECT id FROM sheep WHERE bot = ?", (bot,))):
                self._write([(sql.ADD, (bot,))])
                found = self._fetch("SELECT id FROM sheep WHERE bot = ?", (bot,))
            if not found:
                raise JournalError(f"the journal {self.path}: {DAMAGED}")
            self._rows[bot] = int(found[0][0])
        return self._rows[bot]

    def _who_has(self, bots: Sequence[str]) -> str:
        marks = ", ".join("?" * len(bots[:100]))
        query = f"SELECT DISTINCT holder FROM sheep WHERE bot IN ({marks})"  # noqa: S608 - only question marks
        pids = [pid for (pid,) in self._fetch(query, tuple(bots[:100])) if pid]
        names = ", ".join(bot.partition(":")[2] for bot in bots[:5]) + (", …" if len(bots) > 5 else "")
        if pids == [os.getpid()]:
            return f"this process already runs {names}; close that flock first, or take these keys out of this one"
        holder = f"process {', '.join(map(str, pids))}" if pids else "another process"
        return f"{holder} already runs {names}; stop that flock first, or take these keys out of this one"

    def read(self, bot: str) -> tuple[Place, Standing] | None:
        def kept(connection: sqlite3.Connection) -> tuple[Place, Standing] | None:
            return next((looks.kept(row) for row in connection.execute(sql.READ, (bot,))), None)

        found = self._ask(kept)
        if found and bot in self._claimed:
            self._at[self._row(bot)] = found[0].n, found[0].piece
        return found

    def intend(self, bot: str, place: Place, text: str) -> None:
        if place.intended is None:
            raise Unstorable("the journal cannot store an intent without the time of it (place.intended)")
        row = self._row(bot)
        add = (sql.INTEND, (row, place.n, place.piece, text, place.intended))
        statements: list[Statement] = [add]
        if place.n % _PRUNE_EVERY == 0:
            statements.append((sql.PRUNE, self._prune(row, bot, place.intended)))
        self._move(bot, place, (sql.MOVE, tuple(place)), *statements, flush=True)

    def settle(self, bot: str, settlement: Settlement, place: Place) -> None:
        row = self._row(bot)
        done = (settlement.outcome, settlement.post_id, settlement.why, settlement.at)
        settle = (sql.SETTLE, (*done, row, settlement.n, settlement.piece))
        self._move(bot, place, (sql.KEEP, (*place, *WELL)), settle)
        if self._counted is not None and settlement.outcome in (Outcome.SAID, Outcome.UNKNOWN):
            self._counted.add(row)

    def keep(self, bot: str, place: Place, standing: Standing) -> None:
        row = self._row(bot)
        withdraw = [(sql.WITHDRAW, (row, place.n, place.piece))] if place.intended is None else []
        self._move(bot, place, (sql.KEEP, (*place, *standing)), *withdraw)

    def give(self, bots: Sequence[str], verb: Verb, line: int | None = None, *, at: float) -> None:
        give = [((sql.ADD, (bot,)), (sql.GIVE, (verb, line, at, bot))) for bot in bots]
        self._write([statement for both in give for statement in both], flush=True)

    def commands(self) -> list[Command]:
        found = self._fetch(sql.GIVEN)
        known = {str(verb): verb for verb in Verb}
        return [Command(number, bot, known[verb], *rest) for number, bot, verb, *rest in found if verb in known]

    def obey(self, command: Command, bot: str, place: Place, standing: Standing) -> bool:
        row = self._row(bot)
        withdraw = [(sql.WITHDRAW_OPEN, (row, row))] if place.intended is None else []
        done = (sql.OBEYED, (command.number, command.verb, command.line, command.given))
        try:
            self._move(bot, place, (sql.KEEP, (*place, *standing)), done, before=withdraw)
        except _NotThere:
            return False
        return True

    def holders(self, bots: Sequence[str]) -> dict[str, int]:
        asked = set(bots) - self._claimed
        query = "SELECT id, bot, holder FROM sheep WHERE holder IS NOT NULL"
        rows = {number: (bot, pid) for number, bot, pid in self._fetch(query) if bot in asked}
        try:
            taken = self._custody.taken({number: pid for number, (_, pid) in rows.items()})
        except OSError as error:
            raise trouble(self.path, error) from error
        return {rows[number][0]: rows[number][1] for number in taken}

    def release(self, bots: Sequence[str]) -> None:
        bots = [bot for bot in bots if bot in self._claimed]
        rows = [self._row(bot) for bot in bots]
        self._claimed.difference_update(bots)
        for row in rows:
            self._at.pop(row, None)
        try:
            self._write([("UPDATE sheep SET holder = NULL WHERE id = ?", (row,)) for row in rows])
        finally:
            self._accounts.forget(bots)
            self._custody.free(rows)

    def _move(
        self,
        bot: str,
        place: Place,
        move: Statement,
        *more: Statement,
        before: Sequence[Statement] = (),
        flush: bool = False,
    ) -> None:
        """Write the bot's row, which must still be as this journal left it if the bot is claimed, and what comes
        `before` and after it."""
        row = self._row(bot)
        statement, values = move
        left = self._at.pop(row, None)  # an interrupted write may have been committed, or not
        try:
            self._write([*before, (statement, (*values, row, *(left or (None, None)))), *more], flush=flush)
        except _NotThere:
            if left:
                self._at[row] = left
            raise
        if bot in self._claimed:
            self._at[row] = place.n, place.piece

    def _prune(self, row: int, bot: str, now: float) -> tuple[object, ...]:
        counted = 0 if self._counted is None else self._counted.of(bot, row)
        return row, row, now - self._keep, now + self._keep, row, counted

    def latest_posts(self, count: int, bot: str | None = None, *, now: float = math.inf) -> list[float]:
        """Return when the latest `count` posts were made. Of one bot, this takes time only for these."""
        self._keep = max(self._keep, DAY)
        if self._counted is None:
            self._counted = Counted()
        if bot is None:
            rows = self._fetch(sql.POSTS_OF_ALL, (count,))
            self._counted.ask_of_all(count, [row for _, row in reversed(rows)])
        else:
            rows = self._fetch(sql.POSTS_OF_BOT, (bot, count))
            self._counted.ask(count, bot)
        times = sorted(min(posted_at, now) for posted_at, *_ in rows)
        if any(posted_at > now for posted_at, *_ in rows):
            self._write([(sql.REDATE, (now,) * 4)])
        return times

    def bots(self) -> list[Record]:
        """See `Journal.bots`. The bots that run are those whose byte of the lock file is locked."""
        records, held = self._ask(lambda connection: (looks.bots(connection), looks.holders(connection)))
        try:
            running = locked(lock_file(self.path), dict(held.values()))
        except OSError as error:
            raise trouble(self.path, error) from error
        run = {bot for bot, (number, _) in held.items() if number in running}
        given = given_to(self.commands())
        return [
            record._replace(
                holder=record.holder if record.bot in run else None,
                since=record.since if record.bot in run else None,
                commands=given.get(record.bot, ()),
            )
            for record in records
        ]

    def counts(self) -> dict[str, int]:
        return self._ask(looks.counts)

    def posts(self, since: float = -math.inf) -> list[Noted]:
        return self._ask(lambda connection: looks.posts(connection, since))

    def posts_after(self, reached: Mapping[str, int]) -> list[Noted]:
        return self._ask(lambda connection: looks.posts_after(connection, reached))

    def tally(self, since: float) -> dict[str, dict[str, int]]:
        return self._ask(lambda connection: looks.tally(connection, since))

    def is_taken_over(self, bot: str) -> bool:
        """Return False: the kernel frees a bot when its flock has ended, and not before."""
        del bot
        return False

    def may_post(self, bot: str) -> bool:
        """Return True: no other flock takes a bot while this one runs."""
        del bot
        return True

    def limit(self, posts: int) -> None:
        """Do nothing: a flock caps itself."""

    def look_after(self, now: float) -> Sequence[str]:
        """See `Journal.look_after`. A change of the files is logged, and every write fails until it is undone."""
        if self._is_read_only or self._is_closed or self._pid != os.getpid():
            return ()
        try:
            change = self._custody.find_change()
        except OSError as error:
            change = f"it cannot be read any more ({error.strerror}); nothing is posted"
        self._note(change)
        if not change:
            self._checkpoints.make(now)
        return ()

    def _note(self, change: str) -> None:
        if change and change != self._change:
            log.error("the journal %s: %s", self.path, change)
        elif self._change and not change:
            log.warning("the journal %s: its files are back; the flock goes on", self.path)
        self._change = change

    def _checkpoint(self) -> None:
        """Begin an epoch, and copy what the WAL holds into the file: a copy of it alone is then a recent one."""
        with suppress(JournalError, OSError):  # the next intent tells
            epoch = self._custody.next_epoch(*self._fetch("PRAGMA application_id")[0])
            self._write([(f"PRAGMA application_id = {epoch}", ())])
            self._fetch("PRAGMA wal_checkpoint(PASSIVE)")
            self._custody.note_epoch(epoch)

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
            if self._is_read_only:
                return
            has_file = self._custody.has_file
            if has_file:  # else SQLite would write into another one, and delete its -wal file
                with suppress(OSError):
                    self._custody.release()
                with suppress(sqlite3.Error):  # then the disk fails, but the WAL still has everything
                    self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)")  # also where another program reads
            self._writer.close()
            with self._reading:
                self._reader.close()
            if self._wal is not None:
                os.close(self._wal)
            if not has_file:
                with suppress(OSError):
                    self._custody.discard()
            self._custody.close()

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
                return look(self.path, ask)
            self._refuse_forked()
            with self._reading:
                return ask(self._reader)
        except (UnicodeEncodeError, OverflowError) as error:
            raise Unstorable(f"the journal cannot store this: {error}") from error
        except (OSError, UnicodeDecodeError, sqlite3.Error) as error:
            raise trouble(self.path, error) from error

    # Writing

    def _write(self, statements: Sequence[Statement], *, flush: bool = False) -> None:
        """Commit `statements`, all or none; with `flush`, return when they are on the disk.

        Raises JournalError if the journal cannot take them, and Unstorable if it cannot take their values.
        """
        if self._is_read_only:
            raise JournalError(f"the journal {self.path}: it was opened read-only")
        self._refuse_forked()
        if self._change:
            raise JournalError(f"the journal {self.path}: {self._change}")
        write = Write(statements, flush=flush)
        try:
            self.commits.submit(write)
        except Closed:
            raise JournalError(f"the journal {self.path}: it is closed") from None
        if isinstance(write.error, _NotThere):
            raise write.error
        if isinstance(write.error, _UNSTORABLE) and not isinstance(write.error, UnicodeDecodeError):
            raise Unstorable(f"the journal cannot store this: {write.error}") from write.error
        if isinstance(write.error, _TakenBack):
            self._note(self._custody.overwritten())
            raise JournalError(f"the journal {self.path}: {self._change}")
        if write.error is not None:
            raise trouble(self.path, write.error) from write.error

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
        execute = self._writer.execute
        if self._writer.in_transaction:  # a ROLLBACK has failed before
            execute("ROLLBACK")
        try:
            execute("BEGIN IMMEDIATE")
            for write in group:
                for statement, values in write.statements:
                    if execute(statement, values).rowcount == 0:
                        _expect_more_of(statement)
            execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite may have rolled back already; the first error says more
                execute("ROLLBACK")
            raise
        if any(write.flush for write in group):
            self._flush()
        for write in group:
            write.error = None

    def _flush(self) -> None:
        """Return when the WAL is on the disk. Raises OSError.

        `PRAGMA synchronous = FULL` does the same at each COMMIT. But only intents need it, and to set it to
        and fro would take two more statements for each post.
        """
        if self._wal is None:  # SQLite takes no lock on the WAL file, which a close of it could drop
            self._wal = os.open(self._custody.wal, os.O_RDONLY | os.O_CLOEXEC)
        getattr(os, "fdatasync", os.fsync)(self._wal)  # macOS has only the latter


def _expect_more_of(statement: str) -> None:
    """Raise an error if `statement`, which has changed no row, must change one."""
    if statement in (sql.MOVE, sql.KEEP):
        raise _TakenBack
    if statement == sql.OBEYED:
        raise _NotThere
