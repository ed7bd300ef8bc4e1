"""What systemd hears of a flock (sd_notify over a real socket), and what a SIGHUP does."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flock.events import Out, Rounds, Said, Stopping
from flock.observers.systemd import Systemd
from tests.conftest import PATIENCE, until
from tests.endtoend.conftest import Flock, Folder, WatchedPasture, graze, make_folder, start

__all__ = ["graze", "make_folder", "start"]  # fixtures

Make = Callable[..., Folder]
Start = Callable[..., Flock]
Graze = Callable[[Folder], WatchedPasture]

QUICK = ("--line-interval", "0.05", "--poem-interval", "0.05")
ROUNDS = Rounds(at=0.0, sheep=3, penned=(), waiting=0, in_trouble=0, alive=True)


class Systemds:
    """systemd's end of the socket: hears what services say."""

    def __init__(self, address: str) -> None:
        """Listen at `address`, as NOTIFY_SOCKET has it: a path, or a name behind an @."""
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def hear(self, seconds: float = PATIENCE) -> list[str]:
        """Return the lines of the next message. Raises TimeoutError or BlockingIOError when there is none."""
        self._socket.settimeout(seconds)
        return self._socket.recv(4096).decode().split("\n")

    def hear_all(self) -> list[list[str]]:
        """Return the messages that have come already."""
        messages = []
        try:
            while True:
                messages.append(self.hear(0.0))
        except BlockingIOError:
            return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemds(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemds]:
    """Return systemd's end of both kinds of socket."""
    listener = Systemds(str(tmp_path / "notify") if request.param == "path" else f"@flock-test-{os.getpid()}")
    yield listener
    listener.close()


def text(file: Path) -> str:
    """Return what is in the file, which may not be there yet."""
    return file.read_text(encoding="utf-8") if file.exists() else ""


def test_systemd_hears_of_the_start_the_rounds_and_the_end(
    make_folder: Make, start: Start, graze: Graze, systemds: Systemds
) -> None:
    """READY when the flock is out, WATCHDOG and STATUS on rounds, STOPPING at SIGTERM; on both kinds of socket."""
    folder = make_folder(2)
    pasture = graze(folder)

    flock = start(
        "run", folder.path, "--line-interval", "1h", "--base-url", pasture.url, NOTIFY_SOCKET=systemds.address
    )
    first = systemds.hear()
    pasture.wait_for_posts(folder, 1)
    rounds = systemds.hear()
    while "2 tweets" not in rounds[1]:
        rounds = systemds.hear()
    code, _, _ = flock.stop()
    last = systemds.hear_all()[-1]

    assert "READY=1" == first[0]
    assert first[1].startswith("STATUS=2 sheep on the way out to http://127.0.0.1:")
    assert ["WATCHDOG=1", "STATUS=2 sheep; 2 tweets since the start"] == rounds
    assert ["STOPPING=1", "STATUS=stopping"] == last
    assert 0 == code


def test_a_flock_that_cannot_start_is_never_ready(make_folder: Make, start: Start, systemds: Systemds) -> None:
    """With a bad key file systemd hears nothing, and so sees that the start failed."""
    folder = make_folder(1)
    (folder.path / "broken.json").write_text("{")

    code, _, _ = start("run", folder.path, NOTIFY_SOCKET=systemds.address).end()

    assert (3, []) == (code, systemds.hear_all())


def test_a_stuck_flock_does_not_feed_the_watchdog(systemds: Systemds) -> None:
    """Rounds that find the sheep not moving tell how it is, and no more: then systemd starts the flock again."""
    systemd = Systemd({"NOTIFY_SOCKET": systemds.address})

    systemd(ROUNDS)
    systemd(replace(ROUNDS, alive=False))

    alive, stuck = systemds.hear_all()
    assert ["WATCHDOG=1", "STATUS=3 sheep; 0 tweets since the start"] == alive
    assert ["STATUS=3 sheep, NOT MOVING; 0 tweets since the start"] == stuck


def test_the_status_tells_penned_and_waiting_sheep_and_counts_tweets(systemds: Systemds) -> None:
    """`systemctl status` says in one line how the flock is."""
    systemd = Systemd({"NOTIFY_SOCKET": systemds.address})
    said = Said(at=0.0, text="baa", n=0, line=0, lines=1, age=0.0, late=0.0, post_id="1")

    for _ in range(1200):
        systemd(said)
    systemd(replace(ROUNDS, sheep=9, penned=("a", "b", "c", "d"), waiting=2, in_trouble=1))

    assert [
        [
            "WATCHDOG=1",
            "STATUS=9 sheep, 4 penned (a, b, c, …), 2 waiting for a limit, 1 trying again; "
            "1,200 tweets since the start",
        ]
    ] == systemds.hear_all()


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/notify"}])
def test_without_systemd_nothing_happens(environment: dict[str, str]) -> None:
    """No socket, or one where nobody listens, is no trouble of the flock's."""
    systemd = Systemd(environment)

    for event in (Out(at=0.0, sheep=1), ROUNDS, Stopping(at=0.0, under_way=0, grace=10.0)):
        systemd(event)


def test_at_a_sighup_the_log_goes_on_in_a_new_file(
    make_folder: Make, start: Start, graze: Graze, tmp_path: Path
) -> None:
    """A log that was moved away ends with the call, and what comes afterwards is in a new file in its place."""
    folder = make_folder(1)
    pasture = graze(folder)
    log, moved = tmp_path / "flock.log", tmp_path / "flock.log.1"
    flock = start("run", folder.path, *QUICK, "--base-url", pasture.url, "--log-file", log)
    until("a line in the log", lambda: "what bot0 has to say" in text(log))

    log.rename(moved)
    flock.process.send_signal(signal.SIGHUP)
    until("a line in the new log", lambda: "what bot0 has to say" in text(log))
    before = text(moved)
    code, output, errors = flock.stop()

    assert (0, "", "") == (code, output, errors)
    assert before == text(moved)
    assert "the flock has ended" in text(log)
    lines = (before + text(log)).splitlines()
    assert pasture.said("bot0") == [line.partition(" bot0: ")[2] for line in lines if " bot0: " in line]


def test_at_a_sighup_a_penned_bot_is_tried_again(
    make_folder: Make, start: Start, graze: Graze, tmp_path: Path
) -> None:
    """An account that was suspended and pardoned speaks again after the call, and not before it."""
    folder = make_folder(2)
    pasture = graze(folder)
    pasture.suspend("bot0")
    log = tmp_path / "flock.log"
    flock = start("run", folder.path, *QUICK, "--base-url", pasture.url, "--log-file", log)
    until("bot0 is penned", lambda: "bot0: IS PENNED" in text(log))

    pasture.pardon("bot0")
    seen = len(pasture.said("bot1"))
    until("bot1 goes on", lambda: len(pasture.said("bot1")) > seen + 5)
    silent = pasture.said("bot0")
    flock.process.send_signal(signal.SIGHUP)
    until("bot0 speaks", lambda: len(pasture.said("bot0")) > 0)
    code, _, _ = flock.stop()

    assert (0, []) == (code, silent)
    assert "bot0: is let out of the pen: the shepherd calls" in text(log)
    assert folder.poems["bot0"][0] == pasture.said("bot0")[0]
