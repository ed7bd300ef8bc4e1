"""Group commit: the writes of many threads in one transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

AT_MOST = 500  # writes in one transaction

Statement = tuple[str, tuple[object, ...]]


class Closed(Exception):
    """The queue takes no more writes."""


class Write:
    """Statements that are committed together.

    `flush` asks that they are on the disk when the commit returns. `error` says why they were not committed, and
    is None once they were.
    """

    __slots__ = ("error", "flush", "is_done", "statements", "turn")

    def __init__(self, statements: Sequence[Statement], *, flush: bool) -> None:
        self.statements = statements
        self.flush = flush
        self.error: BaseException | None = InterruptedError("interrupted before it was committed")
        self.is_done = False
        self.turn = threading.Lock()  # its thread waits for it: until the write is done, or until it must commit
        self.turn.acquire()


class GroupCommit:
    """Group commit by hand-over between the threads that write.

    The first thread commits its write. Threads that arrive meanwhile queue up, each waiting on a lock of its own.
    After the commit, the first of them commits the whole queue, and so on. A thread that arrives while no other
    commits, commits without waking another thread. A writer thread would be woken for each write, and would then
    wake the thread that waits: it takes 1.4 times the CPU for a write, with 1 thread and with 128
    (`benchmarks/journal.py`). With 10,000 threads that write without a pause, which no flock does, the hand-over
    is no better.

    `commit` is called by one thread at a time, with at most `at_most` writes, and sets the `error` of each.
    """

    def __init__(self, commit: Callable[[Sequence[Write]], None], at_most: int = AT_MOST) -> None:
        self._commit = commit
        self._at_most = at_most
        self._guard = threading.Lock()  # of the queue and the two flags
        self._queued: list[Write] = []
        self._group: Sequence[Write] = ()  # what is being committed
        self._is_led = False  # one thread commits, or has been told to
        self._is_closed = False

    def measure(self, tell: Callable[[float], None]) -> None:
        """Have `tell` called with the seconds that each commit takes from now on, in the thread that commits."""
        commit = self._commit

        def measured(group: Sequence[Write]) -> None:
            begun = time.perf_counter()
            try:
                commit(group)
            finally:
                tell(time.perf_counter() - begun)

        self._commit = measured

    @property
    def pending(self) -> int:
        """How many writes are queued or being committed."""
        return len(self._group) + len(self._queued)

    def submit(self, write: Write) -> None:
        """Return when `write` has been committed or has failed: see its `error`. Raises Closed after `close`."""
        self._submit(write, closes=False)

    def close(self) -> None:
        """Commit what is queued, and take no more writes."""
        self._submit(Write([], flush=False), closes=True)

    def _submit(self, write: Write, *, closes: bool) -> None:
        with self._guard:
            if self._is_closed:
                raise Closed
            self._is_closed = closes
            self._queued.append(write)
            leads, self._is_led = not self._is_led, True
        if not leads:
            try:
                write.turn.acquire()
            except BaseException:  # Ctrl-C in the main thread
                self._leave(write)
                raise
        if not write.is_done:
            self._lead()

    def _lead(self) -> None:
        """Commit one group, and hand the lead over to the first thread that has queued up meanwhile."""
        try:
            with self._guard:
                self._group, self._queued = self._queued[: self._at_most], self._queued[self._at_most :]
            self._commit(self._group)
        finally:
            with self._guard:
                group, self._group = self._group, ()
            for write in group:
                write.is_done = True
                write.turn.release()
            with self._guard:
                self._hand_over()

    def _leave(self, write: Write) -> None:
        """Take `write` out of the queue, since its thread has stopped waiting. Hand over the lead if it has it."""
        with self._guard:
            if write in self._queued:
                self._queued.remove(write)
                if not write.turn.locked():
                    self._hand_over()

    def _hand_over(self) -> None:
        self._is_led = bool(self._queued)
        if self._queued:
            self._queued[0].turn.release()
