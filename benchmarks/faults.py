"""The long campaigns: what a flock promises, tried until it would have been broken. Prints a Markdown table.

    .venv/bin/python benchmarks/faults.py                   all of it: some 20 minutes
    .venv/bin/python benchmarks/faults.py --only kills --only fuzz
    .venv/bin/python benchmarks/faults.py --tiny            a minute, for function only

The network is the hostile server of tests/faults, which knows what landed. It refuses no duplicates where flock
can look for its posts. Exits with 1 when a line came twice or was lost, or a campaign ended badly. The tests'
libraries must be there: scripts/test --version
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing.dummy import Pool as ThreadPool
from pathlib import Path
from random import Random
from typing import Literal

import simplejson as json

from benchmarks.gauges import Machine
from benchmarks.ground import make_certificate
from flock.clock import VirtualClock
from flock.events import Said
from flock.journal import MemoryJournal
from flock.options import Options
from flock.units import DAY
from tests.endtoend.conftest import Flock, start_flock, write_key
from tests.faults.campaign import Memory, hold
from tests.faults.hostile import Act, HostileServer
from tests.faults.modes import GROUPS, Mode
from tests.faults.proxy import FORWARDS, TUNNELS, Proxy
from tests.faults.test_bounds import Quota, SmallDisk
from tests.world import World

HOST = "flock.invalid"  # no name of this machine, which would need no proxy
YEAR = 365 * DAY
LINES = 100_000  # of a poem: more than any bot says here
_UNSTEADY = (
    "closes",
    "framing",
    "answers",
    "statuses",
    "shapes",
    "extras",
    "timelines",
)  # groups that take no time
_HEAD = (
    "| what was done | how many | posts | twice | lost | most memory | neighbours' pace | ended badly |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How long the campaigns are."""

    kills: int = 1000
    flocks: int = 4  # at the same time
    bots: int = 8  # of each of these flocks
    answers: int = 300  # of a kind, in a row
    breaks: int = 100  # of each kind that a proxy knows
    clocks: int = 1000
    limits: int = 10
    cases: int = 20_000


TINY = Size(kills=4, flocks=2, bots=2, answers=2, breaks=1, clocks=10, limits=1, cases=20)


@dataclass
class Row:
    """What came of a campaign. `pace` is the least share of its due lines that a bot with good answers said."""

    what: str
    how_many: str
    posts: int = 0
    twice: int = 0
    lost: int = 0
    peak_mb: float = 0.0
    pace: float | None = None
    bad: list[str] = field(default_factory=list)

    def count(self, poem: Sequence[str], posts: Sequence[str]) -> None:
        """Count a bot's posts, beside what it was to say."""
        self.posts += len(posts)
        self.twice += len(posts) - len(set(posts))
        if posts and [*dict.fromkeys(posts)] != (said := [*poem[: len(set(posts))]]):
            self.lost += max(1, len({*said} - {*posts}))

    def check(self, flock: Flock, output: str, code: int) -> None:
        """Note it if the flock did not end with `code`, or met a bug."""
        if flock.process.returncode != code:
            self.bad.append(f"exit code {flock.process.returncode}")
        if "Traceback" in output:
            self.bad.append(output[output.index("Traceback") :][:2000])

    def __str__(self) -> str:
        memory = f"{self.peak_mb:.0f} MB" if self.peak_mb else ""
        pace = "" if self.pace is None else f"{min(1.0, self.pace):.0%}"
        numbers = f"{self.posts:,} | {self.twice} | {self.lost}" if self.posts else " |  | "
        return f"| {self.what} | {self.how_many} | {numbers} | {memory} | {pace} | {len(self.bad)} |"


