"""A flock of 300 bots on three nodes, in bad weather: herds and nodes are killed, frozen and revived, and
PostgreSQL restarts, by a crash and in order. Nothing is said twice, and nothing is lost.

Nothing is hurried: the pauses and the times of leases are those that operators have.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from wsgiref.types import WSGIApplication

import pytest

from flock.pasture import Pasture, RateLimit
from tests.cluster.conftest import Folder, make_keys
from tests.cluster.running import Cluster, signal_node_of
from tests.faults.weather import Weather
from tests.postgres import PASSWORD, PostgresServer

BOTS, LINES = 300, 400  # more lines than are said here, so that no line comes again
INTERVAL = "4"  # seconds
BAD = (
    *("503, not stored", "503, stored", "HTML, not stored", "HTML, stored", "429", "slow"),
    *("dropped before", "dropped after", "stored late"),
)
FINE = 30  # of so many posts and one of each kind of bad weather, these are well


class Hardship:
    """What is done to a cluster, and what its database says meanwhile."""

    def __init__(self, cluster: Cluster, server: PostgresServer, database: str) -> None:
        self._cluster, self._server, self._database = cluster, server, database
        self._began = time.monotonic()
        self.story: list[str] = []

    def note(self, what: str) -> None:
        posts = self._cluster.counts().total()
        self.story.append(f"{time.monotonic() - self._began:5.1f} s, {posts:5} posts: {what}")

    def herds(self) -> dict[int, int]:
        """Return how many bots each process has, by the leases."""
        query = (
            "SELECT lease.pid, count(*) FROM sheep JOIN lease USING (epoch) WHERE lease.until > now() GROUP BY 1"
        )
        return dict(self._server.execute(query, url=self._database))

    def wait_for_all(self, *without: int) -> None:
        """Wait until all bots are with herds, none of which is one of these."""

        def are_all() -> bool:
            herds = self.herds()
            return sum(herds.values()) == BOTS and not herds.keys() & {*without}

        self._cluster.wait_until(are_all, "all bots in herds")
        self.note("all bots are in herds")

    def wait_for_posts(self, count: int = BOTS // 3) -> None:
        wanted = self._cluster.counts().total() + count
        self._cluster.wait_until(lambda: self._cluster.counts().total() >= wanted, "more posts")

    def kill_a_herd(self) -> None:
        """And PostgreSQL crashes meanwhile."""
        pid = min(self.herds())
        os.kill(pid, signal.SIGKILL)
        self.note("a herd is killed")
        self.restart_the_server(signal.SIGQUIT)
        self.wait_for_all(pid)

    def freeze_a_herd_and_kill_a_node(self) -> None:
        """The herd for longer than its lease. No other takes its bots: Ray sees nothing of it."""
        frozen, *_, killed = sorted(self.herds())
        os.kill(frozen, signal.SIGSTOP)
        self.note("a herd is frozen")
        if os.getsid(frozen) == os.getsid(killed):
            os.kill(killed, signal.SIGKILL)
            self.note("another one is killed: both are on one node")
        else:
            signal_node_of(killed, signal.SIGKILL)
            self.note("the node of another one is killed")
        self._cluster.wait_until(lambda: frozen not in self.herds(), "the end of its lease")
        os.kill(frozen, signal.SIGCONT)
        self.note("the lease of the frozen one has ended, and it goes on")
        self.wait_for_all(killed)

    def freeze_a_node(self) -> None:
        """Until its herds are on another one; then it goes on, and its herds with it."""
        pid = min(self.herds())
        signal_node_of(pid, signal.SIGSTOP)
        self.note("a node is frozen")
        self.wait_for_all(pid)
        signal_node_of(pid, signal.SIGCONT)
        self.note("it goes on, and its herds with it")
        self.wait_for_posts()

    def restart_the_server(self, how: signal.Signals) -> None:
        self._server.stop(how)
        self.note(f"PostgreSQL is stopped by {how.name}")
        threading.Event().wait(3)  # as a restart may take
        self._server.start()
        self.note("it is back")


@contextmanager
def storm(folder: Folder) -> Iterator[tuple[Pasture, Weather]]:
    """Yield where the bots post, and its weather: a quarter of the posts meets something bad."""
    chance, weathers = Random(1926), list[Weather]()

    def wrap(app: WSGIApplication) -> WSGIApplication:
        def choose() -> str:
            return chance.choice(("calm",) * FINE + BAD)

        weathers.append(Weather(app, seed=1926, timelines=True, choose=choose))
        return weathers[0]

    with Pasture(folder.accounts, rate_limit=RateLimit(posts=1_000_000), wrap=wrap) as pasture:
        yield pasture, weathers[0]


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """Return a server of this test's own, which it may stop."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


def test_nothing_is_said_twice_and_nothing_is_lost(
    server: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = make_keys(tmp_path, BOTS, LINES)
    database = server.new_database()
    with storm(keys) as (pasture, weather):
        cluster = Cluster(tmp_path, database, keys, pasture, interval=INTERVAL)
        hardship = Hardship(cluster, server, database)
        try:
            hardship.wait_for_posts()
            hardship.wait_for_all()
            hardship.kill_a_herd()
            hardship.freeze_a_herd_and_kill_a_node()
            hardship.freeze_a_node()
            hardship.restart_the_server(signal.SIGINT)
            hardship.wait_for_all()
            weather.calm = True
            cluster.wait_for_more(1)
            hardship.note("in calm weather, each bot has said another line")
            code, output, errors = cluster.run.stop(signal.SIGINT)
            hardship.note("the cluster has ended")
            assert code == 0, errors
            assert set() == cluster.processes()
            assert [] == list(cluster.temporary.iterdir())
            assert PASSWORD not in output + errors
            cluster.assert_each_line_is_said_once()
            assert {*BAD, "calm"} == {kind for kind, count in weather.met.items() if count}
        finally:
            with capsys.disabled():
                sys.stdout.write("\n".join(["", *hardship.story, f"weather: {dict(weather.met)}", ""]))
            cluster.close()
