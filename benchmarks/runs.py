"""The runs of the benchmark: which there are, how one is measured, and what it comes to."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks import gauges
from benchmarks.ground import START_TIMEOUT, WHO, Ground, Network, Program, Who
from benchmarks.posts import Post, half_way, lateness, percentile

POSTS_PER_SECOND = 1000 / 3  # that the larger sizes are held to: ten thousand sheep, a line each 30 s
EXIT_CODES: Mapping[Who, int] = {"yardstick": -signal.SIGTERM, "flock": 0}


@dataclass(frozen=True, slots=True)
class Situation:
    """One program with so many sheep, and so many seconds between their lines.

    `closing` is whether the server closes each connection after its answer. The yardstick knows X only.
    """

    who: Who
    sheep: int
    interval: float
    closing: bool = False
    network: Network = "X"

    def __str__(self) -> str:
        return f"{self.who}{', closing' if self.closing else '' if self.interval else ', no interval'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which runs there are: flocks in sheep, times in seconds.

    `both` are the sizes for both programs, `alone` those for flock; `unhurried` sheep meet the closing server, and
    `restless` ones have no interval. One sheep, the empty process, always runs.
    """

    both: tuple[int, ...] = (10, 100, 1000)
    alone: tuple[int, ...] = (10_000,)
    unhurried: int = 100
    restless: int = 200
    interval: float = 5.0
    steady: float = 20.0

    def situations(self) -> Iterator[Situation]:
        """Yield them in order: first the empty processes, and the two programs always next to each other."""
        for sheep in (1, *self.both):
            yield from (Situation(who, sheep, self._interval(sheep)) for who in WHO)
        yield from (Situation("flock", sheep, self._interval(sheep)) for sheep in self.alone)
        yield from (Situation(who, self.unhurried, self.interval, closing=True) for who in WHO)
        yield Situation("flock", self.restless, 0.0)

    def _interval(self, sheep: int) -> float:
        return max(self.interval, round(sheep / POSTS_PER_SECOND, 3))

    def steady_part(self, interval: float) -> float:
        """Return for how many seconds to measure: whole intervals, one at least."""
        return math.ceil(self.steady / interval) * interval if interval else self.steady


TINY = Plan(both=(5,), alone=(8,), unhurried=3, restless=3, interval=0.25, steady=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Situation):
    """What a situation came to, in the steady part; memory, threads and open files are those at its end.

    `kb_per_sheep` is what each sheep adds to the process with one. `out_seconds` is None when some sheep never
    spoke. `late_p99_ms` is of (posted - due). `half_way` counts the posts that the journal saw begin and not end.
    What a program or a situation does not have is None.
    """

    posts: int
    posts_per_second: float
    cpu_ms_per_post: float | None
    rss_mb: float
    kb_per_sheep: float | None = None
    threads: int
    open_files: int
    out_seconds: float | None
    late_p99_ms: float | None
    stop_seconds: float
    exit_code: int
    half_way: int | None

    def problems(self) -> Iterator[str]:
        """Yield what went wrong, however fast or slow the machine is."""
        if self.exit_code != EXIT_CODES[self.who]:
            yield f"exit code {self.exit_code}"
        if self.out_seconds is None:
            yield "not every sheep has spoken"
        if self.half_way:
            yield f"{self.half_way} posts left half-way"
        if not self.posts:
            yield "no posts"


def measure(ground: Ground, what: Situation, steady: float) -> Run:
    """Run it until all sheep are out, and for `steady` seconds more. Raises Failed if it ends by itself."""
    with (
        ground.server(closing=what.closing) as server,
        ground.program(
            what.who, sheep=what.sheep, interval=what.interval, url=server.url, network=what.network
        ) as program,
    ):
        out = program.wait_until_out(what.sheep, what.interval)
        seen = _see(program, steady, punctual=what.who == "flock" and what.interval > 0)
        stop, code = program.stop()
        return Run(
            **asdict(what),
            **seen,
            out_seconds=out and round(out, 1),
            stop_seconds=round(stop, 2),
            exit_code=code,
            half_way=half_way(program.state) if what.who == "flock" else None,
        )


def _see(program: Program, seconds: float, *, punctual: bool) -> dict[str, Any]:
    """Watch it for so long, or until it says something, and return those fields of Run.

    Lateness is one of them only if it is `punctual`: if it has due times.
    """
    program.said()
    since, began, cpu_before = time.time(), time.monotonic(), gauges.cpu_seconds(program.pid)
    posts: list[Post] = []
    while not posts and time.monotonic() - began < START_TIMEOUT:  # a machine that stalls is no fault of theirs
        program.live_on(seconds)
        posts = program.said()
    cpu, elapsed = gauges.cpu_seconds(program.pid) - cpu_before, time.monotonic() - began
    late = percentile(lateness(posts, program.state, since), 99) if punctual else None
    return {
        "posts": len(posts),
        "posts_per_second": round(len(posts) / elapsed, 1),
        "cpu_ms_per_post": round(cpu / len(posts) * 1000, 3) if posts else None,
        "rss_mb": round(gauges.rss_mb(program.pid), 2),
        "threads": gauges.threads(program.pid),
        "open_files": gauges.open_files(program.pid),
        "late_p99_ms": late and round(late, 1),
    }


def ratio(theirs: float | None, ours: float | None) -> str:
    """Return how many times ours theirs is, or "-" where one is unknown, or ours too small to be measured."""
    return f"{theirs / ours:.2f}" if theirs is not None and ours else "-"
