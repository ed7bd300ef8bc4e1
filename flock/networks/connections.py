"""The connections of one service: a bounded pool of them, made in threads of their own, closed after a rest."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial, partialmethod
from queue import LifoQueue
from threading import Thread, current_thread
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError
from urllib3.poolmanager import PoolManager

from flock.clock import boot_time
from flock.networks.exchange import EXCHANGE_LIMIT, BoundedAnswer, Unreached
from flock.threads.slots import POSTS_AT_ONCE

CONNECT_LIMIT = 30.0  # seconds for a connection: all addresses of the name, a proxy's tunnel, TLS
IDLE_LIMIT = 45.0  # seconds; servers (nginx: 75), load balancers (AWS: 60) and NATs (AWS: 350) allow more
_SWEEP = 1.0  # seconds between two looks for connections that were idle for too long


class Connections(HTTPAdapter):
    """At most `POSTS_AT_ONCE` connections to a host, all with one TLS context and bounded answers.

    Reading the CA bundle for each connection would take 15 ms and half a megabyte. `now` is the clock, in seconds,
    by which unused connections age.
    """

    def __init__(self, context: ssl.SSLContext, now: Callable[[], float]) -> None:
        self._context = context
        self._now = now
        super().__init__(pool_maxsize=POSTS_AT_ONCE, pool_block=True)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        self._adapt(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)
        if is_new:
            self._adapt(manager)
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Do nothing: the context verifies the certificate."""

    def _adapt(self, manager: PoolManager) -> None:
        """Let the pools of `manager` close idle connections, and connect in threads of their own."""
        manager.pool_classes_by_scheme = {
            scheme: _adapted(pool, self._now) for scheme, pool in manager.pool_classes_by_scheme.items()
        }


def _adapted(pool: type[HTTPConnectionPool], now: Callable[[], float]) -> type[HTTPConnectionPool]:
    connection = type(pool.ConnectionCls.__name__, (BoundedConnection, pool.ConnectionCls), {})
    return type(
        pool.__name__,
        (pool,),
        {
            "QueueCls": staticmethod(partial(IdleConnections, now=now)),
            "ConnectionCls": connection,
            "urlopen": partialmethod(pool.urlopen, pool_timeout=EXCHANGE_LIMIT),  # else it waits for ever
        },
    )


class IdleConnections(LifoQueue[HTTPConnection | None]):
    """What a urllib3 pool keeps its unused connections in; None stands for one that is yet to be made.

    A connection that was idle for `IDLE_LIMIT` seconds is closed; urllib3 opens it again when it is needed. NATs
    forget idle connections and servers close them; a post over such a connection gets no answer, and then it is
    unknown whether it landed. The queue is last in, first out, so that a flock keeps only as many connections open
    as it uses at once.

    `now` must count the time in which the machine is suspended.
    """

    def __init__(self, maxsize: int = 0, *, now: Callable[[], float] = boot_time) -> None:
        self._now = now
        self._swept = now()
        super().__init__(maxsize)

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._since: list[float] = []  # as long as the queue: when each connection became idle

    def _put(self, item: HTTPConnection | None) -> None:
        super()._put(item)
        self._since.append(self._now())

    def _get(self) -> HTTPConnection | None:
        now = self._now()
        if now - self._swept > _SWEEP:
            self._sweep(now)
        self._since.pop()
        return super()._get()

    def _sweep(self, now: float) -> None:
        self._swept = now
        for connection, since in zip(self.queue, self._since, strict=True):
            if connection is not None and now - since > IDLE_LIMIT:
                connection.close()


class BoundedConnection(HTTPConnection):
    """A connection whose answers are bounded, and which is made in a thread of its own, which then ends.

    Looking up a name and a TLS handshake need a deeper stack than all else that a sheep does, and a thread never
    gives stack memory back: 15 KB a sheep (benchmarks/machinery.py). Also, nothing else ends a lookup in time.
    """

    response_class = BoundedAnswer

    def connect(self) -> None:
        """Connect. Raises Unreached: http.client sends nothing before."""
        try:
            _run_in_thread(super().connect)
        except Exception as error:
            raise Unreached(self._proxy_host()) from error

    def _proxy_host(self) -> str | None:
        socks: dict[str, str] = getattr(self, "_socks_options", {})  # of urllib3's SOCKSConnection
        return self.proxy.host if self.proxy else socks.get("proxy_host")


def _run_in_thread(function: Callable[[], None]) -> None:
    """Run `function` in a new thread, or in this one where none can be started; raise what it raises.

    Raises ConnectTimeoutError if it is not done within CONNECT_LIMIT.
    """
    failures: list[BaseException] = []

    def run() -> None:
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread that waits
            failures.append(error)

    thread = Thread(target=run, name=current_thread().name, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        function()
        return
    thread.join(CONNECT_LIMIT)
    if thread.is_alive():
        raise ConnectTimeoutError("not connected in time")
    if failures:
        raise failures.pop()
