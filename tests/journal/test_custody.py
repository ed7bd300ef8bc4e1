"""The journal's file: locked under each of its names, private, and noticed when it is another one."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from flock.errors import BotsTaken, JournalError
from flock.events import Silenced
from flock.herd import Herd
from flock.journal import WELL, Outcome, Place, Settlement, SqliteJournal, Verb
from flock.journal.claims import Claims
from tests.conftest import TIMEOUT, no_more_files, open_files, until
from tests.world import World

HOLDER = """
import sys, pathlib
from flock.journal import SqliteJournal
from flock.errors import FlockError
try:
    journal = SqliteJournal(pathlib.Path(sys.argv[1]))
    journal.claim(sys.argv[2:])
except FlockError as error:
    print(error, flush=True)
else:
    print("claimed", flush=True)
    sys.stdin.read()
    journal.close()
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="there the lock file is all")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a journal may be."""
    return tmp_path / "state" / "flock.db"


@contextmanager
def another_process(path: Path, *bots: str) -> Iterator[str]:
    """Run another process that claims `bots`; yield what it said of that, and let it close its journal."""
    command = [sys.executable, "-c", HOLDER, str(path), *bots]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
            process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()


def answer(path: Path, *bots: str) -> str:
    """Return what another process says that claims `bots`."""
    with another_process(path, *bots) as said:
        return said


def post(journal: SqliteJournal, n: int, bot: str = "x:dolly") -> None:
    """Intend and settle one post of a bot."""
    journal.intend(bot, Place(n=n, intended=10.0 * n), f"line {n}")
    journal.settle(bot, Settlement(n, 0, Outcome.SAID, 10.0 * n + 1, str(n)), Place(n=n + 1))


def look(journal: SqliteJournal, now: float) -> None:
    """Look after the journal, and wait for the checkpoint if one is made."""
    journal.look_after(now)
    until("the checkpoint", lambda: "checkpoint" not in {thread.name for thread in threading.enumerate()})


def copy(source: Path, target: Path) -> None:
    """Copy as an operator does, in another process: SQLite's locks of this one stay."""
    subprocess.run(["cp", source, target], check=True, timeout=TIMEOUT)


class TestNames:
    """The lock is that of the file, and not of its name."""

    @pytest.mark.parametrize("by", ["symlink", "symlink to the folder", "renamed folder"])
    def test_a_file_is_the_same_by_each_path(self, path: Path, by: str) -> None:
        """The second flock is refused the same bots, and gets others."""
        with closing(SqliteJournal(path)) as journal:
            journal.claim(["x:dolly"])
            other = path.parents[1] / "elsewhere" / "flock.db"
            if by == "symlink":
                other.parent.mkdir()
                other.symlink_to(path)
            elif by == "symlink to the folder":
                other.parent.symlink_to(path.parent)
            else:
                path.parent.rename(other.parent)
            assert f"process {os.getpid()} already runs dolly;" in answer(other, "x:dolly")
            assert "claimed" == answer(other, "x:ewe")

    @linux
    def test_bots_stay_taken_when_the_lock_file_is_deleted(self, path: Path) -> None:
        """A cleaner took it, since it is empty."""
        with closing(SqliteJournal(path)) as journal:
            journal.claim(["x:dolly"])
            path.with_name("flock.db.lock").unlink()
            assert f"process {os.getpid()} already runs dolly;" in answer(path, "x:dolly")

    def test_a_hard_link_is_refused_in_a_line(self, path: Path) -> None:
        """Each name would have a -wal file of its own."""
        SqliteJournal(path).close()
        path.with_name("link.db").hardlink_to(path)
        for name in (path, path.with_name("link.db")):
            expected = f"the journal {name}: it has 2 names (hard links); SQLite would write a -wal file for each"
            assert answer(name, "x:dolly").startswith(expected)

    @linux
    def test_one_file_is_not_open_by_two_names(self, path: Path) -> None:
        """As by a bind mount of the file, for which a test would have to be root: here the file is renamed."""
        with closing(SqliteJournal(path)) as journal:
            journal.claim(["x:dolly"])
            other = path.with_name("other.db")
            path.rename(other)
            assert "another flock has it open by another name" in answer(other, "x:ewe")
            other.rename(path)
            assert "claimed" == answer(path, "x:ewe")

    def test_an_older_flock_keeps_its_bots(self, path: Path) -> None:
        """It locks the lock file only."""
        with closing(SqliteJournal(path)) as journal:
            journal.claim(["x:dolly"])
        with closing(Claims(path.with_name("flock.db.lock"))) as older:
            assert [] == older.take([1])
            with closing(SqliteJournal(path)) as journal:
                with pytest.raises(BotsTaken):
                    journal.claim(["x:dolly"])
                journal.claim(["x:ewe"])
                assert [2] == older.take([2])
        with closing(SqliteJournal(path)) as journal:
            journal.claim(["x:dolly"])

    @linux
    def test_closing_one_journal_leaves_sqlites_locks_to_another_of_its_process(self, path: Path) -> None:
        """Else another process would take itself for the last one, and delete the -wal file."""
        with closing(SqliteJournal(path)) as journal:
            journal.claim(["x:dolly"])
            with closing(SqliteJournal(path)) as other:
                other.claim(["x:ewe"])
            assert "claimed" == answer(path, "x:lamb")
            assert path.with_name("flock.db-wal").exists()
            post(journal, 0)
        with closing(SqliteJournal(path)) as journal:
            assert (Place(n=1), WELL) == journal.read("x:dolly")


