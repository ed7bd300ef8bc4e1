"""Output that is not read: a stopped `less`, a stuck log shipper, a FIFO, descriptors that are closed."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import simplejson as json

from tests.conftest import TIMEOUT
from tests.endtoend.conftest import Folder, WatchedPasture

SMALL = 4096  # bytes that a small pipe holds

Make = Callable[..., Folder]
OpenPasture = Callable[[Folder], WatchedPasture]
QUICK = ("--line-interval", "0.005", "--poem-interval", "0.005")

DRIVER = """
from flock import Shepherd
Shepherd('keys/', line_interval=0.005, poem_interval=0.005).loop()
"""


@pytest.fixture
def unread() -> Iterator[int]:
    """Return the writing end of a small pipe whose reader does not read."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, SMALL)
    yield writing
    for descriptor in (reading, writing):
        with suppress(OSError):
            os.close(descriptor)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Return a starter of Python programs in the folder that holds keys/, with streams of the test's choice."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str | Path, stdout: int, stderr: int, **variables: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), **variables}
        command = [sys.executable, *map(str, arguments)]
        processes.append(subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=stdout, stderr=stderr))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


Run = Callable[..., "subprocess.Popen[bytes]"]


def test_a_reader_that_does_not_read_stops_neither_sheep_nor_sigterm(
    make_folder: Make, open_pasture: OpenPasture, run: Run, unread: int
) -> None:
    """With -v every line is lost on both streams; the flock goes on posting, and SIGTERM ends it."""
    folder = make_folder(3)
    pasture = open_pasture(folder)
    flock = run(
        *("-m", "flock", "run", "keys", *QUICK, "--verbose", "--base-url", pasture.url),
        stdout=unread,
        stderr=unread,
    )
    pasture.wait_for_posts(folder, 100)

    flock.terminate()

    assert 0 == flock.wait(timeout=TIMEOUT)


def test_a_driver_of_three_lines_stops_too(
    make_folder: Make, open_pasture: OpenPasture, run: Run, unread: int
) -> None:
    """The driver needs no set-up for that."""
    folder = make_folder(3)
    pasture = open_pasture(folder)
    driver = run("-c", DRIVER, stdout=unread, stderr=unread, FLOCK_BASE_URL=pasture.url)
    pasture.wait_for_posts(folder, 100)

    driver.terminate()

    assert 0 == driver.wait(timeout=TIMEOUT)


def test_a_fifo_for_a_log_may_be_stuck(
    make_folder: Make, open_pasture: OpenPasture, run: Run, tmp_path: Path
) -> None:
    """A log shipper holds it open and does not read; SIGHUP reopens it, and then the flock ends."""
    folder = make_folder(3)
    pasture = open_pasture(folder)
    fifo = tmp_path / "log"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, SMALL)
    flock = run(
        *("-m", "flock", "run", "keys", *QUICK, "--base-url", pasture.url, "--log-file", fifo),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pasture.wait_for_posts(folder, 100)

    flock.send_signal(signal.SIGHUP)
    pasture.wait_for_posts(folder, 150)
    flock.terminate()

    assert 0 == flock.wait(timeout=TIMEOUT)
    assert os.read(reading, SMALL).startswith(b"20")
    os.close(reading)


def test_an_error_that_is_not_read_keeps_its_code(make_folder: Make, run: Run, unread: int) -> None:
    """The pipe is too full for the line about a bad key file, and the process still exits with 3."""
    folder = make_folder(1)
    (folder.path / "broken.json").write_text("{")
    os.write(unread, b"x" * SMALL)

    assert 3 == run("-m", "flock", "run", "keys", stdout=unread, stderr=unread).wait(timeout=TIMEOUT)


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_streams_that_are_closed_from_the_start_are_no_trouble(
    make_folder: Make, open_pasture: OpenPasture, tmp_path: Path, closed: tuple[int, ...]
) -> None:
    """`>&-`: the flock posts and exits with 0, and no other file gets the number of a standard stream."""
    folder = make_folder(1)
    pasture = open_pasture(folder)
    redirections = " ".join(f"{descriptor}>&-" for descriptor in closed)
    command = f'exec "{sys.executable}" -m flock run keys --once --base-url {pasture.url} {redirections}'
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}

    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert folder.poems["bot0"][:1] == pasture.said("bot0")
    assert ("what bot0 has to say" in done.stdout) == (1 not in closed)


def test_a_dry_run_for_one_round_ends_well_when_its_reader_is_gone(make_folder: Make, run: Run) -> None:
    """`flock run --once --dry-run | true`: 0, whether the pipe breaks while the flock is out or afterwards."""
    make_folder(2)
    reading, writing = os.pipe()
    os.close(reading)
    flock = run("-m", "flock", "run", "keys", "--once", "--dry-run", stdout=writing, stderr=writing)
    os.close(writing)

    assert 0 == flock.wait(timeout=TIMEOUT)


@pytest.mark.parametrize("name", ["do\nlly", "do\x1b[31mlly", "\u202eyllod", "dolly\u2028"])
def test_a_file_name_is_not_obeyed_in_a_message(make_folder: Make, run: Run, name: str) -> None:
    """The names of a bad key file and of a missing poem are printed on one line, without control characters."""
    folder = make_folder(1)
    (folder.path / f"{name}.json").write_text("{")
    key = json.loads((folder.path / "bot0.json").read_text())
    (folder.path / "bot0.json").write_text(json.dumps({**key, "poem_file": f"{name}.txt"}))

    flock = run("-m", "flock", "run", "keys", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, errors = flock.communicate(timeout=TIMEOUT)

    text = errors.decode()
    assert 3 == flock.returncode
    assert 2 == text.count("\n")
    assert not set("\x1b\u202e\u2028") & set(text)
