"""What is on the disk after a power cut: every intent, and whatever was written before it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flock.journal import WELL, Condition, Outcome, Place, Settlement, SqliteJournal, Standing


class Disk:
    """Notes how much of the WAL is on the disk.

    The journal flushes it by fdatasync; SQLite does so at each COMMIT under `synchronous=FULL`, and before a
    checkpoint copies it into the file. (SQLite makes a checkpoint of its own after 1000 pages; these tests write
    fewer.)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.wal = path.with_name(f"{path.name}-wal")
        self.flushed = 0  # bytes
        self.flushes = 0

    def after(self, statement: str, synchronous: int) -> None:
        """Note the length of the WAL if this statement has flushed it."""
        flushes = (statement == "COMMIT" and synchronous >= 2) or statement.startswith("PRAGMA wal_checkpoint")
        if flushes and self.wal.exists():
            self.flush()

    def sync(self, descriptor: int) -> None:
        """Stand in for os.fdatasync."""
        assert os.path.samestat(os.fstat(descriptor), self.wal.stat())
        self.flush()

    def flush(self) -> None:
        """Note that all of the WAL is on the disk."""
        self.flushed = self.wal.stat().st_size
        self.flushes += 1

    def cut_power(self) -> Path:
        """Return a copy of the journal as it would be found: without what was not flushed."""
        copy = self.path.with_name("copy.db")
        shutil.copyfile(self.path, copy)
        if self.wal.exists():
            copy.with_name("copy.db-wal").write_bytes(self.wal.read_bytes()[: self.flushed])
        return copy


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Return the disk below every connection that the test opens."""
    disk = Disk(tmp_path / "flock.db")

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            found = super().execute(sql, *values)
            disk.after(sql, super().execute("PRAGMA synchronous").fetchone()[0])
            return found

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Watched))
    monkeypatch.setattr(os, "fdatasync", disk.sync)
    return disk


def post(journal: SqliteJournal, bot: str, n: int) -> None:
    """Intend and settle one post of a bot."""
    journal.intend(bot, Place(n=n, intended=10.0 * n), f"line {n}")
    journal.settle(bot, Settlement(n, 0, Outcome.SAID, 10.0 * n + 1, str(n)), Place(n=n + 1))


def test_a_power_cut_loses_at_most_the_last_settlement_of_a_bot(disk: Disk) -> None:
    """The intent is open again, so that the network is asked about it; nothing else is lost."""
    with closing(SqliteJournal(disk.path)) as journal:
        journal.claim(["x:dolly", "x:ewe"])
        for n in range(3):
            post(journal, "x:ewe", n)
            post(journal, "x:dolly", n)
        assert (Place(n=3), WELL) == journal.read("x:dolly")
        copy = disk.cut_power()
    with closing(SqliteJournal(copy)) as found:
        assert (Place(n=2, intended=20.0), WELL) == found.read("x:dolly")
        assert (Place(n=3), WELL) == found.read("x:ewe")
        assert [1.0, 11.0, 20.0] == found.latest_posts(9, "x:dolly")
        assert [1.0, 11.0, 21.0] == found.latest_posts(9, "x:ewe")


def test_an_intent_is_on_the_disk_when_it_returns(disk: Disk) -> None:
    """With it, everything that was written before."""
    with closing(SqliteJournal(disk.path)) as journal:
        post(journal, "x:dolly", 0)
        penned = Standing(Condition.PENNED, "suspended")
        journal.keep("x:ewe", Place(n=4), penned)
        journal.intend("x:dolly", Place(n=1, intended=10.0), "line 1")
        copy = disk.cut_power()
    with closing(SqliteJournal(copy)) as found:
        assert (Place(n=1, intended=10.0), WELL) == found.read("x:dolly")
        assert (Place(n=4), penned) == found.read("x:ewe")
        assert [1.0, 10.0] == found.latest_posts(9)


@pytest.mark.parametrize(
    "write",
    [
        lambda journal: journal.settle("x:dolly", Settlement(1, 0, Outcome.SAID, 11.0), Place(n=2)),
        lambda journal: journal.keep("x:dolly", Place(n=1), Standing(Condition.WAITING, until=99.0)),
        lambda journal: journal.claim(["x:dolly", "x:ewe"]),
    ],
)
def test_only_an_intent_waits_for_the_disk(disk: Disk, write: Callable[[SqliteJournal], None]) -> None:
    """A flush costs milliseconds, and the next intent brings one anyway."""
    with closing(SqliteJournal(disk.path)) as journal:
        journal.intend("x:dolly", Place(n=1, intended=1.0), "baa")
        flushed = disk.flushed
        write(journal)
        assert flushed == disk.flushed
        assert disk.wal.stat().st_size > flushed


def test_a_post_costs_one_flush(disk: Disk) -> None:
    """The one of its intent: its settlement brings none of its own, nor do a failure and a withdrawal."""
    with closing(SqliteJournal(disk.path)) as journal:
        journal.claim(["x:dolly", "x:ewe"])
        before = disk.flushes
        for n in range(10):
            post(journal, "x:dolly", n)
        assert 10 == disk.flushes - before
        for _ in range(5):
            journal.settle("x:ewe", Settlement(0, 0, Outcome.SAID, 1.0), Place(n=1))
            journal.keep("x:ewe", Place(n=1), Standing(Condition.WAITING, until=99.0))
        assert 10 == disk.flushes - before


def test_a_power_cut_opens_a_withdrawn_intent_again(disk: Disk) -> None:
    """A withdrawal is not flushed: the network is asked about a post that is not out, which does no harm."""
    with closing(SqliteJournal(disk.path)) as journal:
        journal.intend("x:dolly", Place(n=1, intended=1.0), "baa")
        journal.keep("x:dolly", Place(n=1), Standing(Condition.WAITING, until=99.0))
        assert [] == journal.latest_posts(9)
        copy = disk.cut_power()
    with closing(SqliteJournal(copy)) as found:
        assert (Place(n=1, intended=1.0), WELL) == found.read("x:dolly")
        assert [1.0] == found.latest_posts(9)


@pytest.mark.parametrize("is_read_meanwhile", [False, True])
def test_a_closed_journal_is_on_the_disk(disk: Disk, is_read_meanwhile: bool) -> None:
    """All of it, also while another program has the file open."""
    journal = SqliteJournal(disk.path)
    post(journal, "x:dolly", 0)
    if not is_read_meanwhile:
        journal.close()
        copy = disk.cut_power()
    else:
        with closing(sqlite3.connect(disk.path)) as other:
            other.execute("SELECT count(*) FROM tweet").fetchall()
            journal.close()
            copy = disk.cut_power()
    with closing(SqliteJournal(copy)) as found:
        assert (Place(n=1), WELL) == found.read("x:dolly")