class TestChanges:
    """A running flock notices that its journal is another one."""

    @pytest.fixture
    def journal(self, path: Path) -> Iterator[SqliteJournal]:
        """Return the journal of a flock that has said three lines, and that was looked after."""
        journal = SqliteJournal(path)
        journal.claim(["x:dolly", "x:ewe"])
        look(journal, 0.0)
        for n in range(3):
            post(journal, n)
        look(journal, 1.0)
        yield journal
        journal.close()

    @staticmethod
    def silence(journal: SqliteJournal) -> str:
        """Return the one line in which every write is refused."""
        lines = set()
        acts: list[Callable[[], None]] = [
            lambda: journal.intend("x:dolly", Place(n=3, intended=30.0), "baa"),
            lambda: journal.settle("x:ewe", Settlement(0, 0, Outcome.SAID, 1.0), Place(n=1)),
            lambda: journal.keep("x:ewe", Place(), WELL),
        ]
        for act in acts:
            with pytest.raises(JournalError) as error:
                act()
            lines.add(str(error.value))
        (line,) = lines
        assert line.isprintable()
        return line

    @pytest.mark.parametrize("name", ["flock.db", "flock.db-wal", "flock.db-shm"])
    def test_a_deleted_file_silences_the_flock(
        self, path: Path, journal: SqliteJournal, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One line in the log, and each intent is refused; back again, it is written."""
        file = path.with_name(name)
        away = file.rename(path.with_name("away"))
        look(journal, 2.0)
        look(journal, 3.0)
        line = self.silence(journal)
        assert line.startswith(f"the journal {path}: it")
        assert "was deleted while this flock runs; nothing is posted; put it back, or stop" in line
        assert [line] == [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
        away.rename(file)
        look(journal, 4.0)
        post(journal, 3)
        assert (Place(n=4), WELL) == journal.read("x:dolly")

    def test_a_replaced_file_silences_the_flock_and_is_left_alone(
        self, path: Path, journal: SqliteJournal
    ) -> None:
        """Another flock may run on the new one: the end of the first leaves it all of its files."""
        for file in path.parent.iterdir():
            file.rename(file.with_name(f"old-{file.name}"))
        with another_process(path, "x:dolly") as said:
            assert "claimed" == said
            look(journal, 2.0)
            assert "it was replaced while this flock runs" in self.silence(journal)
            journal.close()
            assert path.with_name("flock.db-wal").exists()
        with closing(SqliteJournal(path)) as fresh:
            assert fresh.read("x:dolly") is None

    @linux
    @pytest.mark.parametrize("how", ["older", "another", "empty", "no journal"])
    def test_an_overwritten_file_silences_the_flock(self, path: Path, journal: SqliteJournal, how: str) -> None:
        """`cp` leaves the inode as it is."""
        source = path.with_name("source")
        if how == "older":
            copy(path, source)
        elif how == "another":
            with closing(SqliteJournal(source)) as another:
                look(another, 0.0)
        else:
            source.write_text("Dear diary, " * 500 if how == "no journal" else "")
        look(journal, 62.0)
        post(journal, 3)
        copy(source, path)
        look(journal, 63.0)
        assert "another program has overwritten it, or undone what this flock wrote" in self.silence(journal)
        content = path.read_bytes()
        journal.close()
        assert content == path.read_bytes()
        assert not path.with_name("flock.db-wal").exists()  # SQLite would read it as that of the copy

    @linux
    @pytest.mark.parametrize("how", ["deleted", "replaced"])
    def test_a_copy_may_be_restored_when_the_flock_has_ended(
        self, path: Path, journal: SqliteJournal, how: str
    ) -> None:
        """No -wal file is left behind, which SQLite would read as that of the copy."""
        look(journal, 62.0)
        copy(path, path.with_name("copy"))
        post(journal, 3)
        if how == "deleted":
            path.unlink()
        else:
            path.with_name("copy").rename(path)
        look(journal, 63.0)
        journal.close()
        if how == "deleted":
            path.with_name("copy").rename(path)
        with closing(SqliteJournal(path)) as restored:
            assert (Place(n=3), WELL) == restored.read("x:dolly")

    @pytest.mark.parametrize("how", ["restored", "row deleted"])
    def test_what_was_taken_back_through_sqlite_silences_the_flock(
        self, path: Path, journal: SqliteJournal, how: str
    ) -> None:
        """The next write of that bot notices it, and all others follow."""
        with (
            closing(sqlite3.connect(path, isolation_level=None)) as other,
            closing(sqlite3.connect(":memory:")) as old,
        ):
            other.backup(old)
            post(journal, 3)
            if how == "restored":
                old.backup(other)
            else:
                other.execute("DELETE FROM sheep")
        with pytest.raises(JournalError, match="undone what this flock wrote"):
            journal.intend("x:dolly", Place(n=4, intended=40.0), "baa")
        assert "undone what this flock wrote" in self.silence(journal)

    def test_a_flock_that_shares_the_journal_changes_nothing(self, path: Path, journal: SqliteJournal) -> None:
        """Its checkpoints begin new epochs, too, and other programs may write."""
        with closing(SqliteJournal(path)) as other:
            other.claim(["x:lamb"])
            for n in range(5):
                look(other, 60.0 * n)
                look(journal, 60.0 * n + 1)
                post(journal, 3 + n)
                post(other, n, "x:lamb")
        with closing(sqlite3.connect(path)) as program, program:
            program.execute("UPDATE sheep SET last_id = '7' WHERE bot = 'x:dolly'")
        look(journal, 400.0)
        post(journal, 8)
        assert (Place(n=9), WELL) == journal.read("x:dolly")

    def test_a_deleted_lock_file_is_made_again(self, path: Path, journal: SqliteJournal) -> None:
        """With its locks, also against flocks that know no other."""
        path.with_name("flock.db.lock").unlink()
        look(journal, 2.0)
        with closing(Claims(path.with_name("flock.db.lock"))) as older:
            assert [1, 2] == older.take([1, 2, 3])
        post(journal, 3)

    def test_a_lock_file_that_another_flock_has_made_silences_this_one(
        self, path: Path, journal: SqliteJournal
    ) -> None:
        """One that locks the lock file only."""
        path.with_name("flock.db.lock").unlink()
        with closing(Claims(path.with_name("flock.db.lock"))) as older:
            assert [] == older.take([1])
            for now in (2.0, 3.0):
                look(journal, now)
                assert "another flock runs the same bots" in self.silence(journal)
        look(journal, 4.0)
        post(journal, 3)

    def test_a_herd_says_nothing_without_its_journal(self, make_world: Callable[..., World], path: Path) -> None:
        """It looks once a second; one event tells."""
        world = make_world(journal=SqliteJournal(path))
        sheep = world.raise_sheep(lines=100)
        world.live(130, sheep)
        said = len(world.stage().posts)
        shutil.rmtree(path.parent)
        Herd([sheep], world.context).look_around()
        world.live(3600, sheep)
        world.journal.close()
        assert 0 < said == len(world.stage().posts)
        assert 1 == len(world.told(Silenced))


@linux
def test_a_copy_of_the_file_alone_lacks_a_minute_at_most(path: Path) -> None:
    """An operator copies it with `cp` while the flock runs, without the -wal file."""
    with closing(SqliteJournal(path)) as journal:
        journal.claim(["x:dolly"])
        for minute in range(3):
            for n in range(10 * minute, 10 * minute + 10):
                post(journal, n)
            look(journal, 60.0 * minute)
            assert path.with_name("flock.db-wal").exists()
            copied = path.with_name(f"copy{minute}.db")
            copy(path, copied)
            post(journal, 10 * minute + 10)
            with closing(SqliteJournal(copied)) as other:
                assert (Place(n=10 * minute + 10), WELL) == other.read("x:dolly")
                assert 9 == len(other.latest_posts(9, "x:dolly"))


def test_checkpoints_are_a_minute_apart(path: Path) -> None:
    """Each copies what has come together meanwhile; in between, the file stays as it is."""
    with closing(SqliteJournal(path)) as journal:
        journal.claim(["x:dolly"])
        copies = []
        for now in (0.0, 1.0, 59.0, 60.0, 61.0):
            post(journal, int(now))
            look(journal, now)
            target = path.with_name("copy")
            copy(path, target)
            copies.append(target.read_bytes())
        first, second = copies[0], copies[3]
        assert [first, first, first, second, second] == copies
        assert first != second


class TestStart:
    """What is told, and done, when a journal is opened."""

    @pytest.mark.parametrize("is_empty", [False, True])
    def test_a_lost_journal_is_told_once(
        self, path: Path, is_empty: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The lock file shows that there was one."""
        with closing(SqliteJournal(path)) as journal:
            journal.claim(["x:dolly"])
        assert [] == caplog.messages
        path.unlink()
        if is_empty:
            path.touch()
        with closing(SqliteJournal(path)) as journal:
            journal.claim(["x:dolly"])
        (line,) = caplog.messages
        assert line.startswith(f"the journal {path} is {'empty' if is_empty else 'missing'}, but its lock file")
        with closing(SqliteJournal(path)):
            assert [line] == caplog.messages

    def test_files_that_others_may_read_become_private(self, path: Path) -> None:
        """An older program, or `cp`, made them so."""
        path.parent.mkdir()
        names = ("flock.db", "flock.db-wal", "flock.db-shm", "flock.db.lock")
        for name in names:
            path.with_name(name).touch()
            path.with_name(name).chmod(0o664)
        with closing(SqliteJournal(path)) as journal:
            journal.claim(["x:dolly"])
            modes = {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()}
        assert dict.fromkeys(names, "0o600") == modes

    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
    def test_every_folder_that_is_made_is_private(self, tmp_path: Path, umask: int) -> None:
        """Also those around it."""
        path = tmp_path / "a" / "b" / "flock.db"
        before = os.umask(umask)
        try:
            SqliteJournal(path).close()
        finally:
            os.umask(before)
        assert [0o700] * 2 == [folder.stat().st_mode & 0o777 for folder in (tmp_path / "a", tmp_path / "a" / "b")]

    @pytest.mark.parametrize("kind", ["fifo", "folder", "device"])
    def test_what_is_no_file_is_refused_in_a_line(self, path: Path, kind: str) -> None:
        """Without waiting for it, and as it is."""
        path.parent.mkdir()
        if kind == "fifo":
            os.mkfifo(path, 0o644)
        elif kind == "folder":
            path.mkdir(mode=0o755)
        else:
            path.symlink_to("/dev/zero")
        mode = path.stat().st_mode
        assert f"the journal {path}: it is no file; give --state the path of a file" == answer(path)
        assert mode == path.stat().st_mode

    def test_nothing_stays_open_when_a_journal_cannot_be_opened(self, path: Path) -> None:
        """Neither its own descriptor nor SQLite's."""
        SqliteJournal(path).close()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("DROP TABLE tweet")
        for _ in range(3):
            with pytest.raises(JournalError):
                SqliteJournal(path)
        assert 0 == open_files(path.parent)

    @pytest.mark.parametrize(
        ("error", "what"),
        [
            (errno.ENOLCK, "its file system has no locks (NFS, SMB); put --state on a local disk"),
            (errno.EOPNOTSUPP, "its file system has no locks (NFS, SMB); put --state on a local disk"),
            (errno.EACCES, "permission denied; give --state PATH or FLOCK_STATE, a file that this user may write"),
        ],
    )
    @linux
    def test_a_file_system_that_refuses_is_told_with_what_to_do(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, error: int, what: str
    ) -> None:
        """At once, and not as a lock of another program after ten seconds."""

        def refuse(*_: object) -> None:
            raise OSError(error, os.strerror(error))

        monkeypatch.setattr(fcntl, "fcntl", refuse)
        with pytest.raises(JournalError) as refused:
            SqliteJournal(path)
        assert f"the journal {path}: {what}" == str(refused.value)

    def test_a_process_that_may_open_no_more_files_is_told_so(self, path: Path) -> None:
        """And not that something is wrong with the journal."""
        SqliteJournal(path).close()
        with no_more_files(), pytest.raises(JournalError, match="this process may open no more files; raise"):
            SqliteJournal(path)


class TestRelease:
    """A bot may be given to another flock while this one goes on."""

    def test_a_released_bot_is_free_and_the_others_are_not(self, path: Path) -> None:
        """Another process gets it, and this one does not get it back before that one has ended."""
        with closing(SqliteJournal(path)) as journal:
            journal.claim(["x:dolly", "x:ewe"])
            post(journal, 0)
            assert f"process {os.getpid()} already runs dolly;" in answer(path, "x:dolly")

            journal.release(["x:dolly"])

            with another_process(path, "x:dolly") as said:
                assert "claimed" == said
                with pytest.raises(BotsTaken, match=r"process \d+ already runs dolly;"):
                    journal.claim(["x:dolly"])
            journal.claim(["x:dolly"])
            post(journal, 1)
            assert f"process {os.getpid()} already runs ewe;" in answer(path, "x:ewe")
            journal.look_after(0.0)
            post(journal, 2)

    def test_who_runs_a_bot_is_asked_without_a_claim(self, path: Path) -> None:
        """A journal that tells a bot something disturbs no flock; of one that was killed, no bot is held."""
        with closing(SqliteJournal(path)) as flock, closing(SqliteJournal(path)) as teller:
            flock.claim(["x:dolly"])
            teller.give(["x:dolly", "x:lamb"], Verb.PAUSE, at=1.0)

            assert {"x:dolly": os.getpid()} == teller.holders(["x:dolly", "x:lamb", "x:stranger"])
            assert {} == flock.holders(["x:dolly"])
            flock.release(["x:dolly"])
            assert {} == teller.holders(["x:dolly"])
        with closing(SqliteJournal(path)) as teller:
            with another_process(path, "x:dolly"):
                assert ["x:dolly"] == [*teller.holders(["x:dolly"])]
            assert {} == teller.holders(["x:dolly"])
            assert 2 == len(teller.commands())
