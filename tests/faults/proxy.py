"""A proxy on raw sockets, for requests in absolute form and for CONNECT, that is hostile to some connections.

Each connection gets one request. What happens to it is an `Act` of `FORWARDS` or of `TUNNELS`, in turn; every
second connection meets none.
"""

from __future__ import annotations

import re
import select
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle

from tests.faults.hostile import LINGER_NOT, read_exactly, read_head

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STATUSES = (
    *(
        b"302 Found\r\nLocation: http://portal.example/login",
        b"400 Bad Request",
        b"403 Forbidden",
        b"404 Not Found",
    ),
    *(b"407 Proxy Authentication Required\r\nProxy-Authenticate: Basic", b"408 Request Timeout"),
    *(b"429 Too Many Requests", b"500 Internal Server Error", b"502 Bad Gateway", b"503 Service Unavailable"),
    *(b"504 Gateway Timeout", b"511 Network Authentication Required"),
)
_PAGE = b"<html><h1>Your proxy says no</h1></html>"
_GOOD = b"HTTP/1.1 200 Connection established\r\n\r\n"
_APPLICATION_DATA = 23  # the type of a TLS record
_LARGER = 200  # bytes: a request is, and a record of the handshake that is encrypted is not


@dataclass
class Ride:
    """One request, and the connections to both sides. `request` is empty for CONNECT."""

    client: socket.socket
    upstream: socket.socket
    request: bytes
    closing: threading.Event

    def wait(self) -> None:
        """Wait until the client hangs up."""
        while not self.closing.is_set() and not select.select([self.client], [], [], 0.05)[0]:
            """Wait on."""

    def reset(self) -> None:
        """Let the connection to the client end with a reset."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)

    def ask(self) -> bytes:
        """Send the whole request on, and return the whole answer."""
        self.upstream.sendall(self.request)
        self.upstream.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: self.upstream.recv(65536), b""))

    def pump(self) -> Iterator[tuple[bool, bytes]]:
        """Yield what comes from either side, with whether it is from the client, until one of them ends."""
        while True:
            for side in select.select([self.client, self.upstream], [], [])[0]:
                data = side.recv(65536)
                if not data:
                    return
                yield side is self.client, data


Act = Callable[[Ride], None]


def relay(ride: Ride) -> None:
    """Do what a good proxy does."""
    if ride.request:
        ride.upstream.sendall(ride.request)
        ride.upstream.shutdown(socket.SHUT_WR)
        while data := ride.upstream.recv(65536):
            ride.client.sendall(data)
        return
    ride.client.sendall(_GOOD)
    for is_clients, data in ride.pump():
        (ride.upstream if is_clients else ride.client).sendall(data)


def say(answer: bytes) -> Act:
    """Answer so, and ask nobody."""
    return lambda ride: ride.client.sendall(answer)


def page(status: bytes) -> bytes:
    """Return a page in the proxy's own name."""
    return b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (status, len(_PAGE), _PAGE)


def instead(answer: Callable[[bytes], bytes]) -> Act:
    """Let the network answer, and send something else instead."""
    return lambda ride: ride.client.sendall(answer(ride.ask()))


def pages(statuses: Iterable[bytes]) -> dict[str, Act]:
    """Return acts that answer with a page in the proxy's own name: one instead of asking, and one thereafter."""
    acts: dict[str, Act] = {}
    for status in statuses:
        acts[f"{status[:3].decode()} before"] = say(page(status))
        acts[f"{status[:3].decode()} after"] = after(page(status))
    return acts


def after(answer: bytes) -> Act:
    """Let the network answer, and send this instead."""
    return instead(lambda _: answer)


def reset_before(ride: Ride) -> None:
    """Reset the connection before anything is asked."""
    ride.reset()


def reset_after(ride: Ride) -> None:
    """Let the network answer, and reset the connection."""
    ride.ask()
    ride.reset()


