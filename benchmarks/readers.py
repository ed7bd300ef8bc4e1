"""What readers of the page cost the flock: its lateness with none, with fifty and with a thousand of them.

    .venv/bin/python benchmarks/readers.py                              some 6 minutes
    .venv/bin/python benchmarks/readers.py --sheep 1000 --interval 10 --rounds 5 --json readers.json
    .venv/bin/python benchmarks/readers.py --tiny                       seconds, for function only

One flock, `flock run --web`, posts all the time. In turn nobody reads its page, and so many readers follow its
events, who all must hear every line once. Lateness is from the flock's log and journal, as in `scale.py`. One more
reader reads nothing at all: the page has to drop it. Exits with 1 when a reader missed a line, or the flock ended
badly.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import selectors
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

import simplejson as json

from benchmarks import gauges
from benchmarks.gauges import Disk, Machine, Noise
from benchmarks.ground import Failed, Ground, Program, ground
from benchmarks.herds import free_port
from benchmarks.posts import half_way, lateness, percentile

HEAD = (
    f"{'round':>5}{'readers':>9}{'posts':>8}{'late ms: p50':>14}{'p99':>8}{'flock CPU':>11}{'page CPU':>10}"
    f"{'page MB':>9}{'heard ms: p50':>15}{'p99':>8}{'missed':>8}{'disk: max ms':>14}"
)
START = 60.0  # seconds for the page to start, and for readers to join
HEAR = 15.0  # seconds after a phase in which readers must have heard all of it
AT_ONCE = 50  # readers that join at one time
DROP = 60.0  # seconds after the last phase in which a reader that reads nothing must be dropped, at most
_ID = re.compile(rb"\nid: \d+-(\d+)-(\S+)")  # of a line: the number of the post, and the bot
_HELLO = b"event: hello\n"
_LOOK = 0.05
_FOLLOW = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The flock, and how many readers there are in turn, for so many seconds each."""

    sheep: int = 300
    interval: float = 10.0
    readers: tuple[int, ...] = (0, 50, 1000)
    seconds: float = 6.0  # short, so that other programs are in the way of all of them alike
    rounds: int = 12
    drops: bool = True


