"""Answers of X's API, and failed exchanges, become errors of the flock."""

import contextlib
import io
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st

import flock.networks.http
import flock.networks.x.answers
from flock import errors
from flock.networks.http import Session
from flock.networks.x.answers import unreachable
from tests.conftest import no_more_files

NOW = 1_800_000_000.0
HOUR = 3600.0
PAGE = b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>"


def answer(status: int, body: object = None, headers: Mapping[str, str] | None = None) -> requests.Response:
    """Return a response as requests makes it."""
    response = requests.Response()
    response.status_code = status
    response.reason = "Because"
    response.raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    response.headers.update(headers or {})
    return response


def meaning(response: requests.Response, now: float) -> errors.NetworkError | None:
    """Return the error that a bad answer means, or None for a good one."""
    try:
        content = json.loads(response.content)
    except ValueError:
        content = None
    return flock.networks.x.answers.meaning(response, content, now)


def v1(code: int, message: str = "no") -> dict[str, Any]:
    """Return an error in the form of API v1.1."""
    return {"errors": [{"code": code, "message": message}]}


def v2(status: int, title: str, detail: str, kind: str = "about:blank") -> dict[str, Any]:
    """Return an error in the form of API v2."""
    return {"title": title, "detail": detail, "type": kind, "status": status}


PROBLEMS = "https://api.twitter.com/2/problems/"
DUPLICATE = "You are not allowed to create a Tweet with duplicate content."


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        (32, 401, errors.AppRefused),
        (64, 403, errors.Suspended),
        (88, 429, errors.RateLimited),
        (89, 401, errors.Unauthorized),
        (130, 503, errors.OutcomeUnknown),
        (131, 500, errors.OutcomeUnknown),
        (135, 401, errors.ClockWrong),
        (185, 403, errors.DailyLimit),
        (186, 403, errors.TooLong),
        (187, 403, errors.Duplicate),
        (215, 400, errors.AppRefused),
        (226, 403, errors.LooksAutomated),
        (261, 403, errors.AppRefused),
        (326, 403, errors.Locked),
        (416, 403, errors.AppRefused),
        (453, 403, errors.AppRefused),
        (9999, 403, errors.Refused),
        (9999, 500, errors.OutcomeUnknown),
    ],
)
def test_every_numbered_error_has_its_class(code: int, status: int, expected: type[errors.NetworkError]) -> None:
    """The error codes of API v1.1 count, also with a 2xx status."""
    assert expected is type(meaning(answer(status, v1(code)), NOW))
    if code != 9999:
        assert expected is type(meaning(answer(200, v1(code)), NOW))


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, v2(401, "Unauthorized", "Unauthorized"), errors.Unauthorized),
        (
            402,
            v2(402, "CreditsDepleted", "Your enrolled account has no credits", PROBLEMS + "credits"),
            errors.OutOfCredits,
        ),
        (403, v2(403, "Forbidden", DUPLICATE), errors.Duplicate),
        (403, v2(403, "Forbidden", "no", PROBLEMS + "user-suspended"), errors.Suspended),
        (403, v2(403, "Forbidden", "To protect our users, your account is temporarily locked."), errors.Locked),
        (403, v2(403, "Client Forbidden", "no", PROBLEMS + "client-forbidden"), errors.AppRefused),
        (
            403,
            v2(403, "Unsupported Authentication", "no", PROBLEMS + "unsupported-authentication"),
            errors.AppRefused,
        ),
        (403, v2(403, "Forbidden", "no", PROBLEMS + "oauth1-permissions"), errors.AppRefused),
        (403, v2(403, "Forbidden", "This request looks like it might be automated."), errors.LooksAutomated),
        (403, v2(403, "Forbidden", "You are not permitted to perform this action."), errors.Refused),
        (403, v2(403, "Forbidden", "Your request was blocked by a rule."), errors.Refused),
        (400, v2(400, "Invalid Request", "Your Tweet text is too long."), errors.TooLong),
        (400, {"errors": [{"message": "$.text: bad"}], **v2(400, "Invalid Request", "invalid")}, errors.Refused),
        (404, v2(404, "Not Found", "no"), errors.Unavailable),
        (413, {}, errors.TooLong),
        (429, v2(429, "Too Many Requests", "Too Many Requests"), errors.RateLimited),
        (500, v2(500, "Internal Server Error", "oops"), errors.OutcomeUnknown),
        (503, v2(503, "Service Unavailable", "later"), errors.OutcomeUnknown),
    ],
)
def test_every_problem_of_v2_has_its_class(status: int, body: object, expected: type[errors.NetworkError]) -> None:
    """Problem JSON: by its status, its type or its words."""
    assert expected is type(meaning(answer(status, body), NOW))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, errors.OutcomeUnknown),
        (400, errors.Unavailable),
        (401, errors.Unavailable),
        (403, errors.Unavailable),
        (404, errors.Unavailable),
        (429, errors.RateLimited),
        (502, errors.OutcomeUnknown),
        (504, errors.OutcomeUnknown),
    ],
)
@pytest.mark.parametrize("body", [PAGE, b"", b"\xff\xfe", b"null", b'"no"'])
def test_a_page_that_some_proxy_answers_is_no_answer(
    status: int, expected: type[errors.NetworkError], body: bytes
) -> None:
    """With a 4xx status the post did not land; otherwise it may have. The message does not quote the page."""
    problem = meaning(answer(status, body), NOW)
    assert expected is type(problem)
    assert f"HTTP {status} with {'a page' if body is PAGE else 'no JSON'} instead of an answer" == str(problem)


