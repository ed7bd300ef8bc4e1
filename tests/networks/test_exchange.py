"""What bounds an exchange: answers that are too large, too slow, or more than was asked for."""

import contextlib
import gzip
import socket
import threading
import zlib
from collections.abc import Callable, Iterator

import pytest

from flock import errors
from flock.networks import http
from flock.networks.http import Session
from flock.threads.slots import POSTS_AT_ONCE

GOOD = b'HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\n"ok"'
CHUNKED = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"


class Odd:
    """A server on loopback that answers each request with what `answers` yields. Counts the connections."""

    def __init__(self, answers: Callable[[], Iterator[bytes]]) -> None:
        self._answers = answers
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.connections = 0
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._speak, args=(connection,), daemon=True).start()

    def _speak(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while part := connection.recv(65536):
                if part.endswith(b"}"):  # the end of the JSON; headers may come before it
                    for answer in self._answers():
                        connection.sendall(answer)

    def close(self) -> None:
        """Take no more connections."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@contextlib.contextmanager
def odd(answers: Callable[[], Iterator[bytes]]) -> Iterator[Odd]:
    """Run a server."""
    with contextlib.closing(Odd(answers)) as server:
        yield server


def for_ever(start: bytes, part: bytes) -> Callable[[], Iterator[bytes]]:
    """Answer with `start`, and then with `part` without end."""

    def answers() -> Iterator[bytes]:
        yield start
        while True:
            yield part

    return answers


def once(*parts: bytes) -> Callable[[], Iterator[bytes]]:
    """Answer each request with these parts."""
    return lambda: iter(parts)


def packed(body: bytes, encoding: bytes = b"gzip") -> bytes:
    """Return an answer with this body."""
    return b"HTTP/1.1 201 Created\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        encoding,
        len(body),
        body,
    )


BOMB = gzip.compress(b"a" * 10_000_000)
KILOBYTE = b"a" * 1024
ENDLESS = {
    "body": for_ever(b"HTTP/1.1 200 OK\r\n\r\n", KILOBYTE),
    "long body": for_ever(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n", KILOBYTE),
    "chunks": for_ever(CHUNKED, b"400\r\n" + KILOBYTE + b"\r\n"),
    "chunk size": for_ever(CHUNKED, b"0"),
    "chunk extension": for_ever(CHUNKED + b"1;", KILOBYTE),
    "trailers": for_ever(CHUNKED + b"0\r\n", b"X-A: b\r\n"),
    "status line": for_ever(b"HTTP/1.1 200 ", KILOBYTE),
    "header": for_ever(b"HTTP/1.1 200 OK\r\nX-A: ", KILOBYTE),
    "headers": for_ever(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "continue": for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "early hints": for_ever(b"", b"HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n"),
    "gzip bomb": once(packed(BOMB)),
    "deflate bomb": once(packed(zlib.compress(b"a" * 10_000_000), b"deflate")),
}


@pytest.mark.parametrize("answers", ENDLESS.values(), ids=ENDLESS.keys())
def test_what_has_no_end_is_cut_off(answers: Callable[[], Iterator[bytes]]) -> None:
    """Each of these answers is larger than any that a network sends, and the post may be out."""
    with odd(answers) as server, Session(server.url) as session, pytest.raises(errors.OutcomeUnknown):
        session.post(f"{server.url}/2/tweets", json={"text": "baa"})


def chunks_of_a_byte(count: int) -> bytes:
    """Return an answer in so many chunks, of JSON and blanks."""
    return CHUNKED + b"2\r\n{}\r\n" + b"1\r\n \r\n" * count + b"0\r\n\r\n"


def test_an_answer_in_a_thousand_small_chunks_is_read() -> None:
    with odd(once(chunks_of_a_byte(1000))) as server, Session(server.url) as session:
        assert session.post(server.url, json={}).json() == {}


def test_small_chunks_are_bounded_by_what_they_cost_to_read() -> None:
    """60 KB in chunks of a byte would take a tenth of a second of CPU, and a megabyte two seconds."""
    answer = chunks_of_a_byte(10_000)
    assert len(answer) < http.LARGEST_ANSWER / 10
    with odd(once(answer)) as server, Session(server.url) as session, pytest.raises(errors.OutcomeUnknown):
        session.post(server.url, json={})


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n", CHUNKED])
def test_what_comes_byte_by_byte_has_a_deadline(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between two bytes is longer than the read timeout, but all of them together take too long."""
    monkeypatch.setattr(http, "EXCHANGE_LIMIT", 0.3)
    pause = threading.Event()

    def answers() -> Iterator[bytes]:
        yield start
        while True:
            pause.wait(0.01)
            yield b"0"

    with odd(answers) as server, Session(server.url) as session, pytest.raises(errors.OutcomeUnknown) as caught:
        session.post(f"{server.url}/2/tweets", json={"text": "baa"})
    assert "127.0.0.1 did not answer in time" == str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 201 Created\r\nContent-Length: -1\r\n\r\n{}",
        b"HTTP/1.1 201 Created\r\nContent-Length: 0x2\r\n\r\n{}",
        b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
        b"HTTP/1.1 201 Created\r\nno colon here\r\nContent-Length: 2\r\n\r\n{}",
        packed(b"not gzip"),
        packed(BOMB[:100]),
        packed(b"{}", b"br"),
        packed(b"{}", b"gzip, gzip"),
        CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_what_is_no_proper_answer_is_none(answer: bytes) -> None:
    """An answer that is not well formed may be anybody's."""
    with odd(once(answer)) as server, Session(server.url) as session, pytest.raises(errors.OutcomeUnknown):
        session.post(f"{server.url}/2/tweets", json={"text": "baa"})


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"]
)
def test_interim_answers_are_skipped(start: bytes) -> None:
    """The answer follows them, on the same connection."""
    with odd(once(start, start, GOOD)) as server, Session(server.url) as session:
        for _ in range(2):
            assert b'"ok"' == session.post(f"{server.url}/2/tweets", json={"text": "baa"}).content
    assert 1 == server.connections


