"""Herd: what one process runs. Sheep, a thread each, until they are told to stop."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from flock.context import Context
from flock.errors import BadOption, printable
from flock.events import Died, Event, Out
from flock.sheep.sheep import Sheep
from flock.threads.pool import thread_pool
from flock.watch import Watch, snapshot

log = logging.getLogger(__name__)

_STAGGER = 0.05  # seconds between the first posts of two sheep
_ROUNDS = 0.005  # seconds between two rounds, for each sheep
_LONGEST_ROUNDS = 10.0  # seconds; well below the WatchdogSec= of the unit
_TURN = 50e-6  # seconds of Python's switch interval for each thread


class Herd:
    """Runs `flock` on a pool of threads. It has no signals and no console, and no files but its journal.

    `dead` holds the errors that ended the threads of sheep, by `Sheep.bot`.
    """

    def __init__(self, flock: Sequence[Sheep], context: Context) -> None:
        self.flock = flock
        self.context = context
        self.dead: dict[str, BaseException] = {}
        self._watch = Watch()
        self._next_rounds = float("-inf")  # steady time

    def run(
        self, work: Callable[[Sheep], None], flock: Sequence[Sheep], *, threads: int, on_home: Callable[[], None]
    ) -> None:
        """Map `work` over `flock` on a pool of `threads`, and return at once; `on_home` is called when all are
        done.

        Raises BadOption when the machine allows fewer threads.
        """
        self._watch.since = self.context.clock.now()
        self.context.stop.expect(threads)
        pool = thread_pool(max(1, threads))
        self.tell(Out, sheep=len(flock), where=self._where(), first_in=self._first_in(flock))

        def come_home(_: object) -> None:
            pool.close()
            on_home()

        if not flock:
            come_home(None)  # map_async never calls back for an empty flock
            return
        pool.map_async(self.guarded(work), flock, chunksize=1, callback=come_home, error_callback=come_home)

    def stop(self) -> None:
        """Tell every sheep to stop: those that sleep, and those that wait for a slot and have begun nothing."""
        self.context.stop.set()
        for service in self.context.networks.services:
            service.slots.open()

    def call(self) -> None:
        """Give penned sheep, and those that wait for a limit, another try now."""
        self.context.calls += 1
        self.wake()

    def wake(self) -> None:
        """Wake every sheep that sleeps, so that it looks at its clock again: it may have stood still."""
        try:
            self.context.stop.nudge()
        except BadOption as error:  # no more files: a sheep that sleeps finds out when it wakes by itself
            log.warning("%s", error)

    def look_around(self) -> None:
        """Look after the journal; tell how the herd is doing, and of sheep that have gone quiet.

        It is called once a second. A large herd is looked over less often, since that takes CPU for each sheep: of
        1,000 sheep every 5 s, of 2,000 and more every 10 s.
        """
        now, wall = self.context.clock.now(), self.context.clock.wall()
        self.context.journal.look_after(now)
        if now < self._next_rounds:
            return
        self._next_rounds = now + min(len(self.flock) * _ROUNDS, _LONGEST_ROUNDS)
        for event in self._watch.listen(self.flock, now=now, wall=wall):
            self.context.events.tell(event)
        self.context.events.tell(snapshot(self.flock, self.dead, self._watch, now=now, wall=wall))

    @property
    def is_penned(self) -> bool:
        """Whether every sheep is penned, besides those whose threads have ended."""
        return all(sheep.is_penned for sheep in self.flock if sheep.bot not in self.dead)

    @property
    def under_way(self) -> int:
        """How many sheep are posting."""
        return sum(sheep.busy for sheep in self.flock)

    def spread(self) -> None:
        """Spread the sheep that are due now over the first moments, in an order that the seed decides."""
        now = self.context.clock.now()
        order = np.random.Generator(np.random.Philox(self.context.options.seed)).permutation(len(self.flock))
        for place, index in enumerate(order):
            sheep = self.flock[index]
            share = min(sheep.line_interval / len(self.flock), _STAGGER)
            if sheep.wake <= now + share * len(self.flock):
                sheep.postpone(max(sheep.wake, now + share * place))

    def tell(self, kind: type[Event], **fields: Any) -> None:
        """Tell an event of the whole herd."""
        self.context.events.tell(kind(at=self.context.clock.wall(), **fields))

    def guarded(self, work: Callable[[Sheep], None]) -> Callable[[Sheep], None]:
        """Return `work` with a guard around it: what escapes it is logged and counted, and ends only that thread.

        A pool's worker that ends by SystemExit would never report back, and the pool would wait for it for ever.
        """

        def guarded(sheep: Sheep) -> None:
            try:
                work(sheep)
            except BaseException as error:
                self.dead[sheep.bot] = error
                log.error("the thread of %s has ended", sheep.name, exc_info=error)
                self.tell(Died, bot=sheep.name, why=printable(f"{type(error).__name__}: {error}"))

        return guarded

    def _where(self) -> str:
        return ", ".join(sorted(service.name for service in self.context.networks.services))

    def _first_in(self, flock: Sequence[Sheep]) -> float:
        return min((sheep.wake for sheep in flock), default=0.0) - self.context.clock.now()


@contextmanager
def patient_threads(threads: int) -> Iterator[None]:
    """Lengthen Python's switch interval with the number of threads.

    Each thread that waits for the GIL asks for it every 5 ms. When thousands wait, after the machine was suspended
    for instance, the asking takes all the time there is. Threads that post release the GIL often anyway.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(max(before, threads * _TURN))
    try:
        yield
    finally:
        sys.setswitchinterval(before)
