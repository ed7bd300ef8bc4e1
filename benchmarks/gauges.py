"""What is read off a running program and off the machine. Linux only: most of it is in /proc."""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

from benchmarks.posts import percentile

_CPU_CLOCK = 2  # CPUCLOCK_SCHED of the kernel: what has run, in ns, where /proc/PID/stat counts ticks of 10 ms


def cpu_seconds(pid: int) -> float:
    """Return the CPU time, user and system, that all threads of the process have had."""
    return time.clock_gettime((~pid << 3) | _CPU_CLOCK)  # as clock_getcpuclockid(3) makes it


def rss_mb(pid: int) -> float:
    """Return the resident memory of the process in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def threads(pid: int) -> int:
    """Return how many threads the process has."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def open_files(pid: int) -> int:
    """Return how many file descriptors the process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def journal_mb(state: Path) -> float:
    """Return the size of the journal in MB: the database and its write-ahead log."""
    files = (state, state.with_name(f"{state.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists()) / 1e6


class Noise:
    """Does equal pieces of work in between: what they differ by is the machine's, and nothing below it is ours."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def listen(self, pieces: int = 3) -> None:
        """Do some more pieces of work, of some 40 ms each."""
        for _ in range(pieces):
            start = time.perf_counter()
            sum(range(2_000_000))
            self._times.append(time.perf_counter() - start)

    def percent(self) -> float:
        """Return by how many percent the slowest tenth of the pieces took longer than the fastest one."""
        return ((percentile(self._times, 90) or 0) / min(self._times) - 1) * 100


class Disk:
    """Flushes a few bytes now and then, as a journal does: no post is faster than the disk it is noted on."""

    _PAUSE = 0.1  # seconds

    def __init__(self, folder: Path) -> None:
        self._file = folder / "flushed"
        self._slowest = 0.0
        self._enough = Event()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Do so, in a thread, until the block is left."""
        thread = Thread(target=self._flush)
        thread.start()
        try:
            yield
        finally:
            self._enough.set()
            thread.join()

    def slowest_ms(self) -> float:
        """Return how long the slowest flush took since this was asked last."""
        slowest, self._slowest = self._slowest, 0.0
        return slowest * 1000

    def _flush(self) -> None:
        with self._file.open("wb", buffering=0) as file:
            while not self._enough.wait(self._PAUSE):
                start = time.perf_counter()
                file.write(b"baa")
                os.fsync(file.fileno())
                self._slowest = max(self._slowest, time.perf_counter() - start)


@dataclass(frozen=True, slots=True)
class Machine:
    """What it was measured on, and when."""

    cores: int
    python: str
    kernel: str
    date: str

    @classmethod
    def this(cls) -> Machine:
        """Return this one, now."""
        today = datetime.now(UTC).date().isoformat()
        return cls(os.cpu_count() or 0, platform.python_version(), platform.release(), today)

    def __str__(self) -> str:
        return f"{self.cores} cores, Python {self.python}, Linux {self.kernel}, {self.date}"
