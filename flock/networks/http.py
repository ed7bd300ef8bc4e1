"""HTTP with one service: its session, its connections, and the bounds of each exchange.

Every failure is a NetworkError. http.client reads an answer through a file on the socket; `BoundedAnswer` gives it
a file that ends with an error at the deadline, or where headers or body are larger than any that flock needs.

What a network sends besides its answer must not be read as the answer to the next request. A connection on which
more than the answer has come is not used again. If more comes later, when the connection has been used again, the
answer that is read is another request's: the network's adapter sees that, and tells the session (`distrust`).
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from itertools import islice
from queue import LifoQueue
from threading import Lock, Thread, current_thread
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
import simplejson
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import default_user_agent
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, DecodeError, HTTPError
from urllib3.poolmanager import PoolManager

from flock.clock import boot_time
from flock.networks.environment import proxies_for, tls_context
from flock.networks.failures import TooLarge, Unreached, Withheld, failure
from flock.networks.permission import may_send
from flock.threads.slots import POSTS_AT_ONCE

EXCHANGE_LIMIT = 60.0  # seconds from the request to the last byte of its answer
POOL_LIMIT = 60.0  # seconds until one of the connections is free
CONNECT_LIMIT = 30.0  # seconds for a connection: all addresses of the name, a proxy's tunnel, TLS
CONNECT_TIMEOUT = 10.0  # seconds for each address of a name
READ_TIMEOUT = 30.0  # seconds without a byte
LARGEST_HEADERS = 65_536  # bytes, with all that comes before them
LARGEST_ANSWER = 1_000_000  # bytes, as they are sent and also after decompression
LINE_COST = 128  # bytes more for each line of headers, chunk sizes and trailers: short ones take CPU, too
IDLE_LIMIT = 45.0  # seconds; servers (nginx: 75), load balancers (AWS: 60) and NATs (AWS: 350) allow more
DISTRUST = 600.0  # seconds for which each request has a connection of its own, after an answer nobody asked for
_LATEST = 4096  # ids of posts; an answer that nobody asked for comes soon after the one before it
_LAST_FEW = 8  # of these, with which the id of a new post is compared
_SWEEP = 1.0  # seconds between two looks for connections that were idle for too long
_CHUNK = 65_536

_ENCODINGS = {"": None, "identity": None, "gzip": 31, "x-gzip": 31, "deflate": 47}  # and zlib's window bits
_HEADERS = {
    "User-Agent": default_user_agent(),
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # answers are short, and what is not compressed does not grow
}
_JSON = simplejson.JSONEncoder(ensure_ascii=False)

# What the libraries raise for an exchange that failed; requests' own exceptions are OSErrors.
_FAILURES = (OSError, HTTPError, http.client.HTTPException, ValueError)


class Signer(Protocol):
    """Signs requests whose body is not part of the signature, such as JSON under OAuth 1.0a."""

    def headers_for(self, method: str, url: str) -> Mapping[str, str]:
        """Return the headers that sign a request."""


class Session(requests.Session):
    """A requests session for the service at `root_url`, safe to share between threads.

    It carries no cookie and no credentials from one request to another, reads the environment once instead of at
    each request, follows no redirect, since that would turn a POST into a GET, and bounds every exchange
    (see the constants above). At most `POSTS_AT_ONCE` connections to a host are open.

    JSON that a `Signer` signs goes straight to the pool of the same connections: what requests and urllib3 do
    before and after takes a fifth of a post's CPU (benchmarks/machinery.py). Every other request, and each through
    a proxy, takes the usual way.

    `now` is the clock, in seconds, by which unused connections age.

    Honours HTTPS_PROXY and its kin (but not for a loopback address), REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and
    SSL_CERT_FILE. Raises BadOption when the CA bundle cannot be read, or a proxy cannot be used.
    """

    def __init__(self, root_url: str, *, now: Callable[[], float] = boot_time) -> None:
        super().__init__()
        self.proxies = proxies_for(root_url)
        self.headers = CaseInsensitiveDict(_HEADERS)
        self._trust = Trust(now)
        connections = Connections(tls_context(), now, self._trust)
        self.mount("https://", connections)
        self.mount("http://", connections)
        self._root = f"{root_url}/"
        self._latest = Latest(_LATEST)
        self._manager: Any = connections.poolmanager  # its pools are `_adapted`
        self._pool: PatientPool | None = None  # of the connections to the root URL

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

        Raises Unavailable when no byte of it was sent, and OutcomeUnknown when no whole answer came back.
        """
        del timeout, allow_redirects, proxies  # python-twitter passes them; this session decides
        signer: Any = parts.get("auth")
        content = parts.get("json")
        is_direct = content is not None and hasattr(signer, "headers_for") and not self.proxies
        try:
            if is_direct and url.startswith(self._root):
                return self._send_json(method, url, content, signer)
            return self._send(method, url, **parts)
        except _FAILURES as error:
            raise failure(error, urlsplit(self._root).hostname or self._root) from error

    def distrust(self) -> None:
        """Note that the server has sent an answer that nobody asked for, or one to another request.

        No connection is used for a second request for the next `DISTRUST` seconds.
        """
        self._trust.lose()

    def is_own(self, post_id: str, token: str, span: int = 0) -> bool:
        """Note that the account with this token has just made a post with this id. Return False if it is the id of
        another account's post, or, where there is a `span`, a number that is smaller than those of all the latest
        posts by more than that: an old post's. Then the answer is one to another request, perhaps with the same
        text, and the server is distrusted."""
        if self._latest.note(post_id, hash(token), span):
            return True
        self.distrust()
        return False

    def _send_json(self, method: str, url: str, content: Any, signer: Signer) -> requests.Response:
        """Send JSON on a connection to the root URL."""
        headers: dict[str, Any] = dict(self.headers)
        headers["Content-Type"] = "application/json"
        headers.update(signer.headers_for(method, url))
        if self._pool is None:
            self._pool = self._manager.connection_from_url(self._root)
        answer, body = self._pool.exchange(method, url[len(self._root) - 1 :], _utf_8(content), headers)
        return _as_response(url, answer, body)

    def _send(self, method: str, url: str, **parts: Any) -> requests.Response:
        request = self._prepared(method, url, **parts)
        limits = (CONNECT_TIMEOUT, READ_TIMEOUT)
        response = self.get_adapter(url).send(request, stream=True, timeout=limits, proxies=self.proxies)
        response._content = content_of(response.raw)
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


