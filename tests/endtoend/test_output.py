"""Output that is not read: a stopped `less`, a stuck log shipper, a FIFO, descriptors that are closed."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import socket
import sqlite3
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import combinations
from pathlib import Path

import pytest
import requests
import simplejson as json

from tests.conftest import TIMEOUT, until
from tests.endtoend.conftest import Folder, WatchedPasture

SMALL = 4096  # bytes that a small pipe holds

Make = Callable[..., Folder]
OpenPasture = Callable[[Folder], WatchedPasture]
QUICK = ("--line-interval", "0.005", "--poem-interval", "0.005")

DRIVER = """
from flock import Shepherd
Shepherd('keys/', line_interval=0.005, poem_interval=0.005).loop()
"""


SUBSETS = [lost for count in range(4) for lost in combinations(range(3), count)]  # of the standard streams
NO_SPACE = 74


def run_with(lost: Sequence[int], how: str, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `flock` with these streams closed, without another end ("broken"), or on a full disk."""

    def lose() -> None:
        for number in lost:
            if how == "closed":
                os.close(number)
            else:
                other, left = reversed(os.pipe()) if number == 0 else os.pipe()
                os.dup2(left if how == "broken" else os.open("/dev/full", os.O_RDWR), number)
                os.close(other)

    return subprocess.run(
        [sys.executable, "-m", "flock", *arguments],
        cwd=cwd,
        env={**os.environ, "XDG_STATE_HOME": str(cwd / "state")},
        input="",
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        preexec_fn=lose,
    )


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


@pytest.fixture
def stopped_terminal() -> Iterator[int]:
    """Return a terminal whose output was stopped with Ctrl-S."""
    master, terminal = pty.openpty()
    termios.tcflow(terminal, termios.TCOOFF)
    yield terminal
    os.close(terminal)
    os.close(master)


def test_a_terminal_that_is_stopped_stops_neither_sheep_nor_sigterm(
    make_folder: Make, open_pasture: OpenPasture, run: Run, stopped_terminal: int
) -> None:
    """Ctrl-S holds up the lines, and nothing else."""
    folder = make_folder(3)
    pasture = open_pasture(folder)
    flock = run(
        *("-m", "flock", "run", "keys", *QUICK, "--base-url", pasture.url),
        stdout=stopped_terminal,
        stderr=stopped_terminal,
    )
    pasture.wait_for_posts(folder, 100)

    flock.terminate()

    assert 0 == flock.wait(timeout=TIMEOUT)


