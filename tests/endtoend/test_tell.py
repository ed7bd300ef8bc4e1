"""`flock tell` as a process, beside a flock in another one, with one journal."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import simplejson as json

from flock.journal import SqliteJournal
from flock.poem import read_poem
from tests.conftest import SOON, until
from tests.endtoend.conftest import Flock, Folder, WatchedPasture, recital

Make = Callable[..., Folder]
Start = Callable[..., Flock]
OpenPasture = Callable[[Folder], WatchedPasture]


def waiting(tmp_path: Path) -> int:
    """Return how many commands are in the journal."""
    file = tmp_path / "state" / "flock" / "flock.db"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as journal:
        return int(journal.execute("SELECT count(*) FROM command").fetchone()[0])


def test_a_running_flock_obeys_within_a_second_or_two(
    make_folder: Make, start: Start, open_pasture: OpenPasture, tmp_path: Path
) -> None:
    """Two bots, an hour between their lines: `now` brings each the next one, `from` another one."""
    folder = make_folder(2, lines=9)
    pasture = open_pasture(folder)
    where = ("--base-url", pasture.url)
    flock = start("run", folder.path, "--line-interval", "1h", "--log-format", "json", *where)
    pasture.wait_for_posts(folder, 1)

    told = start("tell", folder.path, "bot0", "@BOT1", "from", "7", *where).end()
    now = start("tell", folder.path, "--all", "now", "--json", *where).end()
    pasture.wait_for_posts(folder, 2)
    began = time.monotonic()
    start("tell", folder.path, "bot1", "pause", *where).end()
    until("bot1 is paused", lambda: waiting(tmp_path) == 0)
    seconds = time.monotonic() - began
    code, output, errors = flock.stop()

    pid = flock.process.pid
    assert (0, "") == (told[0], told[2])
    assert [
        f"bot{number}: from 7 (6: what bot{number} has to say): process {pid} obeys within a second"
        for number in (0, 1)
    ] == told[1].splitlines()
    assert {
        "bot": "bot0",
        "network": "x",
        "command": "now",
        "line": None,
        "text": "",
        "process": pid,
        "note": "",
    } == json.loads(now[1])[0]
    assert (0, "") == (code, errors)
    assert seconds < SOON
    assert [[0, 6], [0, 6]] == [[int(text[0]) for text in pasture.said(bot)] for bot in folder.poems]
    events = [json.loads(line) for line in output.splitlines()]
    obeyed = [(event["bot"], event["command"]) for event in events if event["event"] == "obeyed"]
    assert [(bot, what) for bot in ("bot0", "bot1") for what in ("from 7", "now")] == sorted(obeyed)[:4]


@pytest.mark.parametrize("once", [False, True])
def test_the_next_flock_obeys_before_its_first_post(
    make_folder: Make, start: Start, open_pasture: OpenPasture, tmp_path: Path, *, once: bool
) -> None:
    """No flock runs when the bots are told: one is to skip its line, and one to be silent."""
    folder = make_folder(2, lines=9)
    pasture = open_pasture(folder)
    where = ("--base-url", pasture.url)
    first = start("run", folder.path, "--line-interval", "1s", *where)
    pasture.wait_for_posts(folder, 1)
    assert 0 == first.stop()[0]
    before = [len(pasture.said(bot)) for bot in folder.poems]

    skip = start("tell", folder.path, "bot0", "skip", *where).end()
    start("tell", folder.path, "bot1", "pause", *where).end()
    time_to_be_due = start("tell", folder.path, "bot0", "now", *where).end()
    flock = start("run", folder.path, "--line-interval", "1h", *where, *(["--once"] if once else []))
    if once:
        code = flock.end()[0]
    else:
        until("bot0 goes on", lambda: len(pasture.said("bot0")) > before[0])
        code = flock.stop()[0]

    assert "bot0: skip: the next flock obeys\n" == skip[1]
    assert [0, 0, 0] == [code, skip[0], time_to_be_due[0]]
    assert [*range(before[0]), before[0] + 1] == [int(text[0]) for text in pasture.said("bot0")]
    assert before[1] == len(pasture.said("bot1"))
    assert 0 == waiting(tmp_path)


def test_tell_takes_no_bot_and_hurts_no_flock(
    make_folder: Make, start: Start, open_pasture: OpenPasture, tmp_path: Path
) -> None:
    """Fifteen commands beside a busy flock: it posts on, loses no line, and the journal stays whole."""
    folder = make_folder(3, lines=50)
    pasture = open_pasture(folder)
    where = ("--base-url", pasture.url)
    flock = start("run", folder.path, "--line-interval", "0.05", *where)
    pasture.wait_for_posts(folder, 1)
    for _ in range(5):
        tellers = [start("tell", folder.path, "--all", "now", *where) for _ in range(3)]
        assert [(0, ""), (0, ""), (0, "")] == [teller.end()[::2] for teller in tellers]
    until("all is obeyed", lambda: waiting(tmp_path) == 0)
    code, _, errors = flock.stop()

    assert (0, "") == (code, errors)
    for name, poem in folder.poems.items():
        assert recital(poem, len(pasture.said(name))) == pasture.said(name)
    with closing(SqliteJournal(tmp_path / "state" / "flock" / "flock.db")) as journal:
        assert [] == journal.commands()


WRONG = [
    (["pause"], "expected the names of bots, or --all"),
    (["--all", "bot0", "pause"], "expected the names of bots, or --all, not both"),
    (["bot0", "from", "x"], "from x: expected the number of a line, from 1"),
    (["bot0", "from"], "from: expected the number of a line behind it, such as from 7"),
    (["bot0", "from", "0"], "from 0: expected the number of a line, from 1"),
    (["pause", "bot0"], "expected the names of bots first, and what to do last: pause | resume"),
    (["bot0", "sing"], "sing: expected what to do last: pause | resume"),
    (["bto0", "bot9", "pause"], "bto0: no bot has that name; did you mean bot0?"),
    (["bot0", "from", "4711"], "the poem of bot0, has no such line"),
]


@pytest.mark.parametrize(("words", "expected"), WRONG, ids=[" ".join(each[0]) for each in WRONG])
def test_what_cannot_be_meant_is_refused(
    make_folder: Make, start: Start, tmp_path: Path, words: list[str], expected: str
) -> None:
    """Nothing is written then."""
    folder = make_folder(1)
    state = tmp_path / "flock.db"
    SqliteJournal(state).close()

    code, output, errors = start("tell", folder.path, *words, "--state", state).end()

    assert (2, "") == (code, output)
    assert expected in errors
    with closing(SqliteJournal(state, read_only=True)) as journal:
        assert [] == journal.commands()


def test_without_a_journal_nothing_is_made(make_folder: Make, start: Start, tmp_path: Path) -> None:
    """A typo in --state makes neither a file nor a folder."""
    folder = make_folder(1)
    state, lost = tmp_path / "elsewhere.db", tmp_path / "elsewhere" / "flock.db"

    code, _, errors = start("tell", folder.path, "--all", "pause", "--state", state).end()
    assert (2, True) == (code, f"there is no journal at {state}" in errors)
    code, _, errors = start("tell", folder.path, "--all", "pause", "--state", lost).end()
    assert (2, True) == (code, str(lost.parent) in errors)

    assert not state.exists()
    assert not lost.parent.exists()


def test_what_is_in_the_way_is_said(make_folder: Make, start: Start, tmp_path: Path) -> None:
    """A bot that is paused already, and X's rule for `again`."""
    folder = make_folder(1)
    state = ("--state", tmp_path / "flock.db", "--pasture")
    assert 0 == start("run", folder.path, "--once", *state).end()[0]
    start("tell", folder.path, "bot0", "pause", *state).end()
    assert 0 == start("run", folder.path, "--once", *state).end()[0]

    said = [start("tell", folder.path, "bot0", what, *state).end()[1] for what in ("pause", "again", "resume")]

    x = "X refuses the text that was posted last; then the bot goes on without it"
    assert [
        "bot0: pause: the next flock obeys; it is paused already\n",
        f"bot0: again: the next flock obeys; it is paused, and stays so until: resume; {x}\n",
        "bot0: resume: the next flock obeys\n",
    ] == said
    assert ("0: what bot0 has to say",) == read_poem(folder.path / "bot0.txt")[:1]


