"""The HTTP session of one service: its TLS context, its bounded pool of connections, its proxy."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping
from functools import partial
from queue import LifoQueue
from threading import Thread, current_thread
from typing import Any, Protocol

import certifi
import requests
import requests.utils
import simplejson
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.poolmanager import PoolManager
from urllib3.util import Timeout

from flock.clock import boot_time
from flock.errors import BadOption
from flock.options import is_loopback
from flock.threads.slots import POSTS_AT_ONCE

CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 30.0  # seconds
IDLE_LIMIT = 45.0  # seconds; servers (nginx: 75), load balancers (AWS: 60) and NATs (AWS: 350) allow more
_TIMEOUT = Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT)
_SWEEP = 1.0  # seconds between two looks for connections that were idle for too long


class Signer(Protocol):
    """Signs requests whose body is not part of the signature, such as JSON under OAuth 1.0a."""

    def headers_for(self, method: str, url: str) -> Mapping[str, str]:
        """Return the headers that sign a request."""


class Session(requests.Session):
    """A requests session for the service at `root_url`, safe to share between threads.

    It carries no cookie and no credentials from one request to another, reads the environment once instead of at
    each request, and has a timeout for every request. At most `POSTS_AT_ONCE` connections to a host are open.

    JSON that a `Signer` signs goes straight to urllib3, on the same connections: what requests does before and
    after takes a fifth of a post's CPU (benchmarks/machinery.py). Every other request, and each through a proxy,
    takes the usual way.

    `now` is the clock, in seconds, by which unused connections age.

    Honours HTTPS_PROXY and its kin (but not for a loopback address), REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and
    SSL_CERT_FILE. Raises BadOption when the CA bundle cannot be read.
    """

    def __init__(self, root_url: str, *, now: Callable[[], float] = boot_time) -> None:
        super().__init__()
        if not is_loopback(root_url):
            self.proxies = dict(requests.utils.get_environ_proxies(root_url))
        adapter = _Adapter(tls_context(), now)
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        self._root = f"{root_url}/"
        self._manager = adapter.poolmanager
        self._pool: HTTPConnectionPool | None = None  # of the connections to the root URL

    def request(  # type: ignore[override]
        self,
        method: str,
        url: str,
        *,
        timeout: float | tuple[float, float] | None = None,
        allow_redirects: bool = False,
        proxies: object = None,
        **parts: Any,
    ) -> requests.Response:
        """Send one request; `parts` are those of a requests.Request except cookies and hooks.

        A redirect raises TooManyRedirects, since following it would turn a POST into a GET.
        """
        del allow_redirects, proxies  # python-twitter passes them; this session decides
        signer: Any = parts.get("auth")
        content = parts.get("json")
        if (
            content is not None
            and hasattr(signer, "headers_for")
            and url.startswith(self._root)
            and not self.proxies
        ):
            response = self._send_json(method, url, content, signer)
        else:
            response = self._send(method, url, timeout, **parts)
        if response.is_redirect:
            raise requests.TooManyRedirects(response=response)
        return response

    def _send_json(self, method: str, url: str, content: Any, signer: Signer) -> requests.Response:
        """Send JSON on a connection to the root URL. Raises the same exceptions as requests."""
        headers: dict[str, Any] = dict(self.headers)
        headers["Content-Type"] = "application/json"
        headers.update(signer.headers_for(method, url))
        try:
            if self._pool is None:
                self._pool = self._manager.connection_from_url(self._root)
            answer = self._pool.urlopen(
                method,
                url[len(self._root) - 1 :],
                body=simplejson.dumps(content),
                headers=headers,
                redirect=False,
                retries=False,
                timeout=_TIMEOUT,
            )
        except (HTTPError, OSError) as error:
            raise _as_requests(error)(error) from error
        return _as_response(url, answer)

    def _send(
        self, method: str, url: str, timeout: float | tuple[float, float] | None, **parts: Any
    ) -> requests.Response:
        request = self._prepared(method, url, **parts)
        limits = timeout or (CONNECT_TIMEOUT, READ_TIMEOUT)
        response = self.get_adapter(url).send(request, timeout=limits, proxies=self.proxies)
        _ = response.content  # once it is read to its end, the connection goes back to the pool
        return response

    def _prepared(
        self,
        method: str,
        url: str,
        *,
        params: Any = None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        files: Any = None,
        json: Any = None,
        auth: Any = None,
    ) -> requests.PreparedRequest:
        """Return the request, signed, and without a cookie.

        `requests.Session.prepare_request` merges cookies, netrc and the session's headers into each request; this
        takes 20 % of a post's CPU (benchmarks/machinery.py). Here the session's headers are added after signing,
        so that the signer need not parse them.
        """
        request = requests.PreparedRequest()
        request.prepare_method(method)
        request.prepare_url(url, params)
        request.prepare_headers(headers)
        request.prepare_body(data, files, json)
        request.prepare_auth(auth)
        for name, value in self.headers.items():
            request.headers.setdefault(name, value)  # type: ignore[arg-type]  # never bytes
        return request


def _as_requests(error: Exception) -> type[requests.RequestException]:
    """Return the class of requests' exceptions that stands for one of urllib3's or of the system."""
    if isinstance(error, SSLError):
        return requests.exceptions.SSLError
    if isinstance(error, ReadTimeoutError):
        return requests.ReadTimeout
    if isinstance(error, LocationValueError):
        return requests.exceptions.InvalidURL
    is_timeout = isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError)
    return requests.ConnectTimeout if is_timeout else requests.ConnectionError


def _as_response(url: str, answer: BaseHTTPResponse) -> requests.Response:
    response = requests.Response()
    response.url = url
    response.status_code = answer.status
    response.reason = answer.reason or ""
    response.headers = CaseInsensitiveDict(answer.headers)
    response._content = answer.data
    return response


class _Adapter(HTTPAdapter):
    """Gives every connection the same TLS context: reading the CA bundle takes 15 ms and half a megabyte."""

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
    connection = type(pool.ConnectionCls.__name__, (ThreadedConnection, pool.ConnectionCls), {})
    return type(
        pool.__name__,
        (pool,),
        {"QueueCls": staticmethod(partial(IdleConnections, now=now)), "ConnectionCls": connection},
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


class ThreadedConnection(HTTPConnection):
    """Connects in a thread of its own, which then ends.

    Looking up a name and a TLS handshake need a deeper stack than all else that a sheep does, and a thread never
    gives stack memory back: 15 KB a sheep (benchmarks/machinery.py).
    """

    def connect(self) -> None:
        _run_in_thread(super().connect)


def _run_in_thread(function: Callable[[], None]) -> None:
    """Run `function` in a new thread, or in this one where none can be started; raise what it raises."""
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
    thread.join()
    if failures:
        raise failures.pop()


def tls_context() -> ssl.SSLContext:
    """Return a verifying context for the CA bundle that the environment names, or else certifi's.

    Raises BadOption when the bundle cannot be read.
    """
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        if bundle := os.environ.get(variable):
            break
    else:
        variable, bundle = "certifi", certifi.where()
    try:
        if os.path.isdir(bundle):  # noqa: PTH112 - requests takes folders too
            return ssl.create_default_context(capath=bundle)
        return ssl.create_default_context(cafile=bundle)
    except OSError as error:
        raise BadOption(f"{variable}: cannot read the CA bundle {bundle}: {error.strerror or error}") from None