class Unsteady:
    """Lets most requests pass, and answers the others in one of the ways of tests/faults/modes.py."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)
        self._modes = [mode for group in _UNSTEADY for mode in GROUPS[group].values() if not mode.spares]
        self.calm = False

    def __call__(self, method: str) -> tuple[Act, bool] | None:
        if self.calm or self._chance.random() < 0.75:
            return None
        mode = self._chance.choice(
            [mode for mode in self._chance.choices(self._modes, k=9) if method in mode.asked]
        )
        return mode.act, self._chance.choice(mode.lands)


@dataclass
class Pen:
    """A folder of bots, and the network that they post to. `folder` has the keys, and gets the journal."""

    folder: Path
    network: HostileServer
    url: str
    variables: Mapping[str, str]
    poems: Mapping[str, list[str]]

    def start(self, **variables: str) -> Flock:
        """Start the flock."""
        pace = ("--line-interval", "0.05", "--poem-interval", "0.05")
        more = {"HURRY": "0.005", "IMPATIENCE": "0.05", **self.variables, **variables}
        return start_flock(self.folder, "run", self.folder / "keys", "-q", "--base-url", self.url, *pace, **more)

    def wait_for(self, more: int, seconds: float = 60.0) -> bool:
        """Wait until each bot has posted so many lines more; return whether it came to that."""
        goals = {bot: len(self.network.landed[bot]) + more for bot in self.poems}
        return self.network.wait_until(
            lambda: all(len(self.network.landed[bot]) >= goal for bot, goal in goals.items()), seconds
        )

    def live_on(self, flock: Flock, chance: Random) -> None:
        """Let the flock live for up to 40 requests, or for a moment of its start."""
        until, moment = self.requests() + chance.randrange(1, 40), 1.0
        if chance.random() < 0.8:
            self.network.wait_until(lambda: self.requests() >= until, 20)
            moment = 0.03
        with suppress(subprocess.TimeoutExpired):
            flock.process.wait(chance.uniform(0, moment))

    def requests(self) -> int:
        """Return how many requests the network has seen."""
        return sum(map(len, self.network.log.values()))

    def finish(self, row: Row) -> None:
        """Run the flock once more until every bot has said something, and count everything."""
        flock = self.start()
        memory = Memory(flock.process)
        try:
            if not self.wait_for(3):
                row.bad.append("not every bot goes on")
            stop(flock, row)
        finally:
            flock.process.kill()
        row.peak_mb = max(row.peak_mb, memory.peak_mb())
        for bot, poem in self.poems.items():
            row.count(poem, self.network.said(bot))


def stop(flock: Flock, row: Row) -> None:
    """Stop the flock by SIGTERM, and look at how it ends."""
    flock.process.terminate()
    try:
        output, errors = flock.process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        flock.process.kill()
        output, errors = flock.process.communicate()
    row.check(flock, output + errors, 0)


@contextmanager
def pen(
    folder: Path, bots: int, weather: Callable[[str], tuple[Act, bool] | None] = lambda _: None
) -> Iterator[Pen]:
    """Make bots, and a network for them."""
    poems = write_bots(folder, bots)
    with HostileServer(weather=weather) as network:
        yield Pen(folder, network, network.url, {}, poems)


def write_bots(folder: Path, bots: int) -> dict[str, list[str]]:
    """Write the keys and poems of so many bots; return the poems."""
    keys = folder / "keys"
    keys.mkdir(mode=0o700, parents=True)
    poem = [f"line {line}" for line in range(2000)]
    for number in range(bots):
        write_key(keys, f"bot{number}", 1000 + number, poem)
    return {f"bot{number}": poem for number in range(bots)}


# The campaigns


def kills(folder: Path, size: Size) -> Iterator[Row]:
    """kill -9 at random moments, on a network that answers badly: direct, and through a proxy."""
    ways: tuple[Literal["direct", "through a proxy"], ...] = ("direct", "through a proxy")
    for way in ways:
        row = Row(f"`kill -9` at random moments, a quarter of the answers bad, {way}", f"{size.kills // 2} kills")
        share = size.kills // 2 // size.flocks

        def kill_one(number: int, way: str = way, row: Row = row, share: int = share) -> None:
            weather, chance = Unsteady(number), Random(number)
            with ExitStack() as stack:
                home = stack.enter_context(pen(folder / f"{way}{number}", size.bots, weather))
                if way != "direct":
                    proxy = stack.enter_context(Proxy(home.network.port))
                    home.url, home.variables = f"http://{HOST}", {"http_proxy": proxy.url}
                for _ in range(share):
                    flock = home.start()
                    home.live_on(flock, chance)
                    flock.process.kill()
                    row.check(flock, "".join(flock.end()[1:]), -signal.SIGKILL)
                weather.calm = True
                home.finish(row)

        with ThreadPool(size.flocks) as pool:
            pool.map(kill_one, range(size.flocks))
        yield row


def answers(folder: Path, size: Size) -> Iterator[Row]:
    """So many bad answers of each kind in a row; a bot for each kind."""
    chance = Random(1)
    quick = {"HURRY": "0.00002"}
    for group, modes in GROUPS.items():
        chosen = {
            name: Mode(mode.act, (chance.choice(mode.lands),), mode.asked[:1], mode.is_doubtful, mode.spares)
            for name, mode in modes.items()
        }
        times = min(size.answers, 100) if group == "slow" else size.answers
        row = Row(f"bad answers in a row: {group}", f"{len(chosen)} kinds × {times}")
        done = hold(folder / group, group, chosen, times=times, longest=900, hurry=quick)
        for case, poem in done.poems.items():
            row.count(poem, done.posts[case])
            if poem != done.posts[case]:
                row.bad.append(f"{case}: {len(done.posts[case])} of {len(poem)} lines")
        for poem, posts in done.neighbours.values():
            row.count(poem, posts)
        row.peak_mb, row.pace = done.peak_mb, min(done.paces)
        if done.exit_code or "Traceback" in done.output:
            row.bad.append(f"exit code {done.exit_code}: {done.output[-2000:]}")
        yield row


def proxies(folder: Path, size: Size) -> Iterator[Row]:
    """A proxy that fails in each of its ways so many times."""
    pem, bundle = make_certificate(folder, HOST)
    for scheme, acts in {"http": FORWARDS, "https": TUNNELS}.items():
        row = Row(
            f"a failing proxy, {'CONNECT' if scheme == 'https' else 'HTTP'}", f"{len(acts)} kinds × {size.breaks}"
        )
        poems = write_bots(folder / scheme, size.bots)
        with (
            HostileServer(certificate=pem if scheme == "https" else None, closing=True) as network,
            Proxy(network.port, acts) as proxy,
        ):
            trust = {f"{scheme}_proxy": proxy.url, "REQUESTS_CA_BUNDLE": str(bundle)}
            home = Pen(folder / scheme, network, f"{scheme}://{HOST}", trust, poems)
            flock = home.start(HURRY="0.001", IMPATIENCE="0.03")
            try:
                met = network.wait_until(lambda p=proxy, a=acts: min(p.met[n] for n in a) >= size.breaks, 900)  # type: ignore[misc]
                if not met:
                    row.bad.append("not every way was met in time")
                proxy.calm = True
                stop(flock, row)
            finally:
                flock.process.kill()
            home.finish(row)
        yield row


class SetClock(VirtualClock):
    """A clock whose wall time is set back and forth."""

    def set_by(self, seconds: float) -> None:
        """Set the wall clock so many seconds forward."""
        self.skew += seconds


def clocks(folder: Path, size: Size) -> Iterator[Row]:
    """The clock is set, by up to ten years, while the flock runs and between two runs; each bot has a cap."""
    row = Row("the clock set back or forth, up to ten years, running or not", f"{size.clocks} times")
    chance, clock = Random(3), SetClock(1_800_000_000.0)
    keys = folder / "clocks"
    keys.mkdir(mode=0o700)
    world = World(keys, clock, MemoryJournal(), Options(posts_per_day=100))
    flock = [world.raise_sheep(f"bot{number}", lines=LINES, intervals=(300, 300)) for number in range(3)]
    most_silent = 0.0
    for _ in range(size.clocks):
        clock.set_by(
            chance.choice((1, -1)) * chance.choice((1, 60, 3600, DAY, 30 * DAY, 10 * YEAR)) * chance.random()
        )
        if chance.random() < 0.3:
            world.anew()
            flock = [world.raise_sheep(sheep.name, intervals=(300, 300)) for sheep in flock]
        world.live(chance.choice((600, 3600, DAY)), *flock)
    said = [event for event in world.told(Said) if isinstance(event, Said)]
    for sheep in flock:
        poem = [f"{sheep.name} {line}" for line in range(LINES)]
        times = world.stage(sheep.name).times
        row.count(poem, world.stage(sheep.name).posts)
        most_silent = max([most_silent, *(after - before for before, after in pairwise(times))])
        over = sum(times[at + 100] - times[at] < DAY - 1 for at in range(len(times) - 100))
        if over:
            row.bad.append(f"{sheep.name}: {over} times more than 100 posts in 24 hours")
    if most_silent > 2 * DAY:
        row.bad.append(f"silent for {most_silent / DAY:.1f} days")
    if len(said) != row.posts:
        row.bad.append(f"{len(said)} posts told of {row.posts}")
    yield row


def limits(folder: Path, size: Size) -> Iterator[Row]:
    """A limit of the machine is reached while a flock runs, and lifted again."""

    def no_files(pid: int) -> Callable[[], None]:
        return lowered(pid, resource.RLIMIT_NOFILE, 3)

    def no_memory(pid: int) -> Callable[[], None]:
        size_kb = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmSize" in line)
        return lowered(pid, resource.RLIMIT_AS, int(size_kb.split()[1]) * 1024 + 100_000)

    for what, limit in {"no more open files": no_files, "no more memory (`RLIMIT_AS`)": no_memory}.items():
        row = Row(what, f"{size.limits} times")
        with pen(folder / what.split()[2], 10) as home:
            go_through(home, row, size.limits, limit)
        yield row
    row = Row("the disk of the journal is full", f"{size.limits} times")
    disk_folder = folder / "disk"
    disk_folder.mkdir()
    disk = SmallDisk(disk_folder) if os.geteuid() == 0 else Quota(disk_folder)
    try:
        with pen(folder / "full", 10) as home:
            home.variables = {"FLOCK_STATE": str(disk_folder / "flock.db")}

            def full(pid: int) -> Callable[[], None]:
                disk.fill(pid)
                return lambda: disk.make_room(pid)

            go_through(home, row, size.limits, full)
    finally:
        disk.close()
    yield row


def lowered(pid: int, kind: int, soft: int) -> Callable[[], None]:
    """Lower a limit of the process; return what lifts it again."""
    before = resource.prlimit(pid, kind)
    resource.prlimit(pid, kind, (soft, before[1]))
    return lambda: resource.prlimit(pid, kind, before) and None


def go_through(home: Pen, row: Row, times: int, limit: Callable[[int], Callable[[], None]]) -> None:
    """Let the flock meet the limit so many times, half a second each, and count what it said."""
    flock = home.start()
    memory = Memory(flock.process)
    try:
        for _ in range(times):
            if not home.wait_for(2):
                row.bad.append("not every bot goes on")
                break
            lift = limit(flock.process.pid)
            time.sleep(0.5)
            lift()
        if not home.wait_for(2):
            row.bad.append("not every bot goes on")
        stop(flock, row)
    finally:
        flock.process.kill()
    row.peak_mb = memory.peak_mb()
    home.finish(row)


def fuzz(folder: Path, size: Size) -> Iterator[Row]:
    """Mutated key files and poems, in processes without threads, which can fork."""
    share = max(1, size.cases // 2)
    row = Row(
        "mutated key files and poems: one line and 0, 2 or 3, no traceback, no secret", f"{2 * share:,} cases"
    )
    program = [sys.executable, str(Path(__file__).with_name("fuzzer.py")), "--json", "--cases", str(share)]
    both = [subprocess.Popen([*program, "--seed", str(n)], stdout=subprocess.PIPE, cwd=folder) for n in (1, 2)]
    for process in both:
        output, _ = process.communicate()
        row.bad += json.loads(output)["broken"] if output else ["the fuzzer has ended"]
    yield row


CAMPAIGNS: Mapping[str, Callable[[Path, Size], Iterator[Row]]] = {
    "answers": answers,
    "kills": kills,
    "proxies": proxies,
    "clocks": clocks,
    "limits": limits,
    "fuzz": fuzz,
}


def wanted() -> tuple[Size, list[str]]:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--only", choices=list(CAMPAIGNS), action="append", metavar="NAME", help=", ".join(CAMPAIGNS)
    )
    parser.add_argument("--tiny", action="store_true", help="a few of everything")
    for name in ("kills", "answers", "breaks", "clocks", "limits", "cases"):
        number: int = getattr(Size(), name)
        parser.add_argument(f"--{name}", type=int, metavar="N", help=f"({number})")
    given = parser.parse_args()
    size = TINY if given.tiny else Size()
    chosen = {name: value for name in Size.__slots__ if (value := getattr(given, name, None)) is not None}
    return Size(**{**{name: getattr(size, name) for name in Size.__slots__}, **chosen}), given.only or list(
        CAMPAIGNS
    )


def main() -> int:
    """Run the campaigns, tell, and return the exit code."""
    size, names = wanted()
    rows: list[Row] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="flock-faults-") as name:
        print(_HEAD, flush=True)
        for campaign in names:
            for row in CAMPAIGNS[campaign](Path(name), size):
                rows.append(row)
                print(row, flush=True)
                for problem in row.bad:
                    print(f"    {problem}", file=sys.stderr, flush=True)
    print(f"\n{Machine.this()}; {(time.monotonic() - began) / 60:.0f} minutes")
    return 1 if any(row.bad or row.twice or row.lost for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
