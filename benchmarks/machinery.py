"""Each piece of flock's machinery beside its plain form: what it saves, where it claims to save something.

    .venv/bin/python benchmarks/machinery.py                    some 15 minutes
    .venv/bin/python benchmarks/machinery.py --rounds 3 --json machinery.json
    .venv/bin/python benchmarks/machinery.py --only posts       one of: stop, slots, late, memory, posts
    .venv/bin/python benchmarks/machinery.py --tiny             seconds, for function only

A piece pays if it saves a tenth. The first rows are measured on a flock that is nothing but its machinery
(`small_flock.py`), of ten thousand sheep at 30 s; the last ones on single posts. Forms that did not pay and were
removed from flock are in `forms.py`.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from subprocess import Popen
from typing import Any

import simplejson as json

from benchmarks import forms, gauges
from benchmarks.gauges import Machine, Noise
from benchmarks.ground import HERE, Failed, Ground, client_environment, ground, running
from benchmarks.small_flock import Config
from flock.networks.http import Session
from flock.networks.x.api import Signature

PARTS = ("stop", "slots", "late", "memory", "posts")
ENOUGH = 10  # percent that a piece has to save
LOOK = 0.1  # seconds between two looks at a flock
HEAD = f"{'':<52}{'':<36}{'plain':>9}{'with it':>9}{'saved':>8}  "
TOKENS = ("the-app", "a" * 40, f"1-{'b' * 40}", "c" * 40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The size of the flock, its interval and how long it is watched, in seconds; how many posts are measured
    in each round, and how often all sheep are stopped, or due, at once.

    A flock gets `patience` seconds for each thing that it should do.
    """

    sheep: int = 10_000
    interval: float = 30.0
    seconds: float = 15.0
    patience: float = 60.0
    posts: int = 1500
    stops: int = 5
    rounds: int = 1
    parts: tuple[str, ...] = PARTS


TINY = Asked(sheep=10, interval=0.5, seconds=0.5, patience=20.0, posts=50, stops=1)


@dataclass(frozen=True, slots=True)
class Row:
    """A piece, what is measured of it, and what came of the plain form and of the one with it: less is better."""

    piece: str
    unit: str
    plain: float
    with_it: float

    @property
    def saved(self) -> int:
        """The percentage that the piece saves, in whole numbers."""
        return round((1 - self.with_it / self.plain) * 100) if self.plain else 0

    def __str__(self) -> str:
        verdict = "pays" if self.saved >= ENOUGH else "does not pay"
        return f"{self.piece:<52}{self.unit:<36}{self.plain:>9.2f}{self.with_it:>9.2f}{self.saved:>6} %  {verdict}"


class Herd:
    """A small flock that runs: how many posts it has made, and what it takes."""

    def __init__(self, process: Popen[str], log: Path, config: Config) -> None:
        self.pid = process.pid
        self.config = config
        self._process = process
        self._log = log

    def posts(self) -> int:
        """Return how many posts it has made."""
        if self._process.poll() is not None:
            raise Failed(f"a small flock ended by itself, with exit code {self._process.returncode}")
        return self._log.stat().st_size

    def wait_for(self, posts: int, patience: float) -> float:
        """Wait until it has made so many posts; return the seconds, which are at most `patience`."""
        began = time.monotonic()
        while self.posts() < posts and time.monotonic() - began < patience:
            time.sleep(LOOK)
        return min(time.monotonic() - began, patience)

    def wait_until_asleep(self, patience: float) -> None:
        """Wait until all threads are there, and take no CPU any more; at most `patience`."""
        began, cpu = time.monotonic(), -1.0
        while time.monotonic() - began < patience:
            before, cpu = cpu, gauges.cpu_seconds(self.pid)
            if gauges.threads(self.pid) > self.config.sheep and cpu - before < LOOK / 10:
                return
            time.sleep(LOOK * 5)

    def cpu_of_a_post(self, seconds: float) -> float:
        """Return the milliseconds of CPU for each post in the next seconds."""
        posts, cpu = self.posts(), gauges.cpu_seconds(self.pid)
        time.sleep(seconds)
        return (gauges.cpu_seconds(self.pid) - cpu) / max(1, self.posts() - posts) * 1000

    def late_seconds(self, patience: float) -> float:
        """Stop the process for an interval: all sheep are late; return the seconds until all have posted."""
        os.kill(self.pid, signal.SIGSTOP)
        time.sleep(self.config.interval)
        posts = self.posts()
        os.kill(self.pid, signal.SIGCONT)
        return self.wait_for(posts + self.config.sheep, patience)

    def stop_seconds(self, patience: float) -> float:
        """Send SIGTERM; return the seconds until all threads have ended, which are at most `patience`."""
        told = time.monotonic()
        self._process.terminate()
        while self._process.poll() is None and time.monotonic() - told < patience:
            time.sleep(LOOK / 10)
        return min(time.monotonic() - told, patience)


