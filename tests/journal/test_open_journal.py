"""Opening a journal: by path or URL, read-only, of an older flock, and damaged."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flock.errors import BadOption, BotsTaken, JournalError, Unstorable
from flock.journal import (
    WELL,
    Condition,
    Journal,
    Outcome,
    Place,
    Settlement,
    SqliteJournal,
    Standing,
    open_journal,
)
from flock.journal.claims import Claims
from tests.conftest import TIMEOUT

OLD = Path(__file__).parent / "data" / "journal-v2.sql"
V4 = Path(__file__).parent / "data" / "journal-v4.sql"
LONG = "one\ntwo\nthree"
V1 = "ALTER TABLE sheep DROP COLUMN prior_line; PRAGMA user_version = 1"
THEN = {  # where the bots of OLD are, and how they fare
    "x:said": (
        Place(n=1, line=1, due=1030.0, next_line="baa", prior_line="Μῆνιν ἄειδε 羊", last_id="71"),
        WELL,
    ),
    "x:open": (
        Place(
            n=4,
            line=2,
            recitations=1,
            due=1100.0,
            saying="it's out?",
            intended=1100.25,
            next_line="it's out?",
            last_id="80",
        ),
        WELL,
    ),
    "x:penned": (
        Place(n=7, line=3, due=1200.0, next_line="no", prior_line="so"),
        Standing(Condition.PENNED, "suspended", until=1205.0, failures=2, strikes=3, key_stamp="17/42"),
    ),
    "x:waiting": (  # it had failed once, and backed off
        Place(n=9, line=1, due=1300.0, saying="soon", next_line="soon", last_id="90"),
        Standing(Condition.BACKING_OFF, until=2200.0, failures=1),
    ),
    "x:pieces": (
        Place(n=4, line=2, piece=2, recitations=5, due=1400.0, saying=LONG, next_line=LONG, last_id="101"),
        WELL,
    ),
    "pasture:said": (Place(n=2), WELL),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a journal may be."""
    return tmp_path / "state" / "flock.db"


