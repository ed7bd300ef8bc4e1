"""The ground that a benchmark runs on: a TLS server, key files, and the programs that are measured there.

Whatever is started here ends with its `with` block, and when the benchmark itself is killed, by the kernel.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Literal, NamedTuple, NoReturn

import certifi
import simplejson as json

from benchmarks.posts import Post, hear_flock, hear_yardstick

HERE = Path(__file__).parent
FLOCK = HERE.parent / "scripts" / "flock"

Who = Literal["yardstick", "flock"]
WHO: tuple[Who, ...] = ("yardstick", "flock")
Network = Literal["X", "Bluesky", "Mastodon"]
NETWORKS: tuple[Network, ...] = ("X", "Bluesky", "Mastodon")

LINES = 20  # of the poem that all sheep share
START_TIMEOUT = 120.0  # seconds until every sheep should have said something, and an interval
STOP_TIMEOUT = 60.0  # seconds from SIGTERM until it is no use waiting
_LOOK = 0.1  # seconds between two looks at the log

_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """A program did not do what it was started for; the text says how, with its last words."""


class Program:
    """One that is under way. `log` is the file that it writes to, `hear` finds the post in a line of it."""

    def __init__(self, process: subprocess.Popen[str], log: Path, hear: Callable[[bytes], Post | None]) -> None:
        self.started = time.monotonic()
        self.pid = process.pid
        self.state = log.with_name("flock.db")
        self._process = process
        self._log = log
        self._hear = hear
        self._read = 0

    def said(self) -> list[Post]:
        """Return the posts that have come to the log since this was asked last."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            come = log.read()
        whole = come[: come.rfind(b"\n") + 1]
        self._read += len(whole)
        return [post for line in whole.splitlines() if (post := self._hear(line))]

    def wait_until_out(self, sheep: int, interval: float) -> float | None:
        """Wait until every sheep has said its first line.

        Return the seconds since the start, None when some have not spoken in all the time that it is given.
        """
        heard: set[str] = set()
        while len(heard) < sheep:
            if time.monotonic() - self.started > START_TIMEOUT + interval:
                return None
            self.live_on(_LOOK)
            heard.update(post.bot for post in self.said())
        return time.monotonic() - self.started

    def live_on(self, seconds: float) -> None:
        """Let it run for so long. Raises Failed if it ends by itself."""
        try:
            code = self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            return
        last = self._log.read_text(errors="replace").splitlines()[-5:]
        raise Failed("\n    ".join([f"it ended by itself, with exit code {code}; its last words:", *last]))

    def stop(self) -> tuple[float, int]:
        """Send SIGTERM; return the seconds until it was gone, and its exit code."""
        told = time.monotonic()
        self._process.terminate()
        try:
            code = self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        return time.monotonic() - told, code


class Server(NamedTuple):
    """One that takes posts."""

    url: str
    pid: int


class Ground:
    """A folder with a certificate, the keys of each flock, and the logs and journals of what ran."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runs = itertools.count()
        self._certificate, self.bundle = make_certificate(folder)

    @contextmanager
    def server(self, *, closing: bool = False, port: int = 0) -> Iterator[Server]:
        """Start a server, on a free port unless it is told which; yield it."""
        command: list[str | Path] = [sys.executable, HERE / "server.py", self._certificate, "--port", str(port)]
        command += ["--close"] if closing else []
        with (self.folder / "server.log").open("a") as log, running(command, subprocess.PIPE, log) as process:
            assert process.stdout
            url = process.stdout.readline().strip()
            if not url:
                raise Failed("the server does not start")
            yield Server(url, process.pid)

    @contextmanager
    def program(
        self,
        who: Who,
        *,
        sheep: int,
        interval: float,
        url: str,
        network: Network = "X",
        first: int = 0,
        state: str | None = None,
        extra: Sequence[str] = (),
    ) -> Iterator[Program]:
        """Start one of the two with so many sheep, numbered from `first` on, and a fresh journal. That is a file
        unless `state` says where it is; `extra` are options of `flock run`."""
        run = self.folder / f"run{next(self._runs)}"
        run.mkdir()
        keys, log = self.keys(sheep, network, url, first), run / "log"
        pace = f"{interval:g}"
        commands: dict[Who, list[str | Path]] = {
            "yardstick": [sys.executable, HERE / "yardstick.py", keys, pace, url],
            "flock": [
                *(
                    FLOCK,
                    "run",
                    keys,
                    "--base-url",
                    url,
                    "--state",
                    state or run / "flock.db",
                    "--log-format",
                    "json",
                ),
                *("--line-interval", pace, "--poem-interval", pace, *extra),
            ],
        }
        environment = client_environment(os.environ, self.bundle)
        with log.open("w") as output, running(commands[who], output, output, environment) as process:
            yield Program(process, log, {"yardstick": hear_yardstick, "flock": hear_flock}[who])

    def keys(self, sheep: int, network: Network = "X", url: str = "", first: int = 0) -> Path:
        """Return a folder of so many key files that share a poem, for the server at `url`; X's do not name it."""
        place = "" if network == "X" else f"-{network}-{url.rpartition(':')[2]}"
        keys = self.folder / f"keys{first}-{sheep}{place}"
        if not keys.exists():
            write_keys(keys, sheep, network, url, first)
        return keys