@pytest.mark.parametrize("has_reader", [True, False])
def test_a_fifo_for_a_log_may_be_stuck(
    make_folder: Make, open_pasture: OpenPasture, run: Run, tmp_path: Path, *, has_reader: bool
) -> None:
    """A log shipper does not read, or there is none yet; SIGHUP reopens the FIFO, and then the flock ends."""
    folder = make_folder(3)
    pasture = open_pasture(folder)
    fifo = tmp_path / "log"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK) if has_reader else -1
    if has_reader:
        fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, SMALL)
    flock = run(
        *("-m", "flock", "run", "keys", *QUICK, "--verbose", "--base-url", pasture.url, "--log-file", fifo),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pasture.wait_for_posts(folder, 100)

    flock.send_signal(signal.SIGHUP)
    pasture.wait_for_posts(folder, 150)
    flock.terminate()

    assert 0 == flock.wait(timeout=TIMEOUT)
    if has_reader:
        assert os.read(reading, SMALL).startswith(b"20")
        os.close(reading)


@pytest.mark.parametrize("device", ["/dev/full", "/dev/zero"])
def test_a_device_for_a_log_is_no_trouble(
    make_folder: Make, open_pasture: OpenPasture, run: Run, device: str
) -> None:
    """On a full disk every line is lost; the flock goes on."""
    folder = make_folder(1)
    pasture = open_pasture(folder)
    flock = run(
        *("-m", "flock", "run", "keys", *QUICK, "--base-url", pasture.url, "--log-file", device),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pasture.wait_for_posts(folder, 10)
    flock.terminate()

    assert 0 == flock.wait(timeout=TIMEOUT)


def test_a_practice_server_whose_output_is_not_read_serves_and_ends(run: Run, unread: int) -> None:
    """The pipe is too full for its first line."""
    os.write(unread, b"x" * SMALL)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    pasture = run("-m", "flock", "pasture", "--port", str(port), stdout=unread, stderr=unread)

    until("the pasture is open", lambda: is_open(port))
    pasture.terminate()

    assert 0 == pasture.wait(timeout=TIMEOUT)


def test_a_fault_of_the_practice_server_is_logged_as_the_flock_logs(run: Run, tmp_path: Path) -> None:
    """With its traceback, on standard error; here somebody has dropped a table."""
    pasture = run(
        "-m", "flock", "pasture", "--port", "0", "--state", "p.db", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert pasture.stdout is not None
    url = pasture.stdout.readline().decode().split()[5].rstrip(":")
    with closing(sqlite3.connect(tmp_path / "p.db")) as db:
        db.execute("DROP TABLE posts")

    status = requests.get(url).status_code
    pasture.terminate()
    _, errors = pasture.communicate(timeout=TIMEOUT)

    assert (500, 0) == (status, pasture.returncode)
    first, *rest = errors.decode().splitlines()
    assert first.startswith("flock: error: ")
    assert "sqlite3.OperationalError: no such table: posts" == rest[-1]


def is_open(port: int) -> bool:
    """Whether something listens on that port of loopback."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["run", "keys"], 3), (["run", "keys", "--line-interval", "soon"], 2), (["nothing"], 2)],
)
def test_an_error_that_is_not_read_keeps_its_code(
    make_folder: Make, run: Run, unread: int, arguments: list[str], code: int
) -> None:
    """The pipe is too full for a line about a bad key file or a mistake; nothing waits for a reader."""
    folder = make_folder(1)
    (folder.path / "broken.json").write_text("{")
    os.write(unread, b"x" * SMALL)

    assert code == run("-m", "flock", *arguments, stdout=unread, stderr=unread).wait(timeout=TIMEOUT)


SPY = """
import os
import flock

class Spy(flock.Sheep):
    def beat(self):
        with open("seen", "w") as file:
            print(*(os.fstat(number).st_rdev == os.stat(os.devnull).st_rdev for number in range(3)), file=file)
        return super().beat()
"""


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_a_stream_that_is_closed_from_the_start_is_taken_for_dev_null(
    make_folder: Make, open_pasture: OpenPasture, tmp_path: Path, closed: tuple[int, ...]
) -> None:
    """`>&-`: the flock posts and exits with 0, and no other file gets the number of a standard stream."""
    folder = make_folder(1)
    pasture = open_pasture(folder)
    (tmp_path / "spy.py").write_text(SPY)

    done = run_with(
        closed, "closed", tmp_path, "run", "keys", "--once", "--sheep=spy:Spy", "--base-url", pasture.url
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert folder.poems["bot0"][:1] == pasture.said("bot0")
    assert ("what bot0 has to say" in done.stdout) == (1 not in closed)
    assert [str(number in closed) for number in range(3)] == (tmp_path / "seen").read_text().split()


@pytest.mark.parametrize(
    ("how", "lost"),
    [("closed", lost) for lost in SUBSETS]
    + [(how, lost) for how in ("broken", "full") for lost in ((1,), (2,), (1, 2))],
    ids=str,
)
def test_a_lost_stream_changes_no_exit_code_and_is_no_traceback(
    make_folder: Make, tmp_path: Path, how: str, lost: tuple[int, ...]
) -> None:
    """Closed, without a reader, or on a full disk: of a rehearsal, of a mistake, of bad keys."""
    make_folder(1)
    code_of_output = NO_SPACE if how == "full" and 1 in lost else 0
    for code, *arguments in [
        (code_of_output, "--version"),
        (code_of_output, "rehearse", "keys", "--posts", "3"),
        (2, "run", "keys", "--line-interval", "soon"),
        (3, "run", "nowhere"),
    ]:
        done = run_with(lost, how, tmp_path, *map(str, arguments))

        assert (code, arguments) == (done.returncode, arguments), done.stderr
        assert done.stderr.count("\n") <= 5
        assert "Traceback" not in done.stderr + done.stdout
        assert "Exception" not in done.stderr + done.stdout


def test_output_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """`flock --help > /full/disk/file` says so, and not only by its exit code."""
    done = run_with((1,), "full", tmp_path, "--help")

    assert (NO_SPACE, "flock: standard output cannot be written: No space left on device\n") == (
        done.returncode,
        done.stderr,
    )


@pytest.mark.parametrize(
    ("arguments", "number", "code"),
    [
        (["run", "keys"], signal.SIGTERM, 0),
        (["run", "keys"], signal.SIGINT, 0),
        (["pasture"], signal.SIGTERM, 0),
        (["rehearse", "keys"], signal.SIGTERM, 143),
        (["rehearse", "keys"], signal.SIGINT, 130),
    ],
)
def test_a_signal_is_obeyed_while_the_command_is_loaded(
    make_folder: Make, run: Run, arguments: list[str], number: signal.Signals, code: int
) -> None:
    """At once and with the usual code, when not even click is there."""
    make_folder(1)
    command = ("-X", "importtime", "-m", "flock", *arguments)
    flock = run(*command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert flock.stderr is not None
    with flock.stderr:
        next(line for line in flock.stderr if line.rstrip().endswith(b" click.globals"))
        flock.send_signal(number)
        rest = flock.stderr.read()

    assert code == flock.wait(timeout=TIMEOUT)
    assert b"Traceback" not in rest


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["completion", "bash"],
        ["rehearse", "keys"],
        ["status", "keys", "--state", "f.db"],
    ],
)
def test_a_reader_that_has_seen_enough_is_no_error(make_folder: Make, run: Run, arguments: list[str]) -> None:
    """`| head -c 1`: the command ends, with 0 and without a word."""
    make_folder(2)
    flock = run("-m", "flock", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert flock.stdout is not None
    assert flock.stderr is not None
    assert flock.stdout.read(1)
    flock.stdout.close()

    with flock.stderr:
        assert (b"", 0) == (flock.stderr.read(), flock.wait(timeout=TIMEOUT))


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
