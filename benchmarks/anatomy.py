"""Where the CPU of a post and the memory of a sheep go.

    .venv/bin/python benchmarks/anatomy.py      a minute

The CPU is that of one sheep, which posts over TLS with journal and log and has the process to itself: what threads
cost by getting in each other's way comes on top (`scripts/bench` measures it). It is measured twice, with the
posts back to back, and with a rest before each, in which the processor turns to others. The memory is that of a
thousand sheep.
"""

from __future__ import annotations

import argparse
import os
import re
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.dummy import Pool as ThreadPool
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.ground import Ground, ground
from flock.context import open_context
from flock.events import Events
from flock.journal import SqliteJournal
from flock.networks.http import PatientPool, Session
from flock.networks.x.api import Signature, X
from flock.observers.console import Console
from flock.options import Options, settle_options
from flock.sheep.sheep import Sheep
from flock.shepherd import Shepherd

WARM_UP = 50  # posts
RESTS = (0.0, 0.005)  # seconds before each post: none; as many as a thousand sheep leave at 5 s
STACK, GUARD = 8 << 20, 64 << 10  # bytes that the system sets aside for each thread, and what is taken off at most
# How deep a part stands in the one before, what it is, and the function that does it with all that it calls.
PARTS: tuple[tuple[int, str, Any, str], ...] = (
    (0, "a post", Sheep, "beat"),
    (1, "posting it", X, "post"),
    (2, "making and sending the request", Session, "_send_json"),
    (3, "signing it", Signature, "headers_for"),
    (3, "connection and TLS", PatientPool, "exchange"),
    (2, "understanding the answer", X, "_read"),
    (1, "writing it into the journal, twice", SqliteJournal, "_write"),
    (1, "telling it (the log)", Console, "__call__"),
)
PACKAGES = (
    ("its key", r"/(flock/keys|simplejson/|pydantic|pathlib)"),
    ("its API object", r"/(twitter|requests|requests_oauthlib|oauthlib|urllib3)/|/flock/networks/"),
    ("its thread's objects", r"/(threading|weakref|_weakrefset|multiprocessing/.*)\.py"),
    ("its place, its health, and itself", r"/flock/|/dataclasses.py"),
)


def cpu(land: Ground, posts: int) -> Iterator[str]:
    """Yield the lines of the first table: milliseconds of CPU by part, for each of the rests."""
    with land.server() as server, (land.folder / "anatomy.log").open("w") as log:
        options = Options(base_url=server.url, state=land.folder / "anatomy.db", line_interval=0, poem_interval=0)
        options = settle_options(options=options, environment={})
        context = open_context(options, Events([Console(log, log_format="json")]))
        (sheep,) = Shepherd(land.keys(1), 0, 0, options=options, context=context).all_sheep
        _say(sheep, WARM_UP, rest=0)
        found = [_seconds_by_part(sheep, posts, rest=rest) for rest in RESTS]
        context.close()
    for depth, name, *_ in PARTS:
        yield f"{'  ' * depth + name:<40}" + "".join(f"{seconds[name] / posts * 1000:12.2f}" for seconds in found)


def _seconds_by_part(sheep: Sheep, posts: int, *, rest: float) -> dict[str, float]:
    """Return the CPU seconds of each part of so many posts, with a little for the stopwatches."""
    with _watches(PARTS) as seconds:
        _say(sheep, posts, rest=rest)
    return seconds


def _say(sheep: Sheep, posts: int, *, rest: float) -> None:
    for _ in range(posts):
        time.sleep(rest)
        sheep.beat()


@contextmanager
def _watches(parts: Sequence[tuple[int, str, Any, str]]) -> Iterator[dict[str, float]]:
    """Put a stopwatch on each of the parts; yield the CPU seconds that they have taken."""
    seconds = dict.fromkeys((name for _, name, *_ in parts), 0.0)
    with ExitStack() as stack:
        for _, name, owner, function in parts:
            stack.enter_context(patch.object(owner, function, _watched(getattr(owner, function), name, seconds)))
        yield seconds


def _watched(function: Callable[..., Any], name: str, seconds: dict[str, float]) -> Callable[..., Any]:
    def watched(*args: Any, **kwargs: Any) -> Any:
        start = time.thread_time()
        try:
            return function(*args, **kwargs)
        finally:
            seconds[name] += time.thread_time() - start

    return watched


def memory(land: Ground, sheep: int) -> Iterator[str]:
    """Yield the lines of the second table: kilobytes a sheep."""
    objects = dict(_objects(land, sheep))
    with land.server() as server:
        one, all_of_them = (_resident(land, server.url, size) for size in (1, sheep))
    stack, rest = ((all_of_them[kind] - one[kind]) / (sheep - 1) for kind in ("stacks", "rest"))
    yield f"{'a sheep':<40}{stack + rest:8.1f}"
    yield f"{'  the stack of its thread':<40}{stack:8.1f}"
    yield from (f"{'  ' + name:<40}{kilobytes:8.1f}" for name, kilobytes in objects.items())
    yield f"{'  frames, and memory not given back':<40}{rest - sum(objects.values()):8.1f}"


def _resident(land: Ground, url: str, sheep: int) -> Counter[str]:
    """Return the kilobytes of a running flock of that size: those of its threads' stacks, and the rest."""
    with land.program("flock", sheep=sheep, interval=5, url=url) as flock:
        flock.wait_until_out(sheep, 5)
        flock.live_on(10)
        found: Counter[str] = Counter()
        kind = "rest"
        for line in Path(f"/proc/{flock.pid}/smaps").read_text().splitlines():
            if area := re.match(r"([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ 0", line):
                kind = "stacks" if abs(int(area[2], 16) - int(area[1], 16) - STACK) <= GUARD else "rest"
            elif line.startswith("Rss:"):
                found[kind] += int(line.split()[1])
        return found


def _objects(land: Ground, sheep: int) -> Iterator[tuple[str, float]]:
    """Yield what Python allocates for each sheep, in kilobytes, by what it is for."""
    made = []
    for size in (1, sheep):  # what is made once is made with the first
        if size > 1:
            tracemalloc.start()
        options = Options(base_url="https://localhost:1", state=land.folder / f"objects{size}.db")
        made.append(Shepherd(land.keys(size), 5, 5, options=options))
    pool = ThreadPool(sheep)
    found: Counter[str] = Counter()
    for statistic in tracemalloc.take_snapshot().statistics("filename"):
        name = statistic.traceback[0].filename
        part = next((part for part, pattern in PACKAGES if re.search(pattern, name)), "others")
        found[part] += statistic.size
    tracemalloc.stop()
    pool.terminate()
    for shepherd in made:
        shepherd.context.close()
    yield from ((part, size / sheep / 1000) for part, size in found.most_common())


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--posts", type=int, default=2000, help="that the first table is made of")
    parser.add_argument("--sheep", type=int, default=1000, help="that the second one is made of")
    wanted = parser.parse_args()
    with ground() as land:
        os.environ["REQUESTS_CA_BUNDLE"] = str(land.bundle)
        rests = "".join(f"{f'rests {rest * 1000:g} ms' if rest else 'ms':>12}" for rest in RESTS)
        print(f"{'CPU of a post':<40}{rests}", *cpu(land, wanted.posts), sep="\n")
        print(f"\n{'memory of a sheep':<40}{'KB':>8}", *memory(land, wanted.sheep), sep="\n")


if __name__ == "__main__":
    main()
