"""The HTTP session: its connections, against a server that counts them; its proxy, its TLS context."""

import fcntl
import http.server
import select
import socket
import ssl
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from multiprocessing.dummy import Pool as ThreadPool
from pathlib import Path
from typing import Any

import certifi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.connection import HTTPConnection
from urllib3.util.connection import create_connection

from flock.clock import VirtualClock
from flock.errors import BadOption, Unavailable
from flock.networks import http as flock_http
from flock.networks.environment import tls_context
from flock.networks.http import DISTRUST, IDLE_LIMIT, IdleConnections, Latest, Session
from tests.conftest import until

TOGETHER = 5


class Host(http.server.ThreadingHTTPServer):
    """Counts the connections that were made and those that are open. Answers at /together come together.

    `asked` holds the verb, the path and the headers of each request. With a certificate it speaks TLS.
    """

    daemon_threads = True

    def __init__(self, certificate: Path | None = None) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.made = self.open = 0
        self.change = threading.Condition()
        self.together = threading.Barrier(TOGETHER)
        super().__init__(("127.0.0.1", 0), Guest)
        self.url = f"http://127.0.0.1:{self.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self.url = f"https://localhost:{self.server_port}"

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


class Talkative:
    """A server that answers each request with the number of its connection, and can send one more answer."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = f"https://localhost:{port}" if context else f"http://127.0.0.1:{port}"
        self._made = 0
        self._wish, self._wished = socket.socketpair()
        self._more_is_there = threading.Event()
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    def close(self) -> None:
        """Take no more connections, and wait until those that are open have been closed by the client."""
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._wish.close()
        self._wished.close()

    def say_more(self) -> None:
        """Send an answer that nobody asked for, and wait until it has arrived. One connection may be open."""
        self._wish.sendall(b"!")
        assert self._more_is_there.wait(10)

    def _listen(self) -> None:
        with self._listener, suppress(OSError):
            while True:
                guest = self._listener.accept()[0]
                self._made += 1
                self._threads.append(threading.Thread(target=self._serve, args=(guest, self._made)))
                self._threads[-1].start()

    def _serve(self, guest: socket.socket, number: int) -> None:
        if self._context:
            guest = self._context.wrap_socket(guest, server_side=True)
        # One thread reads and writes: before Python 3.13, OpenSSL is not kept from doing both at once.
        with guest, suppress(OSError):
            while True:
                readable, _, _ = select.select([guest, self._wished], [], [])
                if self._wished in readable:
                    self._wished.recv(1)
                    guest.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n99")
                    until("all of it has arrived", lambda: not unsent(guest))
                    self._more_is_there.set()
                elif b"\r\n\r\n" in guest.recv(65536):
                    guest.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)
                else:
                    return


def unsent(sock: socket.socket) -> int:
    """Return how many bytes the other side has not received yet."""
    return int.from_bytes(fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


@contextmanager
def talkative(certificate: Path | None) -> Iterator[Talkative]:
    """Yield such a server."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    with closing(Talkative(context)) as host:
        yield host


def get(session: Session, url: str) -> int:
    """Return the number of the connection over which a request went."""
    return int(session.get(url).content)


class Guest(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    status = 204
    server: Host

    def setup(self) -> None:
        super().setup()
        self.server.count(1, 1)

    def finish(self) -> None:
        super().finish()
        self.server.count(0, -1)

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path, dict(self.headers.items())))
        if self.path.endswith("/together"):
            self.server.together.wait(10)
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        if self.status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Set-Cookie", "guest_id=sesame; Path=/")
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Host]:
    """Run a server."""
    with Host(certificate) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


@pytest.fixture
def host() -> Iterator[Host]:
    """Run a server for a test."""
    with serving() as server:
        yield server


@pytest.fixture
def clock() -> VirtualClock:
    """Return the clock that idle connections age by."""
    return VirtualClock(1000.0)


@pytest.mark.parametrize("is_behind_a_proxy", [False, True])
def test_a_connection_that_was_idle_for_long_is_not_used_again(
    host: Host, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, *, is_behind_a_proxy: bool
) -> None:
    """A shorter idle time does no harm, however often it comes."""
    if is_behind_a_proxy:
        monkeypatch.setenv("http_proxy", host.url)
        monkeypatch.setenv("no_proxy", "")
    root = "http://flock.invalid" if is_behind_a_proxy else host.url
    made = []
    with Session(root, now=clock.now) as session:
        for idle in (0, IDLE_LIMIT - 1, IDLE_LIMIT - 1, IDLE_LIMIT + 1, IDLE_LIMIT - 1):
            clock.advance_to(clock.now() + idle)
            session.get(f"{root}/")
            made.append(host.made)
    assert [1, 1, 1, 2, 2] == made