def _utf_8(content: Any) -> bytes:
    """Return JSON without escapes: snac reads those of characters beyond U+1FFFF as other ones.

    Half a character (a lone surrogate) is sent as it is, for the server to refuse.
    """
    text: str = _JSON.encode(content)
    return text.encode("utf-8", "surrogatepass")


def _as_response(url: str, answer: BaseHTTPResponse, content: bytes) -> requests.Response:
    response = requests.Response()
    response.url = url
    response.status_code = answer.status
    response.reason = answer.reason or ""
    response.headers = answer.headers  # type: ignore[assignment]  # no upper and lower case either
    response._content = content
    return response


class BoundedAnswer(http.client.HTTPResponse):
    """An answer of http.client that ends in time. Interim answers (1xx) before it are skipped."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        self._bytes = _Bytes(sock)
        super().__init__(self._bytes, *args, **kwargs)  # type: ignore[arg-type]  # it asks for `makefile` only

    def begin(self) -> None:
        super().begin()
        while self.status < 200 and self.status != HTTPStatus.SWITCHING_PROTOCOLS:
            self.headers = self.msg = None  # type: ignore[assignment]  # as before the first `begin`
            super().begin()
        if self._bytes.is_over or self.headers.defects or not _is_length(self.headers.get("Content-Length")):
            raise http.client.HTTPException("the answer is no proper HTTP")
        self._bytes.bound_the_body()


def _is_length(text: str | None) -> bool:
    """Return whether a Content-Length says where the answer ends; urllib3 looks at several of them."""
    return text is None or (text.isascii() and all(each.strip().isdigit() for each in text.split(",")))


class _Bytes(io.RawIOBase):
    """What comes from a socket from now on: so many bytes at most, until a deadline."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self._socket = sock
        self._raw: io.RawIOBase = sock.makefile("rb", buffering=0)  # keeps the socket open until it is closed
        self._deadline = boot_time() + EXCHANGE_LIMIT
        self._left = LARGEST_HEADERS
        self._has_ended = False
        self.is_over = False  # the server has closed the connection

    def makefile(self, *_: object) -> io.BufferedReader:
        return _Reader(self)

    def bound_the_body(self) -> None:
        """Allow a whole body from here, the headers being read."""
        self._left = LARGEST_ANSWER + _CHUNK  # the lines between chunks, and what is read ahead

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._has_ended:
            return 0
        seconds = self._deadline - boot_time()
        if seconds <= 0:
            raise TimeoutError("the answer takes too long")
        self.spend(0)
        if seconds < READ_TIMEOUT:  # else the socket's own is shorter
            self._socket.settimeout(seconds)
        count = self._raw.readinto(buffer)
        self._left -= count or 0
        self.is_over = not count
        return count

    def spend(self, count: int) -> None:
        """Count so many bytes more as read. Raises TooLarge when there are none left."""
        self._left -= count
        if self._left <= 0:
            raise TooLarge("the answer is too large")

    def end(self) -> None:
        """Read no more from the socket."""
        self._has_ended = True

    def refuse_more(self) -> None:
        """Make the connection useless: its next use would read what belongs to no request."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Reader(io.BufferedReader):
    """Closed by http.client at the end of the answer; what is left in it by then belongs to no request."""

    raw: _Bytes

    def __init__(self, raw: _Bytes) -> None:
        super().__init__(raw)

    def readline(self, size: int | None = -1, /) -> bytes:
        self.raw.spend(LINE_COST)
        return super().readline(size)

    def close(self) -> None:
        if not self.closed:
            self.raw.end()
            with suppress(ValueError):  # closed below it
                if self.peek(1):
                    self.raw.refuse_more()
        super().close()


def content_of(answer: BaseHTTPResponse) -> bytes:
    """Read the body of `answer` to its end, decompressed, and give its connection back.

    Raises TooLarge, or one of urllib3's exceptions; then the connection is closed.
    """
    try:
        chunks = []
        size = 0
        while chunk := answer.read(_CHUNK, decode_content=False):
            chunks.append(chunk)
            size += len(chunk)
            if size > LARGEST_ANSWER:
                raise TooLarge("the answer is too large")
        return _decoded(b"".join(chunks), answer.headers.get("Content-Encoding", ""))
    except BaseException:
        answer.close()
        raise
    finally:
        answer.release_conn()


def _decoded(content: bytes, encoding: str) -> bytes:
    """Return `content` decompressed. Raises TooLarge, or DecodeError also where the encoding is not known."""
    name = encoding.strip().lower()
    if name not in _ENCODINGS:
        raise DecodeError("an encoding that was not asked for")
    window = _ENCODINGS[name]
    if window is None or not content:
        return content
    decompress = zlib.decompressobj(window)
    try:
        found = decompress.decompress(content, LARGEST_ANSWER + 1)
    except zlib.error as error:
        raise DecodeError("not what its Content-Encoding says") from error
    if len(found) > LARGEST_ANSWER:
        raise TooLarge("the answer is too large once it is decompressed")
    if not decompress.eof:
        raise DecodeError("the compressed answer has no end")
    return found


class Latest:
    """Whose the latest `count` posts are, by their ids. Safe to share between threads."""

    def __init__(self, count: int) -> None:
        self._owners: OrderedDict[str, int | None] = OrderedDict()  # None where an answer was not believed
        self._count = count
        self._lock = Lock()

    def note(self, post_id: str, owner: int, span: int = 0) -> bool:
        """Note a post; return False if it is noted as another owner's, or is older than the last few noted ones.

        It is older if its number is smaller than each of theirs by more than `span`. Even then it is compared with
        later ones: a number that a network made up, and which is too large, does not make all later posts old.
        """
        with self._lock:
            if post_id not in self._owners:
                self._owners[post_id] = None if span and self._is_old(post_id, span) else owner
            known = self._owners[post_id]
            if len(self._owners) > self._count:
                self._owners.popitem(last=False)
            return known == owner

    def _is_old(self, post_id: str, span: int) -> bool:
        others = [int(each) for each in islice(reversed(self._owners), _LAST_FEW) if each.isdecimal()]
        return bool(others) and post_id.isdecimal() and int(post_id) < min(others) - span


class Trust:
    """Whether the connections of a service are used again. `now` is a clock, in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._until = float("-inf")

    @property
    def is_lost(self) -> bool:
        """Whether every request needs a connection of its own."""
        return self._now() < self._until

    def lose(self) -> None:
        """Use no connection a second time for the next `DISTRUST` seconds."""
        self._until = self._now() + DISTRUST


