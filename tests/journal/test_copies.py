"""Copies of a journal: each is whole and private at once; none takes the place of a newer journal."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flock.errors import BadOption, BotsTaken, JournalError
from flock.journal import Outcome, Place, Settlement, SqliteJournal
from flock.journal.copies import back_up, restore

DOLLY, EWE = "x:dolly", "x:ewe"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a journal is, with three posts of one bot and one of another."""
    path = tmp_path / "state" / "flock.db"
    with closing(SqliteJournal(path)) as journal:
        journal.claim([DOLLY, EWE])
        for n in range(3):
            say(journal, DOLLY, n)
        say(journal, EWE, 0)
    return path


def say(journal: SqliteJournal, bot: str, n: int) -> None:
    """Note the bot's n-th post, at that second."""
    journal.intend(bot, Place(n=n, intended=float(n)), f"{bot} {n}")
    journal.settle(bot, Settlement(n, 0, Outcome.SAID, float(n)), Place(n=n + 1))


def places(path: Path) -> dict[str, int]:
    """Return how many posts each bot has made, as the journal says."""
    with closing(SqliteJournal(path, read_only=True)) as journal:
        return {each.bot: each.kept[0].n for each in journal.bots() if each.kept}


def names(folder: Path) -> list[str]:
    """Return what is in the folder."""
    return sorted(each.name for each in folder.iterdir())


