"""The messages to systemd (sd_notify over a real socket), and SIGHUP."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from tests.conftest import until
from tests.endtoend.conftest import Flock, Folder, WatchedPasture, make_folder, open_pasture, start
from tests.observers.conftest import Systemds, systemds

__all__ = ["make_folder", "open_pasture", "start", "systemds"]  # fixtures

Make = Callable[..., Folder]
Start = Callable[..., Flock]
OpenPasture = Callable[[Folder], WatchedPasture]

QUICK = ("--line-interval", "0.05", "--poem-interval", "0.05")


def text(file: Path) -> str:
    """Return what is in the file, which may not be there yet."""
    return file.read_text(encoding="utf-8") if file.exists() else ""


def test_systemd_hears_of_the_start_the_rounds_and_the_end(
    make_folder: Make, start: Start, open_pasture: OpenPasture, systemds: Systemds
) -> None:
    """READY when the flock is out, WATCHDOG and STATUS on rounds, STOPPING at SIGTERM; on both kinds of socket."""
    folder = make_folder(2)
    pasture = open_pasture(folder)

    flock = start(
        "run", folder.path, "--line-interval", "1h", "--base-url", pasture.url, NOTIFY_SOCKET=systemds.address
    )
    first = systemds.hear()
    pasture.wait_for_posts(folder, 1)
    rounds = systemds.hear()
    while "2 posts" not in rounds[1]:
        rounds = systemds.hear()
    code, _, _ = flock.stop()
    last = systemds.hear_all()[-1]

    assert "READY=1" == first[0]
    assert first[1].startswith("STATUS=2 sheep on the way out to http://127.0.0.1:")
    assert ["WATCHDOG=1", "STATUS=2 sheep; 2 posts since the start"] == rounds
    assert ["STOPPING=1", "STATUS=stopping"] == last
    assert 0 == code


def test_a_flock_that_cannot_start_is_never_ready(make_folder: Make, start: Start, systemds: Systemds) -> None:
    """With a bad key file no READY is sent, so that systemd sees a failed start."""
    folder = make_folder(1)
    (folder.path / "broken.json").write_text("{")

    code, _, _ = start("run", folder.path, NOTIFY_SOCKET=systemds.address).end()

    assert (3, []) == (code, systemds.hear_all())


def test_at_a_sighup_the_log_goes_on_in_a_new_file(
    make_folder: Make, start: Start, open_pasture: OpenPasture, tmp_path: Path
) -> None:
    """SIGHUP ends a log file that was moved away, and later lines are in a new file in its place."""
    folder = make_folder(1)
    pasture = open_pasture(folder)
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
    make_folder: Make, start: Start, open_pasture: OpenPasture, tmp_path: Path
) -> None:
    """A bot whose account was suspended and pardoned posts again after the SIGHUP, and not before it."""
    folder = make_folder(2)
    pasture = open_pasture(folder)
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
