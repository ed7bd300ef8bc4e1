"""`flock run` as a process, against a pasture over real HTTP."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import pytest
import simplejson as json

from flock.networks.x.length import fits_a_tweet
from flock.poem import cut
from tests.conftest import SOON, TIMEOUT
from tests.endtoend.conftest import Flock, Folder, WatchedPasture, recital

OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""

Make = Callable[..., Folder]
Start = Callable[..., Flock]
OpenPasture = Callable[[Folder], WatchedPasture]


@pytest.mark.parametrize("api", ["2", "1.1"])
def test_every_bot_recites_its_poem_in_order(
    make_folder: Make, start: Start, open_pasture: OpenPasture, api: str
) -> None:
    """Five bots at once, over several recitations: each says its own lines in order, and none twice."""
    folder = make_folder(5)
    pasture = open_pasture(folder)

    flock = start(
        "run",
        folder.path,
        "--line-interval",
        "0.05",
        "--poem-interval",
        "0.1",
        "--base-url",
        pasture.url,
        "--api",
        api,
    )
    pasture.wait_for_posts(folder, 9)
    code, _, errors = flock.stop()

    assert (0, "") == (code, errors)
    for name, poem in folder.poems.items():
        assert recital(poem, len(pasture.said(name))) == pasture.said(name)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_flock_at_once_while_it_sleeps(
    make_folder: Make, start: Start, open_pasture: OpenPasture, number: signal.Signals
) -> None:
    """A flock that sleeps for an hour ends within seconds, with exit code 0."""
    folder = make_folder(3)
    pasture = open_pasture(folder)
    flock = start("run", folder.path, "--line-interval", "1h", "--base-url", pasture.url)
    pasture.wait_for_posts(folder, 1)

    asked = time.monotonic()
    code, output, _ = flock.stop(number)

    assert 0 == code
    assert time.monotonic() - asked < SOON
    assert output.splitlines()[-1].endswith("the flock has ended: stopped as asked")


def test_a_restart_goes_on_where_the_flock_was(make_folder: Make, start: Start, open_pasture: OpenPasture) -> None:
    """The place and the due time survive a restart: the next line comes next, and not at once."""
    folder = make_folder(2, lines=50)
    pasture = open_pasture(folder)
    arguments = ("run", folder.path, "--line-interval", "0.05", "--base-url", pasture.url)
    for goal in (5, 10, 15):
        flock = start(*arguments)
        pasture.wait_for_posts(folder, goal)
        assert 0 == flock.stop()[0]

    for name, poem in folder.poems.items():
        assert recital(poem, len(pasture.said(name))) == pasture.said(name)


def test_a_restart_does_not_tweet_before_its_time(
    make_folder: Make, start: Start, open_pasture: OpenPasture
) -> None:
    """With an hour between lines, a flock that is started twice says one line, not two."""
    folder = make_folder(1)
    pasture = open_pasture(folder)
    arguments = ("run", folder.path, "--line-interval", "1h", "--base-url", pasture.url)
    first = start(*arguments)
    pasture.wait_for_posts(folder, 1)
    first.stop()

    second = start(*arguments)
    assert second.process.stdout
    assert "on the way out" in second.process.stdout.readline()
    second.stop()

    assert folder.poems["bot0"][:1] == pasture.said("bot0")


def test_a_long_line_that_a_stop_interrupts_is_finished_by_the_next_flock(
    make_folder: Make, start: Start, open_pasture: OpenPasture
) -> None:
    """Its posts keep some time between them, so that it is not waited for."""
    folder = make_folder(1, lines=1)
    words = " ".join(f"word{number}" for number in range(600))
    (folder.path / "bot0.txt").write_text(words)
    posts = len(cut(words, fits_a_tweet))
    pasture = open_pasture(folder)
    command = ("run", folder.path, "--line-interval", "0.1", "--poem-interval", "1h", "--base-url", pasture.url)

    for wanted in (2, posts):
        flock = start(*command)
        pasture.wait_for_posts(folder, wanted)
        code, _, _ = flock.stop()
        assert 0 == code

    assert posts > 4
    assert words == " ".join(piece.removesuffix("…") for piece in pasture.said("bot0"))


def test_a_dry_run_touches_neither_network_nor_journal(
    make_folder: Make, start: Start, open_pasture: OpenPasture
) -> None:
    """What would be said is printed; nothing is posted, and no file is made."""
    folder = make_folder(1, lines=2)
    pasture = open_pasture(folder)
    state = folder.path.parent / "elsewhere" / "flock.db"
    state.parent.mkdir()

    flock = start(
        "run", folder.path, "--dry-run", "--line-interval", "0.05", "--base-url", pasture.url, "--state", state
    )
    lines = [flock.process.stdout.readline() for _ in range(3)] if flock.process.stdout else []
    flock.stop()

    assert folder.poems["bot0"] == [line.rstrip("\n").partition("bot0: ")[2] for line in lines[1:]]
    assert [] == pasture.store.posts()
    assert [] == list(state.parent.iterdir())


def test_pasture_keeps_real_keys_off_the_real_network(make_folder: Make, start: Start) -> None:
    """With --pasture, keys for the real network recite on the embedded server."""
    folder = make_folder(2, lines=3)

    flock = start(
        "run",
        folder.path,
        "--pasture",
        "--line-interval",
        "0.05",
        "--poem-interval",
        "0.05",
        "--log-format",
        "json",
    )
    lines = [flock.process.stdout.readline() for _ in range(9)] if flock.process.stdout else []
    code, _, _ = flock.stop()

    events = [json.loads(line) for line in lines]
    texts = {event["text"] for event in events if event["event"] == "said"}
    assert 0 == code
    assert {text for poem in folder.poems.values() for text in poem} >= texts
    assert texts


def test_the_flock_starts_a_pasture_for_practice_keys(make_folder: Make, start: Start) -> None:
    """A key whose network is the pasture needs no option at all; the first line says where its page is."""
    folder = make_folder(1, lines=3, network="pasture", line_interval=0.05)

    flock = start("run", folder.path)
    lines = [flock.process.stdout.readline() for _ in range(4)] if flock.process.stdout else []
    with urlopen(lines[0].rpartition(" ")[2].strip(), timeout=10) as page:
        shown = page.read().decode()
    code, _, errors = flock.stop()

    assert (0, "") == (code, errors)
    assert folder.poems["bot0"][0] in shown
    assert ": a new journal: every bot starts at line 1 (" in lines[1]
    assert folder.poems["bot0"][:2] == [line.rstrip("\n").partition("bot0: ")[2] for line in lines[2:]]


def test_a_second_flock_over_the_same_bots_is_refused(
    make_folder: Make, start: Start, open_pasture: OpenPasture
) -> None:
    """A second flock names the process of the first, posts nothing, and exits with 5."""
    folder = make_folder(2)
    pasture = open_pasture(folder)
    arguments = ("run", folder.path, "--line-interval", "1h", "--base-url", pasture.url)
    first = start(*arguments)
    pasture.wait_for_posts(folder, 1)

    code, _, errors = start(*arguments).end()

    assert 5 == code
    assert f"process {first.process.pid}" in errors
    assert 2 == len(pasture.store.posts())


def test_after_a_kill_the_bots_are_free(make_folder: Make, start: Start, open_pasture: OpenPasture) -> None:
    """kill -9 leaves no lock behind, and nothing is said twice."""
    folder = make_folder(2)
    pasture = open_pasture(folder)
    arguments = ("run", folder.path, "--line-interval", "0.05", "--base-url", pasture.url)
    first = start(*arguments)
    pasture.wait_for_posts(folder, 1)
    first.stop(signal.SIGKILL)

    second = start(*arguments)
    pasture.wait_for_posts(folder, 6)
    code, _, _ = second.stop()

    assert 0 == code
    for name, poem in folder.poems.items():
        assert recital(poem, len(pasture.said(name))) == pasture.said(name)


def test_practice_by_base_url_does_not_move_the_real_place(
    make_folder: Make, start: Start, open_pasture: OpenPasture, tmp_path: Path
) -> None:
    """The journal keeps a bot's place on a local server apart from its place on X, also with real keys."""
    folder = make_folder(1)
    pasture = open_pasture(folder)
    flock = start("run", folder.path, "--line-interval", "1h", "--base-url", pasture.url)
    pasture.wait_for_posts(folder, 1)
    flock.stop()

    with closing(sqlite3.connect(tmp_path / "state" / "flock" / "flock.db")) as journal:
        assert [("pasture:bot0",)] == journal.execute("SELECT bot FROM sheep").fetchall()