TINY = Asked(sheep=10, interval=0.5, readers=(0, 5, 20), seconds=2.0, rounds=1, drops=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What came of so many readers. CPU is in seconds a second; lateness in milliseconds, as is `heard`: from the
    end of a post until one of the readers had it. `missed` counts readers that lacked a line, or had it twice."""

    round: int
    readers: int
    posts: int
    late_p50: float | None
    late_p99: float | None
    flock_cpu: float
    page_cpu: float
    page_mb: float
    heard_p50: float | None
    heard_p99: float | None
    missed: int
    disk_ms: float

    def __str__(self) -> str:
        late = "".join(f"{_ms(value):>{width}}" for value, width in ((self.late_p50, 14), (self.late_p99, 8)))
        heard = "".join(
            f"{_ms(value, 0):>{width}}" for value, width in ((self.heard_p50, 15), (self.heard_p99, 8))
        )
        return (
            f"{self.round:>5}{self.readers:>9,}{self.posts:>8,}{late}{self.flock_cpu:>11.1%}{self.page_cpu:>10.1%}"
            f"{self.page_mb:>9.0f}{heard}{self.missed:>8}{self.disk_ms:>14.0f}"
        )


def _ms(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


class Readers:
    """Follow the events of the page at the port, in one thread. The first one notes how old each line is, when it
    comes; all of them see from the numbers of its posts whether a line of a bot is missing, or came twice."""

    def __init__(self, port: int, count: int) -> None:
        self.ages: list[float] = []  # seconds
        self.faults = 0
        self._last: list[dict[bytes, int]] = [{} for _ in range(count)]  # of each: the latest number of each bot
        self._rest = [b""] * count  # of each: the line of text that has not come to its end
        self._event = b""
        self._stop = threading.Event()
        self._joined: set[int] = set()
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        for number in range(count):
            self._selector.register(follow(port), selectors.EVENT_READ, number)
            if number % AT_ONCE == 0:
                self._wait_for_joined(number + 1)
        self._wait_for_joined(count)

    def __len__(self) -> int:
        return len(self._last)

    def _wait_for_joined(self, count: int) -> None:
        deadline = time.monotonic() + START
        while len(self._joined) < count:
            if time.monotonic() > deadline:
                raise Failed(f"{count - len(self._joined)} readers could not join the page")
            time.sleep(_LOOK)

    def behind(self) -> int:
        """Return how many have not heard in time what the first one has heard now."""
        heard = dict(self._last[0]) if self._last else {}
        deadline = time.monotonic() + HEAR
        while True:
            late = sum(any(last.get(bot, -1) < n for bot, n in heard.items()) for last in self._last)
            if not late or time.monotonic() > deadline:
                return late
            time.sleep(_LOOK)

    def close(self) -> None:
        """Leave."""
        self._stop.set()
        self._thread.join()
        for key in [*self._selector.get_map().values()]:
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()

    def _run(self) -> None:
        # Readers are on other machines. Here they get what the flock leaves.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        while not self._stop.is_set():
            for key, _ in self._selector.select(_LOOK):
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                piece = connection.recv(1 << 18)
                if piece:
                    self._hear(key.data, piece)
                else:
                    self.faults += 1
                    self._selector.unregister(connection)
                    connection.close()

    def _hear(self, number: int, piece: bytes) -> None:
        text = self._rest[number] + piece
        if number not in self._joined and _HELLO in text:
            self._joined.add(number)
        whole = text.rfind(b"\n")
        self._rest[number] = text[max(0, whole) :]
        last = self._last[number]
        for n, bot in _ID.findall(text, 0, max(0, whole)):
            if last.get(bot, int(n) - 1) != int(n) - 1:
                self.faults += 1
            last[bot] = int(n)
        if number == 0:
            *events, self._event = (self._event + piece).split(b"\n\n")
            now = time.time()
            self.ages += [now - _at(event) for event in events if b"event: line\n" in event]


def _at(event: bytes) -> float:
    """Return when the line of this event was said, in wall-clock time."""
    said = json.loads(event.partition(b"\ndata: ")[2])["at"]
    return datetime.fromisoformat(said).timestamp()


def follow(port: int, buffer: int = 0) -> socket.socket:
    """Return a connection on which the events come, from now on; the kernel keeps `buffer` bytes of them, or as
    many as it likes."""
    connection = socket.socket()
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.settimeout(START)
    connection.connect(("127.0.0.1", port))
    connection.sendall(_FOLLOW)
    return connection


class Watched(NamedTuple):
    """A flock that runs, the process of its page, and the port of that."""

    program: Program
    page: int
    port: int


@contextmanager
def watched_page(here: Ground, asked: Asked) -> Iterator[Watched]:
    """Run the flock until all its sheep are out; yield it."""
    port = free_port()
    pace = ("--web", str(port), "--keep-history", "1h")
    with (
        here.server() as server,
        here.program("flock", sheep=asked.sheep, interval=asked.interval, url=server.url, extra=pace) as program,
    ):
        if program.wait_until_out(asked.sheep, asked.interval) is None:
            raise Failed("not every sheep has spoken")
        Readers(port, 1).close()  # it is there
        [page] = children(program.pid)
        yield Watched(program, page, port)


def children(pid: int) -> list[int]:
    """Return the processes that this one has started."""
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def watch(flock: Watched, asked: Asked, disk: Disk) -> Iterator[Phase]:
    """Yield what came of each phase. Raises Failed when the flock ends by itself."""
    for number in range(1, asked.rounds + 1):
        for count in asked.readers:
            readers = Readers(flock.port, count)
            try:
                yield _phase(flock, asked, disk, number, readers)
            finally:
                readers.close()


def _phase(flock: Watched, asked: Asked, disk: Disk, number: int, readers: Readers) -> Phase:
    program, page = flock.program, flock.page
    program.live_on(1.0)  # what joining took is over
    program.said()
    disk.slowest_ms()
    readers.ages.clear()
    since, began = time.time(), time.monotonic()
    before = gauges.cpu_seconds(program.pid), gauges.cpu_seconds(page)
    program.live_on(asked.seconds)
    elapsed = time.monotonic() - began
    spent = gauges.cpu_seconds(program.pid) - before[0], gauges.cpu_seconds(page) - before[1]
    posts, memory, disk_ms = program.said(), gauges.rss_mb(page), disk.slowest_ms()
    late = lateness(posts, program.state, since)
    ages = [1000 * age for age in readers.ages]
    return Phase(
        round=number,
        readers=len(readers),
        posts=len(posts),
        late_p50=percentile(late, 50),
        late_p99=percentile(late, 99),
        flock_cpu=spent[0] / elapsed,
        page_cpu=spent[1] / elapsed,
        page_mb=memory,
        heard_p50=percentile(ages, 50),
        heard_p99=percentile(ages, 99),
        missed=readers.behind() + readers.faults,
        disk_ms=disk_ms,
    )


def is_dropped(slow: socket.socket) -> bool:
    """Return whether the page has ended this connection, of which nothing was read."""
    slow.settimeout(DROP)
    deadline = time.monotonic() + DROP
    try:
        while slow.recv(1 << 20):
            if time.monotonic() > deadline:
                return False
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


def verdicts(phases: Sequence[Phase], asked: Asked) -> Iterator[str]:
    """Yield a line for each number of readers: its lateness, by that without readers, as medians of the
    rounds; and the best of its rounds, in which other programs were in the way least."""
    fewest = min(asked.readers)
    base = _medians(phases, fewest)
    for count in asked.readers:
        p50, p99 = _medians(phases, count)
        quietest = min(phase.late_p99 or 0.0 for phase in phases if phase.readers == count)
        text = (
            f"{count:,} readers: lateness p50 {p50:.1f} ms, p99 {p99:.1f} ms, {quietest:.1f} in the quietest round"
        )
        if count != fewest:
            text += f"; by that with {fewest}: {_ratio(p50, base[0])} and {_ratio(p99, base[1])}"
        yield text


def _medians(phases: Sequence[Phase], readers: int) -> tuple[float, float]:
    those = [phase for phase in phases if phase.readers == readers]
    return median(phase.late_p50 or 0.0 for phase in those), median(phase.late_p99 or 0.0 for phase in those)


def _ratio(value: float, base: float) -> str:
    return f"{value / base:.2f}" if base else "-"


def run(asked: Asked) -> tuple[list[Phase], list[str]]:
    """Print what comes; return the phases, and what went wrong."""
    noise, phases, problems = Noise(), [], []
    with ground() as here, watched_page(here, asked) as flock:
        disk = Disk(here.folder)
        slow = follow(flock.port, buffer=4096) if asked.drops else None
        with disk.watched():
            for phase in watch(flock, asked, disk):
                phases.append(phase)
                noise.listen()
                print(phase, flush=True)
        if slow is not None:
            dropped = is_dropped(slow)
            slow.close()
            print(f"a reader that reads nothing {'was dropped' if dropped else 'WAS NOT DROPPED'}")
            problems += [] if dropped else ["a reader that reads nothing was not dropped"]
        seconds, code = flock.program.stop()
        print(f"noise {noise.percent():.0f} %; the flock and its page ended in {seconds:.1f} s, with code {code}")
        problems += [f"exit code {code}"] if code else []
        problems += ["the page is still there"] if Path(f"/proc/{flock.page}").exists() else []
        problems += [f"{left} posts left half-way"] if (left := half_way(flock.program.state)) else []
    problems += [] if all(phase.posts for phase in phases) else ["a phase without posts"]
    problems += ["a reader missed a line, or had it twice"] if any(phase.missed for phase in phases) else []
    return phases, problems


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheep", type=int, default=Asked().sheep)
    parser.add_argument("--interval", type=float, default=Asked().interval, help="seconds between two lines")
    parser.add_argument("--readers", type=int, nargs="+", default=[*Asked().readers])
    parser.add_argument("--seconds", type=float, default=Asked().seconds, help="for each number of readers")
    parser.add_argument("--rounds", type=int, default=Asked().rounds)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--tiny", action="store_true", help="see that it works")
    given = parser.parse_args()
    asked = TINY
    if not given.tiny:
        asked = Asked(
            sheep=given.sheep,
            interval=given.interval,
            readers=tuple(given.readers),
            seconds=given.seconds,
            rounds=given.rounds,
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    print(f"{Machine.this()}\n{asked.sheep} sheep, a line every {asked.interval:g} s\n{HEAD}", flush=True)
    try:
        phases, problems = run(asked)
    except Failed as error:
        sys.exit(f"readers.py: {error}")
    for line in verdicts(phases, asked):
        print(line)
    if given.json:
        made = {
            "machine": str(Machine.this()),
            "asked": asdict(asked),
            "phases": [asdict(each) for each in phases],
        }
        given.json.write_text(json.dumps(made, indent=1), encoding="utf-8")
    if problems:
        sys.exit("\n".join(f"readers.py: {problem}" for problem in problems))


if __name__ == "__main__":
    main()