@pytest.mark.parametrize("body", [{"data": {"id": "1", "text": "baa"}}, {"id": 1}, {}, [], [{"id": 1}]])
def test_a_good_answer_means_nothing_went_wrong(body: object) -> None:
    """Every JSON object or list with a 2xx status is a good answer; the adapter checks the id."""
    assert meaning(answer(201, body), NOW) is None


def reset(prefix: str, at: float, remaining: str = "0") -> dict[str, str]:
    """Return a window's headers."""
    return {f"{prefix}-limit": "100", f"{prefix}-remaining": remaining, f"{prefix}-reset": f"{at:.0f}"}


WINDOW, USER_DAY, APP_DAY = "x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour"


@pytest.mark.parametrize(
    ("headers", "kind", "until"),
    [
        ({}, errors.RateLimited, None),
        (reset(WINDOW, NOW + 600), errors.RateLimited, NOW + 600),
        (reset(WINDOW, NOW + 600, "5"), errors.RateLimited, None),
        (reset(WINDOW, NOW - 5), errors.RateLimited, NOW - 5),
        (reset(WINDOW, NOW - 61), errors.RateLimited, None),
        (reset(WINDOW, NOW + 26 * HOUR), errors.RateLimited, None),
        ({"x-rate-limit-reset": "soon"}, errors.RateLimited, None),
        ({"x-rate-limit-reset": "nan"}, errors.RateLimited, None),
        ({"x-rate-limit-reset": "inf"}, errors.RateLimited, None),
        ({"retry-after": "90"}, errors.RateLimited, NOW + 90),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, errors.RateLimited, None),
        ({"retry-after": "9999999"}, errors.RateLimited, None),
        ({"retry-after": "-5"}, errors.RateLimited, None),
        (reset(USER_DAY, NOW + 5 * HOUR), errors.DailyLimit, NOW + 5 * HOUR),
        (reset(APP_DAY, NOW + 6 * HOUR), errors.DailyLimit, NOW + 6 * HOUR),
        (reset(USER_DAY, NOW + 5 * HOUR, "3") | reset(WINDOW, NOW + 60), errors.RateLimited, NOW + 60),
        (reset(USER_DAY, NOW + 5 * HOUR) | reset(WINDOW, NOW + 60), errors.DailyLimit, NOW + 5 * HOUR),
        (reset(USER_DAY, NOW + HOUR) | reset(APP_DAY, NOW + 2 * HOUR), errors.DailyLimit, NOW + 2 * HOUR),
    ],
)
@pytest.mark.parametrize("body", [v2(429, "Too Many Requests", "no"), v1(88), PAGE])
def test_a_rate_limit_lasts_until_a_reset_that_can_be_believed(
    headers: dict[str, str], kind: type[errors.Wait], until: float | None, body: object
) -> None:
    """A believable reset is not long past and within a day; of several used-up windows the latest counts."""
    problem = meaning(answer(429, body, headers), NOW)
    assert isinstance(problem, errors.Wait)
    assert (kind, until) == (type(problem), until if problem.until is None else pytest.approx(problem.until))
    assert until == problem.until


def test_resets_are_believed_only_on_a_429() -> None:
    """Rate-limit headers come with every answer, and count on a 429 only."""
    problem = meaning(answer(403, v2(403, "Forbidden", DUPLICATE), reset(USER_DAY, NOW + HOUR)), NOW)
    assert errors.Duplicate is type(problem)


def test_the_networks_words_are_passed_on_shortened_and_harmless() -> None:
    """The message is one line without control characters, since it may be printed on a terminal."""
    problem = meaning(answer(403, v2(403, "Forbidden", "no\x1b[31m\r\n\u202ebaa" + "a" * 999)), NOW)
    assert str(problem).startswith("HTTP 403: no")
    assert str(problem).isprintable()
    assert len(str(problem)) < 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["errors", "code", "message", "title", "detail", "type", "data"]), inner)
    ),
    max_leaves=8,
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [f"{prefix}-{name}" for prefix in (WINDOW, USER_DAY, APP_DAY) for name in ("reset", "remaining")]
    )
    | st.just("retry-after"),
    st.text(max_size=12) | st.integers(0, 2**40).map(str),
)