def test_a_dry_run_that_nobody_reads_ends(make_folder: Make, start: Start) -> None:
    """`flock run --dry-run | head -1` ends."""
    folder = make_folder(1, lines=50)
    flock = start("run", folder.path, "--dry-run", "--line-interval", "0.02")
    assert flock.process.stdout
    flock.process.stdout.readline()

    flock.process.stdout.close()

    assert 0 == flock.process.wait(timeout=TIMEOUT)


def test_a_flock_whose_output_nobody_reads_goes_on(
    make_folder: Make, start: Start, open_pasture: OpenPasture
) -> None:
    """The flock goes on when its reader dies, and logs that once."""
    folder = make_folder(1, lines=500)
    pasture = open_pasture(folder)
    flock = start("run", folder.path, "--line-interval", "0.02", "--base-url", pasture.url)
    assert flock.process.stdout
    assert flock.process.stderr
    flock.process.stdout.readline()

    flock.process.stdout.close()
    warning = flock.process.stderr.readline()
    pasture.wait_for_posts(folder, len(pasture.said("bot0")) + 5)
    flock.process.terminate()

    assert 0 == flock.process.wait(timeout=TIMEOUT)
    assert "the reader of the output is gone" in warning


def test_closing_the_terminal_stops_the_flock(make_folder: Make, tmp_path: Path) -> None:
    """A flock that was started in a terminal window ends when the window is closed."""
    folder = make_folder(1)
    master, terminal = os.openpty()
    command = ["-m", "flock", "run", str(folder.path), "--pasture", "--line-interval", "1h"]
    process = subprocess.Popen(
        [sys.executable, "-c", OWN_TERMINAL, *command, "--state", tmp_path / "flock.db"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    while b"on the way out" not in os.read(master, 4096):
        """Wait until the flock has started."""

    os.close(master)

    assert 0 == process.wait(timeout=TIMEOUT)


def test_a_pasture_that_runs_alone_has_an_account_for_each_bot_of_one_name(
    write_key: Callable[..., Path], start: Start
) -> None:
    """`flock pasture` starts, and `flock run` posts to it as both bots; their account numbers differ."""
    folder = write_key("a.json").parent
    write_key("b.json", network="pasture", oauth_token="1002-other")
    pasture = start("pasture", folder, "--port", "0")
    assert pasture.process.stdout is not None
    url = pasture.process.stdout.readline().split()[5].rstrip(":")

    assert url.startswith("http://127.0.0.1:")
    code, output, errors = start("run", folder, "--once", "--base-url", url).end()
    assert (0, 2) == (code, output.count("dolly: baa")), errors


def test_a_sheep_whose_thread_ends_by_an_error_ends_the_flock_with_70(
    make_folder: Make, start: Start, tmp_path: Path
) -> None:
    """What escapes a sheep is told, with its traceback, and never looks like "stopped as asked"."""
    program = (
        "from flock import Sheep\n\nclass Lost(Sheep):\n    def loop(self):\n        raise SystemExit('lost')\n"
    )
    (tmp_path / "lost.py").write_text(program)
    flock = start("run", make_folder(1).path, "--pasture", "--sheep", "lost:Lost")

    code, output, errors = flock.end()

    assert 70 == code, errors
    assert "bot0: " in output
    assert "Traceback" in errors
    assert "SystemExit: lost" in errors