def test_a_reload_by_sighup_changes_a_flock_that_goes_on(
    make_folder: Make, start: Start, open_pasture: OpenPasture, tmp_path: Path
) -> None:
    """A bot joins, one leaves, one gets another poem and one an interval; a bad file is named; and all lines are
    said once."""
    folder = make_folder(4, lines=60)
    pasture = open_pasture(folder)
    away = tmp_path / "away"
    away.mkdir()
    (folder.path / "bot3.json").rename(away / "bot3.json")
    log = tmp_path / "flock.log"
    command = ("run", folder.path, "--line-interval", "0.05", "--base-url", pasture.url, "--log-file", log)
    flock = start(*command)
    until("three bots post", lambda: all(pasture.said(f"bot{number}") for number in (0, 1, 2)))

    (away / "bot3.json").rename(folder.path / "bot3.json")
    (folder.path / "bot0.json").rename(away / "bot0.json")
    (folder.path / "bot1.txt").write_text("\n".join(f"{line}: another poem" for line in range(60)))
    (folder.path / "bot2.json").write_text("{")
    (folder.path / "bot4.json").write_text("no JSON")
    flock.process.send_signal(signal.SIGHUP)
    until("the keys are read", lambda: "the keys are read: " in log.read_text())
    until("bot3 posts", lambda: bool(pasture.said("bot3")))
    until("bot1 has its other poem", lambda: "0: another poem" in pasture.said("bot1"))
    gone = pasture.said("bot0")
    until("bot2 goes on", lambda: len(pasture.said("bot2")) > 3)
    code, output, errors = flock.stop()

    text = log.read_text()
    assert (0, "", "") == (code, output, errors)
    assert "the keys are read: 1 added (bot3), 1 removed (bot0), 1 changed, 2 files cannot be used" in text
    assert "its bot goes on as it was" in next(line for line in text.splitlines() if "bot2.json" in line)
    assert "left out" in next(line for line in text.splitlines() if "bot4.json" in line)
    assert "bot1: has another poem than before, and begins at its top: 0: another poem" in text
    assert len(pasture.said("bot0")) <= len(gone) + 1
    for name in ("bot0", "bot2", "bot3"):
        assert recital(folder.poems[name], len(pasture.said(name))) == pasture.said(name)
    others = [said for said in pasture.said("bot1") if "another" in said]
    assert recital([f"{line}: another poem" for line in range(60)], len(others)) == others
