"""A server that stands in for API v2 of X and is hostile to the bots that it is told to be hostile to.

It works on raw sockets, a thread for each connection, and keeps a record of what landed. What it does to a request
is an `Act`; tests/faults/modes.py is the table of all acts.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import simplejson as json

FIRST_ID = 10**18
HEAD = {
    "POST": b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n",
    "GET": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",
}
DUPLICATE = b"""{"title": "Forbidden", "status": 403, "type": "about:blank",
    "detail": "You are not allowed to create a Tweet with duplicate content."}"""
GONE = b'{"title": "Not Found Error", "status": 404, "type": "about:blank", "detail": "No such page."}'

_BOT = re.compile(rb'oauth_token="\d+-token-of-([^"]+)"')
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
LINGER_NOT = struct.pack("ii", 1, 0)
_LATEST = 10  # posts in a timeline


class Then(Enum):
    """What becomes of a connection after an act."""

    CLOSE = auto()
    RESET = auto()  # closed with a RST
    KEEP = auto()  # the next request gets what is due to it
    SWALLOW = auto()  # the next request is read and never looked at, and the connection is closed


class Landed(NamedTuple):
    """A post, and when it landed, in monotonic seconds."""

    id: str
    text: str
    at: float


class Request(NamedTuple):
    """A request: `bot` is the name behind "-token-of-" in its access token, "" where there is none."""

    method: str
    target: str
    bot: str
    text: str


Act = Callable[["Exchange"], Then]
Weather = Callable[[str, int], tuple[Act, bool] | None]


def no_weather(method: str, posts: int) -> None:
    """Let every request be answered well."""


class Met(NamedTuple):
    """What became of a request: `at` is in seconds since the epoch, and `port` tells its connection from others.

    `act` is what it met, if anything, and `answer` the JSON of the right answer, which it may not have got.
    `post_id` is the id of a post that landed. A request that was swallowed was not looked at.
    """

    at: float
    port: int
    request: Request
    act: Act | None = None
    answer: bytes = b""
    post_id: str = ""
    is_swallowed: bool = False


@dataclass
class Exchange:
    """One request, and the connection to answer it on. `good` is the JSON of the right answer.

    `texts` and `ids` are those of the bot's posts before this request, oldest first.
    """

    connection: socket.socket
    request: Request
    good: bytes
    closing: threading.Event
    ids: list[str]
    texts: list[str]

    def send(self, *parts: bytes, pause: float = 0.0) -> None:
        """Send the parts, with so many seconds after each. Raises OSError when the client has gone."""
        for part in parts:
            self.connection.sendall(part)
            if pause:
                self.rest(pause)

    def rest(self, seconds: float) -> None:
        """Wait for so long. Raises ConnectionAbortedError when the server closes meanwhile."""
        if self.closing.wait(seconds):
            raise ConnectionAbortedError

    def fill(self, template: bytes) -> bytes:
        """Return the template with {HEAD}, {GOOD}, {LENGTH}, {HALF}, {TEXT}, {OLD_ID} and {OLD_TEXT} replaced."""
        if b"{" not in template:
            return template
        parts = {
            b"{HEAD}": HEAD[self.request.method],
            b"{LENGTH}": b"%d" % len(self.good),
            b"{HALF}": self.good[: len(self.good) // 2],
            b"{TEXT}": json.dumps(self.request.text).encode(),
            b"{OLD_ID}": json.dumps(self.ids[0] if self.ids else "1").encode(),
            b"{OLD_TEXT}": json.dumps(self.texts[0] if self.texts else "something older").encode(),
            b"{GOOD}": self.good,
        }
        for name, value in parts.items():
            template = template.replace(name, value)
        return template


@dataclass
class Fate:
    """What a bot meets: `times` of its requests that are `asked` (POST or GET) get the act, after so many that it
    `spares`.

    Its posts land meanwhile, or do not. When GET is asked, the first post gets no answer and is looked for.
    `refuses` says whether the server refuses a text that landed before.
    """

    act: Act
    asked: str = "POST"
    lands: bool = True
    times: int = 1
    spares: int = 0
    refuses: bool = False
    unanswered: int = field(init=False)

    def __post_init__(self) -> None:
        self.unanswered = 1 if self.asked == "GET" else 0


class HostileServer:
    """Serves http://127.0.0.1:`port`, with a certificate https, until it is closed. Use it as a context manager.

    `fates` says to which bots it is hostile; with all others, and in all that is over, it is well. `landed` holds
    the posts of each bot. `log` holds the requests of each bot: "POST", "GET", each with "!" when it was met by an
    act, or "-" when it was swallowed; `met` holds all that is known of them. The first `greeted` connections get
    `greeting` before anything is read, and their first request is swallowed; without a greeting they are closed
    unread. With `closing` every answer is the
    last one of its connection. For the bots without a fate, `refuses` says whether duplicates are refused, and
    `weather` is asked at each POST and GET, with how many posts the bot has, what act is met, if any, and whether
    the post lands.
    """

    def __init__(
        self,
        fates: Mapping[str, Fate] | None = None,
        *,
        certificate: Path | None = None,
        greeting: bytes = b"",
        greeted: int = 0,
        closing: bool = False,
        refuses: bool = False,
        weather: Weather = no_weather,
    ) -> None:
        self.fates = dict(fates or {})
        self.landed: defaultdict[str, list[Landed]] = defaultdict(list)
        self.log: defaultdict[str, list[str]] = defaultdict(list)
        self.met: defaultdict[str, list[Met]] = defaultdict(list)
        self.changed = threading.Condition()
        self.refused = 0  # duplicates
        self._greeting, self._greeted = greeting, greeted
        self._last = b"Connection: close\r\n" if closing else b""
        self._refuses, self._weather = refuses, weather
        self._ids = FIRST_ID
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self._tls and certificate:
            self._tls.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> HostileServer:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        with self.changed:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def said(self, bot: str) -> list[str]:
        """Return the texts that have landed from the bot, oldest first."""
        return [post.text for post in self.landed[bot]]

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until the condition holds; return whether it came to that. It is asked after each request."""
        with self.changed:
            return self.changed.wait_for(condition, seconds)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self.changed:
            self._open.add(connection)
            greets = self._greeted > 0
            self._greeted -= greets
        talk = connection
        try:
            if self._tls:
                talk = self._tls.wrap_socket(connection, server_side=True)
            if greets:
                talk.sendall(self._greeting)
            if self._greeting or not greets:
                self._talk(talk, Then.SWALLOW if greets else Then.KEEP)
        except OSError:
            pass  # the client has gone, which is its right
        finally:
            with self.changed:
                self._open.discard(connection)
            talk.close()

    def _talk(self, connection: socket.socket, then: Then) -> None:
        port: int = connection.getpeername()[1]
        while then in (Then.KEEP, Then.SWALLOW) and (request := read_request(connection)):
            if then is Then.SWALLOW:
                with self.changed:
                    self.log[request.bot].append(f"{request.method}-")
                    self.met[request.bot].append(Met(time.time(), port, request, is_swallowed=True))
                return
            act, exchange = self._take(connection, port, request)
            then = act(exchange)
        if then is Then.RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)

    def _take(self, connection: socket.socket, port: int, request: Request) -> tuple[Act, Exchange]:
        """Let a post land if it is to; return what to do, and the exchange to do it in."""
        with self.changed:
            posts = self.landed[request.bot]
            ids, texts = [post.id for post in posts], [post.text for post in posts]
            act, lands, status, good = None, True, b"", GONE
            if request.method == "POST" and self._is_refused(request, texts):
                status, good = b"403 Forbidden", DUPLICATE
                self.refused += 1
            elif request.method == "POST":
                act, lands = self._meet(request)
                good = self._land(request, lands=lands)
            elif request.target.partition("?")[0].endswith("/tweets"):
                good = self._timeline(request)
                act, _ = self._meet(request)
            else:
                status = b"404 Not Found"
            self.log[request.bot].append(request.method + ("!" if act else ""))
            post_id = posts[-1].id if len(posts) > len(ids) else ""
            self.met[request.bot].append(Met(time.time(), port, request, act, good, post_id))
            self.changed.notify_all()
        exchange = Exchange(connection, request, good, self._closing, ids, texts)
        return act or self._good(status), exchange

    def _is_refused(self, request: Request, texts: list[str]) -> bool:
        fate = self.fates.get(request.bot)
        return request.text in texts and (fate.refuses if fate else self._refuses)

    def _meet(self, request: Request) -> tuple[Act | None, bool]:
        """Return what the request meets, if anything, and whether a post lands."""
        fate = self.fates.get(request.bot)
        if fate is None:
            return self._weather(request.method, len(self.landed[request.bot])) or (None, True)
        if request.method == "POST" and fate.unanswered:
            fate.unanswered -= 1
            return (lambda _: Then.CLOSE), fate.lands
        if fate.asked != request.method or not fate.times:
            return None, True
        if fate.spares:
            fate.spares -= 1
            return None, True
        fate.times -= 1
        return fate.act, fate.lands

    def _land(self, request: Request, *, lands: bool) -> bytes:
        """Let the post land, or not; return the answer that says so."""
        self._ids += 1
        post = Landed(str(self._ids), request.text, time.monotonic())
        if lands:
            self.landed[request.bot].append(post)
        return json.dumps(
            {"data": {"id": post.id, "text": post.text, "edit_history_tweet_ids": [post.id]}}
        ).encode()

    def _timeline(self, request: Request) -> bytes:
        since = parse_qs(urlsplit(request.target).query).get("since_id", ["0"])[0]
        posts = [post for post in reversed(self.landed[request.bot]) if int(post.id) > int(since)][:_LATEST]
        meta = {"meta": {"result_count": len(posts)}}
        data = {"data": [{"id": post.id, "text": post.text} for post in posts]} if posts else {}
        return json.dumps({**data, **meta}).encode()

    def _good(self, status: bytes) -> Act:
        def act(exchange: Exchange) -> Then:
            head = HEAD[exchange.request.method]
            if status:
                head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n" % status
            length = b"Content-Length: %d\r\n" % len(exchange.good)
            exchange.send(head + length + self._last + b"\r\n" + exchange.good)
            return Then.CLOSE if self._last else Then.KEEP

        return act


