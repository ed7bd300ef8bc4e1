"""`flock run` as a process, against a pasture of ours over real HTTP."""

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

from tests.conftest import PATIENCE
from tests.endtoend.conftest import Flock, Folder, WatchedPasture, recital

OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""

Make = Callable[..., Folder]
Start = Callable[..., Flock]
Graze = Callable[[Folder], WatchedPasture]


@pytest.mark.parametrize("api", ["2", "1.1"])
def test_every_bot_recites_its_poem_in_order(make_folder: Make, start: Start, graze: Graze, api: str) -> None:
    """Five bots at once, round and round: each says its own lines in order, and none twice."""
    folder = make_folder(5)
    pasture = graze(folder)

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
    make_folder: Make, start: Start, graze: Graze, number: signal.Signals
) -> None:
    """A flock asleep for an hour leaves within seconds, and calls that a success."""
    folder = make_folder(3)
    pasture = graze(folder)
    flock = start("run", folder.path, "--line-interval", "1h", "--base-url", pasture.url)
    pasture.wait_for_posts(folder, 1)

    asked = time.monotonic()
    code, output, _ = flock.stop(number)

    assert 0 == code
    assert time.monotonic() - asked < 5
    assert output.splitlines()[-1].endswith("the flock has ended: stopped as asked")


def test_a_restart_goes_on_where_the_flock_was(make_folder: Make, start: Start, graze: Graze) -> None:
    """The place and the due time survive a restart: the next line comes next, and not at once."""
    folder = make_folder(2, lines=50)
    pasture = graze(folder)
    arguments = ("run", folder.path, "--line-interval", "0.05", "--base-url", pasture.url)
    for goal in (5, 10, 15):
        flock = start(*arguments)
        pasture.wait_for_posts(folder, goal)
        assert 0 == flock.stop()[0]

    for name, poem in folder.poems.items():
        assert recital(poem, len(pasture.said(name))) == pasture.said(name)


def test_a_restart_does_not_tweet_before_its_time(make_folder: Make, start: Start, graze: Graze) -> None:
    """With an hour between lines, a flock that is started twice says one line, not two."""
    folder = make_folder(1)
    pasture = graze(folder)
    arguments = ("run", folder.path, "--line-interval", "1h", "--base-url", pasture.url)
    first = start(*arguments)
    pasture.wait_for_posts(folder, 1)
    first.stop()

    second = start(*arguments)
    assert second.process.stdout
    assert "on the way out" in second.process.stdout.readline()
    second.stop()

    assert folder.poems["bot0"][:1] == pasture.said("bot0")


def test_every_piece_of_a_long_line_is_out_before_the_flock_stops(
    make_folder: Make, start: Start, graze: Graze
) -> None:
    """A line of many tweets is not left half said when the signal comes in the middle of it."""
    folder = make_folder(1, lines=1)
    words = " ".join(f"word{number}" for number in range(600))
    (folder.path / "bot0.txt").write_text(words)
    pasture = graze(folder)
    flock = start("run", folder.path, "--line-interval", "1h", "--base-url", pasture.url)
    pasture.wait_for_posts(folder, 1)

    code, _, _ = flock.stop()

    assert 0 == code
    assert words == " ".join(piece.removesuffix("…") for piece in pasture.said("bot0"))


def test_a_dry_run_touches_neither_network_nor_journal(make_folder: Make, start: Start, graze: Graze) -> None:
    """What would be said is printed; nothing is posted, and no file is made."""
    folder = make_folder(1, lines=2)
    pasture = graze(folder)
    state = folder.path.parent / "elsewhere" / "flock.db"

    flock = start(
        "run", folder.path, "--dry-run", "--line-interval", "0.05", "--base-url", pasture.url, "--state", state
    )
    lines = [flock.process.stdout.readline() for _ in range(3)] if flock.process.stdout else []
    flock.stop()

    assert folder.poems["bot0"] == [line.rstrip("\n").partition("bot0: ")[2] for line in lines[1:]]
    assert [] == pasture.store.posts()
    assert not state.parent.exists()


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
    lines = [flock.process.stdout.readline() for _ in range(3)] if flock.process.stdout else []
    with urlopen(lines[0].rpartition(" ")[2].strip(), timeout=10) as page:
        shown = page.read().decode()
    code, _, errors = flock.stop()

    assert (0, "") == (code, errors)
    assert folder.poems["bot0"][0] in shown
    assert folder.poems["bot0"][:2] == [line.rstrip("\n").partition("bot0: ")[2] for line in lines[1:]]


def test_a_second_flock_over_the_same_bots_is_refused(make_folder: Make, start: Start, graze: Graze) -> None:
    """Cron started it twice: the second names the first's process and exits 5, having said nothing."""
    folder = make_folder(2)
    pasture = graze(folder)
    arguments = ("run", folder.path, "--line-interval", "1h", "--base-url", pasture.url)
    first = start(*arguments)
    pasture.wait_for_posts(folder, 1)

    code, _, errors = start(*arguments).end()

    assert 5 == code
    assert f"process {first.process.pid}" in errors
    assert 2 == len(pasture.store.posts())


def test_after_a_kill_the_bots_are_free(make_folder: Make, start: Start, graze: Graze) -> None:
    """kill -9 leaves no lock behind, and nothing is said twice."""
    folder = make_folder(2)
    pasture = graze(folder)
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
    make_folder: Make, start: Start, graze: Graze, tmp_path: Path
) -> None:
    """What was said on this machine, with real keys too, is noted apart from what is said on X."""
    folder = make_folder(1)
    pasture = graze(folder)
    flock = start("run", folder.path, "--line-interval", "1h", "--base-url", pasture.url)
    pasture.wait_for_posts(folder, 1)
    flock.stop()

    with closing(sqlite3.connect(tmp_path / "state" / "flock" / "flock.db")) as journal:
        assert [("pasture:bot0",)] == journal.execute("SELECT bot FROM sheep").fetchall()


def test_a_dry_run_that_nobody_reads_ends(make_folder: Make, start: Start) -> None:
    """`flock run --dry-run | head -1` comes back."""
    folder = make_folder(1, lines=50)
    flock = start("run", folder.path, "--dry-run", "--line-interval", "0.02")
    assert flock.process.stdout
    flock.process.stdout.readline()

    flock.process.stdout.close()

    assert 0 == flock.process.wait(timeout=PATIENCE)


def test_a_flock_whose_output_nobody_reads_goes_on(make_folder: Make, start: Start, graze: Graze) -> None:
    """A log reader that dies takes nobody with it; that is said once."""
    folder = make_folder(1, lines=500)
    pasture = graze(folder)
    flock = start("run", folder.path, "--line-interval", "0.02", "--base-url", pasture.url)
    assert flock.process.stdout
    assert flock.process.stderr
    flock.process.stdout.readline()

    flock.process.stdout.close()
    warning = flock.process.stderr.readline()
    pasture.wait_for_posts(folder, len(pasture.said("bot0")) + 5)
    flock.process.terminate()

    assert 0 == flock.process.wait(timeout=PATIENCE)
    assert "the reader of the output is gone" in warning


def test_closing_the_terminal_stops_the_flock(make_folder: Make, tmp_path: Path) -> None:
    """A flock that was started in a window does not tweet on, unseen, when the window is closed."""
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
        """Until it says that it is out."""

    os.close(master)

    assert 0 == process.wait(timeout=PATIENCE)
