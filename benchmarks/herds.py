"""Measures flocks of one or more herds, each a process of its own, on SQLite or PostgreSQL."""

from __future__ import annotations

import math
import re
import socket
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal, NamedTuple

from benchmarks import gauges
from benchmarks.ground import START_TIMEOUT, Ground, Program
from benchmarks.posts import SLACK, Post, half_way, lateness, milliseconds_late, percentile
from tests.postgres import PostgresServer

_COMMITS = re.compile(rb"^flock_journal_commit_seconds_(count|sum) ([-+.e0-9]+)$", re.MULTILINE)
_WAL = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
_SIZE = "SELECT pg_total_relation_size(%s)"
_KEPT = "SELECT count(*) FROM tweet"
_HALF_WAY = "SELECT count(*) FROM tweet WHERE outcome = 'intended'"
_TOOK = """
    SELECT substr(sheep.bot, strpos(sheep.bot, ':') + 1), tweet.n, tweet.piece, settled_at - intended_at
    FROM tweet JOIN sheep ON sheep.id = tweet.bot WHERE outcome = 'said' AND settled_at >= %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A flock: its journal, its sheep, the processes they are split over, and the seconds between two lines."""

    store: Literal["SQLite", "PostgreSQL"]
    sheep: int
    interval: float
    herds: int = 1

    def __str__(self) -> str:
        return f"{self.store}, {self.sheep} sheep, {self.herds} herds, {self.interval:g} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a trial came to, in its steady part. What could not be measured, or is of PostgreSQL only, is None.

    `cpu_ms` is the CPU of all herds, and `server_cpu_ms` that of PostgreSQL, for a post. `commits_per_second` and
    `commit_ms` are of the herds' group commits, and `rss_mb` is the memory of all herds. `wal_kb` was written
    ahead for a post; `post_kb` and `row_kb` are what a post and a bot take in the tables at the end, with indexes.
    """

    trial: Trial
    posts_per_second: float
    cpu_ms: float | None
    server_cpu_ms: float | None
    commits_per_second: float
    commit_ms: float | None
    late_p99_ms: float | None
    rss_mb: float
    wal_kb: float | None
    post_kb: float | None
    row_kb: float | None


class Reading(NamedTuple):
    """What is read off the herds and the server at one moment."""

    at: float
    cpu: float
    server_cpu: dict[int, float]  # by process
    commits: float
    commit_seconds: float
    wal: float


class Flock:
    """The herds of a trial, under way."""

    def __init__(
        self, programs: Sequence[Program], ports: Sequence[int], postgres: PostgresServer, url: str
    ) -> None:
        self.programs = programs
        self._ports = ports
        self._postgres = postgres
        self.url = url

    def said(self) -> list[Post]:
        """Return the posts that have come to the logs since this was asked last."""
        return [post for program in self.programs for post in program.said()]

    def ask(self, query: str, *values: object) -> float:
        """Return the one value of a query; 0 where there is no database."""
        return float(self._postgres.execute(query, values, url=self.url)[0][0]) if self.url else 0.0

    def took(self, since: float) -> dict[tuple[str, int, int], float]:
        """Return how long each post took, by bot, number and piece, of those settled since then."""
        rows = self._postgres.execute(_TOOK, (since,), url=self.url)
        return {(bot, n, piece): took for bot, n, piece, took in rows}

    def read(self) -> Reading:
        """Read all of it."""
        commits = [count for port in self._ports for count in commits_of(port)]
        return Reading(
            time.monotonic(),
            sum(gauges.cpu_seconds(program.pid) for program in self.programs),
            dict(self._server_cpu()) if self.url else {},
            sum(value for name, value in commits if name == "count"),
            sum(value for name, value in commits if name == "sum"),
            self.ask(_WAL),
        )

    def _server_cpu(self) -> Iterator[tuple[int, float]]:
        for pid in self._postgres.pids():
            try:
                yield pid, gauges.cpu_seconds(pid)
            except OSError:  # it has just ended
                continue


def commits_of(port: int) -> list[tuple[str, float]]:
    """Return how many commits a herd has made ("count"), and how many seconds they took ("sum")."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return [(name.decode(), float(value)) for name, value in _COMMITS.findall(answer.read())]


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def measure(here: Ground, postgres: PostgresServer, trial: Trial, steady: float) -> tuple[Run, list[str]]:
    """Run it until all sheep are out, and for `steady` seconds more, in whole intervals; return what it came to,
    and what went wrong. Raises Failed if a herd ends by itself."""
    url = postgres.new_database() if trial.store == "PostgreSQL" else ""
    share, ports = trial.sheep // trial.herds, [free_port() for _ in range(trial.herds)]
    with here.server() as server, ExitStack() as under_way:
        programs = [
            under_way.enter_context(
                here.program(
                    "flock",
                    sheep=share,
                    interval=trial.interval,
                    url=server.url,
                    first=place * share,
                    state=url or None,
                    extra=("--metrics", str(port)),
                )
            )
            for place, port in enumerate(ports)
        ]
        out = [program.wait_until_out(share, trial.interval) for program in programs]
        problems = ["not every sheep has spoken"] if None in out else []
        flock = Flock(programs, ports, postgres, url)
        seconds = math.ceil(steady / trial.interval) * trial.interval if trial.interval else steady
        run, posts = _see(flock, trial, seconds)
        problems += [] if posts else ["no posts"]
        codes = [program.stop()[1] for program in programs]
        problems += [f"exit code {code}" for code in codes if code]
        left = int(flock.ask(_HALF_WAY)) if url else half_way(programs[0].state)
        problems += [f"{left} posts left half-way"] if left else []
        return run, problems


def _see(flock: Flock, trial: Trial, seconds: float) -> tuple[Run, int]:
    """Watch it for so long, or until it says something; return what it came to, and how many posts."""
    flock.said()
    since, before = time.time(), flock.read()
    posts: list[Post] = []
    while not posts and time.monotonic() - before.at < START_TIMEOUT:
        flock.programs[0].live_on(seconds)
        posts = flock.said()
    after = flock.read()
    elapsed, made = after.at - before.at, len(posts)
    commits = after.commits - before.commits
    server_cpu = sum(cpu - before.server_cpu.get(pid, 0.0) for pid, cpu in after.server_cpu.items())
    is_ours = bool(flock.url)

    def of_each(amount: float, scale: float, parts: float = made) -> float | None:
        return amount * scale / parts if parts else None

    return (
        Run(
            trial=trial,
            posts_per_second=made / elapsed,
            cpu_ms=of_each(after.cpu - before.cpu, 1e3),
            server_cpu_ms=of_each(server_cpu, 1e3) if is_ours else None,
            commits_per_second=commits / elapsed,
            commit_ms=of_each(after.commit_seconds - before.commit_seconds, 1e3, commits),
            late_p99_ms=percentile(_late(flock, posts, since), 99) if trial.interval else None,
            rss_mb=sum(gauges.rss_mb(program.pid) for program in flock.programs),
            wal_kb=of_each(after.wal - before.wal, 1e-3) if is_ours else None,
            post_kb=of_each(flock.ask(_SIZE, "tweet"), 1e-3, flock.ask(_KEPT)) if is_ours else None,
            row_kb=of_each(flock.ask(_SIZE, "sheep"), 1e-3, trial.sheep) if is_ours else None,
        ),
        made,
    )


def _late(flock: Flock, posts: Sequence[Post], since: float) -> list[float]:
    """Return by how many milliseconds each post came late."""
    if flock.url:
        return milliseconds_late(posts, flock.took(since - SLACK))
    return lateness(posts, flock.programs[0].state, since)
