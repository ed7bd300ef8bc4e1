"""The pasture as a server: connections, load, malformed requests, and closing."""

from __future__ import annotations

import gc
import http.client
import json
import logging
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
import requests
from requests import Response
from requests_oauthlib import OAuth1Session
from werkzeug.routing import Rule

from flock.errors import BadOption
from flock.pasture import Account, Pasture
from flock.pasture.serving import routes


@pytest.fixture
def connection(pasture: Pasture) -> Iterable[http.client.HTTPConnection]:
    """A bare connection to the pasture."""
    with closing(http.client.HTTPConnection(pasture.url.removeprefix("http://"), timeout=10)) as connection:
        yield connection


def connect(pasture: Pasture) -> socket.socket:
    """A socket to the pasture."""
    return socket.create_connection(("127.0.0.1", int(pasture.url.rpartition(":")[2])), timeout=10)


def test_a_port_in_use_is_one_line(pasture: Pasture, wolf: Account) -> None:
    """The error names the cause and the remedy; nothing is printed, and the process does not exit."""
    port = int(pasture.url.rpartition(":")[2])

    with pytest.raises(BadOption) as raised, Pasture([wolf], port=port):
        pytest.fail("two pastures on one port")

    assert str(raised.value) == (
        f"the pasture cannot listen on 127.0.0.1 port {port}: in use; choose another port, or 0 for a free one"
    )


def test_a_port_that_is_none_is_one_line_too(wolf: Account) -> None:
    """A port over 65535 is refused."""
    with pytest.raises(BadOption, match="ports are 0 to 65535"), Pasture([wolf], port=70_000):
        pytest.fail("no such port")


@pytest.mark.parametrize("host", ["a..b", "." * 70, "nowhere.invalid", "x\x00y", "256.1.1.1", "\ud800"])
def test_a_host_that_is_none_is_one_line_too(wolf: Account, host: str) -> None:
    """Whatever the resolver thinks of it."""
    with (
        pytest.raises(BadOption, match=r"^the pasture cannot listen on .* port 0: .*; "),
        Pasture([wolf], host=host),
    ):
        pytest.fail("no such host")


def test_the_address_of_ipv6_is_bracketed(wolf: Account, sign_in: Callable[[Account], OAuth1Session]) -> None:
    """The URL has the address in brackets, and signatures are checked against it."""
    with Pasture([wolf], host="::1") as pasture:
        response = sign_in(wolf).get(f"{pasture.url}/2/users/me")

    assert pasture.url.startswith("http://[::1]:")
    assert response.status_code == 200


def test_a_connection_is_kept(connection: http.client.HTTPConnection) -> None:
    """The connection stays open after good and bad answers of every size."""
    connection.connect()
    sock = connection.sock
    for method, path, body in [
        ("GET", "/", None),
        ("HEAD", "/", None),
        ("POST", "/2/tweets", b"unread " * 100),
        ("POST", "/1.1/statuses/update.json", b"x" * 3_000_000),
        ("OPTIONS", "/2/tweets", None),
        ("GET", "/", None),
    ]:
        connection.request(method, path, body)
        response = connection.getresponse()
        response.read()

    assert response.status == 200
    assert connection.sock is sock


def test_closing_ends_idle_connections(wolf: Account) -> None:
    """Also those without any request; and their threads, while the clients still hold their ends."""
    before = set(threading.enumerate())
    with ExitStack() as clients:
        with Pasture([wolf]) as pasture:
            for _ in range(20):
                clients.enter_context(connect(pasture))
                client = clients.enter_context(requests.Session())
                assert client.get(f"{pasture.url}/").status_code == 200
        assert set(threading.enumerate()) <= before


def test_closing_lets_an_answer_finish(wolf: Account) -> None:
    """A request under way when the pasture closes is still answered."""
    asked = threading.Event()

    def hold(app: WSGIApplication) -> WSGIApplication:
        def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            (listening,) = (thread for thread in threading.enumerate() if thread.name == "pasture")
            asked.set()
            listening.join(10)
            return app(environ, start_response)

        return wrapped

    pasture = Pasture([wolf], wrap=hold)
    pasture.start()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(requests.get, f"{pasture.url}/2/users/me")
        asked.wait(10)
        pasture.close()

        assert answer.result().status_code == 401


def test_closing_twice_is_closing_once(wolf: Account) -> None:
    """Closing may be repeated, also for a pasture that never started."""
    pasture = Pasture([wolf])

    pasture.close()
    pasture.close()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        pasture.store.posts()


def test_a_crowd_loses_nothing(
    pasture: Pasture, wolf: Account, lamb: Account, sign_in: Callable[[Account], OAuth1Session]
) -> None:
    """200 clients post at once, three times each, over connections that they keep."""
    sessions = [sign_in(account) for account in (wolf, lamb) for _ in range(100)]
    together = threading.Barrier(len(sessions))

    def post(number: int) -> list[tuple[int, str]]:
        together.wait()
        said = []
        for line in range(3):
            text = f"{number}, {line}"
            answer = sessions[number].post(f"{pasture.url}/2/tweets", json={"text": text})
            said.append((int(answer.json()["data"]["id"]), text))
        return said

    with ThreadPoolExecutor(len(sessions)) as pool:
        answers = [answer for said in pool.map(post, range(len(sessions))) for answer in said]

    assert sorted(answers) == [(post.id, post.text) for post in pasture.store.posts()]
    assert len({number for number, _ in answers}) == 600


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/1.1/nowhere.json", {"errors": [{"code": 34, "message": "Sorry, that page does not exist."}]}),
        ("/2/nowhere", {"title": "Not Found", "type": "about:blank", "status": 404, "detail": "Not Found"}),
        ("/favicon.ico", {"title": "Not Found", "type": "about:blank", "status": 404, "detail": "Not Found"}),
    ],
)
def test_what_is_not_there_is_said_in_the_shape_that_was_asked(
    connection: http.client.HTTPConnection, path: str, expected: object
) -> None:
    """A 404 has a JSON body, too."""
    connection.request("GET", path)
    response = connection.getresponse()

    assert response.status == 404
    assert json.loads(response.read()) == expected


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_refused(pasture: Pasture, method: str) -> None:
    """The answer is a 405 in the form of the API version."""
    by_v1 = requests.request(method, f"{pasture.url}/1.1/statuses/update.json")
    by_v2 = requests.request(method, f"{pasture.url}/2/tweets")

    assert (by_v1.status_code, by_v1.json()["errors"][0]["code"]) == (405, 86)
    assert (by_v2.status_code, by_v2.json()["title"]) == (405, "Method Not Allowed")


