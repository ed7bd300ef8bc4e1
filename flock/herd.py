"""Herd: what one process runs. Sheep, a thread each, until they are told to stop."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from typing import Any

import numpy as np

from flock.context import Context
from flock.errors import BadOption, BotsTaken, JournalError, printable
from flock.events import Died, Event, NewJournal, Out
from flock.journal import Command
from flock.sheep.sheep import Sheep
from flock.state import absolute
from flock.threads.pool import thread_pool
from flock.watch import Watch, snapshot

log = logging.getLogger(__name__)

_STAGGER = 0.05  # seconds between the first posts of two sheep
_ROUNDS = 0.005  # seconds between two rounds, for each sheep
_LONGEST_ROUNDS = 10.0  # seconds; well below the WatchdogSec= of the unit
_PATIENCE = 60.0  # seconds, the longest that a post takes
_TURN = 50e-6  # seconds of Python's switch interval for each thread


class Herd:
    """Runs `flock` on a pool of threads. It has no signals and no console, and no files but its journal.

    `dead` holds the errors that ended the threads of sheep, by `Sheep.bot`.
    """

    def __init__(self, flock: Sequence[Sheep], context: Context) -> None:
        self.flock: Sequence[Sheep] = flock
        self.context = context
        self.dead: dict[str, BaseException] = {}
        self._leaving: set[str] = set()  # bots that were taken out, and whose threads have not ended yet
        self._batches = 0  # pools of which a sheep is out
        self._changed = threading.Condition()  # of these two
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
        if self.context.journal.is_new:
            self.tell(NewJournal, path=str(absolute(self.context.options.journal)))
        if flock:
            self._map(pool, work, flock, on_home)
        else:
            pool.close()
            on_home()  # map_async never calls back for an empty flock

    def join(self, work: Callable[[Sheep], None], flock: Sequence[Sheep], *, on_home: Callable[[], None]) -> None:
        """Send out sheep that are added, on a pool of their own; `on_home` is called when all sheep are home.

        Raises BadOption when the machine allows fewer threads; then they are not in the herd.
        """
        threads = len(self.flock) + len(flock)
        self.context.stop.expect(threads)
        pool = thread_pool(len(flock))
        sys.setswitchinterval(max(sys.getswitchinterval(), threads * _TURN))  # until `patient_threads` ends
        self.flock = [*self.flock, *flock]
        self.spread(flock)
        self.hand_over()  # before the first line
        self._map(pool, work, flock, on_home)

    def _map(
        self, pool: ThreadPool, work: Callable[[Sheep], None], flock: Sequence[Sheep], on_home: Callable[[], None]
    ) -> None:
        """Run one batch of sheep on its own pool. The last batch that is home calls `on_home`."""

        def come_home(_: object) -> None:
            pool.close()
            with self._changed:
                self._batches -= 1
            if self.is_home:
                on_home()

        with self._changed:
            self._batches += 1
        pool.map_async(self.guarded(work), flock, chunksize=1, callback=come_home, error_callback=come_home)

    @property
    def is_home(self) -> bool:
        """Whether no sheep is out, also none that was taken out of the herd."""
        return self._batches == 0

    def dismiss(self, flock: Sequence[Sheep]) -> None:
        """Take sheep out of the herd: each thread ends after the post under way, and then its bot is free."""
        gone = set(flock)
        with self._changed:
            self._leaving.update(name for sheep in gone for name in sheep.claimed)
        self.flock = [sheep for sheep in self.flock if sheep not in gone]
        self._watch.forget({sheep.bot for sheep in gone})
        for sheep in flock:
            sheep.dismiss()
            if sheep.bot in self.dead:
                self._part_with(sheep)
        self.wake()

    def wait_for(self, bots: Iterable[str]) -> set[str]:
        """Wait until none of these bots is about to leave, a minute at most; return those that still are."""
        asked = set(bots)
        with self._changed:
            self._changed.wait_for(lambda: self._leaving.isdisjoint(asked), _PATIENCE)
            return self._leaving & asked

    def _part_with(self, sheep: Sheep) -> None:
        """Free the bot of a sheep whose thread has ended."""
        try:
            self.context.journal.release(sheep.claimed)
        except JournalError as error:
            log.warning("%s is not free for another flock yet: %s", sheep.name, error)
        with self._changed:
            self.dead.pop(sheep.bot, None)
            self._leaving.difference_update(sheep.claimed)
            self._changed.notify_all()

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

    def hand_over(self) -> None:
        """Hand the operator's commands to the sheep that they are for, and wake these if they sleep.

        Sheep that are told to go on do so one after the other, as at the start.
        """
        try:
            commands = self.context.journal.commands()
        except JournalError as error:
            log.debug("%s", error)  # told by the next intent
            return
        if not commands:
            return
        told: dict[str, list[Command]] = {}
        for command in commands:
            told.setdefault(command.bot, []).append(command)
        flock = [sheep for sheep in self.flock if sheep.bot in told and sheep.bot not in self.dead]
        for place, sheep in enumerate(flock):
            sheep.hear(told[sheep.bot], place * min(sheep.line_interval / len(flock), _STAGGER))
        if any(sheep.sleeping and sheep.is_spoken_to for sheep in flock):
            self.wake()

    def look_around(self) -> None:
        """Look after the journal, hand over commands, tell how the herd is doing and which sheep have gone quiet.

        It is called once a second. A large herd is looked over less often, since that takes CPU for each sheep: of
        1,000 sheep every 5 s, of 2,000 and more every 10 s.
        """
        now, wall = self.context.clock.now(), self.context.clock.wall()
        self._give_up(self.context.journal.look_after(now))
        self.hand_over()
        if now < self._next_rounds:
            return
        self._next_rounds = now + min(len(self.flock) * _ROUNDS, _LONGEST_ROUNDS)
        for event in self._watch.listen(self.flock, now=now, wall=wall):
            self.context.events.tell(event)
        self.context.events.tell(snapshot(self.flock, self.dead, self._watch, now=now, wall=wall))

    def _give_up(self, bots: Sequence[str]) -> None:
        """Take the sheep of these bots out of the herd: another flock has them. Raises BotsTaken if no sheep is
        left."""
        lost = set(bots)
        flock = [sheep for sheep in self.flock if not lost.isdisjoint(sheep.claimed)]
        if not flock:
            return
        names = ", ".join(sheep.name for sheep in flock[:5]) + (", …" if len(flock) > 5 else "")
        told = f"another flock runs {names} now: this one was not heard of for some seconds"
        if len(flock) == len(self.flock):
            raise BotsTaken(f"{told}, and has no bot left")
        log.error("%s", told)
        self.dismiss(flock)

    @property
    def is_penned(self) -> bool:
        """Whether every sheep is penned, besides those whose threads have ended."""
        return all(sheep.is_penned for sheep in self.flock if sheep.bot not in self.dead)

    @property
    def under_way(self) -> int:
        """How many sheep are posting."""
        return sum(sheep.busy for sheep in self.flock)

    def spread(self, flock: Sequence[Sheep] | None = None) -> None:
        """Spread the sheep of `flock`, or all, that are due now over the first moments.

        The seed decides the order.
        """
        flock = self.flock if flock is None else flock
        now = self.context.clock.now()
        order = np.random.Generator(np.random.Philox(self.context.options.seed)).permutation(len(flock))
        for place, index in enumerate(order):
            sheep = flock[index]
            share = min(sheep.line_interval / len(flock), _STAGGER)
            if sheep.wake <= now + share * len(flock):
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
                self.context.leave(sheep.claimed)
                log.error("the thread of %s has ended", sheep.name, exc_info=error)
                self.tell(Died, bot=sheep.name, why=printable(f"{type(error).__name__}: {error}"))
            if sheep.is_dismissed:
                self._part_with(sheep)

        return guarded

    def _where(self) -> str:
        return ", ".join(sorted(service.name for service in self.context.networks.services))

    def _first_in(self, flock: Sequence[Sheep]) -> float:
        now = self.context.clock.now()
        first = min((sheep.wake for sheep in flock if not sheep.is_paused), default=now)
        return max(0.0, first - now)  # the first sheep may have spoken already


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
