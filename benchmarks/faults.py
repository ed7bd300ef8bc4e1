"""The long campaigns: what a flock promises, tried until it would have been broken. Prints Markdown tables.

    .venv/bin/python benchmarks/faults.py                   all of it: some 30 minutes
    .venv/bin/python benchmarks/faults.py --only kills --only fuzz
    .venv/bin/python benchmarks/faults.py --tiny            a minute, for function only

The network is the hostile server of tests/faults, which knows what landed. It refuses no duplicates where flock
can look for its posts. The campaign "networks" has a table of its own, and strict servers in bad weather
(tests/faults/stands.py). Exits with 1 when a line came twice or was lost, a post replaced another one or was put
again once it was settled, or a campaign ended badly. The tests' libraries must be there: scripts/test --version
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
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing.dummy import Pool as ThreadPool
from pathlib import Path
from random import Random

import simplejson as json

from benchmarks.evidence import keep
from benchmarks.gauges import Machine
from benchmarks.ground import make_certificate
from benchmarks.unsteady import NetworkRow, Pen, Row, Unsteady, pen, stop, write_bots
from flock.clock import VirtualClock
from flock.journal import MemoryJournal
from flock.options import Options
from flock.sheep.sheep import Sheep
from flock.units import DAY
from tests.faults.campaign import Memory, hold
from tests.faults.hostile import HostileServer
from tests.faults.modes import GROUPS, Mode
from tests.faults.proxy import FORWARDS, TUNNELS, Proxy
from tests.faults.stands import STANDS, Outlived, outlive
from tests.faults.test_bounds import Quota, SmallDisk
from tests.world import World

HOST = "flock.invalid"  # no name of this machine, which would need no proxy
YEAR = 365 * DAY
CAP = 100  # posts a day, of each bot whose clock is set
LINES = 20_000  # of a poem: more than any bot says on virtual time
Limit = Callable[[int], Callable[[], object]]  # sets it to a process; returns what lifts it again
_HEAD = (
    "| what was done | how many | posts | twice | lost | most memory | neighbours' pace | ended badly |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|"
)
_HEADS = {"networks": f"\n{NetworkRow.HEAD}"}  # of the campaigns that have a table of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How long the campaigns are."""

    kills: int = 1000
    each: int = 200  # kills on each network, and
    on: tuple[str, ...] = tuple(STANDS)  # the networks
    flocks: int = 4  # at the same time
    bots: int = 8  # of each of these flocks
    answers: int = 300  # of a kind, in a row
    breaks: int = 100  # of each kind that a proxy knows
    clocks: int = 1000
    limits: int = 10
    cases: int = 20_000


TINY = Size(kills=4, each=4, flocks=2, bots=2, answers=2, breaks=1, clocks=10, limits=1, cases=20)


# The campaigns


def kills(folder: Path, size: Size) -> Iterator[Row]:
    """kill -9 at random moments, on a network that answers badly: direct, and through a proxy."""
    for way in ("direct", "through a proxy"):
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
                    home.kill(flock)
                    row.check(flock, "".join(flock.end()[1:]), -signal.SIGKILL)
                weather.calm = True
                home.finish(row)

        with ThreadPool(size.flocks) as pool:
            pool.map(kill_one, range(size.flocks))
        yield row


