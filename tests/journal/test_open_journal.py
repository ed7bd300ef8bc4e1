"""Opening a journal: by path or URL, read-only, of an older flock, and damaged."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from flock.errors import BadOption, JournalError
from flock.journal import Journal, Outcome, Record, Settlement, SqliteJournal, open_journal
from tests.conftest import PATIENCE

OLD = Path(__file__).parent / "data" / "journal-v2.sql"
LONG = "one\ntwo\nthree"
THEN = (  # what the flock that wrote OLD read there
    Record(
        "x:said",
        n=1,
        line=1,
        due=1030.0,
        next_line="baa",
        prior_line="Μῆνιν ἄειδε 羊",
        last_id="71",
        wake=1030.0,
    ),
    Record(
        "x:open",
        n=4,
        line=2,
        recitations=1,
        due=1100.0,
        saying="it's out?",
        unsure=True,
        next_line="it's out?",
        last_id="80",
        wake=1100.0,
    ),
    Record(
        "x:penned",
        n=7,
        line=3,
        due=1200.0,
        next_line="no",
        prior_line="so",
        wake=1205.0,
        failures=2,
        strikes=3,
        penned="suspended",
        key_stamp="17/42",
    ),
    Record(
        "x:waiting",
        n=9,
        line=1,
        due=1300.0,
        saying="soon",
        next_line="soon",
        last_id="90",
        wake=2200.0,
        failures=1,
    ),
    Record(
        "x:pieces", n=4, line=2, piece=2, recitations=5, due=1400.0, saying=LONG, next_line=LONG, last_id="101"
    ),
    Record("pasture:said", n=2),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a journal may be."""
    return tmp_path / "state" / "flock.db"


def restore(path: Path, *changes: str) -> None:
    """Make the journal that commit c82773e wrote, with changes; in WAL mode, as it was."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(OLD.read_text(encoding="utf-8"))
        for change in changes:
            connection.executescript(change)


def listing(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, with what is in them; -shm is only a cache of the operating system's."""
    return {file.name: b"" if file.name.endswith("-shm") else file.read_bytes() for file in folder.iterdir()}


def line(error: pytest.ExceptionInfo[Exception]) -> str:
    """Return the one line of an error."""
    (only,) = str(error.value).splitlines()
    return only


@pytest.mark.parametrize("form", ["str", "path", "url"])
def test_a_journal_is_opened_by_path_or_url(path: Path, form: str) -> None:
    """Percent-encoding and all."""
    odd = path.with_name("fl ock?.db")
    forms: dict[str, str | Path] = {"str": str(odd), "path": odd, "url": f"sqlite://{odd.parent}/fl%20ock%3F.db"}
    where = forms[form]
    with closing(open_journal(where, keep=60.0)) as journal:
        journal.keep(Record("x:dolly", n=3))
    with closing(open_journal(where, read_only=True)) as journal:
        assert Record("x:dolly", n=3) == journal.read("x:dolly")
    assert odd.exists()


@pytest.mark.parametrize(
    "where",
    [
        "postgresql://flock:sesame@db/flock",
        "mysql://flock:sesame@db/flock",
        "sqlite://flock.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///flock.db?mode=ro",
        "",
    ],
)
def test_another_url_is_refused(where: str) -> None:
    """The line says what is expected, and shows no password."""
    with pytest.raises(BadOption) as error:
        open_journal(where)
    assert "expected the path of a file, or a URL such as sqlite:///var/lib/flock/flock.db" in line(error)
    assert "sesame" not in line(error)


def test_a_path_that_cannot_be_one_is_a_journal_error() -> None:
    """A NUL byte, say."""
    with pytest.raises(JournalError, match="null"):
        open_journal("/tmp/flock\0.db")


