"""How long a connection is trusted that has rested, against a server that knows who is connected."""

import http.server
import socket
import socketserver
import threading
from collections.abc import Iterator
from multiprocessing.dummy import Pool as ThreadPool
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.connection import HTTPConnection
from urllib3.util.connection import create_connection

from flock.clock import VirtualClock
from flock.networks import connections
from flock.networks.connections import REST, RestingConnections
from flock.networks.wire import Wire

TOGETHER = 5


class Host(http.server.ThreadingHTTPServer):
    """Counts the connections that were made and those that are open. Answers at /together come together."""

    daemon_threads = True

    def __init__(self) -> None:
        self.made = self.open = 0
        self.change = threading.Condition()
        self.together = threading.Barrier(TOGETHER)
        super().__init__(("127.0.0.1", 0), Guest)

    def count(self, made: int, open_now: int) -> None:
        """Add to the counts."""
        with self.change:
            self.made += made
            self.open += open_now
            self.change.notify_all()

    def comes_down_to(self, expected: int) -> bool:
        """Wait until so many connections are open; return whether it came to that."""
        with self.change:
            return self.change.wait_for(lambda: self.open == expected, timeout=10)

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet about a client that hangs up."""


class Guest(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Host

    def setup(self) -> None:
        super().setup()
        self.server.count(1, 1)

    def finish(self) -> None:
        super().finish()
        self.server.count(0, -1)

    def do_GET(self) -> None:
        if self.path.endswith("/together"):
            self.server.together.wait(10)
        self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def host() -> Iterator[Host]:
    """Run a server for a test."""
    with Host() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    """Return the clock that connections rest by."""
    clock = VirtualClock(1e9)
    monkeypatch.setattr(connections, "time", SimpleNamespace(time=clock.wall))
    return clock


def url_of(server: socketserver.TCPServer) -> str:
    """Return its address."""
    return f"http://127.0.0.1:{server.server_address[1]}"


@pytest.mark.parametrize("is_behind_a_proxy", [False, True])
def test_one_that_has_rested_for_long_is_not_used_again(
    host: Host, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, *, is_behind_a_proxy: bool
) -> None:
    """A shorter rest does no harm, however often it comes."""
    if is_behind_a_proxy:
        monkeypatch.setenv("http_proxy", url_of(host))
        monkeypatch.setenv("no_proxy", "")
    root = "http://flock.invalid" if is_behind_a_proxy else url_of(host)
    made = []
    with Wire(root) as wire:
        for rest in (0, REST - 1, REST - 1, REST + 1, REST - 1):
            clock.advance_to(clock.now() + rest)
            wire.get(f"{root}/")
            made.append(host.made)
    assert [1, 1, 1, 2, 2] == made


def test_a_clock_that_was_set_back_does_not_make_old_ones_young(host: Host, clock: VirtualClock) -> None:
    """Nobody knows how long they have rested."""
    with Wire(url_of(host)) as wire:
        wire.get(f"{url_of(host)}/")
        clock.skew = -3600
        wire.get(f"{url_of(host)}/")
    assert 2 == host.made


def test_after_a_burst_only_those_in_use_stay_open(host: Host, clock: VirtualClock) -> None:
    """Five were needed at once, and then one."""
    with Wire(url_of(host)) as wire, ThreadPool(TOGETHER) as pool:
        pool.map(wire.get, [f"{url_of(host)}/together"] * TOGETHER, chunksize=1)
        assert TOGETHER == host.open
        for _ in range(3):
            clock.advance_to(clock.now() + REST / 2)
            wire.get(f"{url_of(host)}/")
        assert host.comes_down_to(1)
    assert TOGETHER == host.made


def test_one_is_made_in_a_thread_that_ends_with_that(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """It bears the sheep's name, and nothing of it is left."""
    makers: list[threading.Thread] = []

    def connect(*args: Any, **kwargs: Any) -> socket.socket:
        makers.append(threading.current_thread())
        return create_connection(*args, **kwargs)

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    with Wire(url_of(host)) as wire:
        assert 204 == wire.get(f"{url_of(host)}/").status_code
    (maker,) = makers
    assert maker is not threading.current_thread()
    assert (threading.current_thread().name, False) == (maker.name, maker.is_alive())


def test_where_there_can_be_no_more_threads_it_is_made_all_the_same(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine at its limit."""
    url = url_of(host)

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(connections, "Thread", type("Thread", (threading.Thread,), {"start": start}))
    with Wire(url) as wire:
        assert 204 == wire.get(f"{url}/").status_code


@given(st.lists(st.booleans()), st.integers(1, 8))
def test_the_one_used_last_goes_first(comes: list[bool], size: int) -> None:
    """As in any last-in, first-out queue."""
    queue, expected = RestingConnections(size), list[HTTPConnection | None]()
    for number, one_comes in enumerate(comes):
        if one_comes and len(expected) < size:
            expected.append(HTTPConnection(f"host{number}") if number % 3 else None)
            queue.put(expected[-1], block=False)
        elif expected:
            assert expected.pop() is queue.get(block=False)
    assert len(expected) == queue.qsize() == len(queue._since)