def networks(folder: Path, size: Size) -> Iterator[Row]:
    """kill -9 on each network, whose server is strict, and has bad weather."""
    for network in size.on:

        def kill_one(number: int, network: str = network) -> Outlived:
            kills = size.each // size.flocks
            return outlive(network, folder / f"{network}{number}", bots=size.bots, kills=kills, seed=number)

        row = NetworkRow(network, str(size.each // size.flocks * size.flocks))
        with ThreadPool(size.flocks) as pool:
            for done in pool.map(kill_one, range(size.flocks)):
                row.add(done)
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
        times = min(size.answers, 100) if group in ("slow", "floods") else size.answers
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


def clocks(folder: Path, size: Size) -> Iterator[Row]:
    """The clock is set, by up to ten years; each bot has a cap, which is kept while the flock runs."""
    for way, restarts in {"while the flock runs": False, "between runs, too": True}.items():
        row = Row(f"the clock set by up to ten years, {way}", f"{size.clocks // 2} times")
        chance, clock = Random(3), VirtualClock(1_800_000_000.0)
        keys = folder / way
        keys.mkdir(mode=0o700)
        world = World(keys, clock, MemoryJournal(), Options(posts_per_day=CAP))
        flock = [world.raise_sheep(f"bot{number}", lines=LINES, intervals=(300, 300)) for number in range(3)]
        for _ in range(size.clocks // 2):
            most = chance.choice((60, 3600, DAY, 30 * DAY, 10 * YEAR))
            clock.skew += chance.uniform(-most, most)
            if restarts:
                flock = restarted(world, flock)
            world.live(chance.choice((600, 3600, DAY / 4)), *flock)
        for sheep in flock:
            times = world.stage(sheep.name).times
            row.count([f"{sheep.name} {line}" for line in range(LINES)], world.stage(sheep.name).posts)
            if not restarts and any(
                after - before < DAY - 1 for before, after in zip(times, times[CAP:], strict=False)
            ):
                row.bad.append(f"{sheep.name}: more than {CAP} posts in 24 hours")
        clock.skew = 0.0
        before = {sheep.name: len(world.stage(sheep.name).posts) for sheep in flock}
        for _ in range(72):  # hours in which all is right, and the flock is started again and again
            flock = restarted(world, flock)
            world.live(3600, *flock)
        silent = [name for name, posts in before.items() if len(world.stage(name).posts) == posts]
        row.bad += [f"{name}: silent for three days after the clock is right" for name in silent]
        yield row


def restarted(world: World, flock: Sequence[Sheep]) -> list[Sheep]:
    """Return the sheep of the next process."""
    world.anew()
    return [world.raise_sheep(sheep.name, intervals=(300, 300)) for sheep in flock]


def limits(folder: Path, size: Size) -> Iterator[Row]:
    """A limit of the machine is reached while a flock runs, and lifted again."""

    files = partial(lowered, kind=resource.RLIMIT_NOFILE, soft=3)
    kinds: dict[str, Limit] = {"no more open files": files, "no more memory (`RLIMIT_AS`)": no_memory}
    for what, limit in kinds.items():
        row = Row(what, f"{size.limits} times")
        with pen(folder / what.split()[2], 10) as home:
            go_through(home, row, size.limits, limit)
        yield row
    row = Row("the disk of the journal is full", f"{size.limits} times")
    disk_folder = folder / "disk"
    disk_folder.mkdir()
    disk = SmallDisk(disk_folder, 20) if os.geteuid() == 0 else Quota(disk_folder)
    try:
        with pen(folder / "full", 10) as home:
            home.variables = {"FLOCK_STATE": str(disk_folder / "flock.db")}

            def full(pid: int) -> Callable[[], object]:
                disk.fill(pid)
                return partial(disk.make_room, pid)

            go_through(home, row, size.limits, full)
    finally:
        disk.close()
    yield row


def no_memory(pid: int) -> Callable[[], object]:
    """Let the process have no more memory than it has."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    size = next(int(line.split()[1]) for line in status if line.startswith("VmSize"))
    return lowered(pid, resource.RLIMIT_AS, size * 1024 + 100_000)


def lowered(pid: int, kind: int, soft: int) -> Callable[[], object]:
    """Lower a limit of the process; return what lifts it again."""
    before = resource.prlimit(pid, kind)
    resource.prlimit(pid, kind, (soft, before[1]))
    return partial(resource.prlimit, pid, kind, before)


def go_through(home: Pen, row: Row, times: int, limit: Limit) -> None:
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
    "networks": networks,
}


def wanted() -> tuple[Size, list[str]]:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--only", choices=list(CAMPAIGNS), action="append", metavar="NAME", help=", ".join(CAMPAIGNS)
    )
    parser.add_argument("--tiny", action="store_true", help="a few of everything")
    for name in ("kills", "each", "answers", "breaks", "clocks", "limits", "cases"):
        number: int = getattr(Size(), name)
        more = "kills on each network " if name == "each" else ""
        parser.add_argument(f"--{name}", type=int, metavar="N", help=f"{more}({number})")
    parser.add_argument(
        "--on", choices=list(STANDS), nargs="+", metavar="NETWORK", help="(all): " + ", ".join(STANDS)
    )
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
        if any(campaign not in _HEADS for campaign in names):
            print(_HEAD, flush=True)
        for campaign in sorted(names, key=list(CAMPAIGNS).index):
            if campaign in _HEADS:
                print(_HEADS[campaign], flush=True)
            for row in CAMPAIGNS[campaign](Path(name), size):
                rows.append(row)
                print(row, flush=True)
                for problem in (*row.bad, *row.evidence):
                    print(f"    {problem}", file=sys.stderr, flush=True)
                if row.twice or row.lost:
                    print(f"    keys and journals: {keep(Path(name))}", file=sys.stderr, flush=True)
    print(f"\n{Machine.this()}; {(time.monotonic() - began) / 60:.0f} minutes")
    return 1 if any(row.bad or row.twice or row.lost for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