@pytest.mark.parametrize("read_only", [False, True])
def test_the_journal_of_an_older_flock_reads_equal(path: Path, read_only: bool) -> None:
    """In every state that a bot can be in; the posts of the day, too."""
    restore(path)
    with closing(open_journal(path, read_only=read_only)) as journal:
        assert list(THEN) == [journal.read(record.bot) for record in THEN]
        assert journal.read("x:silent") is None
        assert [1000.5, 1100.25, 1401.0, 1403.0, 1500.0] == journal.latest_posts(99)
        assert [1401.0, 1403.0] == journal.latest_posts(99, "x:pieces")


def test_the_journal_of_an_older_flock_goes_on(path: Path) -> None:
    """The open intent is settled, and each bot goes on."""
    restore(path)
    with closing(open_journal(path)) as journal:
        journal.claim([record.bot for record in THEN])
        for record in THEN:
            after = record._replace(n=record.n + 1, unsure=False)
            if not record.unsure:
                journal.intend(record, "baa", 2000.0)
            journal.settle(Settlement(record.n, record.piece, Outcome.SAID, 2001.0), after)
            assert after == journal.read(record.bot)


def test_reading_only_leaves_no_trace(path: Path) -> None:
    """No file is created or changed, no schema migrated, while no flock runs."""
    restore(path, "ALTER TABLE sheep DROP COLUMN prior_line; PRAGMA user_version = 1")
    before = listing(path.parent)
    assert {"flock.db"} == set(before)
    with closing(open_journal(path, read_only=True)) as journal:
        assert THEN[1] == journal.read("x:open")
        assert THEN[2]._replace(prior_line="") == journal.read("x:penned")
        assert 5 == len(journal.latest_posts(99))
        assert before == listing(path.parent)
    assert before == listing(path.parent)


def writes(journal: Journal) -> None:
    """Try everything that writes."""
    record = Record("x:dolly")
    tries: list[Callable[[], None]] = [
        lambda: journal.claim(["x:dolly"]),
        lambda: journal.intend(record, "baa", 1.0),
        lambda: journal.settle(Settlement(0, 0, Outcome.SAID, 1.0), record),
        lambda: journal.keep(record),
    ]
    for write in tries:
        with pytest.raises(JournalError, match="it was opened read-only"):
            write()


def test_a_read_only_journal_works_beside_a_running_flock(path: Path) -> None:
    """It sees each commit at once, writes nothing, and does not keep the flock from writing or closing."""
    with closing(SqliteJournal(path)) as flock:
        flock.claim(["x:dolly"])
        flock.keep(Record("x:dolly", n=1))
        with closing(open_journal(path, read_only=True)) as journal:
            for n in range(2, 5):
                flock.keep(Record("x:dolly", n=n))
                before = listing(path.parent)
                assert Record("x:dolly", n=n) == journal.read("x:dolly")
                writes(journal)
                assert before == listing(path.parent)
            flock.close()
            assert Record("x:dolly", n=4) == journal.read("x:dolly")
            assert {"flock.db", "flock.db.lock"} == {file.name for file in path.parent.iterdir()}
            with closing(SqliteJournal(path)) as again:
                again.keep(Record("x:dolly", n=5))
                assert Record("x:dolly", n=5) == journal.read("x:dolly")


