"""How many sheep post to one service at once."""

from __future__ import annotations

from queue import SimpleQueue

POSTS_AT_ONCE = 128  # each over a connection of its own


class Slots:
    """A semaphore for a `with` statement: at most `size` threads are inside, the others wait for a slot.

    When thousands of sheep are due at once, because the machine was suspended or the network is back, thousands
    of posts at a time would contend for the GIL, and none would end for half a minute. A thread that waits for a
    slot has not begun its post yet.
    """

    def __init__(self, size: int = POSTS_AT_ONCE) -> None:
        self._free: SimpleQueue[None] = SimpleQueue()
        self._is_open = False
        for _ in range(size):
            self._free.put(None)

    def open(self) -> None:
        """Let every thread through, now and from now on: the flock stops, and none of them will post.

        Each waiting thread wakes the next one, to limit contention for the GIL.
        """
        self._is_open = True
        self._free.put(None)

    def __enter__(self) -> None:
        self._free.get()
        if self._is_open:
            self._free.put(None)

    def __exit__(self, *_: object) -> None:
        self._free.put(None)