def restore(path: Path, *changes: str, dump: Path = OLD) -> None:
    """Make the journal that an earlier commit wrote, with changes; in WAL mode, as it was."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(dump.read_text(encoding="utf-8"))
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
        journal.keep("x:dolly", Place(n=3), WELL)
    with closing(open_journal(where, read_only=True)) as journal:
        assert (Place(n=3), WELL) == journal.read("x:dolly")
    assert odd.exists()


@pytest.mark.parametrize(
    "where",
    [
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
@pytest.mark.parametrize("changes", [(), (V1,)], ids=["v2", "v1"])
def test_the_journal_of_an_older_flock_is_read(path: Path, changes: tuple[str, ...], read_only: bool) -> None:
    """In every state that a bot can be in; the posts of the day, too. Version 1 did not know the line before."""
    restore(path, *changes)
    before = listing(path.parent)
    with closing(open_journal(path, read_only=read_only)) as journal:
        for bot, (place, standing) in THEN.items():
            known = place._replace(prior_line="") if changes else place
            assert (known, standing) == journal.read(bot)
        assert journal.read("x:silent") is None
        assert [1000.5, 1100.25, 1401.0, 1403.0, 1500.0] == journal.latest_posts(99)
        assert [1401.0, 1403.0] == journal.latest_posts(99, "x:pieces")
    assert read_only == (before == listing(path.parent))
    with closing(open_journal(path, read_only=True)) as journal:
        assert THEN["x:open"] == journal.read("x:open")


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("wake = 1030", WELL),
        ("wake = 0", WELL),
        ("wake = 1030, key_stamp = '1 2'", Standing(key_stamp="1 2")),
        ("wake = 2000", Standing(Condition.WAITING, until=2000.0)),
        ("wake = 2000, failures = 3", Standing(Condition.BACKING_OFF, until=2000.0, failures=3)),
        ("wake = 1030, failures = 3", Standing(Condition.BACKING_OFF, failures=3)),
        (
            "wake = 2000, strikes = 1, failures = 1",
            Standing(Condition.BACKING_OFF, until=2000.0, failures=1, strikes=1),
        ),
        ("wake = 2000, penned = 'locked'", Standing(Condition.PENNED, "locked", until=2000.0)),
        (
            "wake = 0, penned = 'locked', strikes = 3, failures = 2",
            Standing(Condition.PENNED, "locked", failures=2, strikes=3),
        ),
    ],
)
def test_how_a_bot_fared_is_read_from_an_older_journal(
    path: Path, state: str, expected: Standing, read_only: bool
) -> None:
    """A wake time after the due time was a wait; failures made it a pause after a failure; a reason, a pen."""
    restore(path, f"UPDATE sheep SET {state} WHERE bot = 'x:said'")
    with closing(open_journal(path, read_only=read_only)) as journal:
        assert (THEN["x:said"][0], expected) == journal.read("x:said")


@pytest.mark.parametrize("read_only", [False, True])
def test_an_open_intent_without_its_post_dates_from_the_due_time(path: Path, read_only: bool) -> None:
    """The row of the post may have been pruned; the intent is open all the same."""
    restore(path, "DELETE FROM tweet WHERE outcome = 'intended'")
    with closing(open_journal(path, read_only=read_only)) as journal:
        place, standing = THEN["x:open"]
        assert (place._replace(intended=1100.0), standing) == journal.read("x:open")


@pytest.mark.parametrize("read_only", [False, True])
def test_bots_that_an_older_flock_knew_by_the_old_name_of_x_are_where_they_were(
    path: Path, read_only: bool
) -> None:
    """Also those whose account is known, those that practise, and bots on other networks."""
    restore(path, dump=V4)
    then = {"x:said": 0, "x:old (1002)": 2, "pasture:said": 2, "pasture:said (x)": 4, "pasture:said (x) (1005)": 4}
    others = {"bluesky:said.test": 6, "mastodon:said@botsin.example": 6, "feed:said": 8}
    with closing(open_journal(path, read_only=read_only)) as journal:
        kept = {bot: journal.read(bot) for bot in {**then, **others}}
        assert {**then, **others} == {bot: each[0].n for bot, each in kept.items() if each}
        begun = Place(line=1, due=1000.0, saying="baa", intended=1000.0, next_line="baa", token="0" * 32)
        assert (begun, WELL) == kept["x:said"]
        assert kept["x:old (1002)"]
        assert ("71", 1) == (kept["x:old (1002)"][0].last_id, kept["x:old (1002)"][0].skipped)
        assert [1000.0] == journal.latest_posts(9, "x:said")
        assert journal.read("twitter:said") is None


def test_accounts_that_an_older_flock_knew_by_the_old_name_of_x_are_known(path: Path) -> None:
    """A renamed account goes on where it was; so does one that practises."""
    restore(path, dump=V4)
    with closing(open_journal(path)) as journal:
        assert "x:said" == journal.identify("x:renamed", "x:1001")
        assert "x:old (1002)" == journal.identify("x:old", "x:1002")
        assert "pasture:said (x)" == journal.identify("pasture:said", "pasture:x:1004")


def test_an_older_flock_that_has_the_file_open_cannot_run_a_bot_beside_this_one(path: Path) -> None:
    """It opened the file before the migration, and has claimed nothing yet: it would know the bots by old names.

    These are its own statements. Without the answer to the first it has no place for a bot, and without the
    second no intent.
    """
    restore(path, dump=V4)
    with closing(sqlite3.connect(path)) as older:
        read, intend = (
            "SELECT n FROM sheep WHERE bot = ? AND spoken",
            "UPDATE sheep SET spoken = 1, n = 1 WHERE bot = ?",
        )
        assert [(0,)] == older.execute(read, ("twitter:said",)).fetchall()
        with closing(open_journal(path)):
            for statement in (read, intend):
                with pytest.raises(sqlite3.OperationalError, match="no such column: spoken"):
                    older.execute(statement, ("twitter:said",))


@pytest.mark.parametrize("changes", [(), (V1,)], ids=["v2", "v1"])
def test_the_journal_of_an_older_flock_goes_on(path: Path, changes: tuple[str, ...]) -> None:
    """The open intent is settled, and each bot goes on; so does the next process."""
    restore(path, *changes)
    after = {bot: Place(n=place.n + 1, next_line="next") for bot, (place, _) in THEN.items()}
    with closing(open_journal(path)) as journal:
        journal.claim(list(THEN))
        for bot, (place, _) in THEN.items():
            if place.intended is None:
                journal.intend(bot, place._replace(intended=2000.0), "baa")
            journal.settle(bot, Settlement(place.n, place.piece, Outcome.SAID, 2001.0), after[bot])
        assert [2001.0] * len(THEN) == journal.latest_posts(len(THEN))
    with closing(open_journal(path)) as journal:
        assert [(place, WELL) for place in after.values()] == [journal.read(bot) for bot in after]


def test_an_intent_of_an_older_flock_may_be_withdrawn(path: Path) -> None:
    """Like one of this flock."""
    restore(path)
    with closing(open_journal(path)) as journal:
        assert [1100.25] == journal.latest_posts(9, "x:open")
        journal.keep("x:open", THEN["x:open"][0]._replace(intended=None), WELL)
        assert [] == journal.latest_posts(9, "x:open")


def test_the_journal_of_an_older_flock_that_still_runs_is_not_migrated(path: Path) -> None:
    """It could not note its posts any more. Once it has ended, the journal is opened."""
    restore(path)
    claims = Claims(path.with_name("flock.db.lock"))
    claims.take([3])
    before = listing(path.parent)
    with pytest.raises(BotsTaken) as error:
        open_journal(path)
    expected = f"the journal {path}: process 23369 of an older flock still writes it; stop that flock first"
    assert expected == line(error)
    assert before == listing(path.parent)
    with closing(open_journal(path, read_only=True)) as journal:
        assert THEN["x:said"] == journal.read("x:said")
    claims.close()
    with closing(open_journal(path)) as journal:
        journal.claim(list(THEN))
        assert THEN["x:said"] == journal.read("x:said")


def test_the_journal_of_this_flock_is_opened_beside_another(path: Path) -> None:
    """A current file needs no migration: several flocks may share it, each with its own bots."""
    with closing(open_journal(path)) as one, closing(open_journal(path)) as other:
        one.claim(["x:dolly"])
        other.claim(["x:ewe"])
        with closing(open_journal(path)) as third:
            third.claim(["x:lamb"])


@pytest.mark.parametrize("changes", [(), (V1,)], ids=["v2", "v1"])
def test_reading_only_leaves_no_trace(path: Path, changes: tuple[str, ...]) -> None:
    """No file is created or changed, no schema migrated, while no flock runs."""
    restore(path, *changes)
    before = listing(path.parent)
    assert {"flock.db"} == set(before)
    with closing(open_journal(path, read_only=True)) as journal:
        assert THEN["x:open"] == journal.read("x:open")
        assert 5 == len(journal.latest_posts(99))
        assert before == listing(path.parent)
    assert before == listing(path.parent)


def test_reading_only_beside_a_running_older_flock_shows_its_latest_commit(path: Path) -> None:
    """Its file is migrated in memory for each read, and not on the disk: the older flock could not go on."""
    restore(path)
    with closing(sqlite3.connect(path)) as older, closing(open_journal(path, read_only=True)) as journal:
        for n in (11, 12):
            older.execute("UPDATE sheep SET n = ? WHERE bot = 'x:said'", (n,))
            older.commit()
            before = listing(path.parent)
            assert (THEN["x:said"][0]._replace(n=n), WELL) == journal.read("x:said")
            assert before == listing(path.parent)
        assert (2,) == older.execute("PRAGMA user_version").fetchone()


def writes(journal: Journal) -> None:
    """Try everything that writes."""
    place = Place(intended=1.0)
    tries: list[Callable[[], None]] = [
        lambda: journal.claim(["x:dolly"]),
        lambda: journal.intend("x:dolly", place, "baa"),
        lambda: journal.settle("x:dolly", Settlement(0, 0, Outcome.SAID, 1.0), place),
        lambda: journal.keep("x:dolly", place, WELL),
    ]
    for write in tries:
        with pytest.raises(JournalError, match="it was opened read-only"):
            write()


def test_a_read_only_journal_works_beside_a_running_flock(path: Path) -> None:
    """It sees each commit at once, writes nothing, and does not keep the flock from writing or closing."""
    with closing(SqliteJournal(path)) as flock:
        flock.claim(["x:dolly"])
        flock.keep("x:dolly", Place(n=1), WELL)
        with closing(open_journal(path, read_only=True)) as journal:
            for n in range(2, 5):
                flock.keep("x:dolly", Place(n=n), WELL)
                before = listing(path.parent)
                assert (Place(n=n), WELL) == journal.read("x:dolly")
                writes(journal)
                assert before == listing(path.parent)
            flock.close()
            assert (Place(n=4), WELL) == journal.read("x:dolly")
            assert {"flock.db", "flock.db.lock"} == {file.name for file in path.parent.iterdir()}
            with closing(SqliteJournal(path)) as again:
                again.keep("x:dolly", Place(n=5), WELL)
                assert (Place(n=5), WELL) == journal.read("x:dolly")


KILLED = """
import os, signal, sys, pathlib
from flock.journal import Place, SqliteJournal
journal = SqliteJournal(pathlib.Path(sys.argv[1]))
journal.intend("x:dolly", Place(n=7, intended=1.0), "baa")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_read_only_journal_shows_what_a_killed_flock_left(path: Path) -> None:
    """The WAL is read; neither it nor the file is changed."""
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, timeout=TIMEOUT)
    before = listing(path.parent)
    assert b"" != before["flock.db-wal"]
    with closing(open_journal(path, read_only=True)) as journal:
        assert (Place(n=7, intended=1.0), WELL) == journal.read("x:dolly")
    assert before == listing(path.parent)