@given(st.integers(100, 599), JSON | st.binary(max_size=40), HEADERS)
def test_any_answer_means_something(status: int, body: object, headers: dict[str, str]) -> None:
    """No status, body or header raises another exception; a 2xx or 3xx answer without JSON is an error."""
    problem = meaning(answer(status, body, headers), NOW)
    assert isinstance(problem, errors.NetworkError | None)
    assert status < 400 or problem is not None


# What becomes of a request that gets no answer: real failures on loopback.

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


def fail(url: str, **environment: Any) -> errors.NetworkError:
    """Post to `url` and return what the failure means."""
    with Session(url) as session:
        session.proxies.update(environment)
        with pytest.raises(requests.RequestException) as caught:
            session.post(url, json={"text": "baa"}, headers={"Authorization": "OAuth sesame"})
    return unreachable(caught.value, "the-host")


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
    assert (errors.Unavailable, "the-host takes no connection") == (type(problem), str(problem))


def test_a_process_that_may_open_no_more_files_blames_no_server() -> None:
    """The process can open no connection to any server."""
    url = "http://127.0.0.1:1/2/tweets"
    with Session(url) as session, no_more_files(), pytest.raises(requests.RequestException) as caught:
        session.post(url)
    problem = unreachable(caught.value, "the-host")
    assert errors.Unavailable is type(problem)
    assert "this process may open no more files; raise LimitNOFILE= or ulimit -n" == str(problem)


def test_a_name_that_nobody_knows_means_that_nothing_landed() -> None:
    """No such name, or no DNS."""
    problem = fail("http://nowhere.invalid/2/tweets")
    assert errors.Unavailable is type(problem)
    assert "the-host cannot be found: no such name, or no DNS" == str(problem)


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
    assert "the connection to the-host broke" == str(problem)


def test_a_server_that_never_answers_leaves_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The session waits for the read timeout and no longer."""
    monkeypatch.setattr(flock.networks.http, "READ_TIMEOUT", 0.05)
    done = threading.Event()

    def hang(connection: socket.socket) -> None:
        connection.recv(65536)
        done.wait(10)

    with serving(hang) as address:
        problem = fail(f"http://{address}/2/tweets")
        done.set()
    assert errors.OutcomeUnknown is type(problem)
    assert "the-host did not answer in time" == str(problem)


@pytest.mark.parametrize(
    "status", [b"301 Moved", b"302 Found", b"307 Temporary Redirect", b"308 Permanent Redirect"]
)
def test_a_redirect_is_not_followed(status: bytes) -> None:
    """A redirect is not followed: that would send a GET, and the tokens, to another server."""
    requested: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        requested.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 " + status + b"\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n")

    with serving(handle) as address:
        problem = fail(f"http://{address}/2/tweets")
    assert errors.Unavailable is type(problem)
    assert str(problem).startswith("the-host redirects too often; check --base-url")
    assert 1 == len(requested)


def test_tls_to_a_plain_port_is_no_success() -> None:
    """TLS may also break after the request, and the libraries do not say when it did."""
    with serving(reply(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")) as address:
        problem = fail(f"https://{address}/2/tweets")
    assert errors.OutcomeUnknown is type(problem)


def test_a_certificate_that_proves_nothing_means_that_nothing_landed() -> None:
    """The certificate is checked before anything is sent. The error is nested as requests and urllib3 nest it."""
    inner = urllib3.exceptions.SSLError(ssl.SSLCertVerificationError(1, "self-signed certificate"))
    pool = urllib3.HTTPSConnectionPool("api.x.com")
    error = requests.exceptions.SSLError(urllib3.exceptions.MaxRetryError(pool, "/2/tweets", inner))
    problem = unreachable(error, "the-host")
    assert errors.Unavailable is type(problem)
    assert "the-host has a TLS certificate that cannot be verified; check the CA bundle and the clock" == str(
        problem
    )


def test_a_dead_proxy_means_that_nothing_landed_and_its_password_is_not_told() -> None:
    """The libraries' messages may hold the password; the flock's does not."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    problem = fail("https://api.example/2/tweets", https=f"http://me:sesame@127.0.0.1:{port}")
    assert errors.Unavailable is type(problem)
    assert "the-host is behind a proxy that takes no connection" == str(problem)


def test_a_proxy_that_refuses_means_that_nothing_landed() -> None:
    """The request never got through it."""
    with serving(reply(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")) as address:
        problem = fail("https://api.example/2/tweets", https=f"http://me:sesame@{address}")
    assert errors.Unavailable is type(problem)
    assert "sesame" not in str(problem)


def test_what_is_no_address_leaves_no_doubt() -> None:
    """No request was made."""
    problem = fail("http:///nowhere")
    assert (errors.Unavailable, "the-host is not a usable address") == (type(problem), str(problem))
