"""Clients that take too much: time, connections, bytes, file descriptors."""

from __future__ import annotations

import http.client
import json
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from threading import Thread

import pytest
import requests
from requests import Response
from requests_oauthlib import OAuth1Session
from werkzeug.wrappers import Response as Answer

from flock.pasture import Account, Pasture
from flock.pasture.serving import Bounds, Server
from tests.conftest import TIMEOUT

WHOLE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextmanager
def served(bounds: Bounds) -> Iterator[int]:
    """Run a server with these bounds that greets; give its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener, Answer("hello"), bounds)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.port
    finally:
        server.end()
        thread.join()


def connect(port: int) -> socket.socket:
    """A connection to that port of loopback."""
    return socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)


def is_over(client: socket.socket) -> bool:
    """Whether the server has ended the connection; a moment is given for that."""
    readable, _, _ = select.select([client], [], [], 0.02)
    return bool(readable)


def ask(client: socket.socket) -> bytes:
    """Send a whole request and return the first bytes of the answer."""
    client.sendall(WHOLE)
    return client.recv(12)


def test_a_request_that_comes_by_drops_is_cut_off() -> None:
    """A byte now and then does not hold a connection: the time counts for the whole request."""
    with served(Bounds(exchange=0.2)) as port, connect(port) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: ")
        drops = 0
        with suppress(ConnectionError):
            while not is_over(client) and drops < 1_000:
                client.sendall(b"x")
                drops += 1

    assert 0 < drops < 1_000


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    """The connection ends without an answer."""
    with served(Bounds(exchange=0.1)) as port, connect(port) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")

        assert b"" == client.recv(1)


def test_an_idle_connection_ends() -> None:
    """One that never asked, and one that was answered."""
    with served(Bounds(idle=0.1)) as port, connect(port) as silent, connect(port) as answered:
        assert b"HTTP/1.1 200" == ask(answered)
        while answered.recv(1000):
            pass

        assert b"" == silent.recv(1)


def test_a_crowd_that_only_connects_keeps_nobody_out() -> None:
    """Over the bound, the connection that has waited longest ends; the one that asks is answered."""
    with ExitStack() as opened, served(Bounds(connections=3)) as port:
        crowd = [opened.enter_context(connect(port)) for _ in range(20)]
        with connect(port) as client:
            assert b"HTTP/1.1 200" == ask(client)
        assert b"" == crowd[0].recv(1)
        assert b"HTTP/1.1 200" == ask(crowd[-1])


def test_headers_have_a_bound_in_all(pasture: Pasture) -> None:
    """Not only each for itself."""
    headers = {f"X-{number}": "x" * 5_000 for number in range(20)}

    response = requests.get(f"{pasture.url}/", headers=headers)

    assert (431, "nosniff") == (response.status_code, response.headers["X-Content-Type-Options"])


@pytest.mark.parametrize("path", ["/1.1/statuses/update.json", "/2/tweets", "/", "/nowhere"])
@pytest.mark.parametrize("length", [64 * 1024 + 1, 1024 * 1024, 10**9, 10**17])
def test_a_body_that_is_too_large_is_refused_before_it_comes(pasture: Pasture, path: str, length: int) -> None:
    """By its length alone: none of it is sent here."""
    with closing(http.client.HTTPConnection(pasture.url.removeprefix("http://"), timeout=TIMEOUT)) as connection:
        connection.putrequest("POST", path)
        connection.putheader("Content-Length", str(length))
        connection.endheaders()

        assert 413 == connection.getresponse().status


def test_a_client_that_asks_first_need_not_send_a_body_that_is_too_large(pasture: Pasture) -> None:
    """`Expect: 100-continue` is answered with the refusal, and the connection ends; a small body is asked for."""
    for length, expected in [(10**6, b"HTTP/1.1 413"), (3, b"HTTP/1.1 100")]:
        with connect(int(pasture.url.rpartition(":")[2])) as client:
            head = f"POST /2/tweets HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n"
            client.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())

            assert expected == client.recv(12)


@pytest.mark.parametrize("text", ["a" * 60_000, "a." * 30_000, "\u0300\u0316" * 5_000, "\u200d" * 10_001])
def test_a_text_beyond_reason_is_too_long_at_once(
    pasture: Pasture, wolf: Account, sign_in: Callable[[Account], OAuth1Session], text: str
) -> None:
    """Neither links nor emoji are looked for in it."""
    body = json.dumps({"text": text}, ensure_ascii=False).encode()

    response = sign_in(wolf).post(
        f"{pasture.url}/2/tweets", data=body, headers={"Content-Type": "application/json"}
    )

    assert (403, "Your Tweet text is too long.") == (response.status_code, response.json()["detail"])


@pytest.mark.parametrize(
    "request_bytes",
    [b"NONSENSE <script>\r\n\r\n", b"GET / HTTP/<script>\r\n\r\n", b"GET http://[<script> HTTP/1.1\r\n\r\n"],
)
def test_a_refusal_repeats_nothing_of_a_malformed_request(pasture: Pasture, request_bytes: bytes) -> None:
    """It is JSON, has the headers of every answer, and says nothing about versions."""
    with connect(int(pasture.url.rpartition(":")[2])) as client:
        client.sendall(request_bytes)
        answer = b"".join(iter(lambda: client.recv(1000), b""))

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\nServer: pasture\r\n")
    assert b"script" not in answer
    assert b"\r\nX-Content-Type-Options: nosniff\r\n" in answer


@pytest.mark.parametrize("path", ["/2/users/me", "/1.1/statuses/update.json", "/nowhere"])
def test_every_answer_is_nothing_but_what_it_is(pasture: Pasture, path: str) -> None:
    """No browser takes JSON for a page, shows an answer in another page's frame, or keeps it."""
    headers = requests.get(pasture.url + path).headers

    assert ("nosniff", "no-store") == (headers["X-Content-Type-Options"], headers["Cache-Control"])
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert policy.endswith("; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


def test_a_bug_shows_no_traceback_to_a_client(pasture: Pasture, say_v2: Callable[[str], Response]) -> None:
    """The log has it."""
    pasture.store.close()

    response = say_v2("into the void")

    assert (500, "Internal Server Error") == (response.status_code, response.json()["detail"])
    assert "sqlite" not in response.text.lower()


OUT_OF_FILES = """
import os, resource, sys, time
from flock.pasture import Pasture

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
with Pasture(()) as pasture:
    taken = []
    while True:
        try:
            taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            break
    print(pasture.url.rpartition(":")[2], flush=True)
    before = time.process_time()
    sys.stdin.readline()
    print(time.process_time() - before, flush=True)
    for descriptor in taken:
        os.close(descriptor)
    sys.stdin.readline()
"""


def test_a_pasture_without_a_file_descriptor_waits_and_does_not_spin() -> None:
    """The connection stays in the backlog, and is served when a descriptor is free."""
    with subprocess.Popen(
        [sys.executable, "-c", OUT_OF_FILES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        with connect(int(process.stdout.readline())) as client:
            client.sendall(WHOLE)
            client.settimeout(0.5)
            with pytest.raises(TimeoutError):
                client.recv(1)
            process.stdin.write("\n")
            process.stdin.flush()
            assert float(process.stdout.readline()) < 0.25
            client.settimeout(TIMEOUT)
            assert b"HTTP/1.1 200" == client.recv(12)
