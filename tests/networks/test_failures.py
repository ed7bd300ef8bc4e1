"""What becomes of a request that gets no usable answer: real failures on loopback, direct and through a proxy."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flock import errors
from flock.networks import http
from flock.networks.http import Session
from tests.conftest import no_more_files

Handler = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(handle: Handler) -> Iterator[str]:
    """Listen on loopback and give each connection to `handle`; yield host and port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):
                        handle(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def fail(url: str, proxy: str | None = None) -> errors.NetworkError:
    """Post to `url` and return what the failure means."""
    with Session(url.removesuffix("/2/tweets")) as session:
        if proxy:
            session.proxies.update(http=proxy, https=proxy)
        with pytest.raises(errors.NetworkError) as caught:
            session.post(url, json={"text": "baa"}, headers={"Authorization": "OAuth sesame"})
    return caught.value


def reply(*parts: bytes, reset: bool = False) -> Handler:
    """Return a handler that reads a request, sends `parts`, and closes, with a reset if told to."""

    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        for part in parts:
            connection.sendall(part)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return handle


def test_a_refused_connection_means_that_nothing_landed() -> None:
    """No process listens on the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    problem = fail(f"http://127.0.0.1:{port}/2/tweets")
    assert (errors.Unavailable, "127.0.0.1 takes no connection") == (type(problem), str(problem))


def test_a_process_that_may_open_no_more_files_blames_no_server() -> None:
    """The process can open no connection to any server."""
    url = "http://127.0.0.1:1"
    with Session(url) as session, no_more_files(), pytest.raises(errors.Unavailable) as caught:
        session.post(f"{url}/2/tweets")
    assert "this process may open no more files; raise LimitNOFILE= or ulimit -n" == str(caught.value)


def test_a_name_that_nobody_knows_means_that_nothing_landed() -> None:
    """No such name, or no DNS."""
    problem = fail("http://nowhere.invalid/2/tweets")
    assert errors.Unavailable is type(problem)
    assert "nowhere.invalid cannot be found: no such name, or no DNS" == str(problem)


@pytest.mark.parametrize(
    "handle",
    [
        reply(),
        reply(reset=True),
        reply(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"),
        reply(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{", reset=True),
        reply(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        reply(b"220 smtp ready\r\n"),
        reply(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nbaa"),
    ],
    ids=["silence", "reset", "cut short", "reset half-way", "bad chunks", "no HTTP", "bad gzip"],
)
def test_a_connection_that_breaks_after_the_request_leaves_doubt(handle: Handler) -> None:
    """The server has read the request, and may have stored the post."""
    with serving(handle) as address:
        problem = fail(f"http://{address}/2/tweets")
    assert errors.OutcomeUnknown is type(problem)
    assert "the connection to 127.0.0.1 broke" == str(problem)


def test_a_server_that_never_answers_leaves_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The session waits for the read timeout and no longer."""
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.05)
    done = threading.Event()

    def hang(connection: socket.socket) -> None:
        connection.recv(65536)
        done.wait(10)

    with serving(hang) as address:
        problem = fail(f"http://{address}/2/tweets")
        done.set()
    assert errors.OutcomeUnknown is type(problem)
    assert "127.0.0.1 did not answer in time" == str(problem)


def test_tls_to_a_plain_port_means_that_nothing_landed() -> None:
    """The handshake fails before a byte of the request is sent."""
    with serving(reply(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")) as address:
        problem = fail(f"https://{address}/2/tweets")
    assert errors.Unavailable is type(problem)
    assert "127.0.0.1 does not speak TLS as it should; check the address and its port" == str(problem)


def test_a_certificate_that_proves_nothing_means_that_nothing_landed(certificate: tuple[Path, Path]) -> None:
    """The certificate is checked before anything is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[0])

    def handle(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            context.wrap_socket(connection, server_side=True).close()

    with serving(handle) as address:
        problem = fail(f"https://{address}/2/tweets")
    assert errors.Unavailable is type(problem)
    assert str(problem) == (
        "127.0.0.1 has a TLS certificate that cannot be verified; check the CA bundle and the clock"
    )


# A proxy, for plain requests and for tunnels

HTTP, TUNNEL = "http://api.invalid", "https://api.invalid"


@pytest.mark.parametrize("root", [HTTP, TUNNEL])
def test_a_dead_proxy_means_that_nothing_landed_and_its_password_is_not_told(root: str) -> None:
    """The libraries' messages may hold the password; the flock's does not."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    problem = fail(f"{root}/2/tweets", proxy=f"http://me:sesame@127.0.0.1:{port}")
    assert errors.Unavailable is type(problem)
    assert "the proxy 127.0.0.1 takes no connection" == str(problem)


@pytest.mark.parametrize("root", [HTTP, TUNNEL])
def test_a_proxy_that_nobody_knows_is_blamed_itself(root: str) -> None:
    """The name that cannot be found is the proxy's."""
    problem = fail(f"{root}/2/tweets", proxy="http://me:sesame@proxy.invalid:3128")
    assert errors.Unavailable is type(problem)
    assert "the proxy proxy.invalid cannot be found: no such name, or no DNS" == str(problem)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            b"407 Proxy Authentication Required",
            "needs a user and a password, or refuses the given ones; check HTTPS_PROXY",
        ),
        (b"403 Forbidden", "does not connect to api.invalid (HTTP 403)"),
        (b"502 Bad Gateway", "does not connect to api.invalid (HTTP 502)"),
    ],
)
def test_a_tunnel_that_is_refused_means_that_nothing_landed(status: bytes, words: str) -> None:
    """The request never got through it."""
    with serving(reply(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")) as address:
        problem = fail(f"{TUNNEL}/2/tweets", proxy=f"http://me:sesame@{address}")
    assert errors.Unavailable is type(problem)
    assert f"the proxy 127.0.0.1 {words}" == str(problem)


@pytest.mark.parametrize("handle", [reply(), reply(reset=True), reply(b"HTTP/1.1 20"), reply(b"220 smtp\r\n")])
def test_a_tunnel_that_breaks_means_that_nothing_landed(handle: Handler) -> None:
    """The request is sent through an open tunnel only."""
    with serving(handle) as address:
        problem = fail(f"{TUNNEL}/2/tweets", proxy=f"http://{address}")
    assert errors.Unavailable is type(problem)


@pytest.mark.parametrize("handle", [reply(), reply(reset=True), reply(b"HTTP/1.1 201 Created\r\n")])
def test_a_lost_answer_leaves_doubt_behind_a_proxy_too(handle: Handler) -> None:
    """The proxy has read the request, and may have passed it on."""
    with serving(handle) as address:
        problem = fail(f"{HTTP}/2/tweets", proxy=f"http://{address}")
    assert errors.OutcomeUnknown is type(problem)


def test_what_is_no_address_leaves_no_doubt() -> None:
    """No request was made."""
    with pytest.raises(errors.Unavailable) as caught, Session("http://localhost") as session:
        session.post("http:///nowhere")
    assert "localhost is not a usable address" == str(caught.value)