KILLED = """
import os, signal, sys, pathlib
from flock.journal import Record, SqliteJournal
journal = SqliteJournal(pathlib.Path(sys.argv[1]))
journal.intend(Record("x:dolly", n=7), "baa", 1.0)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_read_only_journal_shows_what_a_killed_flock_left(path: Path) -> None:
    """The WAL is read; neither it nor the file is changed."""
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, timeout=PATIENCE)
    before = listing(path.parent)
    assert b"" != before["flock.db-wal"]
    with closing(open_journal(path, read_only=True)) as journal:
        assert Record("x:dolly", n=7, unsure=True) == journal.read("x:dolly")
    assert before == listing(path.parent)


def test_a_missing_journal_is_not_created_to_be_read(path: Path) -> None:
    """One clear line, and no folder."""
    with pytest.raises(JournalError) as error:
        open_journal(path, read_only=True)
    assert f"the journal {path}: No such file or directory" == line(error)
    assert not path.parent.exists()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("DROP TABLE tweet", "the table tweet is missing"),
        ("DROP TABLE sheep", "the table sheep is missing"),
        ("ALTER TABLE sheep DROP COLUMN spoken", "the column sheep.spoken is missing"),
        ("ALTER TABLE tweet RENAME COLUMN outcome TO result", "the column tweet.outcome is missing"),
        ("PRAGMA user_version = 0", "already exists"),
    ],
)
def test_a_damaged_schema_is_told_in_a_line(path: Path, damage: str, named: str, read_only: bool) -> None:
    """By name, with what to do; a journal is never half right."""
    restore(path, damage)
    with pytest.raises(JournalError) as error:
        open_journal(path, read_only=read_only)
    assert line(error).startswith(f"the journal {path}: it is ")
    assert "damaged" in line(error)
    assert named in line(error) or (read_only and named == "already exists")


def test_columns_of_another_type_are_damage(path: Path) -> None:
    """Texts where numbers belong would end the sheep that reads them."""
    loose = "ALTER TABLE sheep RENAME TO old; CREATE TABLE sheep AS SELECT * FROM old"
    restore(path, loose)
    with pytest.raises(JournalError, match=r"it is damaged \((the column sheep|the table sheep)"):
        open_journal(path)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_table_lost_while_the_journal_is_open_is_told_in_a_line(path: Path, read_only: bool) -> None:
    """Another program dropped it."""
    restore(path)
    with closing(open_journal(path, read_only=read_only)) as journal:
        with closing(sqlite3.connect(path)) as other:
            other.execute("DROP TABLE tweet")
        with pytest.raises(JournalError, match=r"it is damaged; restore a copy, .*no such table: tweet"):
            journal.latest_posts(1)


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    ("content", "expected"),
    [("", "no journal"), ("Dear diary, " * 500, "it is damaged or no journal")],
)
def test_a_file_that_is_no_journal_is_told_in_a_line(
    path: Path, content: str, expected: str, read_only: bool
) -> None:
    """An empty file becomes a journal, unless it is only to be read."""
    path.parent.mkdir()
    path.write_text(content)
    if not content and not read_only:
        open_journal(path).close()
        return
    with pytest.raises(JournalError, match=expected):
        open_journal(path, read_only=read_only)
    assert content == path.read_text()


@pytest.mark.parametrize("read_only", [False, True])
def test_the_journal_of_a_newer_flock_is_refused(path: Path, read_only: bool) -> None:
    """Rather than guess."""
    restore(path, "PRAGMA user_version = 99")
    with pytest.raises(JournalError, match="it was written by a newer flock"):
        open_journal(path, read_only=read_only)


def test_the_latest_posts_of_a_bot_are_found_by_primary_key(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a scan of all tweets, and without a sort: 10,000 capped bots ask at the start."""
    asked: list[str] = []

    class Traced(sqlite3.Connection):
        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            if "FROM tweet" in sql and not sql.startswith("EXPLAIN"):
                asked.extend(row[3] for row in super().execute(f"EXPLAIN QUERY PLAN {sql}", *values))  # type: ignore[arg-type]
            return super().execute(sql, *values)  # type: ignore[arg-type]

    restore(path)
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *given, **named: connect(*given, **named, factory=Traced))
    with closing(SqliteJournal(path)) as journal:
        journal.latest_posts(48, "x:pieces")
        assert "SEARCH tweet USING PRIMARY KEY (bot=?)" in asked
        assert not [step for step in asked if "SCAN" in step or "TEMP B-TREE" in step]
        asked.clear()
        journal.latest_posts(48)
        assert ["SCAN tweet", "USE TEMP B-TREE FOR ORDER BY"] == asked