def half_the_request(ride: Ride) -> None:
    """Send half of the request on, and close both connections."""
    ride.upstream.sendall(ride.request[: len(ride.request) // 2])


def silence(ride: Ride) -> None:
    """Let the network answer, and say nothing to the client."""
    ride.ask()
    ride.wait()


def silent_connect(ride: Ride) -> None:
    """Say nothing to a CONNECT."""
    ride.wait()


def silent_tunnel(ride: Ride) -> None:
    """Build a tunnel, and let nothing through."""
    ride.client.sendall(_GOOD)
    while ride.client.recv(65536):
        """Read on."""


def broken_tunnel(*, asks: bool, answers: int) -> Act:
    """Build a tunnel that breaks when the request goes through it: before the network has the request, or after so
    many bytes of what the network says then."""

    def act(ride: Ride) -> None:
        ride.client.sendall(_GOOD)
        left, sent = answers, False
        for is_clients, data in ride.pump():
            if is_clients:
                if not sent and _has_request(data):
                    sent = True
                    if not asks:
                        ride.upstream.sendall(data[: len(data) // 2])
                        return
                ride.upstream.sendall(data)
            else:
                ride.client.sendall(data[:left] if sent else data)
                left -= len(data) if sent else 0
                if left <= 0:
                    return

    return act


def _has_request(data: bytes) -> bool:
    """Return whether a TLS record in `data` is large enough to be a request. Records come whole from loopback."""
    while len(data) > 5:
        kind, length = data[0], int.from_bytes(data[3:5], "big")
        if kind == _APPLICATION_DATA and length > _LARGER:
            return True
        data = data[5 + length :]
    return False


FORWARDS: Mapping[str, Act] = {
    **pages([b"200 OK", *_STATUSES]),
    "closes before": say(b""),
    "closes after": after(b""),
    "resets before": reset_before,
    "resets after": reset_after,
    "half the request": half_the_request,
    "half the answer": instead(lambda answer: answer[: len(answer) // 2]),
    "two answers": instead(lambda answer: answer * 2),
    "no HTTP": after(b"ERR nothing here\n"),
    "silence": silence,
}
NOT_FOUND: Mapping[str, Act] = pages([b"404 Not Found", b"405 Not Allowed", b"410 Gone"])
TUNNELS: Mapping[str, Act] = {
    **{status[:3].decode(): say(page(status)) for status in (b"404 Not Found", *_STATUSES)},
    "closes": say(b""),
    "resets": reset_before,
    "no HTTP": say(b"ERR nothing here\n"),
    "half an answer": say(_GOOD[:20]),
    "headers of a megabyte": say(_GOOD[:-2] + b"X-Flood: %s\r\n" % (b"x" * 10_000) * 100 + b"\r\n"),
    "silence": silent_connect,
    "a tunnel that closes": say(_GOOD),
    "a tunnel to elsewhere": say(_GOOD + b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a tunnel of silence": silent_tunnel,
    "breaks within the request": broken_tunnel(asks=False, answers=0),
    "breaks after the request": broken_tunnel(asks=True, answers=0),
    "breaks within the answer": broken_tunnel(asks=True, answers=40),
}


class Proxy:
    """Serves `url` until it is closed. Whatever host it is asked for, it connects to `port` on loopback.

    `met` counts the acts. `requests` holds the first line of each request. With `calm` set it is a good proxy.
    """

    def __init__(self, port: int, acts: Mapping[str, Act] | None = None) -> None:
        self.met: Counter[str] = Counter()
        self.requests: list[str] = []
        self.calm = not acts
        self._port = port
        self._turns = cycle([*(acts or {}).items()])
        self._is_turn = False
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Proxy:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.settimeout(60)
            head = read_head(client)
            if not head:
                return
            found = _LENGTH.search(head)
            body = read_exactly(client, int(found[1])) if found else b""
            method, target, rest = head.split(b" ", 2)
            path = re.sub(rb"^http://[^/]*", b"", target)
            request = b"" if method == b"CONNECT" else b"%s %s %s%s" % (method, path, rest, body)
            with socket.create_connection(("127.0.0.1", self._port)) as upstream:
                self._act(f"{method.decode()} {target.decode()}")(Ride(client, upstream, request, self._closing))

    def _act(self, line: str) -> Act:
        with self._lock:
            self.requests.append(line)
            self._is_turn = not self._is_turn
            if self.calm or not self._is_turn:
                return relay
            name, act = next(self._turns)
            self.met[name] += 1
            return act
