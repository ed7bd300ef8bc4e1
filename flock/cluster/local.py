"""A Ray cluster on this machine alone: a head and some nodes, each on a loopback address of its own."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from flock.cluster.placing import RESOURCE
from flock.errors import BadOption, ClusterError
from flock.files import create_private

log = logging.getLogger(__name__)

HEAD = "127.0.0.11"  # Ray's programs do not find each other on 127.0.0.1
_FIRST_NODE = 12
_STORE = 80 * 1024 * 1024  # bytes of each node's object store, which herds do not use; Ray's minimum is 75 MB
_STARTS = 120.0  # seconds for the start of a node, on a busy machine
_ENDS = 10.0  # seconds for the end of all that was killed
_HERDS = 1000  # that a node may run
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_QUICK = {  # a node that does not answer is given up after four seconds and not after a quarter of a minute
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 2000,
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
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._others: set[int] = set()  # children of this process that are not Ray's
        self._folder = Path()
        self.address = ""

    def __enter__(self) -> LocalRay:
        if sys.platform != "linux":
            raise BadOption("a cluster on this machine alone needs Linux; give --address")
        _claim(self._file)
        self._others = set(_children(os.getpid()))
        _adopt_orphans()
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="flock-ray-"))
            self.address = f"{HEAD}:{_free_port()}"
            token = secrets.token_hex(32)
            _use_token(token)
            self._file.write_text(json.dumps({"address": self.address, "token": token, "pid": os.getpid()}))
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        port = self.address.rpartition(":")[2]
        self._run(
            HEAD,
            *("--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={self._rays}"),
            *(f"--ray-client-server-port={_free_port()}", f"--system-config={json.dumps(_QUICK)}"),
        )
        self._wait(HEAD, lambda: _answers(self.address) and self._sockets() > 0)
        for node in self.nodes:
            resources = json.dumps({RESOURCE: _HERDS})
            more = ("--include-log-monitor=false", "--dashboard-agent-listen-port=0")
            there = self._sockets()
            self._run(node, f"--address={self.address}", f"--resources={resources}", *more)
            self._wait(node, lambda there=there: self._sockets() > there)  # type: ignore[misc] # their names are counted

    def _run(self, node: str, *arguments: str) -> None:
        common = ("--num-cpus=0", "--disable-usage-stats", f"--object-store-memory={_STORE}", "--block")
        with self._log_of(node).open("wb") as written:
            self._processes[node] = subprocess.Popen(  # noqa: S603 - Ray's own program
                [sys.executable, "-c", _RAY, "start", f"--node-ip-address={node}", *common, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                env={**os.environ, "TMPDIR": str(self._folder)},
                start_new_session=True,  # Ctrl-C is for this process
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - no other thread runs yet
            )

    @property
    def _rays(self) -> Path:
        """The folder that Ray makes, which all users may enter. So it lies in another one, which they may not."""
        return self._folder / "r"

    def _sockets(self) -> int:
        return len([*self._rays.glob("session_2*/sockets/raylet*")])

    def _log_of(self, node: str) -> Path:
        return self._folder / f"{node}.log"

    def _wait(self, node: str, is_there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _STARTS
        while not is_there():
            if self._is_stopped():
                raise ClusterError("stopped before all nodes were there")
            if self._processes[node].poll() is not None or time.monotonic() > deadline:
                last = self._log_of(node).read_text(errors="replace").strip().splitlines()[-1:]
                raise ClusterError(f"the Ray node {node} has not started: {''.join(last)}")
            time.sleep(0.1)

    def wait_for_nodes(self, ray: Any) -> None:
        """Wait until all nodes have joined. Raises ClusterError when one cannot, or when it is time to stop."""
        for node in self.nodes:
            self._wait(node, lambda node=node: node in _alive(ray))  # type: ignore[misc]

    def look_after(self) -> list[str]:
        """Return the nodes that have gone since the last look, and free what they leave: a dead parent that nobody
        has waited for keeps its herds alive."""
        gone = [node for node, process in self._processes.items() if process.poll() is not None]
        for node in gone:
            del self._processes[node]
        self._free_the_dead()
        return gone

    def _free_the_dead(self) -> None:
        """Wait for the processes that have ended, those too whose parent has: they come to this process then."""
        own = {process.pid: process for process in self._processes.values()}
        for pid in _children(os.getpid()):
            if pid in own:
                own[pid].poll()
            elif pid not in self._others:
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def close(self) -> None:
        """End all processes of the cluster, and remove its files."""
        deadline = time.monotonic() + _ENDS
        while (left := _offspring(self._others)) and time.monotonic() < deadline:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
            self._free_the_dead()
        self._processes.clear()
        if self._folder.name:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._file.unlink(missing_ok=True)


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
    except (OSError, ValueError, KeyError, TypeError):
        pid, token = 0, ""
    if not pid or not Path(f"/proc/{pid}").exists():
        raise ClusterError("no cluster runs on this machine; give --address")
    _use_token(token)
    return told


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((HEAD, 0))
        port: int = free.getsockname()[1]
        return port


def _use_token(token: str) -> None:
    os.environ.update({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token})


def _end_with_parent() -> None:
    """End this process when its parent does, also by a kill."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _adopt_orphans() -> None:
    """Become the parent of processes whose parent ends: a herd outlives its node by some seconds."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
        return True
    return False


def _alive(ray: Any) -> set[str]:
    return {each["NodeManagerAddress"] for each in ray.nodes() if each["Alive"]}


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with suppress(OSError):  # it has ended
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (task / "children").read_text().split())
    return children


def _offspring(others: set[int]) -> list[int]:
    """Return the processes that this one has started, and these again, without `others`."""
    found = [pid for pid in _children(os.getpid()) if pid not in others]
    for pid in found:
        found += _children(pid)
    return found
