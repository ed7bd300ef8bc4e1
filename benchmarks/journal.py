"""Group commit in the journal: by hand-over between threads, against a writer thread, and against one lock.

    .venv/bin/python benchmarks/journal.py
    .venv/bin/python benchmarks/journal.py --threads 128 --rounds 9
    .venv/bin/python benchmarks/journal.py --caps

Each thread intends and settles one post after the other, for a bot of its own. `TMPDIR` says on which disk.
With `--caps`: how long it takes to read the latest posts of 10,000 bots at the start, one by one and of all.
"""

from __future__ import annotations

import queue
import sqlite3
import statistics
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from flock.journal import Outcome, Place, Settlement, SqliteJournal
from flock.journal.groups import AT_MOST, GroupCommit, Write

AT_ONCE = {1: 2000, 128: 30, 10_000: 2}  # threads, and posts of each
STACK = 256 * 1024  # bytes


class OneLock(GroupCommit):
    """Each thread queues its write and takes one lock; the thread that holds it commits all that is queued."""

    def __init__(self, commit: Callable[[Sequence[Write]], None]) -> None:
        super().__init__(commit)
        self._run = commit
        self._writes: deque[Write] = deque()
        self._committing = threading.Lock()

    def submit(self, write: Write) -> None:
        self._writes.append(write)
        while not write.is_done:
            with self._committing:
                if not write.is_done:
                    group = [self._writes.popleft() for _ in range(min(len(self._writes), AT_MOST))]
                    self._run(group)
                    for done in group:
                        done.is_done = True

    def close(self) -> None:
        """Every thread has ended."""


class WriterThread(GroupCommit):
    """A thread takes all that is queued, commits it, and sets the event of each write."""

    def __init__(self, commit: Callable[[Sequence[Write]], None]) -> None:
        super().__init__(commit)
        self._run = commit
        self._incoming: queue.SimpleQueue[tuple[Write, threading.Event] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._take)
        self._writer.start()

    def submit(self, write: Write) -> None:
        done = threading.Event()
        self._incoming.put((write, done))
        done.wait()

    def close(self) -> None:
        self._incoming.put(None)
        self._writer.join()

    def _take(self) -> None:
        while True:
            items = [self._incoming.get()]
            while len(items) < AT_MOST and not self._incoming.empty():
                items.append(self._incoming.get())
            group = [item for item in items if item]
            self._run([write for write, _ in group])
            for _, done in group:
                done.set()
            if None in items:
                return


FORMS: dict[str, type[GroupCommit]] = {
    "hand-over": GroupCommit,
    "writer thread": WriterThread,
    "one lock": OneLock,
}


@dataclass(frozen=True)
class Result:
    """What one run took."""

    seconds: float
    cpu: float
    writes: int
    commits: int


@contextmanager
def small_stacks() -> Iterator[None]:
    """Give new threads little memory: there may be ten thousand."""
    before = threading.stack_size(STACK)
    try:
        yield
    finally:
        threading.stack_size(before)


def run(form: type[GroupCommit], threads: int, posts: int) -> Result:
    """Let so many threads intend and settle so many posts each."""
    commits = 0

    class Measured(SqliteJournal):
        commit_with = form

        def _commit(self, group: Sequence[Write]) -> None:
            nonlocal commits
            commits += 1
            super()._commit(group)

    start = threading.Barrier(threads + 1)

    def live(bot: str) -> None:
        start.wait()
        for n in range(posts):
            place = Place(n=n, intended=float(n), next_line="a line of middling length, as poems have them")
            journal.intend(bot, place, place.next_line)
            after = place._replace(n=n + 1, intended=None)
            journal.settle(bot, Settlement(n, 0, Outcome.SAID, float(n), "123456789"), after)

    with tempfile.TemporaryDirectory() as folder, closing(Measured(Path(folder) / "flock.db")) as journal:
        bots = [f"x:sheep{number}" for number in range(threads)]
        journal.claim(bots)
        with small_stacks():
            alive = [threading.Thread(target=live, args=(bot,)) for bot in bots]
            for thread in alive:
                thread.start()
        commits = 0
        cpu, began = time.process_time(), time.perf_counter()
        start.wait()
        for thread in alive:
            thread.join()
        return Result(time.perf_counter() - began, time.process_time() - cpu, threads * posts * 2, commits)


def compare(threads: int, posts: int, rounds: int) -> None:
    """Measure each form, one after the other, and print the medians of all rounds."""
    results: dict[str, list[Result]] = {name: [] for name in FORMS}
    for _ in range(rounds):
        for name, form in FORMS.items():
            results[name].append(run(form, threads, posts))
    for name, runs in results.items():
        rate = statistics.median(each.writes / each.seconds for each in runs)
        commits = statistics.median(each.commits / each.seconds for each in runs)
        cpu = [each.cpu / each.writes * 1e6 for each in runs]
        print(
            f"{threads:>7,}  {name:<13}  {commits:>9,.0f}  {rate:>8,.0f}"
            f"  {statistics.median(cpu):>12.1f}  {min(cpu):>6.1f} - {max(cpu):.1f}"
        )


def caps(bots: int, each: int) -> None:
    """Print how long the latest posts of so many bots take to read, with so many rows of each."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flock.db"
        with closing(SqliteJournal(path)), closing(sqlite3.connect(path)) as connection, connection:
            connection.executemany(
                "INSERT INTO sheep (id, bot) VALUES (?, ?)", ((number, f"x:{number}") for number in range(bots))
            )
            connection.executemany(
                "INSERT INTO tweet (bot, n, piece, text, outcome, intended_at, settled_at)"
                " VALUES (?, ?, 0, 'a line of middling length, as poems have them', 'said', ?, ?)",
                ((bot, n, n * 1800.0, n * 1800.0) for bot in range(bots) for n in range(each)),
            )
        with closing(SqliteJournal(path)) as journal:
            size = path.stat().st_size / 2**20
            began = time.perf_counter()
            for number in range(bots):
                journal.latest_posts(each // 2, f"x:{number}")
            one_by_one = time.perf_counter() - began
            began = time.perf_counter()
            journal.latest_posts(bots)
            of_all = time.perf_counter() - began
    print(f"{bots:,} bots, {each} rows each, {size:.0f} MB:")
    per_bot = one_by_one / bots * 1e6
    print(f"  the latest {each // 2} of each bot, one by one: {one_by_one:.2f} s, {per_bot:.0f} µs each")
    print(f"  the latest {bots:,} of all: {of_all:.2f} s")


@click.command()
@click.option("--threads", type=int, help="Only so many.  [default: 1, 128 and 10,000]")
@click.option("--rounds", default=5, show_default=True)
@click.option("--caps", "only_caps", is_flag=True, help="Read the latest posts of 10,000 bots instead.")
@click.option("--tiny", is_flag=True, help="Show that it works.")
def main(*, threads: int | None, rounds: int, only_caps: bool, tiny: bool) -> None:
    """Compare three forms of group commit."""
    if only_caps:
        caps(*((10, 96) if tiny else (10_000, 96)))
        return
    print("threads  form           commits/s  writes/s  CPU µs/write  least - most")
    for at_once, posts in AT_ONCE.items():
        if tiny:
            compare(min(at_once, 20), 2, 1)
        elif threads in (None, at_once):
            compare(at_once, posts, rounds)


if __name__ == "__main__":
    main()