class Measures:
    """Measures each piece once a round, and keeps what came of it."""

    def __init__(self, land: Ground, asked: Asked) -> None:
        self._land = land
        self._asked = asked
        self._found: dict[tuple[str, str], list[tuple[float, float]]] = {}

    def rows(self) -> Iterator[Row]:
        """Yield the median of each row."""
        for (piece, unit), values in self._found.items():
            yield Row(piece, unit, median(plain for plain, _ in values), median(with_it for _, with_it in values))

    def go_round(self) -> None:
        """Measure everything once more."""
        measures = {
            "stop": self._stops,
            "slots": self._slots,
            "late": self._flocks,
            "memory": self._memory,
            "posts": self._posts,
        }
        for part in self._asked.parts:
            measures[part]()

    def _keep(self, piece: str, unit: str, plain: float, with_it: float) -> None:
        self._found.setdefault((piece, unit), []).append((plain, with_it))
        print(f"    {Row(piece, unit, plain, with_it)}", file=sys.stderr, flush=True)

    def _flocks(self) -> None:
        asked = self._asked
        with self._land.server() as server:
            config = Config(
                sheep=asked.sheep,
                interval=asked.interval,
                url=server.url,
                delay=asked.sheep / 1000,
                spread=asked.interval,
            )
            with self._herd(config) as herd:
                cpu, late = self._cpu(herd), herd.late_seconds(asked.patience)
            with self._herd(replace(config, stop="lock")) as herd:
                self._keep("sleeping in poll(), not on a lock", "ms CPU a post", self._cpu(herd), cpu)
            unit = "s until all late sheep have posted"
            for piece, change in (
                ("slots: 128 posts at once", {"slots": "none"}),
                ("a longer switch interval", {"patient": False}),
            ):
                with self._herd(replace(config, **change)) as herd:
                    self._cpu(herd)
                    self._keep(piece, unit, herd.late_seconds(asked.patience), late)

    def _cpu(self, herd: Herd) -> float:
        """Wait until all sheep are out, and take the CPU of a post."""
        herd.wait_for(herd.config.sheep, herd.config.delay + herd.config.spread + self._asked.patience)
        return herd.cpu_of_a_post(self._asked.seconds)

    def _stops(self) -> None:
        """Let all sheep sleep, and send SIGTERM."""
        asked = self._asked
        config = Config(sheep=asked.sheep, interval=3600.0, url="https://localhost:1", delay=3600.0)
        seconds: dict[str, list[float]] = {"pipe": [], "groups": []}
        for _ in range(asked.stops):
            for form, found in seconds.items():
                with self._herd(replace(config, stop=form)) as herd:
                    herd.wait_until_asleep(asked.patience)
                    found.append(herd.stop_seconds(asked.patience))
        unit = "s from SIGTERM to the end"
        self._keep("waking 256 sheep at a time", unit, *map(median, seconds.values()))

    def _slots(self) -> None:
        """Let all sheep post at once."""
        asked = self._asked
        seconds: dict[str, list[float]] = {"queue": [], "pipe": []}
        with self._land.server() as server:
            config = Config(sheep=asked.sheep, interval=3600.0, url=server.url, delay=asked.sheep / 1000)
            for _ in range(asked.stops):
                for form, found in seconds.items():
                    with self._herd(replace(config, slots=form)) as herd:
                        herd.wait_for(1, config.delay + asked.patience)
                        found.append(herd.wait_for(asked.sheep, asked.patience))
        unit = "s until all have posted"
        self._keep("waiting for a slot on a pipe (removed)", unit, *map(median, seconds.values()))

    def _memory(self) -> None:
        """Let every sheep make one connection, and see what it keeps of that."""
        asked = self._asked
        kilobytes: list[float] = []
        with self._land.server(closing=True) as server:
            for own_thread in (False, True):
                config = Config(
                    sheep=asked.sheep,
                    interval=3600.0,
                    url=server.url,
                    delay=asked.sheep / 1000,
                    own_thread=own_thread,
                )
                with self._herd(config) as herd:
                    herd.wait_for(asked.sheep, config.delay + asked.patience * 3)
                    kilobytes.append(gauges.rss_mb(herd.pid) / asked.sheep * 1000)
        self._keep("a thread for each TLS handshake", "KB a sheep, process included", *kilobytes)

    def _posts(self) -> None:
        signature = Signature(*TOKENS)
        by_requests = forms.RequestsAuth(signature)
        by_header = forms.HeaderSigner(*TOKENS)
        posts, unit = self._asked.posts, "ms CPU a post"
        with self._land.server() as server:
            url = f"{server.url}/2/tweets"
            ours = Session(server.url)

            def post(session: Session, auth: Any = signature) -> Callable[[], object]:
                return lambda: session.post(url, json={"text": "a line of a poem"}, auth=auth)

            def keep(piece: str, plain: Callable[[], object], with_it: Callable[[], object]) -> None:
                self._keep(piece, unit, *side_by_side(plain, with_it, posts))

            keep("JSON straight to urllib3", post(ours, by_requests), post(ours))
            keep("signing without a header", post(ours, by_header), post(ours))
            usual = post(forms.plain_request(server.url), by_requests)
            keep("our own way to make a request", usual, post(ours, by_requests))
        with self._land.server(closing=True) as server:
            url = f"{server.url}/2/tweets"
            forgetful = forms.plain_context(server.url, str(self._land.bundle))
            found = side_by_side(post(forgetful, by_requests), post(Session(server.url), by_requests), posts // 10)
            self._keep("one TLS context for all connections", f"{unit}, each on a new one", *found)

    @contextmanager
    def _herd(self, config: Config) -> Iterator[Herd]:
        """Start a small flock."""
        log = self._land.folder / "posts"
        command: list[str | Path] = [sys.executable, HERE / "small_flock.py", config.to_json()]
        environment = {**client_environment(os.environ, self._land.bundle), "PYTHONPATH": str(HERE.parent)}
        with (
            log.open("w") as output,
            running(command, output, sys.stderr, environment) as process,
        ):
            yield Herd(process, log, config)


def side_by_side(plain: Callable[[], object], with_it: Callable[[], object], times: int) -> tuple[float, float]:
    """Return the milliseconds of CPU that each of the two takes: the median of pieces that are done in turn."""
    size = max(1, times // 50)
    taken: Mapping[Callable[[], object], list[float]] = {plain: [], with_it: []}
    for _ in range(max(1, times // size)):
        for function, found in taken.items():
            start = time.process_time()
            for _ in range(size):
                function()
            found.append((time.process_time() - start) / size * 1000)
    return median(taken[plain]), median(taken[with_it])


def wanted() -> tuple[Asked, Path | None]:
    """Return what the command line asks for, and where to keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sheep", type=int, default=Asked().sheep, metavar="N", help="(10000)")
    parser.add_argument("--interval", type=float, default=Asked().interval, metavar="S", help="of a sheep (30)")
    parser.add_argument("--rounds", type=int, default=1, metavar="N", help="of which the median counts (1)")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part; may come twice")
    parser.add_argument("--tiny", action="store_true", help="twenty sheep, for function only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the numbers there")
    given = parser.parse_args()
    if given.tiny:
        return TINY, given.json
    parts = tuple(given.only or PARTS)
    return Asked(sheep=given.sheep, interval=given.interval, rounds=given.rounds, parts=parts), given.json


def main() -> int:
    """Measure, print the table, and return the exit code."""
    asked, file = wanted()
    noise = Noise()
    try:
        with ground() as land:
            os.environ["REQUESTS_CA_BUNDLE"] = str(land.bundle)
            os.environ["no_proxy"] = "localhost"
            measures = Measures(land, asked)
            for _ in range(asked.rounds):
                noise.listen()
                measures.go_round()
            noise.listen()
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    rows: Sequence[Row] = list(measures.rows())
    print(HEAD, *rows, sep="\n")
    print(f"noise: {noise.percent():.0f} %; {Machine.this()}")
    if file:
        file.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