def read_request(connection: socket.socket) -> Request | None:
    """Return the next request on the connection, or None when the client has closed it."""
    head = read_head(connection)
    if not head:
        return None
    found = _LENGTH.search(head)
    length = int(found[1]) if found else 0
    body = read_exactly(connection, length)
    method, target, *_ = head.decode("latin-1").split(" ", 2)
    bot = _BOT.search(head)
    text = json.loads(body)["text"] if method == "POST" else ""
    return Request(method, target, bot[1].decode() if bot else "", text)


def read_head(connection: socket.socket) -> bytes:
    """Return what comes up to and with the first empty line; nothing when the connection ends before."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        peeked = connection.recv(65536, socket.MSG_PEEK) if not isinstance(connection, ssl.SSLSocket) else b""
        end = (head + peeked).find(b"\r\n\r\n")
        wanted = 1 if not peeked else len(peeked) if end < 0 else max(1, end + 4 - len(head))
        part = connection.recv(wanted)
        if not part:
            return b""
        head += part
    return head


def read_exactly(connection: socket.socket, length: int) -> bytes:
    """Return so many bytes. Raises ConnectionResetError when the connection ends before."""
    body = b""
    while len(body) < length:
        part = connection.recv(length - len(body))
        if not part:
            raise ConnectionResetError
        body += part
    return body