def test_a_head_has_no_body(pasture: Pasture) -> None:
    """A HEAD request gets the length of the page and no body."""
    response = requests.head(f"{pasture.url}/")

    assert (response.status_code, response.content) == (200, b"")
    assert int(response.headers["Content-Length"]) > 100


@pytest.mark.parametrize("size", [64 * 1024 + 1, 5_000_000])
@pytest.mark.parametrize("path", ["/1.1/statuses/update.json", "/2/tweets"])
def test_an_absurd_body_is_refused(pasture: Pasture, session: OAuth1Session, path: str, size: int) -> None:
    """The client gets to read the refusal, also after sending megabytes."""
    response = session.post(pasture.url + path, data=b"x" * size, headers={"Content-Type": "application/json"})

    assert response.status_code == 413
    assert response.json().keys() in [{"errors"}, {"title", "type", "status", "detail"}]


def test_a_body_of_unknown_length_is_refused(pasture: Pasture) -> None:
    """The answer is 411, and the connection is closed, since the start of the next request is unknown."""
    response = requests.post(f"{pasture.url}/2/tweets", data=iter([b"a", b"b"]))

    assert (response.status_code, response.json()["title"]) == (411, "Length Required")
    assert response.headers["Connection"] == "close"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"NONSENSE\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /2/users/me HTTP/1.1\r\nHost: \x00[:::\r\nAuthorization: OAuth oauth_token=x\r\n\r\n",
        b"POST /2/tweets HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /2/tweets HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n",
    ],
    ids=range(7),
)
def test_a_malformed_request_harms_nobody(
    pasture: Pasture, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """It gets a 4xx or 5xx answer, and the pasture goes on and logs no error."""
    with connect(pasture) as client:
        client.sendall(request_bytes)
        answer = client.recv(100)

    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505"))
    assert requests.get(f"{pasture.url}/").status_code == 200
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_middleware_can_lose_an_answer(wolf: Account, session: OAuth1Session) -> None:
    """The post is stored, and the client gets no answer."""

    def lose(app: WSGIApplication) -> WSGIApplication:
        def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            list(app(environ, start_response))
            raise ConnectionResetError

        return wrapped

    with Pasture([wolf], wrap=lose) as pasture:
        with pytest.raises(requests.ConnectionError):
            session.post(f"{pasture.url}/2/tweets", json={"text": "did it land?"})

        assert [post.text for post in pasture.store.posts()] == ["did it land?"]


def test_a_middleware_can_cut_an_answer_short(wolf: Account) -> None:
    """The client does not wait for the missing rest."""

    def cut(_: WSGIApplication) -> WSGIApplication:
        def wrapped(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", [("Content-Length", "100")])
            return [b"half"]

        return wrapped

    with Pasture([wolf], wrap=cut) as pasture, pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(pasture.url, timeout=10)


def test_a_fault_of_a_middleware_is_a_500(wolf: Account, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with its traceback."""

    def fail(_: WSGIApplication) -> WSGIApplication:
        def wrapped(_: WSGIEnvironment, __: StartResponse) -> Iterable[bytes]:
            raise ZeroDivisionError

        return wrapped

    with Pasture([wolf], wrap=fail) as pasture:
        response = requests.get(pasture.url)

    assert response.status_code == 500
    assert [record.message for record in caplog.records if record.exc_info] == ["the application failed"]


def test_a_fault_of_the_pasture_is_a_500_in_shape(pasture: Pasture, say_v1: Callable[[str], Response]) -> None:
    """Clients of v1.1 get code 131."""
    pasture.store.close()

    response = say_v1("into the void")

    assert (response.status_code, response.json()["errors"][0]["code"]) == (500, 131)


def test_the_log_holds_neither_query_nor_headers(
    pasture: Pasture, session: OAuth1Session, caplog: pytest.LogCaptureFixture
) -> None:
    """Method, path and status, at DEBUG."""
    with caplog.at_level(logging.DEBUG, logger="flock.pasture"):
        session.post(f"{pasture.url}/1.1/statuses/update.json", params={"status": "said"})

    records = [record for record in caplog.records if record.name == "flock.pasture"]
    assert [record.getMessage() for record in records] == ["POST '/1.1/statuses/update.json' 200"]
    assert [record.levelno for record in records] == [logging.DEBUG]


def test_servers_are_made_in_several_threads_at_once() -> None:
    """Also where the garbage that is collected meanwhile lets another thread run: Python 3.11 fails then."""

    class Garbage:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            time.sleep(0)

    def make(_: int) -> None:
        for _ in range(60):
            for _ in range(5):
                Garbage()
            routes([Rule(f"/{number}/<one>/<other>", endpoint=make) for number in range(10)])

    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-5)
    gc.set_threshold(50)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(make, range(4)))
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)
