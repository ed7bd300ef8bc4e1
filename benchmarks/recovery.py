"""How long bots of a cluster are silent when their herd is killed, or their node is killed or frozen.

    .venv/bin/python benchmarks/recovery.py            three rounds: 8 minutes
    .venv/bin/python benchmarks/recovery.py --rounds 1

It starts PostgreSQL and a Ray cluster of three nodes on this machine, as `flock cluster run --nodes 3` does. The
bots post each second, so that a bot is silent for as long as its herd is away.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median

from benchmarks.gauges import Machine, Noise
from flock.pasture import Pasture, RateLimit
from tests.cluster.conftest import make_keys
from tests.cluster.running import Cluster, signal_node_of
from tests.postgres import PostgresServer

BOTS, LINES = 30, 4000  # more lines than are said here
CALM = 25  # seconds from fault to fault: Ray leaves a node that has just started alone for 20

HOLDERS = "SELECT lease.pid, count(*) FROM sheep JOIN lease USING (epoch) WHERE lease.until > now() GROUP BY 1"


class Faults:
    """A cluster that runs, and the three ways in which it loses a herd."""

    def __init__(self, cluster: Cluster, server: PostgresServer, database: str) -> None:
        self._cluster, self._server, self._database = cluster, server, database

    def holders(self) -> dict[int, int]:
        """Return how many bots each process has, by the leases."""
        return dict(self._server.execute(HOLDERS, url=self._database))

    def are_all_out(self, *without: int) -> bool:
        holders = self.holders()
        return sum(holders.values()) == BOTS and not holders.keys() & {*without}

    def measure(self, strike: Callable[[int], None], afterwards: Callable[[int], None]) -> tuple[float, float]:
        """Strike the herd that has the most bots; return after how many seconds herds had its bots again, and
        after how many each bot had posted."""
        self._cluster.wait_until(self.are_all_out, "all bots in herds")
        threading.Event().wait(CALM)
        holders = self.holders()
        pid = max(holders, key=lambda pid: holders[pid])
        before = self._cluster.counts()
        began = time.monotonic()
        strike(pid)
        self._cluster.wait_until(lambda: self.are_all_out(pid), "all bots in other herds")
        held = time.monotonic() - began
        names = self._cluster.keys.poems
        self._cluster.wait_until(
            lambda: all(self._cluster.counts()[name] >= before[name] + 2 for name in names), "more lines"
        )
        posted = time.monotonic() - began
        afterwards(pid)
        return held, posted


def nothing(_: int) -> None:
    """Do nothing after the fault."""


FAULTS: dict[str, tuple[Callable[[int], None], Callable[[int], None]]] = {
    "a herd is killed": (lambda pid: os.kill(pid, signal.SIGKILL), nothing),
    "a node is killed": (lambda pid: signal_node_of(pid, signal.SIGKILL), nothing),
    "a node is frozen": (
        lambda pid: signal_node_of(pid, signal.SIGSTOP),
        lambda pid: signal_node_of(pid, signal.SIGCONT),
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="of each fault  [default: 3]")
    rounds = parser.parse_args().rounds
    noise = Noise()
    noise.listen()
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in FAULTS}
    with tempfile.TemporaryDirectory() as scratch, closing(PostgresServer()) as server:
        server.start()
        keys = make_keys(Path(scratch), BOTS, LINES)
        database = server.new_database()
        with Pasture(keys.accounts, rate_limit=RateLimit(posts=1_000_000)) as pasture:
            cluster = Cluster(Path(scratch), database, keys, pasture, interval="1")
            with closing(cluster):
                cluster.wait_for_more()
                faults = Faults(cluster, server, database)
                for _ in range(rounds):
                    for name, (strike, afterwards) in FAULTS.items():
                        found[name].append(faults.measure(strike, afterwards))
                        noise.listen()
                cluster.assert_each_line_is_said_once()
    print(f"{'seconds until':20} {'other herds have the bots':>30} {'each bot has posted again':>30}")
    print(f"{'':20} {'median':>20} {'worst':>9} {'median':>20} {'worst':>9}")
    for name, each in found.items():
        held, posted = zip(*each, strict=True)
        print(f"{name:20} {median(held):20.1f} {max(held):9.1f} {median(posted):20.1f} {max(posted):9.1f}")
    print(f"{rounds} rounds; noise: {noise.percent():.0f} %; {Machine.this()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
