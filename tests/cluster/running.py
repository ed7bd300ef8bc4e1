"""A `flock cluster run` for tests, with folders of its own, and what becomes of its processes."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import simplejson as json

from flock.pasture import Pasture
from tests.cluster.conftest import Flock, Folder, recital, start_flock

METRICS = "127.0.0.77:9109"  # clusters take turns, and nothing else is there
METRICS_OUTSIDE = "127.0.0.78:9109"  # of a command that reaches the cluster by its address
PAGE = "127.0.0.77:8140"
PATIENCE = 300.0  # seconds; Ray starts slowly on a busy machine


class Cluster:
    """A `flock cluster run` in a process of its own, with folders of its own for all that it writes."""

    def __init__(self, folder: Path, url: str, keys: Folder, pasture: Pasture, *, interval: str = "0.2") -> None:
        turn = Path(tempfile.gettempdir()) / f"flock-test-clusters-{os.getuid()}"  # of all checkouts
        self._turn = turn.open("a")
        fcntl.flock(self._turn, fcntl.LOCK_EX)  # one at a time: each uses all cores, and the same addresses
        self.keys, self.pasture = keys, pasture
        self.newcomer: list[str] = []
        self.known: dict[str, dict[str, Any]] = {}
        self.temporary = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))  # short, as paths of sockets must be
        self.home = folder / "home"
        self.home.mkdir()
        self._folder, self._url = folder, url
        self.options = ("--line-interval", interval, "--base-url", self.pasture.url)
        self.troubles = folder / "troubles"
        observers = ("--metrics", METRICS, "--web", PAGE, "--on-trouble", f"tee -a {self.troubles}")
        self.run = self.command("run", self.keys.path, *self.options, *observers, "--nodes", "3")

    def command(self, *arguments: str | Path) -> Flock:
        """Start a `flock cluster` command that finds this cluster."""
        return self.flock("cluster", *arguments)

    def flock(self, *arguments: str | Path) -> Flock:
        """Start a `flock` command with the cluster's journal."""
        variables = {"TMPDIR": str(self.temporary), "HOME": str(self.home), "FLOCK_STATE": self._url}
        return start_flock(self._folder, *arguments, **variables)

    def by_address(self, *arguments: str | Path) -> Flock:
        """Start a `flock cluster` command that reaches this cluster from outside, by its address."""
        told = json.loads(next(self._folder.rglob("*.cluster")).read_text())
        port = next(
            each.rpartition("=")[2]
            for pid in self.processes()
            for each in (Path("/proc") / str(pid) / "cmdline").read_text().split("\0")
            if each.startswith("--ray-client-server-port=")
        )
        address = f"ray://{told['address'].partition(':')[0]}:{port}"
        variables = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": told["token"], "FLOCK_STATE": self._url}
        return start_flock(self._folder, "cluster", *arguments, "--address", address, **variables)

    def herds(self) -> dict[str, dict[str, Any]]:
        """Return what `flock cluster status` says of each herd. `known` is what it said the last time."""
        code, output, errors = self.command("status", "--json").end(PATIENCE)
        assert code == 0, errors
        self.known = {each["herd"]: each for each in json.loads(output)["herds"]}
        return self.known

    def wait_for_more(self, lines: int = 2) -> None:
        """Wait until each bot has said so many more lines than now."""
        before = self.counts()
        self.wait_until(
            lambda: all(self.counts()[name] >= before[name] + lines for name in self.keys.poems), "more lines"
        )

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until the condition holds. The cluster must run meanwhile."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.run.process.poll() is None, self.run.end()
            if time.monotonic() > deadline:
                pytest.fail(f"not in time: {what}; {self.run.stop()}")
            threading.Event().wait(0.1)

    def counts(self) -> Counter[str]:
        """Return how many lines each bot has said."""
        return Counter(post.screen_name for post in self.pasture.store.posts())

    def assert_each_line_is_said_once(self) -> None:
        for name, poem in self.keys.poems.items():
            said = [post.text for post in self.pasture.store.posts(name)]
            assert recital(poem, len(said)) == said

    def close(self) -> None:
        """End all that is left of it."""
        if self.run.process.poll() is None:
            self.run.stop(signal.SIGTERM)
        shutil.rmtree(self.temporary, ignore_errors=True)
        self._turn.close()

    def processes(self) -> set[int]:
        """Return the processes that this cluster consists of."""
        return processes_of(self.temporary)


def processes_of(folder: Path) -> set[int]:
    """Return the processes that have the folder in their arguments, environment or open files."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            said = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            opened = [str(each.readlink()) for each in (process / "fd").iterdir()]
            if str(folder).encode() in said or any(each.startswith(str(folder)) for each in opened):
                found.add(int(process.name))
    return found - {os.getpid()}


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait until the condition holds, as long as a busy machine may take."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        threading.Event().wait(0.05)


def signal_node_of(herd: int, number: signal.Signals) -> None:
    """Send the signal to all processes of the node on which the herd with that pid runs."""
    session = os.getsid(herd)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getsid(int(process.name)) == session:
                os.kill(int(process.name), number)