@contextmanager
def ground() -> Iterator[Ground]:
    """Make the ground, in a folder that goes with it; a signal that ends the benchmark clears it, too."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as SIGHUP is under nohup
            signal.signal(number, _leave)
    subprocess.run([FLOCK, "--version"], check=True, stdout=subprocess.DEVNULL)  # sets itself up, if need be
    with tempfile.TemporaryDirectory(prefix="flock-benchmark-") as folder:
        yield Ground(Path(folder))


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


@contextmanager
def running(
    command: Sequence[str | Path],
    output: IO[str] | int,
    errors: IO[str],
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Run `command`; when the block is left, however, it is gone."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        env=environment,
        text=True,
        preexec_fn=_end_with_us,  # noqa: PLW1509 - there are no threads here
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _end_with_us() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def client_environment(environment: Mapping[str, str], bundle: Path) -> dict[str, str]:
    """Return the environment of a client: it trusts our server, and has no options but those it is given."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith("FLOCK_") or name in ("FLOCK_VENV", "FLOCK_PYTHON")
    }
    return kept | {"REQUESTS_CA_BUNDLE": str(bundle), "SSL_CERT_FILE": str(bundle), "no_proxy": "localhost"}


def make_certificate(folder: Path, host: str = "localhost") -> tuple[Path, Path]:
    """Make a certificate for `host`. Return it with its key, and certifi's whole CA bundle with it added."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={host}"),
            *("-addext", f"subjectAltName=DNS:{host}", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    both, bundle = folder / "both.pem", folder / "bundle.pem"
    both.write_text(key.read_text() + certificate.read_text())
    bundle.write_text(Path(certifi.where()).read_text() + certificate.read_text())
    return both, bundle


def write_keys(folder: Path, sheep: int, network: Network = "X", url: str = "", first: int = 0) -> None:
    """Write so many key files that share a poem, numbered from `first` on."""
    folder.mkdir(mode=0o700)
    lines = (f"line {line} of a poem, neither long nor short" for line in range(LINES))
    (folder / "poem.txt").write_text("\n".join(lines))
    for number in range(first, first + sheep):
        file = folder / f"bot{number:05}.json"
        file.write_text(json.dumps({**key_fields(number, network, url), "poem_file": "poem.txt"}))
        file.chmod(0o600)


def key_fields(number: int, network: Network, url: str) -> dict[str, str]:
    """Return the fields of the bot's key file that its network asks for."""
    match network:
        case "Bluesky":
            password = f"{number // 10_000:04}-{number % 10_000:04}-cccc-dddd"
            own = {"network": "bluesky", "screen_name": f"bot{number}.test", "app_password": password}
            return {**own, "server": url}
        case "Mastodon":
            own = {"network": "mastodon", "screen_name": f"bot{number}", "access_token": f"{number}-{'b' * 40}"}
            return {**own, "server": url}
    return {
        "screen_name": f"bot{number}",
        "consumer_token": "the-app",
        "consumer_token_secret": "a" * 40,
        "oauth_token": f"{number}-{'b' * 40}",
        "oauth_token_secret": "c" * 40,
    }