def test_after_a_burst_only_connections_in_use_stay_open(host: Host, clock: VirtualClock) -> None:
    """Five were needed at once, and then one."""
    with Session(host.url, now=clock.now) as session, ThreadPool(TOGETHER) as pool:
        pool.map(session.get, [f"{host.url}/together"] * TOGETHER, chunksize=1)
        assert TOGETHER == host.open
        for _ in range(3):
            clock.advance_to(clock.now() + IDLE_LIMIT / 2)
            session.get(host.url)
        assert host.comes_down_to(1)
    assert TOGETHER == host.made


def test_a_connection_is_made_in_a_thread_of_its_own(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread has the sheep's name, and has ended."""
    makers: list[threading.Thread] = []

    def connect(*args: Any, **kwargs: Any) -> socket.socket:
        makers.append(threading.current_thread())
        return create_connection(*args, **kwargs)

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    with Session(host.url) as session:
        assert 204 == session.get(host.url).status_code
    (maker,) = makers
    assert maker is not threading.current_thread()
    assert (threading.current_thread().name, False) == (maker.name, maker.is_alive())


def test_where_no_thread_can_be_started_a_connection_is_made_in_this_one(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine at its limit."""
    url = host.url

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(flock_http, "Thread", type("Thread", (threading.Thread,), {"start": start}))
    with Session(url) as session:
        assert 204 == session.get(f"{url}/").status_code


@given(st.lists(st.booleans()), st.integers(1, 8))
def test_the_connection_used_last_is_used_first(comes: list[bool], size: int) -> None:
    """As in any last-in, first-out queue."""
    queue, expected = IdleConnections(size), list[HTTPConnection | None]()
    for number, one_comes in enumerate(comes):
        if one_comes and len(expected) < size:
            expected.append(HTTPConnection(f"host{number}") if number % 3 else None)
            queue.put(expected[-1], block=False)
        elif expected:
            assert expected.pop() is queue.get(block=False)
    assert len(expected) == queue.qsize()


@pytest.mark.parametrize("secure", [False, True])
def test_after_an_answer_that_nobody_asked_for_no_connection_is_used_again(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, *, secure: bool
) -> None:
    """It came when the connection was idle. The next one might come when another bot uses the connection."""
    mine, bundle = certificate
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    clock = VirtualClock(1000.0)
    with talkative(mine if secure else None) as host, closing(Session(host.url, now=clock.now)) as session:
        assert [get(session, host.url) for _ in range(3)] == [1, 1, 1]
        host.say_more()
        assert [get(session, host.url) for _ in range(3)] == [2, 3, 4]
        clock.advance_to(1000.0 + DISTRUST)
        assert [get(session, host.url) for _ in range(2)] == [5, 5]


def test_a_session_that_distrusts_its_server_uses_no_connection_again(host: Host, clock: VirtualClock) -> None:
    """As after an answer to another request."""
    with closing(Session(host.url, now=clock.now)) as session:
        for _ in range(2):
            session.get(host.url)
        assert host.made == 1
        session.distrust()
        for _ in range(3):
            session.get(host.url)
        assert host.made == 4


def test_cookies_are_never_sent_back(host: Host) -> None:
    """They would tie the bots that share a session together."""
    with Session(host.url) as session:
        for _ in range(2):
            session.post(host.url, json={"text": "baa"})
    assert [False, False] == ["Cookie" in headers for _, _, headers in host.asked]


def test_neither_netrc_nor_proxies_matter_on_loopback(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A proxy could not reach this machine's own server, and a netrc would replace the signature."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password sesame\ndefault login me password sesame\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Session(host.url) as session:
        session.post(host.url, headers={"Authorization": "OAuth mine"})
        session.post(host.url)
    assert ["OAuth mine", None] == [headers.get("Authorization") for _, _, headers in host.asked]


def test_a_post_goes_through_the_proxy(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy is asked for the network's address, which this machine could not find."""
    monkeypatch.setenv("http_proxy", host.url)
    monkeypatch.setenv("no_proxy", "")
    with Session("http://api.invalid") as session:
        session.post("http://api.invalid/2/tweets", json={"text": "baa"})
    assert [("POST", "http://api.invalid/2/tweets")] == [(verb, path) for verb, path, _ in host.asked]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_environments_proxy_is_read_once(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the session is made; NO_PROXY is honoured."""
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", "http://proxy.example:3128")
    with Session(f"{scheme}://api.x.com") as session:
        assert "http://proxy.example:3128" == session.proxies[scheme]
    monkeypatch.setenv("NO_PROXY", "api.x.com")
    with Session(f"{scheme}://api.x.com") as session:
        assert {} == dict(session.proxies)


def test_a_request_to_another_host_goes_there(host: Host) -> None:
    """Though the session was made for one host, and has asked it before."""
    with serving() as other, Session(host.url) as session:
        for url in (host.url, other.url, host.url):
            session.post(url)
    assert (2, 1) == (len(host.asked), len(other.asked))


def test_a_redirect_is_not_followed(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A POST would become a GET."""
    monkeypatch.setattr(Guest, "status", 302)
    with Session(host.url) as session:
        assert 302 == session.post(host.url, allow_redirects=True).status_code
    assert ["POST"] == [verb for verb, _, _ in host.asked]


def test_a_server_is_trusted_by_its_certificate(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two posts go over one connection."""
    mine, bundle = certificate
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with serving(mine) as host, Session(host.url) as session:
        assert [204, 204] == [session.post(host.url).status_code for _ in range(2)]
        assert 1 == host.made


@pytest.mark.parametrize(("name", "is_trusted"), [("localhost", False), ("127.0.0.1", True)])
def test_nothing_is_sent_to_a_server_that_cannot_prove_its_name(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, name: str, *, is_trusted: bool
) -> None:
    """One certificate is signed by no CA that is trusted; the other is for another name."""
    mine, bundle = certificate
    if is_trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with serving(mine) as host:
        url = host.url.replace("localhost", name)
        with Session(url) as session, pytest.raises(Unavailable):
            session.post(url)
        assert [] == host.asked


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_ca_bundle_of_ones_own_is_honoured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    """It is trusted, and nothing else is."""
    end = "-----END CERTIFICATE-----\n"
    bundle = tmp_path / "ca.pem"
    bundle.write_text(Path(certifi.where()).read_text(encoding="utf-8").split(end)[0] + end, encoding="utf-8")
    assert 1 < len(tls_context().get_ca_certs())
    monkeypatch.setenv(variable, str(bundle))
    context = tls_context()
    assert 1 == len(context.get_ca_certs())
    assert (ssl.CERT_REQUIRED, True) == (context.verify_mode, context.check_hostname)


@pytest.mark.parametrize("content", [None, "", "no certificate\n"])
def test_a_ca_bundle_that_cannot_be_read_is_a_bad_option(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    """Missing or not a bundle: one line names the variable and the file, and nothing is sent unverified."""
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with pytest.raises(BadOption) as caught:
        Session("https://api.x.com")
    assert str(caught.value).startswith(f"SSL_CERT_FILE: cannot read the CA bundle {bundle}: ")
    assert 1 == len(str(caught.value).splitlines())


def test_a_folder_of_certificates_will_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As distributions keep them."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    with closing(Session("https://api.x.com")):
        assert ssl.CERT_REQUIRED == tls_context().verify_mode


def test_an_id_is_that_of_one_post() -> None:
    """A stray answer may have the text that another bot posts at that moment: its id gives it away."""
    first, second = "1-a", "2-b"
    with Session("http://localhost:1") as session:
        assert session.is_own("7", first)
        assert session.is_own("7", first)
        assert not session.is_own("7", second)
        assert session.is_own("8", second)


def test_ids_are_forgotten_after_some_thousands() -> None:
    latest = Latest(2)
    assert all(latest.note(post_id, 1) for post_id in ("7", "8", "9"))
    assert latest.note("7", 2)
    assert not latest.note("9", 2)


def test_an_old_number_is_no_new_post() -> None:
    """By more than the span, beside what the server has made lately. It stays so when it comes again."""
    latest = Latest(100)
    assert latest.note("1000", 1, 50)
    assert latest.note("951", 2, 50)
    assert latest.note("902", 3, 50)
    assert not latest.note("77", 4, 50)
    assert not latest.note("77", 4, 50)
    assert latest.note("78", 4)


def test_one_number_that_is_too_large_spoils_one_post_only() -> None:
    """A network may have made it up; the posts after it are as new as the one that seemed old."""
    latest = Latest(100)
    assert latest.note("9" * 20, 1, 50)
    assert not latest.note("1000", 2, 50)
    assert latest.note("1001", 2, 50)
    assert latest.note("01J8Z", 3, 50)
