"""How many sheep post to one service at once."""

from __future__ import annotations

import math
import threading
from collections import deque

POSTS_AT_ONCE = 128  # each over a connection of its own


class Slots:
    """A semaphore for a `with` statement: at most `size` threads are inside, the others wait for a slot.

    When thousands of sheep are due at once, because the machine was suspended or the network is back, thousands
    of posts at a time would contend for the GIL, and none would end for half a minute. A thread that waits for a
    slot has not begun its post yet.

    A thread that leaves hands its slot to one that waits. If it put the slot down instead, it could take it again
    before a waiting thread has woken up, and sheep without an interval would keep the others out for ever.
    `waiting` counts the threads that wait.
    """

    def __init__(self, size: int = POSTS_AT_ONCE) -> None:
        self._free: float = size
        self._turns: deque[threading.Lock] = deque()  # of the threads that wait, first come first served
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many threads wait for a slot."""
        return len(self._turns)

    def open(self) -> None:
        """Let every thread through, now and from now on: the flock stops, and none of them will post.

        Each waiting thread wakes the next one, to limit contention for the GIL.
        """
        with self._lock:
            self._free = math.inf
        self._hand_over()

    def __enter__(self) -> None:
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return
            turn = threading.Lock()
            turn.acquire()
            self._turns.append(turn)
        turn.acquire()  # returns when a thread that leaves has released it
        if self._free == math.inf:
            self._hand_over()

    def __exit__(self, *_: object) -> None:
        self._hand_over()

    def _hand_over(self) -> None:
        """Hand a slot to the thread that has waited longest, or put it down when none waits."""
        with self._lock:
            if not self._turns:
                self._free += 1
                return
            turn = self._turns.popleft()
        turn.release()
