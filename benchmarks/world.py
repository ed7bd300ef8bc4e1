"""What is around the herds of the simulation in `leases.py`: time, the network and faults."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.posts import percentile
from benchmarks.rows import NEVER, Database, Plan, Rules
from flock.sheep.recovery import LANDING

if TYPE_CHECKING:
    from benchmarks.process import Process

SEVERAL, AWAY, WAITING = "several at once", "database away", "while it waits"
KINDS = ("killed", "frozen", "cut off", "cut off, replaced")
AGAIN = 1.0  # seconds until a write or a claim that failed is tried again
RESTARTS = 1.5  # seconds until a supervisor starts a killed process anew, at most
AFTERMATH = 60.0  # seconds in which another fault counts as one of several at once
AT_A_TIME = 3  # processes that want one slice, at most
STAYS = 0.9  # the probability that a process which did not get its bots tries again, where there is another


@dataclass
class Fault:
    """A fault of a slice's process, and for how many seconds a bot of the slice was silent because of it, at most:
    one whose next post was due (`late`), and one whose post was under way."""

    at: float
    kind: str
    late: float = 0.0
    under_way: float = 0.0


@dataclass
class Outcome:
    """What came of a simulation."""

    seconds: float = 0.0
    posts: int = 0
    two_holders: int = 0
    twice: int = 0
    lost: int = 0
    faults: list[Fault] = field(default_factory=list)
    commits: Counter[str] = field(default_factory=Counter)

    def is_sound(self) -> bool:
        """Return whether nothing has happened that never may."""
        return not (self.two_holders or self.twice or self.lost)

    def rows(self) -> Iterator[str]:
        """Yield the lines of a table: each kind of fault, and for how long bots were silent because of it."""
        yield f"{'seconds of silence':<20}{'faults':>8}{'half':>8}{'9 in 10':>9}{'at most':>9}{'under way':>11}"
        for kind in (*KINDS, AWAY, WAITING, SEVERAL):
            if late := [fault.late for fault in self.faults if fault.kind == kind]:
                half, nine = percentile(late, 50) or 0.0, percentile(late, 90) or 0.0
                under_way = max(fault.under_way for fault in self.faults if fault.kind == kind)
                yield f"{kind:<20}{len(late):>8,}{half:>8.1f}{nine:>9.1f}{max(late):>9.1f}{under_way:>11.1f}"


class World:
    """The time, in which everything happens in order, and all that the herds share."""

    def __init__(self, plan: Plan, rules: Rules, make: Callable[[World, int], Process]) -> None:
        self.plan = plan
        self.rules = rules
        self.random = random.Random(plan.seed)
        self.database = Database(plan, rules, self._look_at_slice)
        self.now = 0.0
        self.made = [0] * plan.bots  # how many posts of each bot are on the network, of those in their order
        self.outcome = Outcome()
        self.database_is_away = False
        self._make = make
        self._agenda: list[tuple[float, int, Process | None, Callable[..., None], tuple[Any, ...]]] = []
        self._numbers = itertools.count()
        self._begun = [-1] * plan.bots
        self._faults = [Fault(NEVER, "")] * plan.herds  # the latest of each slice
        self._processes: list[list[Process]] = [[] for _ in range(plan.herds)]
        for part in range(plan.herds):
            self._start(part)
            self.at(self._until_next_fault() + AFTERMATH, None, self._strike, part)
        self.at(self.random.uniform(600, 1800), None, self._take_database_away)

    def at(self, time: float, who: Process | None, act: Callable[..., None], *values: Any) -> None:
        """Have `act` called at that time; a process's only while that lives, and not while it is frozen."""
        heapq.heappush(self._agenda, (time, next(self._numbers), who, act, values))

    def run(self) -> Outcome:
        """Let the time pass; return what came of it."""
        end = self.plan.hours * 3600
        while self._agenda and self._agenda[0][0] < end:
            time, _, who, act, values = heapq.heappop(self._agenda)
            if who is not None:
                if who.is_dead:
                    continue
                if who.frozen_until > time:
                    self.at(who.frozen_until, who, act, *values)
                    continue
            self.now = self.database.now = time
            act(*values)
        self.outcome.seconds = end
        self.outcome.posts = sum(self.made)
        self.outcome.commits = self.database.commits
        return self.outcome

    # Who may post

    def look_at(self, who: Process) -> None:
        """Count it if another process may post, too, now that this one may."""
        if who.may_post:
            others = (other for other in self._processes[who.part] if other is not who)
            self.outcome.two_holders += any(other.may_post for other in others)

    def _look_at_slice(self, part: int) -> None:
        """Count it if a process may post for a slice that is given to another one now."""
        self.outcome.two_holders += any(process.may_post for process in self._processes[part])

    # The network

    def way(self) -> float:
        """Return how long a message takes to the database, or back; a few take seconds."""
        return self.random.uniform(0.5, 2.0) if self.random.random() < 0.01 else self.random.expovariate(1000)

    def connecting(self) -> float:
        """Return how long a connection to the network takes, which is up to a minute and a half."""
        return self.random.uniform(1, 90) if self.random.random() < 0.01 else self.random.uniform(0.05, 0.2)

    def send(self, who: Process, bot: int, n: int) -> tuple[float, bool]:
        """Send a post; return in how many seconds it lands, and whether an answer comes then."""
        self.look_at(who)
        slow = self.random.random() < 0.03
        lands = self.random.uniform(0.5, 0.999 * LANDING) if slow else self.random.uniform(0.05, 0.5)
        self.at(self.now + lands, None, self._land, bot, n)
        return lands, self.random.random() < 0.99

    def _land(self, bot: int, n: int) -> None:
        if n == self.made[bot]:
            self.made[bot] += 1
        elif n < self.made[bot]:
            self.outcome.twice += 1
        else:
            self.outcome.lost += 1

    def note_begun(self, part: int, bot: int, n: int) -> None:
        """Note that a process sets about a post for the first time, and how late that is after a fault."""
        fault = self._faults[part]
        if self._begun[bot] < n:
            self._begun[bot] = n
            if self.now - fault.at < AFTERMATH:
                fault.late = max(fault.late, self.now - self.database.due[bot])

    def note_looked_for(self, part: int, bot: int, n: int) -> None:
        """Note that a process looks for a post that another one has begun, and how long after the fault."""
        self._begun[bot] = max(self._begun[bot], n)
        fault = self._faults[part]
        if self.now - fault.at < AFTERMATH:
            fault.under_way = max(fault.under_way, self.now - fault.at)

    # Faults

    def _until_next_fault(self) -> float:
        return self.random.expovariate(1 / self.plan.between_faults)

    def _strike(self, part: int) -> None:
        """Let a fault happen to a process of the slice."""
        self.at(self.now + self._until_next_fault(), None, self._strike, part)
        alive = [process for process in self._processes[part] if not process.is_dead]
        if not alive:
            return
        kind, who = self.random.choice(KINDS), self.random.choice(alive)
        lasts = self.random.uniform(1, 40)
        self._note_fault(part, kind if who.holds else WAITING)
        if kind == "killed":
            who.kill()
            self.at(self.now + self.random.uniform(0.5, RESTARTS), None, self._replace, part)
        elif kind == "frozen":
            who.freeze(self.now + lasts)
        else:
            who.cut_until = max(who.cut_until, self.now + lasts)
        if kind in ("frozen", "cut off, replaced") and lasts > self.plan.notices:
            self.at(self.now + self.plan.notices, None, self._replace, part)

    def _note_fault(self, part: int, kind: str) -> None:
        last = self._faults[part]
        if self.now - last.at < AFTERMATH:
            kind = last.kind = SEVERAL
        self._faults[part] = Fault(self.now, kind)
        self.outcome.faults.append(self._faults[part])

    def _replace(self, part: int) -> None:
        self.at(self.now + self.random.uniform(0.4, 1.0) * self.plan.starts, None, self._start, part)

    def _start(self, part: int) -> None:
        there = [process for process in self._processes[part] if not process.is_dead]
        if len(there) < AT_A_TIME:
            there.append(self._make(self, part))
        self._processes[part] = there

    def needs(self, who: Process) -> bool:
        """Return whether a process that did not get its bots, or has lost them, waits for them."""
        alone = all(other is who or other.is_dead for other in self._processes[who.part])
        return alone or self.random.random() < STAYS

    def _take_database_away(self) -> None:
        self.database_is_away = True
        for part in range(self.plan.herds):
            self._note_fault(part, AWAY)
        self.at(self.now + self.random.uniform(1, 20), None, self._bring_database_back)

    def _bring_database_back(self) -> None:
        self.database_is_away = False
        self.at(self.now + self.random.uniform(600, 1800), None, self._take_database_away)