def test_a_missing_journal_is_not_created_to_be_read(path: Path) -> None:
    """One clear line, and no folder."""
    with pytest.raises(JournalError) as error:
        open_journal(path, read_only=True)
    assert f"the journal {path}: there is no such file; check --state, or let the flock run first" == line(error)
    assert not path.parent.exists()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("is_current", [False, True])
@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("DROP TABLE tweet", "the table tweet is missing"),
        ("DROP TABLE sheep", "the table sheep is missing"),
        ("ALTER TABLE sheep DROP COLUMN holder", "the column sheep.holder is missing"),
        ("ALTER TABLE tweet RENAME COLUMN outcome TO result", "the column tweet.outcome is missing"),
        ("PRAGMA user_version = 0", "already exists"),
    ],
)
def test_a_damaged_schema_is_told_in_a_line(
    path: Path, damage: str, named: str, is_current: bool, read_only: bool
) -> None:
    """By name, with what to do, in a file of this flock or of an older one; a journal is never half right."""
    restore(path)
    if is_current:
        open_journal(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(damage)
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
    open_journal(path).close()
    with closing(open_journal(path, read_only=read_only)) as journal:
        with closing(sqlite3.connect(path)) as other:
            other.execute("DROP TABLE tweet")
        with pytest.raises(JournalError, match=r"it is damaged; restore a copy, .*no such table: tweet"):
            journal.latest_posts(1)


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE tweet RENAME TO old; CREATE VIEW tweet AS SELECT * FROM old",
        "ALTER TABLE sheep RENAME TO old; CREATE VIEW sheep AS SELECT * FROM old;"
        "CREATE TRIGGER t INSTEAD OF INSERT ON sheep BEGIN SELECT 1; END",
        "CREATE TRIGGER t BEFORE INSERT ON tweet BEGIN SELECT RAISE(ABORT, 'no'); END",
        "CREATE TRIGGER t BEFORE UPDATE ON sheep BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TRIGGER t AFTER INSERT ON sheep BEGIN DELETE FROM sheep; END",
        "CREATE TRIGGER t BEFORE INSERT ON sheep BEGIN INSERT INTO gone VALUES (1); END",
        "DELETE FROM tweet; ALTER TABLE tweet ADD COLUMN more TEXT CHECK (more IS NOT NULL)",
        "DELETE FROM tweet; ALTER TABLE tweet ADD COLUMN more TEXT DEFAULT 'a' CHECK (more <> 'a')",
        "CREATE UNIQUE INDEX i ON sheep (line) WHERE line = 0 AND bot > 'x:t'",
        "CREATE UNIQUE INDEX i ON tweet (n + piece, bot)",
        "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'CREATE TABLE sheep (' WHERE name = 'sheep'",
        "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = 99 WHERE name = 'sheep'",
        "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = 2 WHERE name = 'tweet'",
        "PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE name LIKE 'sqlite_autoindex%'",
        "PRAGMA writable_schema = ON; DELETE FROM sqlite_master",
    ],
)
def test_a_schema_that_cannot_take_a_post_is_told_at_the_start(path: Path, damage: str) -> None:
    """In one line, and never as a bug of flock."""
    restore(path)
    with closing(open_journal(path)) as journal:
        journal.claim(list(THEN))
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(damage)
    with pytest.raises(JournalError) as error:
        open_journal(path)
    assert line(error).startswith(f"the journal {path}: it is ")
    assert "damaged" in line(error)
    assert line(error).isprintable()


