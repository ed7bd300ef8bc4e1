"""A Ray cluster on this machine alone: a head and some nodes, each on a loopback address of its own."""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from flock.cluster import keeper
from flock.cluster.placing import RESOURCE
from flock.errors import BadOption, ClusterError
from flock.files import create_private

log = logging.getLogger(__name__)

HEAD = "127.0.0.11"  # Ray's programs do not find each other on 127.0.0.1
_FIRST_NODE = 12
_STORE = 80 * 1024 * 1024  # bytes of each node's object store, which herds do not use; Ray's minimum is 75 MB
_LOG = 10 * 1024 * 1024  # bytes of each of Ray's logs, of which it keeps two
_STARTS = 180.0  # seconds for the start of a node, on a busy machine
_TRIES = 5  # to start it: Ray gives up after half a minute
_AGAIN = 10.0  # seconds from one start of a node to the next
_HERDS = 1000  # that a node may run
_QUICK = {  # a node that is gone is given up after three seconds, a frozen one after eight, and not after a minute
    "health_check_initial_delay_ms": 20_000,  # a busy machine starts all nodes at once
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 1500,
    "health_check_failure_threshold": 3,
}
_RAY = "from ray.scripts.scripts import main; main()"  # `ray`, wherever it is installed


class LocalRay:
    """A head and `nodes` nodes on this machine, which only this user can reach, by a token. A context manager.

    `file` says where they are, for other commands. `is_stopped` is asked while they start. Raises BadOption when
    there is such a cluster already.
    """

    def __init__(self, nodes: int, file: Path, is_stopped: Callable[[], bool]) -> None:
        self.nodes = [f"127.0.0.{_FIRST_NODE + number}" for number in range(nodes)]
        self._file = file
        self._is_stopped = is_stopped
        self._keeper: subprocess.Popen[bytes] | None = None
        self._told = b""  # by the keeper, and not yet a whole line
        self._started: dict[str, float] = {}  # when each node was started
        self._gone: set[str] = set()
        self._folder = Path()
        self.address = ""

    def __enter__(self) -> LocalRay:
        if sys.platform != "linux":
            raise BadOption("a cluster on this machine alone needs Linux; give --address")
        _claim(self._file)
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="flock-ray-"))
            self.address = f"{HEAD}:{_free_port()}"
            token = secrets.token_hex(32)
            _use_token(token)
            told = {"address": self.address, "token": token, "pid": os.getpid(), "since": _since(os.getpid())}
            self._file.write_text(json.dumps(told))
            self._keeper = self._start_keeper()
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start_keeper(self) -> subprocess.Popen[bytes]:
        settings = {
            "RAY_ROTATION_MAX_BYTES": str(_LOG),
            "RAY_ROTATION_BACKUP_COUNT": "1",
            "GRPC_ENABLE_FORK_SUPPORT": "0",  # with it, the server for ray:// may crash when it forks
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FLOCK_")}  # secrets
        started = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-P", keeper.__file__, self._folder, self._file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**settings, **inherited, "TMPDIR": str(self._folder)},
            start_new_session=True,  # Ctrl-C is for this process
        )
        assert started.stdout  # noqa: S101 - for mypy
        os.set_blocking(started.stdout.fileno(), False)
        return started

    def _start(self) -> None:
        self._run(HEAD)
        self._wait(HEAD, lambda: _answers(self.address) and self._sockets() > 0)
        for node in self.nodes:
            there = self._sockets()
            self._run(node)
            self._wait(node, lambda there=there: self._sockets() > there)  # type: ignore[misc] # their names are counted

    def _run(self, node: str) -> None:
        common = ("--num-cpus=0", "--disable-usage-stats", f"--object-store-memory={_STORE}", "--block")
        if node == HEAD:
            own = [
                *("--head", f"--port={self.address.rpartition(':')[2]}", "--include-dashboard=false"),
                *(f"--temp-dir={self._rays}", f"--ray-client-server-port={_free_port()}"),
                f"--system-config={json.dumps(_QUICK)}",
            ]
        else:
            own = [
                *(f"--address={self.address}", f"--resources={json.dumps({RESOURCE: _HERDS})}"),
                *("--include-log-monitor=false", "--dashboard-agent-listen-port=0"),
            ]
        command = [sys.executable, "-P", "-c", _RAY, "start", f"--node-ip-address={node}", *common, *own]
        self._started[node] = time.monotonic()
        self._gone.discard(node)
        assert self._keeper  # noqa: S101 - for mypy
        assert self._keeper.stdin  # noqa: S101
        with suppress(BrokenPipeError):  # the next look finds that the keeper is gone
            self._keeper.stdin.write(json.dumps([node, str(self._log_of(node)), command]).encode() + b"\n")
            self._keeper.stdin.flush()

    @property
    def _rays(self) -> Path:
        """The folder that Ray makes, which all users may enter. So it lies in another one, which they may not."""
        return self._folder / "r"

    def _sockets(self) -> int:
        return len([*self._rays.glob("session_2*/sockets/raylet*")])

    def _log_of(self, node: str) -> Path:
        return self._folder / f"{node}.log"

    def _wait(self, node: str, is_there: Callable[[], bool]) -> None:
        deadline, tries = time.monotonic() + _STARTS, 1
        while not is_there():
            if self._is_stopped():
                raise ClusterError("stopped before all nodes were there")
            self._look()
            if node in self._gone and tries < _TRIES:
                tries += 1
                self._run(node)
            if node in self._gone or time.monotonic() > deadline:
                last = self._log_of(node).read_text(errors="replace").strip().splitlines()[-1:]
                raise ClusterError(f"the Ray node {node} has not started: {''.join(last)}")
            time.sleep(0.1)

    def wait_for_nodes(self, ray: Any) -> None:
        """Wait until all nodes have joined. Raises ClusterError when one cannot, or when it is time to stop."""
        for node in self.nodes:
            self._wait(node, lambda node=node: node in _alive(ray))  # type: ignore[misc]

    def look_after(self) -> list[str]:
        """Return the nodes that have gone since the last look; start those again that are gone.

        Raises ClusterError when the head is gone, with which all is.
        """
        gone = self._look()
        if HEAD in self._gone:
            raise ClusterError("the head of the Ray cluster has ended; start the cluster anew")
        for node in [each for each in self._gone if time.monotonic() > self._started[each] + _AGAIN]:
            self._run(node)
        return gone

    def _look(self) -> list[str]:
        """Return the nodes that have ended since the last look. Raises ClusterError when the keeper has ended."""
        assert self._keeper  # noqa: S101 - for mypy
        assert self._keeper.stdout  # noqa: S101
        piece = self._keeper.stdout.read()
        if piece == b"":
            raise ClusterError("the process that keeps the Ray cluster has ended, and Ray with it")
        *names, self._told = (self._told + (piece or b"")).split(b"\n")
        gone = [name.decode() for name in names]
        self._gone.update(gone)
        return gone

    def close(self) -> None:
        """End all processes of the cluster, and remove its files: the keeper does it."""
        if self._keeper is None:
            if self._folder.name:
                self._folder.rmdir()
            self._file.unlink(missing_ok=True)
            return
        assert self._keeper.stdin  # noqa: S101 - for mypy
        with suppress(BrokenPipeError):
            self._keeper.stdin.close()
        try:
            self._keeper.wait(2 * keeper.ENDS)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
            log.warning("processes of the Ray cluster have not ended; see ps, and %s", self._folder)


def _claim(file: Path) -> None:
    """Make the file, which says that there is a cluster. Raises BadOption if there is one that lives."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if not create_private(file):
        with suppress(ClusterError):
            pid = found(file)["pid"]
            raise BadOption(f"process {pid} already runs a cluster here; stop that one first")
        file.unlink(missing_ok=True)
        create_private(file)


def found(file: Path) -> dict[str, Any]:
    """Return the address, token and process of the local cluster that the file tells of, and use its token.

    Raises ClusterError when there is none.
    """
    try:
        told: dict[str, Any] = json.loads(file.read_text())
        pid, token = int(told["pid"]), str(told["token"])
        lives = told["since"] == _since(pid)
    except (OSError, ValueError, KeyError, TypeError):
        lives = False
    if not lives:
        raise ClusterError("no cluster runs on this machine; give --address")
    _use_token(token)
    return told


def _since(pid: int) -> str:
    """Return when the process was started, so that another one with its number is not taken for it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((HEAD, 0))
        port: int = free.getsockname()[1]
        return port


def _use_token(token: str) -> None:
    os.environ.update({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token})


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
        return True
    return False


def _alive(ray: Any) -> set[str]:
    return {each["NodeManagerAddress"] for each in ray.nodes() if each["Alive"]}
