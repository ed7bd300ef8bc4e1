"""What a flock of any size needs: machines, connections, commits, disk, and what X bills. One pure function.

The figures come from `cluster.py`, which measures them, and the rules of the leases from the journal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.rows import Plan, Rules
from benchmarks.world import AGAIN, RESTARTS
from flock.networks.terms import terms_of
from flock.units import DAY

BOTS_A_HERD = 10_000
BUSY = 0.5  # of the cores, of a herd's one core, and of the memory: the rest is for bad minutes
KEPT_DAYS = 2.0  # as --keep-history
CONNECTIONS = 3  # of each herd to the database
SIZES = tuple((bots, posts) for bots in (10_000, 100_000, 1_000_000) for posts in (1.0, 48.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The figures of the model: of a herd, of a post, and of what the database keeps."""

    cpu_ms: float  # of a herd, for a post
    server_cpu_ms: float  # of the database, for a post
    commit_ms: float
    process_mb: float  # of a herd without its bots
    bot_kb: float
    wal_kb: float  # written ahead for a post
    post_kb: float  # kept of a post
    row_kb: float  # kept of a bot


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine that herds run on; `threads` is what `kernel.pid_max` leaves of 32,768."""

    cores: int = 4
    gb: float = 8.0
    threads: int = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a flock needs."""

    posts_per_second: float
    herds: int
    machines: int
    connections: int
    commits_per_second: float
    server_cores: float
    wal_gb_a_day: float
    kept_gb: float
    dollars_a_day: float
    apps: int


def needs(figures: Measured, bots: int, posts_a_day: float, machine: Machine | None = None) -> Needs:
    """Return what so many bots need that make so many posts a day each, on X."""
    machine = machine or Machine()
    on_x = terms_of("x")
    price = on_x.price.post if on_x.price else 0.0
    an_app = min(limit.posts * DAY / limit.seconds for limit in on_x.limits if limit.of == "app")
    posts = bots * posts_a_day
    rate = posts / DAY
    cores = rate * figures.cpu_ms / 1000
    herds = max(1, math.ceil(bots / BOTS_A_HERD), math.ceil(cores / BUSY))
    gb = (herds * figures.process_mb * 1000 + bots * figures.bot_kb) / 1e6
    machines = max(
        math.ceil(bots / machine.threads),
        math.ceil(cores / machine.cores / BUSY),
        math.ceil(gb / machine.gb / BUSY),
    )
    return Needs(
        posts_per_second=rate,
        herds=herds,
        machines=machines,
        connections=herds * CONNECTIONS,
        commits_per_second=herds * (commits(2 * rate / herds, figures.commit_ms / 1000) + 1 / Rules().renew),
        server_cores=rate * figures.server_cpu_ms / 1000,
        wal_gb_a_day=posts * figures.wal_kb / 1e6,
        kept_gb=(posts * KEPT_DAYS * figures.post_kb + bots * figures.row_kb) / 1e6,
        dollars_a_day=posts * price,
        apps=math.ceil(posts / an_app),
    )


def commits(writes: float, takes: float) -> float:
    """Return how many commits a second one herd makes for so many writes a second, of `takes` seconds each.

    Group commit: a commit takes all writes that have come during the last one. If none has come, which has the
    probability exp(-writes * takes), the next write is committed alone, after 1 / writes on average.
    """
    return 1 / (takes + math.exp(-writes * takes) / writes) if writes else 0.0


def silence(kind: str, *, under_way: bool, plan: Plan | None = None, rules: Rules | None = None) -> float:
    """Return for how many seconds a bot is silent at most, after its herd was "killed", "frozen" or "cut off,
    replaced". Messages that take seconds come on top.

    The next process waits for the end of the lease, and tries every second; a post that was under way gets time to
    land.
    """
    plan, rules = plan or Plan(), rules or Rules()
    begins = (RESTARTS if kind == "killed" else plan.notices) + plan.starts
    return max(rules.ttl, begins) + AGAIN + (rules.landing if under_way else 0.0)


def table(figures: Measured, sizes: Iterable[tuple[int, float]] = SIZES) -> Iterator[str]:
    """Yield the lines of a table of what flocks of these sizes (bots, posts a day of each) need."""
    yield (
        f"{'bots':>9}{'posts a day':>12}{'posts/s':>9}{'herds':>6}{'machines':>9}{'connections':>12}"
        f"{'commits/s':>10}{'db cores':>9}{'WAL GB/day':>11}{'kept GB':>8}{'X apps':>7}{'X $/day':>10}"
    )
    for bots, each in sizes:
        its = needs(figures, bots, each)
        yield (
            f"{bots:>9,}{each:>12g}{its.posts_per_second:>9,.1f}{its.herds:>6}{its.machines:>9}{its.connections:>12}"
            f"{its.commits_per_second:>10,.0f}{its.server_cores:>9.2f}{its.wal_gb_a_day:>11.1f}{its.kept_gb:>8.1f}"
            f"{its.apps:>7,}{its.dollars_a_day:>10,.0f}"
        )