def damage(path: Path) -> None:
    """Overwrite all pages of the journal but the first, which says where the tables are."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))


def attempt(act: Callable[..., Any], *arguments: Any, results: Any) -> None:
    """Do it in another process, and tell how it ended."""
    try:
        act(*arguments)
    except Exception as error:  # noqa: BLE001
        results.put(f"{type(error).__name__}: {error}")
    else:
        results.put("done")


def elsewhere(act: Callable[..., Any], *arguments: Any) -> str:
    """Do it in a process of its own, as the command does, and return how it ended."""
    context = multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    process = context.Process(target=attempt, args=(act, *arguments), kwargs={"results": results})
    process.start()
    process.join(30)
    return str(results.get())


class TestBackUp:
    """back_up: a copy while the flock runs."""

    def test_a_copy_has_what_the_journal_has(self, path: Path, tmp_path: Path) -> None:
        """It is one file, which its owner alone can open."""
        copy = back_up(path, tmp_path / "copy.db")

        assert (2, 4, 2.0) == (copy.bots, copy.posts, copy.latest)
        assert {DOLLY: 3, EWE: 1} == places(copy.file)
        assert 0o600 == copy.file.stat().st_mode & 0o777
        assert ["copy.db", "state"] == names(tmp_path)

    def test_what_was_written_last_is_in_the_copy(self, path: Path, tmp_path: Path) -> None:
        """Also what is only in the -wal file yet, while the flock has the journal open."""
        with closing(SqliteJournal(path)) as journal:
            journal.claim([DOLLY])
            journal.read(DOLLY)
            say(journal, DOLLY, 3)
            ended = elsewhere(back_up, path, tmp_path / "copy.db")
            say(journal, DOLLY, 4)

        assert "done" == ended
        assert {DOLLY: 4, EWE: 1} == places(tmp_path / "copy.db")

    def test_each_copy_of_a_busy_journal_is_whole(self, path: Path, tmp_path: Path) -> None:
        """A place and its posts are of the same moment."""
        over = threading.Event()
        with closing(SqliteJournal(path)) as journal:
            journal.claim([DOLLY])
            journal.read(DOLLY)

            def keep_on() -> None:
                n = 3
                while not over.is_set():
                    say(journal, DOLLY, n)
                    n += 1

            thread = threading.Thread(target=keep_on)
            thread.start()
            try:
                copies = [back_up(path, tmp_path / f"{number}.db").file for number in range(5)]
            finally:
                over.set()
                thread.join()
        for copy in copies:
            with closing(sqlite3.connect(copy)) as connection:
                (n,) = connection.execute("SELECT n FROM sheep WHERE bot = ?", (DOLLY,)).fetchone()
                latest = connection.execute("SELECT max(n), outcome FROM tweet WHERE bot = 1").fetchone()
            assert latest in ((n - 1, "said"), (n, "intended"))

    def test_a_file_that_is_there_stays(self, path: Path, tmp_path: Path) -> None:
        """A link that leads nowhere, too; --force replaces either."""
        file, link = tmp_path / "copy.db", tmp_path / "link.db"
        file.write_text("precious")
        link.symlink_to("nowhere")
        for taken in (file, link):
            with pytest.raises(BadOption, match="a file already; give another name, or --force"):
                back_up(path, taken)
        assert "precious" == file.read_text()
        back_up(path, file, force=True)
        assert {DOLLY: 3, EWE: 1} == places(file)

    def test_only_a_plain_file_is_replaced(self, path: Path, tmp_path: Path) -> None:
        """A folder or a device would be gone, whatever it is for."""
        folder, pipe = tmp_path / "folder", tmp_path / "pipe"
        folder.mkdir()
        os.mkfifo(pipe)

        for place in (folder, pipe):
            with pytest.raises(BadOption, match="this is a folder, a device or a pipe"):
                back_up(path, place, force=True)
        assert (True, True) == (folder.is_dir(), pipe.is_fifo())

    @pytest.mark.parametrize("end", ["", "-wal", ".lock", ".sessions"])
    def test_the_journal_itself_is_no_place_for_a_copy(self, path: Path, end: str) -> None:
        """Nor is what belongs to it, not even with --force."""
        with pytest.raises(BadOption, match="the journal itself"):
            back_up(path, path.with_name(path.name + end), force=True)
        assert {DOLLY: 3, EWE: 1} == places(path)

    def test_a_missing_folder_is_named(self, path: Path, tmp_path: Path) -> None:
        """It is not made."""
        with pytest.raises(BadOption, match="there is no folder"):
            back_up(path, tmp_path / "nowhere" / "copy.db")
        assert ["state"] == names(tmp_path)

    def test_a_missing_journal_leaves_no_copy(self, tmp_path: Path) -> None:
        """The line names the journal."""
        with pytest.raises(JournalError, match=r"none\.db: there is no such file; check --state"):
            back_up(tmp_path / "none.db", tmp_path / "copy.db")
        assert [] == names(tmp_path)

    def test_a_damaged_journal_leaves_no_copy(self, path: Path, tmp_path: Path) -> None:
        """Also one whose first page is whole, so that it can be opened."""
        damage(path)

        with pytest.raises(JournalError, match=r"state/flock\.db: it is damaged; restore a copy"):
            back_up(path, tmp_path / "copy.db")
        assert ["state"] == names(tmp_path)


class TestRestore:
    """restore: a copy in a journal's place."""

    def test_a_copy_takes_the_place_of_a_lost_journal(self, path: Path, tmp_path: Path) -> None:
        """On another machine, for instance, where the flock goes on with it."""
        copy = back_up(path, tmp_path / "copy.db").file
        restored = restore(copy, tmp_path / "elsewhere" / "flock.db")

        assert (None, None) == (restored.aside, restored.behind)
        with closing(SqliteJournal(tmp_path / "elsewhere" / "flock.db")) as journal:
            journal.claim([DOLLY])
            say(journal, DOLLY, 3)
        assert {DOLLY: 3, EWE: 1} == places(copy)

    def test_what_was_there_is_kept_beside_it(self, path: Path, tmp_path: Path) -> None:
        """As a journal of its own."""
        copy = back_up(path, tmp_path / "copy.db").file
        with closing(SqliteJournal(path)) as journal:
            journal.claim([DOLLY])
            journal.read(DOLLY)
            say(journal, DOLLY, 3)

        restored = restore(copy, path, force=True)

        assert restored.aside is not None
        assert {DOLLY: 1} == restored.behind
        assert {DOLLY: 3, EWE: 1} == places(path)
        assert {DOLLY: 4, EWE: 1} == places(restored.aside)
        assert ["flock.db", restored.aside.name, "flock.db.lock"] == names(path.parent)
        assert [0o600] * 3 == [each.stat().st_mode & 0o777 for each in path.parent.iterdir()]

    def test_each_journal_that_was_replaced_is_kept(self, path: Path, tmp_path: Path) -> None:
        """Also two in one second."""
        copy = back_up(path, tmp_path / "copy.db").file
        asides = {restore(copy, path).aside for _ in range(3)}

        assert 3 == len(asides)
        assert [{DOLLY: 3, EWE: 1}] * 3 == [places(aside) for aside in asides if aside]

    def test_a_newer_journal_is_not_replaced_unasked(self, path: Path, tmp_path: Path) -> None:
        """Its lines would be said once more."""
        copy = back_up(path, tmp_path / "copy.db").file
        with closing(SqliteJournal(path)) as journal:
            journal.claim([DOLLY, EWE])
            for n in (3, 4):
                journal.read(DOLLY)
                say(journal, DOLLY, n)

        with pytest.raises(BadOption, match=r"would be made once more: 2 \(bots: 1\); --force"):
            restore(copy, path)

        assert {DOLLY: 5, EWE: 1} == places(path)
        assert ["flock.db", "flock.db.lock"] == names(path.parent)

    def test_a_journal_in_use_is_not_replaced(self, path: Path, tmp_path: Path) -> None:
        """Neither by another process nor by this one."""
        copy = back_up(path, tmp_path / "copy.db").file
        with closing(SqliteJournal(path)) as journal:
            journal.claim([DOLLY])
            other = elsewhere(restore, copy, path)
            with pytest.raises(BotsTaken, match="stop the flock first"):
                restore(copy, path)

        assert other.startswith("BotsTaken: ")
        assert "done" == elsewhere(restore, copy, path)

    def test_a_journal_left_by_a_kill_is_kept_whole(self, path: Path, tmp_path: Path) -> None:
        """With what is in its -wal file."""
        copy = back_up(path, tmp_path / "copy.db").file
        killed = tmp_path / "killed"
        killed.mkdir()
        with closing(SqliteJournal(path)) as journal:
            journal.claim([DOLLY])
            journal.read(DOLLY)
            say(journal, DOLLY, 3)
            for end in ("", "-wal"):
                shutil.copy(path.with_name(path.name + end), killed)

        restored = restore(copy, killed / "flock.db", force=True)

        assert restored.aside is not None
        assert {DOLLY: 4, EWE: 1} == places(restored.aside)
        assert {DOLLY: 3, EWE: 1} == places(killed / "flock.db")

    def test_a_damaged_journal_is_replaced_and_kept(self, path: Path, tmp_path: Path) -> None:
        """That is what copies are for."""
        copy = back_up(path, tmp_path / "copy.db").file
        path.write_bytes(b"scrap")

        restored = restore(copy, path)

        assert restored.aside is not None
        assert b"scrap" == restored.aside.read_bytes()
        assert {DOLLY: 3, EWE: 1} == places(path)

    def test_a_damaged_copy_changes_nothing(self, path: Path, tmp_path: Path) -> None:
        """Nor does a file that is no journal, or one that is missing."""
        copy = back_up(path, tmp_path / "copy.db").file
        whole = copy.read_bytes()
        other = tmp_path / "other.db"
        with closing(sqlite3.connect(other)) as connection:
            connection.execute("CREATE TABLE sheep (id)")
        torn, text, holed = tmp_path / "torn.db", tmp_path / "text.db", tmp_path / "holed.db"
        torn.write_bytes(whole[: len(whole) // 2])
        holed.write_bytes(whole)
        damage(holed)
        text.write_text("no journal")

        for bad in (torn, text, other, holed, tmp_path / "none.db"):
            with pytest.raises(JournalError, match=bad.name) as error:
                restore(bad, path, force=True)
            assert str(error.value).isprintable()

        assert {DOLLY: 3, EWE: 1} == places(path)
        assert ["flock.db", "flock.db.lock"] == names(path.parent)

    def test_a_link_to_the_journal_stays_a_link(self, path: Path, tmp_path: Path) -> None:
        """What it leads to is replaced."""
        copy = back_up(path, tmp_path / "copy.db").file
        link = tmp_path / "link.db"
        link.symlink_to(path)

        restore(copy, link)

        assert link.is_symlink()
        assert ["flock.db", "flock.db.lock"] == [name for name in names(path.parent) if ".before-" not in name]
        assert len(names(path.parent)) == 3

    def test_a_flock_cannot_start_meanwhile(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Nor would it lose what it writes: it says what happens."""
        copy = back_up(path, tmp_path / "copy.db").file
        ended: list[str] = []
        monkeypatch.setattr(
            "flock.journal.copies._set_aside", lambda journal: ended.append(elsewhere(run_dolly, journal))
        )

        restore(copy, path)

        assert len(ended) == 1
        assert "flock restore puts a copy in its place at this moment" in ended[0]


def run_dolly(path: Path) -> None:
    """Run a bot for a moment, as a flock does."""
    with closing(SqliteJournal(path)) as journal:
        journal.claim([DOLLY])