class Connections(HTTPAdapter):
    """At most `POSTS_AT_ONCE` connections to a host, all with one TLS context and bounded answers.

    Reading the CA bundle for each connection would take 15 ms and half a megabyte. `now` is the clock, in seconds,
    by which unused connections age.
    """

    def __init__(self, context: ssl.SSLContext, now: Callable[[], float], trust: Trust) -> None:
        self._context = context
        self._now = now
        self._trust = trust
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
            scheme: _adapted(pool, self._now, self._trust)
            for scheme, pool in manager.pool_classes_by_scheme.items()
        }


def _adapted(pool: type[HTTPConnectionPool], now: Callable[[], float], trust: Trust) -> type[HTTPConnectionPool]:
    connection = type(pool.ConnectionCls.__name__, (BoundedConnection, pool.ConnectionCls), {"trust": trust})
    queue = staticmethod(partial(IdleConnections, now=now))
    return type(
        pool.__name__, (PatientPool, pool), {"QueueCls": queue, "ConnectionCls": connection, "trust": trust}
    )


class PatientPool(HTTPConnectionPool):
    """A thread that finds no connection free waits for one up to POOL_LIMIT, and not for ever."""

    trust: Trust

    def exchange(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[BaseHTTPResponse, bytes]:
        """Send one request, and return the answer and its content.

        It is what `urlopen` does for a request that is neither repeated nor redirected. After an error the
        connection is closed, since the rest of an answer may be on its way.
        """
        connection = self._get_conn(POOL_LIMIT)
        try:
            connection.timeout = CONNECT_TIMEOUT
            with suppress(BrokenPipeError, ConnectionResetError):  # the server may have answered before it closed
                connection.request(method, target, body=body, headers=headers, preload_content=False)
            connection.timeout = READ_TIMEOUT
            answer = connection.getresponse()
            return answer, content_of(answer)
        except BaseException:
            connection.close()
            raise
        finally:
            self._put_conn(connection)

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)
        if self.trust.is_lost:
            connection.close()  # urllib3 opens it anew
        return connection

    def urlopen(self, *args: Any, **kwargs: Any) -> Any:
        return super().urlopen(*args, **{"pool_timeout": POOL_LIMIT, **kwargs})


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
    trust: Trust
    _gathered: list[bytes] | None = None

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request, its headers and body at once.

        http.client sends them one after the other. A second TLS record and a second system call take a twentieth
        of a post's CPU.
        """
        self._gathered = []
        try:
            super().request(*args, **kwargs)
            content, self._gathered = b"".join(self._gathered), None
            if self.sock is None:
                self.connect()
            if (may_post := may_send.get()) and not may_post():
                raise Withheld
            super().send(content)
        finally:
            self._gathered = None

    def send(self, data: Any) -> None:
        if self._gathered is None:
            super().send(data)
        else:
            self._gathered.append(data)  # bytes: nothing that flock sends is a file

    @property
    def is_connected(self) -> bool:
        """Whether the connection can be used again: it is open, and nothing has come since the last answer."""
        if super().is_connected:
            return True
        if self.sock is not None and _has_data(self.sock):
            self.trust.lose()
        return False

    def connect(self) -> None:
        """Connect. Raises Unreached: http.client sends nothing before."""
        try:
            _run_in_thread(super().connect)
        except Exception as error:
            raise Unreached(self._proxy_host()) from error

    def _proxy_host(self) -> str | None:
        socks: dict[str, str] = getattr(self, "_socks_options", {})  # of urllib3's SOCKSConnection
        return self.proxy.host if self.proxy else socks.get("proxy_host")


def _has_data(sock: socket.socket) -> bool:
    """Return whether something was sent to the socket, besides its end. What was sent is lost."""
    with suppress(OSError):  # nothing yet (TLS sends tickets, which are no data), or a broken connection
        sock.settimeout(0.0)
        return sock.recv(1) != b""
    return False


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
