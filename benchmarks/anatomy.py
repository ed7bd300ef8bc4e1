"""Where the CPU of a tweet and the memory of a sheep go.

    .venv/bin/python benchmarks/anatomy.py      a minute

The CPU is that of one sheep, which posts over TLS with journal and log and has the process to itself: what threads
cost by getting in each other's way comes on top (`scripts/bench` measures it). The memory is that of a thousand.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import re
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Mapping
from multiprocessing.dummy import Pool as ThreadPool
from pathlib import Path

from benchmarks.ground import Ground, ground
from flock.commons import Commons
from flock.console import Console
from flock.events import Events
from flock.options import Options
from flock.shepherd import Shepherd

WARM_UP = 50  # tweets
STACK, GUARD = 8 << 20, 64 << 10  # bytes that the system sets aside for each thread, and what is taken off at most
# A part, the function that it is, and how deep it stands in the one before: whatever a function calls is its own.
PARTS = (
    (0, "a tweet", "flock/sheep.py", "beat"),
    (1, "posting it", "flock/networks/twitter.py", "post"),
    (2, "making the request", "flock/networks/wire.py", "_prepared"),
    (3, "signing it", "requests_oauthlib/oauth1_auth.py", "__call__"),
    (2, "sending it", "requests/adapters.py", "send"),
    (3, "connection and TLS", "urllib3/connectionpool.py", "urlopen"),
    (2, "understanding the answer", "flock/networks/answers.py", "meaning"),
    (1, "writing it into the journal, twice", "flock/journal/sqlite.py", "_write"),
    (1, "telling it (the log)", "flock/events.py", "tell"),
)
PACKAGES = (
    ("its key", r"/(flock/key|simplejson/|pydantic|pathlib)"),
    ("its API object", r"/(twitter|requests|requests_oauthlib|oauthlib|urllib3)/|/flock/networks/"),
    ("its thread's objects", r"/(threading|weakref|_weakrefset|multiprocessing/.*)\.py"),
    ("its place, its health, and itself", r"/flock/|/dataclasses.py"),
)


def cpu(land: Ground, tweets: int) -> Iterator[str]:
    """Yield the lines of the first table: milliseconds of CPU by part."""
    with land.server() as server, (land.folder / "anatomy.log").open("w") as log:
        options = Options(base_url=server.url, state=land.folder / "anatomy.db", line_interval=0, poem_interval=0)
        commons = Commons.of(options, Events([Console(log)]))
        (sheep,) = Shepherd(land.keys(1), 0, 0, options=options, commons=commons).all_sheep
        for _ in range(WARM_UP):
            sheep.beat()
        whole = time.thread_time()
        for _ in range(tweets):
            sheep.beat()
        whole = (time.thread_time() - whole) / tweets * 1000
        profile = cProfile.Profile(time.thread_time)
        profile.enable()
        for _ in range(tweets):
            sheep.beat()
        profile.disable()
        commons.close()
    shares = _shares(pstats.Stats(profile))
    yield from (f"{'  ' * depth + name:<40}{shares[name] * whole:8.2f}" for depth, name, *_ in PARTS)


def _shares(profile: pstats.Stats) -> Mapping[str, float]:
    """Return which share of the whole each part has; a profiler slows all of them, and some more than others."""
    times = {
        name: max(
            cumulative
            for (found, _, called), (_, _, _, cumulative, _) in profile.stats.items()  # type: ignore[attr-defined]
            if found.endswith(file) and called == function
        )
        for _, name, file, function in PARTS
    }
    return {name: time / times["a tweet"] for name, time in times.items()}


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
        shepherd.commons.close()
    yield from ((part, size / sheep / 1000) for part, size in found.most_common())


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tweets", type=int, default=2000, help="that the first table is made of")
    parser.add_argument("--sheep", type=int, default=1000, help="that the second one is made of")
    wanted = parser.parse_args()
    with ground() as land:
        os.environ["REQUESTS_CA_BUNDLE"] = str(land.bundle)
        print(f"{'CPU of a tweet':<40}{'ms':>8}", *cpu(land, wanted.tweets), sep="\n")
        print(f"\n{'memory of a sheep':<40}{'KB':>8}", *memory(land, wanted.sheep), sep="\n")


if __name__ == "__main__":
    main()