@pytest.mark.parametrize("page", range(6))
def test_a_damaged_page_is_told_in_a_line(path: Path, page: int) -> None:
    """At the start, or when it is met with."""
    with closing(open_journal(path)) as journal:
        journal.claim([f"x:{n}" for n in range(300)])
        for n in range(300):
            journal.intend(f"x:{n}", Place(intended=1.0), "baa")
    content = bytearray(path.read_bytes())
    start = page * 4096 + (100 if not page else 0)
    content[start : start + 64] = b"\xff" * 64
    path.write_bytes(content)

    def use() -> None:
        with closing(open_journal(path)) as journal:
            for n in range(300):
                journal.claim([f"x:{n}"])
                journal.read(f"x:{n}")
                journal.intend(f"x:{n}", Place(n=1, intended=2.0), "baa")

    with pytest.raises(JournalError) as error:
        use()
    assert "damaged" in line(error)


def test_a_text_that_is_not_utf_8_is_told_in_a_line(path: Path) -> None:
    """Another program wrote it; the line shows none of it."""
    with closing(open_journal(path)) as journal:
        journal.claim(["x:dolly"])
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE sheep SET is_kept = 1, saying = CAST(x'c3280a' AS TEXT)")
    with closing(open_journal(path)) as journal, pytest.raises(JournalError) as error:
        journal.read("x:dolly")
    assert line(error).endswith(
        "it is damaged; restore a copy, or move it away and all bots start over (a text in it is not UTF-8)"
    )