@pytest.mark.parametrize("more", [GOOD, b"\r\n", b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"])
def test_what_nobody_asked_for_answers_no_other_request(more: bytes) -> None:
    """A connection on which more comes than the answer is not used again."""
    with odd(once(GOOD + more)) as server, Session(server.url) as session:
        for _ in range(3):
            assert b'"ok"' == session.post(f"{server.url}/2/tweets", json={"text": "baa"}).content
    assert 3 == server.connections


@pytest.mark.parametrize("encoding", [b"gzip", b"x-gzip", b"GZip", b"identity"])
def test_a_compressed_answer_is_read_though_none_was_asked_for(encoding: bytes) -> None:
    """Some servers compress all the same."""
    body = b'"ok"' if encoding == b"identity" else gzip.compress(b'"ok"')
    with odd(once(packed(body, encoding))) as server, Session(server.url) as session:
        for _ in range(2):
            assert b'"ok"' == session.post(f"{server.url}/2/tweets", json={"text": "baa"}).content
    assert 1 == server.connections


def test_bad_answers_use_up_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them than a pool holds connections; after each there is one for the next request."""
    monkeypatch.setattr("flock.networks.http.POSTS_AT_ONCE", 2)
    with odd(once(packed(b"not gzip"))) as server, Session(server.url) as session:
        for _ in range(5):
            with pytest.raises(errors.OutcomeUnknown):
                session.post(f"{server.url}/2/tweets", json={"text": "baa"})


def test_whoever_gets_no_connection_in_time_has_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The only connection is taken by another thread, which waits for its answer."""
    monkeypatch.setattr("flock.networks.http.POSTS_AT_ONCE", 1)
    monkeypatch.setattr("flock.networks.http.POOL_LIMIT", 0.05)
    asked, done = threading.Event(), threading.Event()

    def answers() -> Iterator[bytes]:
        asked.set()
        done.wait(10)
        yield GOOD

    with odd(answers) as server, Session(server.url) as session:
        url = f"{server.url}/2/tweets"
        other = threading.Thread(target=session.post, args=(url,), kwargs={"json": {}})
        other.start()
        assert asked.wait(10)
        with pytest.raises(errors.Unavailable) as caught:
            session.post(url, json={})
        done.set()
        other.join(10)
    assert "127.0.0.1 keeps all connections busy" == str(caught.value)


def test_headers_and_body_of_a_request_are_sent_at_once() -> None:
    """So that they are one TLS record and one packet."""
    received: list[bytes] = []

    class Listening(Odd):
        def _speak(self, connection: socket.socket) -> None:
            with connection:
                received.append(connection.recv(65536))
                connection.sendall(GOOD)

    with contextlib.closing(Listening(once(GOOD))) as server, Session(server.url) as session:
        assert 201 == session.post(f"{server.url}/2/tweets", json={"text": "baa"}).status_code
    (request,) = received
    assert request.startswith(b"POST /2/tweets HTTP/1.1\r\n")
    assert request.endswith(b'\r\n\r\n{"text": "baa"}')


class Signed:
    """Signs nothing; JSON that is signed takes the short way, past requests."""

    def headers_for(self, method: str, url: str) -> dict[str, str]:  # noqa: ARG002 - a Signer
        return {"Authorization": "me"}


@pytest.mark.parametrize("answers", ENDLESS.values(), ids=ENDLESS.keys())
def test_the_answer_to_a_signed_post_is_cut_off_as_well(answers: Callable[[], Iterator[bytes]]) -> None:
    with odd(answers) as server, Session(server.url) as session, pytest.raises(errors.OutcomeUnknown):
        session.request("POST", f"{server.url}/2/tweets", json={"text": "baa"}, auth=Signed())


def test_the_answer_to_a_signed_post_has_a_deadline_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "EXCHANGE_LIMIT", 0.3)
    answers = iter([b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n", GOOD])
    with odd(lambda: iter([next(answers)])) as server, Session(server.url) as session:
        with pytest.raises(errors.OutcomeUnknown, match="did not answer in time"):
            session.request("POST", f"{server.url}/2/tweets", json={}, auth=Signed())
        assert b'"ok"' == session.request("POST", f"{server.url}/2/tweets", json={}, auth=Signed()).content
        assert 2 == server.connections  # the rest of the first answer may be on its way


def test_signed_posts_use_a_connection_again() -> None:
    with odd(once(GOOD)) as server, Session(server.url) as session:
        for _ in range(3):
            assert b'"ok"' == session.request("POST", f"{server.url}/2/tweets", json={}, auth=Signed()).content
        assert 1 == server.connections


def test_a_signed_post_that_fails_gives_its_connection_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """More posts than there are connections fail, and the next one still gets a connection."""
    monkeypatch.setattr(http, "POOL_LIMIT", 0.1)
    parts = iter([*[b"no HTTP\r\n\r\n"] * (POSTS_AT_ONCE + 1), GOOD])
    with odd(lambda: iter([next(parts)])) as server, Session(server.url) as session:
        for _ in range(POSTS_AT_ONCE + 1):
            with pytest.raises(errors.OutcomeUnknown):
                session.request("POST", f"{server.url}/2/tweets", json={}, auth=Signed())
        assert b'"ok"' == session.request("POST", f"{server.url}/2/tweets", json={}, auth=Signed()).content


def test_a_signed_post_that_nobody_takes_surely_did_not_land() -> None:
    with odd(once(GOOD)) as server:
        url = server.url
    with Session(url) as session, pytest.raises(errors.Unavailable, match="takes no connection"):
        session.request("POST", f"{url}/2/tweets", json={}, auth=Signed())
