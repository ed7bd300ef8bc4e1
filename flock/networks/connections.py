"""The connections of a flock: how they are made, and how long one is trusted that has rested."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import LifoQueue
from threading import Thread, current_thread

from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.poolmanager import PoolManager

REST = 45.0  # seconds; shorter than what servers (nginx: 75), load balancers (AWS: 60) and NATs (AWS: 350) allow
_SWEEP = 1.0  # seconds between two looks at all of them


class RestingConnections(LifoQueue[HTTPConnection | None]):
    """What a urllib3 pool keeps its unused connections in; None stands for one that is yet to be made.

    Whoever keeps a connection longer than the others on its way may say a line into the void: a NAT has forgotten
    it, a server is about to close it, and nobody knows whether the line was heard. So one that has rested for
    `REST` seconds is closed; urllib3 opens it anew when it is needed again. The one used last goes first, so a
    flock keeps as many as it has use for, not as many as it once had.

    Rest is measured by the wall clock, since the monotonic one stands still while a laptop sleeps; a wall clock
    that was set closes connections for nothing, and that is all.
    """

    _swept = 0.0

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._since: list[float] = []  # as long as the queue; when each came to rest

    def _put(self, item: HTTPConnection | None) -> None:
        super()._put(item)
        self._since.append(time.time())

    def _get(self) -> HTTPConnection | None:
        now = time.time()
        if not 0 <= now - self._swept <= _SWEEP:
            self._sweep(now)
        self._since.pop()
        return super()._get()

    def _sweep(self, now: float) -> None:
        self._swept = now
        for connection, since in zip(self.queue, self._since, strict=True):
            if connection is not None and not 0 <= now - since <= REST:
                connection.close()


class ErrandConnection(HTTPConnection):
    """Connects in a thread of its own, which ends with that.

    Looking up a name and a TLS handshake reach 7 KB deeper into the stack than anything else that a sheep does,
    and a thread never gives its stack back: sooner or later, each of ten thousand would keep that much.
    """

    def connect(self) -> None:
        _send(super().connect)


def _send(errand: Callable[[], None]) -> None:
    """Run `errand` in a thread of its own, and raise what it raises; here, where there can be no more threads."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            errand()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            failures.append(error)

    thread = Thread(target=run, name=current_thread().name, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        errand()
        return
    thread.join()
    if failures:
        raise failures.pop()


def look_after(manager: PoolManager) -> None:
    """Let the pools that `manager` makes from now on make and keep their connections so."""
    manager.pool_classes_by_scheme = {
        scheme: _with_care(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


def _with_care(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    connection = type(pool.ConnectionCls.__name__, (ErrandConnection, pool.ConnectionCls), {})
    return type(pool.__name__, (pool,), {"QueueCls": RestingConnections, "ConnectionCls": connection})
