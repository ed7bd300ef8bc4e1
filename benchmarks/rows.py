"""The database of the simulation in `leases.py`: the rules of the leases, and the rows that they are about."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from flock.journal.postgres import journal, leases
from flock.sheep.recovery import LANDING

NEVER = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of the leases, in seconds: those of the journal, unless a test wants to see them broken.

    With `clocks_stop` the clock of a frozen machine stands still, as it does in many virtual machines.
    """

    ttl: float = leases.TTL
    renew: float = leases.RENEW
    margin: float = leases.MARGIN
    again: float = leases._AGAIN
    patience: float = leases._PATIENCE
    write_patience: float = journal._PATIENCE
    landing: float = LANDING
    is_fenced: bool = True
    clocks_stop: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A simulation: bots, herds, times in seconds. Each herd meets a fault every `between_faults` on average.

    `notices` is how long it takes until a process that does not answer is replaced, `starts` the longest start of
    a process, and `commit` what the database takes for a commit.
    """

    bots: int = 100_000
    herds: int = 10
    hours: float = 2.0
    interval: float = 1800.0
    between_faults: float = 240.0
    notices: float = 10.0
    starts: float = 5.0
    commit: float = 0.002
    seed: int = 1


class Write(NamedTuple):
    """What a process writes about one bot. `done` is told whether it was written, or None if that is unknown."""

    kind: Literal["intend", "settle"]
    bot: int
    n: int
    due: float
    done: Callable[[bool | None], None]


class Database:
    """The tables, and the statements of `flock.journal.postgres` that decide who may write.

    `on_claim` is called with each slice that is given to another process.
    """

    def __init__(self, plan: Plan, rules: Rules, on_claim: Callable[[int], None] = lambda _: None) -> None:
        self._rules = rules
        self._on_claim = on_claim
        self._until: dict[int, float] = {}
        self._epochs: list[int | None] = [None] * plan.herds  # of the bots of each slice
        self._n = [0] * plan.bots
        self._intended: set[int] = set()
        self._per_slice = -(-plan.bots // plan.herds)
        self.due = [plan.interval * bot / plan.bots for bot in range(plan.bots)]
        random.Random(plan.seed).shuffle(self.due)  # so that a slice posts all the time
        self.now = 0.0
        self.commits: Counter[str] = Counter()

    def bots(self, part: int) -> range:
        """Return the bots of a slice."""
        return range(part * self._per_slice, min((part + 1) * self._per_slice, len(self._n)))

    def take(self, new: int) -> bool:
        """Begin a lease."""
        self.commits["claim"] += 1
        self._until[new] = self.now + self._rules.ttl
        return True

    def renew(self, epoch: int) -> bool:
        """Prolong a lease that has not ended."""
        self.commits["renewal"] += 1
        if self._until.get(epoch, NEVER) <= self.now:
            return False
        self._until[epoch] = self.now + self._rules.ttl
        return True

    def take_another(self, new: int, own: Sequence[int]) -> list[int]:
        """Begin a lease with what is left of the own slices; return these."""
        self.take(new)
        kept = [part for part, epoch in enumerate(self._epochs) if epoch in own]
        for part in kept:
            self._epochs[part] = new
        return kept

    def claim(self, part: int, epoch: int) -> tuple[dict[int, int], set[int]] | Literal[False]:
        """Take a slice, and return where its bots are, and which have a post under way.

        Return False if another lease holds, or this one no longer does.
        """
        self.commits["claim"] += 1
        before = self._epochs[part]
        if before not in (None, epoch):
            if self._until.get(before, NEVER) > self.now:
                return False
            self._until[before] = NEVER
        if self._until.get(epoch, NEVER) <= self.now:
            return False
        self._epochs[part] = epoch
        self._on_claim(part)
        bots = self.bots(part)
        return {bot: self._n[bot] for bot in bots}, self._intended.intersection(bots)

    def give_back(self, own: Sequence[int]) -> None:
        """Free the slices of these leases, and end the leases."""
        self.commits["claim"] += 1
        self._epochs = [None if epoch in own else epoch for epoch in self._epochs]
        for epoch in own:
            self._until.pop(epoch, None)

    def commit(self, part: int, group: Sequence[Write], epoch: int) -> set[int]:
        """Write about bots, where their rows have this epoch; return about which."""
        self.commits["post"] += 1
        if self._rules.is_fenced and self._epochs[part] != epoch:
            return set()
        return {write.bot for write in group if self._is_written(write)}

    def _is_written(self, write: Write) -> bool:
        if write.kind == "intend":
            if self._n[write.bot] != write.n:
                return False
            self._intended.add(write.bot)
        elif self._n[write.bot] == write.n:
            self._n[write.bot] = write.n + 1
            self.due[write.bot] = write.due
            self._intended.discard(write.bot)
        return True