@pytest.mark.parametrize("read_only", [False, True])
def test_a_condition_that_no_flock_writes_is_told_in_a_line(path: Path, read_only: bool) -> None:
    """Another program wrote it; no other exception ends the sheep that reads it."""
    open_journal(path).close()
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("INSERT INTO sheep (bot, is_kept, condition) VALUES ('x:dolly', 1, 'shorn')")
    with closing(open_journal(path, read_only=read_only)) as journal:
        with pytest.raises(JournalError, match=r"it is damaged; .*\(the condition 'shorn'\)") as error:
            journal.read("x:dolly")
        assert str(path) in line(error)


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
        asked.clear()  # the migration's own questions
        journal.latest_posts(48, "x:pieces")
        assert "SEARCH tweet USING PRIMARY KEY (bot=?)" in asked
        assert not [step for step in asked if "SCAN" in step or "TEMP B-TREE" in step]
        asked.clear()
        journal.latest_posts(48)
        assert ["SCAN tweet", "USE TEMP B-TREE FOR ORDER BY"] == asked


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 2**15), st.binary(min_size=1, max_size=40)), max_size=4),
    st.none() | st.integers(0, 2**15),
)
def test_whatever_is_in_the_file_is_used_or_told_in_a_line(
    path: Path, wounds: list[tuple[int, bytes]], cut: int | None
) -> None:
    """Random bytes in random places, and a file that ends too soon: never another error than that of a journal."""
    for file in path.parent.glob("*") if path.parent.exists() else ():
        file.unlink()
    with closing(open_journal(path)) as journal:
        journal.claim(list(THEN))
        for bot, (place, _) in THEN.items():
            journal.intend(bot, place._replace(intended=1.0), "baa")
    content = bytearray(path.read_bytes())
    for offset, wound in wounds:
        start = offset % len(content)
        content[start : start + len(wound)] = wound
    path.write_bytes(content[:cut])

    def use(journal: Journal, *, writes: bool) -> None:
        if writes:
            journal.claim(list(THEN))
        for bot, (place, standing) in THEN.items():
            journal.read(bot)
            journal.latest_posts(3, bot)
            if writes:
                journal.intend(bot, place._replace(intended=2.0), "baa")
                journal.settle(bot, Settlement(place.n, place.piece, Outcome.SAID, 2.0), place)
                journal.keep(bot, place, standing)
        journal.latest_posts(9)

    told: list[str] = []
    for writes in (False, True):
        try:
            with closing(open_journal(path, read_only=not writes)) as journal:
                use(journal, writes=writes)
        except (JournalError, Unstorable) as error:
            told.append(str(error))
    assert told == [line for line in told if line.startswith("the journal ") and line.isprintable()]
