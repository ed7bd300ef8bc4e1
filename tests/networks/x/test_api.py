"""X's adapter against a tiny server on loopback that writes down what it is sent."""

import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import twitter
from oauthlib.oauth1 import RequestValidator, ResourceEndpoint

from flock import errors
from flock.keys import Key, XCredentials, read_key
from flock.networks.base import Post
from flock.networks.http import Session
from flock.networks.service import Service
from flock.networks.x.api import X
from flock.options import ApiVersion, is_loopback

APIS: list[ApiVersion] = ["2", "1.1"]
LONG = " ".join(["baa"] * 100)
SECRET = "sesame"  # is in every token and secret


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    verb: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, list[str]]:
        """The fields of a form."""
        return parse_qs(self.body.decode(), strict_parsing=True)


@dataclass
class Stub:
    """A server that answers with `answers` in turn, or else takes every post as the n-th."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: list[tuple[int, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self, asked: Asked) -> tuple[int, Any]:
        """Return the status and the JSON for what was asked."""
        self.asked.append(asked)
        if self.answers:
            return self.answers.pop(0)
        number = len(self.asked)
        if asked.path.startswith("/2/"):
            return 201, {"data": {"id": str(number), "text": json.loads(asked.body)["text"]}}
        return 200, {"id": number, "id_str": str(number), "text": asked.form["status"][0]}


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Stub]:
    """Run a stub on loopback, over TLS if it has a certificate."""
    told = Stub()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = told.answer(Asked(self.command, self.path, dict(self.headers.items()), body))
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status, HTTPStatus(status).phrase)
            for name, value in {"Content-Length": str(len(content)), **told.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self._do()

        def do_POST(self) -> None:
            self._do()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        told.url = f"http://127.0.0.1:{server.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            told.url = f"https://localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield told
        server.shutdown()
        thread.join(10)


@pytest.fixture
def stub() -> Iterator[Stub]:
    """Run a stub for a test."""
    with serving() as told:
        yield told


Connect = Callable[..., X]


@pytest.fixture
def key(write_key: Callable[..., Path]) -> Key:
    """Return a good key."""
    return read_key(write_key())


@pytest.fixture
def connect(stub: Stub, key: Key) -> Iterator[Connect]:
    """Return a function that connects a bot to the stub."""
    with Session(stub.url) as session:
        service = Service("the stub", session=session)

        def connect_it(api: ApiVersion = "2", key: Key = key) -> X:
            return X(key, service=service, root_url=stub.url, api=api)

        yield connect_it


def own_of(key: Key) -> XCredentials:
    """Return the tokens of a key for X."""
    assert isinstance(key.credentials, XCredentials)
    return key.credentials


class Verifier(RequestValidator):
    """oauthlib's server side, with the accounts of one key."""

    enforce_ssl = False
    dummy_client = dummy_access_token = "dummy"

    def __init__(self, key: Key) -> None:
        super().__init__()
        self._own = own_of(key)
        self.seen: list[str] = []

    def check_client_key(self, client_key: str) -> bool:
        return bool(client_key)

    def check_access_token(self, request_token: str) -> bool:
        return bool(request_token)

    def check_nonce(self, nonce: str) -> bool:
        return bool(nonce)

    def validate_client_key(self, client_key: str, *_: Any) -> bool:
        return client_key == self._own.consumer_token.get_secret_value()

    def validate_access_token(self, *named: Any) -> bool:
        return bool(named[1] == self._own.oauth_token.get_secret_value())

    def validate_timestamp_and_nonce(self, *_: Any, **__: Any) -> bool:
        return True

    def validate_realms(self, *_: Any, **__: Any) -> bool:
        return True

    def get_client_secret(self, *_: Any) -> str:
        return self._own.consumer_token_secret.get_secret_value()

    def get_access_token_secret(self, *_: Any) -> str:
        return self._own.oauth_token_secret.get_secret_value()


def is_signed(asked: Asked, url: str, key: Key) -> bool:
    """Return whether oauthlib, as a server, takes the request's signature for the key's."""
    body = asked.body.decode() if "form" in asked.headers.get("Content-Type", "") else None
    endpoint = ResourceEndpoint(Verifier(key))
    valid, _ = endpoint.validate_protected_resource_request(url + asked.path, asked.verb, body, asked.headers)
    return bool(valid)


def test_v2_posts_the_text_and_nothing_else(stub: Stub, connect: Connect) -> None:
    """Unknown keys are refused there."""
    assert "1" == connect().post("baa 羊")
    (asked,) = stub.asked
    assert ("POST", "/2/tweets", {"text": "baa 羊"}) == (asked.verb, asked.path, json.loads(asked.body))
    assert "application/json" == asked.headers["Content-Type"]


def test_v1_posts_a_form(stub: Stub, connect: Connect) -> None:
    """As every older tool does, and without a reply that nobody asked for."""
    assert "1" == connect("1.1").post("baa & 羊")
    (asked,) = stub.asked
    assert ("POST", "/1.1/statuses/update.json") == (asked.verb, asked.path)
    assert ["baa & 羊"] == asked.form["status"]
    assert "in_reply_to_status_id" not in asked.form


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    "text", ["baa", "Μῆνιν ἄειδε 羊 🐑 & 100% ~ +1 = 'x'!*()", "https://example.com/?a=b&c=d"]
)
def test_every_request_is_signed_with_the_bots_keys(
    stub: Stub, connect: Connect, key: Key, api: ApiVersion, text: str
) -> None:
    """oauthlib's server side takes the signature for this key's, and for no other's."""
    connect(api).post(text)
    (asked,) = stub.asked
    own = own_of(key)
    other = replace(key, credentials=replace(own, oauth_token_secret=own.consumer_token))
    assert is_signed(asked, stub.url, key)
    assert not is_signed(asked, stub.url, other)
    assert SECRET not in asked.path + asked.body.decode()
    assert "secret" not in asked.headers["Authorization"]


@pytest.mark.parametrize("api", APIS)
def test_bots_on_one_wire_sign_each_with_its_own_keys(
    stub: Stub, connect: Connect, write_key: Callable[..., Path], api: ApiVersion
) -> None:
    """The shared session carries nothing from one bot to another."""
    keys = [read_key(write_key(f"{name}.json", screen_name=name, oauth_token=f"{name}-x")) for name in ("a", "b")]
    bots = [connect(api, key) for key in keys]
    for bot in (bots[0], bots[1], bots[0]):
        bot.post("baa")
    signed = [[is_signed(asked, stub.url, key) for key in keys] for asked in stub.asked]
    assert [[True, False], [False, True], [True, False]] == signed


@pytest.mark.parametrize("api", APIS)
def test_the_inherited_post_update_works(stub: Stub, connect: Connect, api: ApiVersion) -> None:
    """Who wrote a sheep against python-twitter gets its Status, from either API."""
    status = connect(api).PostUpdate("baa 🐑")
    assert isinstance(status, twitter.Status)
    assert (1, "1", "baa 🐑") == (status.id, status.id_str, status.text)


@pytest.mark.parametrize("api", APIS)
def test_the_inherited_post_updates_cuts_a_long_text(stub: Stub, connect: Connect, api: ApiVersion) -> None:
    """In as many tweets as it takes, without asking for the retired configuration."""
    statuses = connect(api).PostUpdates(LONG)
    assert [" ".join(["baa"] * 69) + "…", " ".join(["baa"] * 31)] == [status.text for status in statuses]
    assert [1, 2] == [status.id for status in statuses]
    assert 2 == len(stub.asked)


@pytest.mark.parametrize(
    ("api", "status", "body"),
    [
        ("2", 201, {}),
        ("2", 200, {"data": {}}),
        ("2", 200, {"data": None}),
        ("2", 200, {"data": []}),
        ("2", 200, []),
        ("2", 200, [1]),
        ("2", 200, {"errors": [{"message": "odd"}]}),
        ("2", 200, b""),
        ("2", 200, b"<html>hello</html>"),
        ("1.1", 200, {}),
        ("1.1", 200, {"id": None}),
        ("1.1", 200, []),
        ("1.1", 200, [1]),
        ("1.1", 200, {"error": "odd"}),
        ("1.1", 200, {"errors": []}),
        ("1.1", 200, {"errors": [{"message": "odd"}]}),
        ("1.1", 200, {"errors": "odd"}),
        ("1.1", 200, b"<html>hello</html>"),
    ],
)
def test_a_success_without_an_id_leaves_doubt(
    stub: Stub, connect: Connect, api: ApiVersion, status: int, body: object
) -> None:
    """The post may have landed; and it is the flock's own error, not some library's, whichever way it is said."""
    for attempt in (connect(api).post, connect(api).PostUpdate, connect(api).PostUpdates):
        stub.answers = [(status, body)]
        with pytest.raises(errors.OutcomeUnknown):
            attempt("baa")


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((401, {"title": "Unauthorized", "status": 401}), errors.Unauthorized),
        ((402, {"title": "CreditsDepleted", "detail": "no credits"}), errors.OutOfCredits),
        ((403, {"errors": [{"code": 187, "message": "Status is a duplicate."}]}), errors.Duplicate),
        ((404, {"title": "Not Found", "status": 404}), errors.Unavailable),
        ((429, {"title": "Too Many Requests", "status": 429}), errors.RateLimited),
        ((503, b"<html>over capacity</html>"), errors.OutcomeUnknown),
    ],
)
def test_the_http_status_is_looked_at(
    stub: Stub, connect: Connect, api: ApiVersion, answer: tuple[int, Any], expected: type[Exception]
) -> None:
    """Which python-twitter never does."""
    for attempt in (connect(api).post, connect(api).PostUpdate, connect(api).PostUpdates):
        stub.answers = [answer]
        with pytest.raises(errors.NetworkError) as caught:
            attempt("baa")
        assert expected is type(caught.value)
        assert SECRET not in str(caught.value)


def test_v2_reads_the_accounts_own_posts(stub: Stub, connect: Connect, key: Key) -> None:
    """Of the user whose number the token holds, after the last known one; signed, and no more than it takes."""
    stub.answers = [(200, {"data": [{"id": "9", "text": "two"}, {"id": "8", "text": "one"}]}), (200, {"meta": {}})]
    bot = connect()
    assert [Post("9", "two"), Post("8", "one")] == bot.recent("7")
    assert [] == bot.recent()
    first, second = (urlsplit(asked.path) for asked in stub.asked)
    assert "/2/users/1001/tweets" == first.path
    common = {"max_results": ["10"], "tweet.fields": ["created_at"]}
    assert {**common, "since_id": ["7"]} == parse_qs(first.query)
    assert common == parse_qs(second.query)
    assert is_signed(stub.asked[0], stub.url, key)


@pytest.mark.parametrize(("api", "made"), [("2", "%Y-%m-%dT%H:%M:%S.000Z"), ("1.1", "%a %b %d %H:%M:%S +0000 %Y")])
def test_a_post_is_as_old_as_the_network_says(stub: Stub, connect: Connect, api: ApiVersion, made: str) -> None:
    """By its own clock, in either version of the API; without `created_at` it has no age."""
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    posts = [{"id": "9", "text": "two", "created_at": hour_ago.strftime(made)}, {"id": "8", "text": "one"}]
    stub.answers = [(200, {"data": posts} if api == "2" else posts)]

    old, unknown = connect(api).recent()

    assert old.age is not None
    assert 3590 < old.age < 3660
    assert unknown.age is None


def test_v2_asks_for_the_accounts_number_once(
    stub: Stub, connect: Connect, write_key: Callable[..., Path]
) -> None:
    """Where neither key nor token tells it."""
    stub.answers = [(200, {"data": {"id": "55"}}), (200, {"data": []}), (200, {"data": []})]
    bot = connect("2", read_key(write_key(oauth_token="token-sesame")))
    bot.recent()
    bot.recent()
    paths = [urlsplit(asked.path).path for asked in stub.asked]
    assert ["/2/users/me", "/2/users/55/tweets", "/2/users/55/tweets"] == paths


def test_v1_reads_the_accounts_own_posts_in_full(stub: Stub, connect: Connect) -> None:
    """Long tweets are cut short there unless asked otherwise."""
    stub.answers = [(200, [{"id": 9, "full_text": "two"}, {"id": 8, "text": "one"}])]
    assert [Post("9", "two"), Post("8", "one")] == connect("1.1").recent("7")
    (asked,) = stub.asked
    assert "/1.1/statuses/user_timeline.json" == urlsplit(asked.path).path
    assert {"count": ["10"], "tweet_mode": ["extended"], "since_id": ["7"]} == parse_qs(urlsplit(asked.path).query)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    "body",
    [{"data": [{}]}, {"data": [1]}, {"data": 7}, [[1]], [{"id": 1}], {"errors": [{"title": "Not Found Error"}]}],
)
def test_a_timeline_in_an_unknown_form_is_a_network_error(
    stub: Stub, connect: Connect, api: ApiVersion, body: object
) -> None:
    """Not a crash: the sheep asks again later."""
    stub.answers = [(200, body)]
    with pytest.raises(errors.NetworkError):
        connect(api).recent()


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {}}, [1]])
def test_an_account_without_a_number_is_a_network_error(
    stub: Stub, connect: Connect, write_key: Callable[..., Path], body: object
) -> None:
    """The timeline of nobody is not asked for, and the next try asks for the number again."""
    bot = connect("2", read_key(write_key(oauth_token="token-sesame")))
    stub.answers = [(200, body), (200, {"data": {"id": "55"}}), (200, {"data": []})]
    with pytest.raises(errors.NetworkError):
        bot.recent()
    assert [] == bot.recent()
    paths = [urlsplit(asked.path).path for asked in stub.asked]
    assert ["/2/users/me", "/2/users/me", "/2/users/55/tweets"] == paths


@pytest.mark.parametrize("api", APIS)
def test_a_server_that_is_gone_means_that_nothing_landed(key: Key, stub: Stub, api: ApiVersion) -> None:
    """A refused connection, in the flock's terms."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
    with Session(url) as session, pytest.raises(errors.Unavailable, match=r"^127\.0\.0\.1 takes no connection$"):
        X(key, service=Service("X", session=session), root_url=url, api=api).post("baa")


def test_elsewhere_the_environments_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read once, when the session is made."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    with Session("https://api.x.com") as session:
        assert "http://proxy.example:3128" == session.proxies["https"]
    monkeypatch.setenv("NO_PROXY", "api.x.com")
    with Session("https://api.x.com") as session:
        assert {} == dict(session.proxies)


def test_a_request_to_another_place_goes_there(stub: Stub, key: Key) -> None:
    """Though the session knows its way to the one that it was made for, and has gone it before."""
    with serving() as other, Session(stub.url) as session:
        for url in (stub.url, other.url, stub.url):
            X(key, service=Service("X", session=session), root_url=url).post("baa")
    assert (2, 1) == (len(stub.asked), len(other.asked))


@pytest.mark.parametrize("params", [None, {}, {"name": "ewe & lamb"}])
def test_addresses_are_written_as_requests_writes_them(stub: Stub, params: dict[str, str] | None) -> None:
    """The first time, and when the same address is asked for again after many others."""
    urls = [f"{stub.url}/sheep/{number} wöol?flock={number}" for number in range(99)]
    stub.answers = [(200, {})] * 101
    with Session(stub.url) as session:
        for url in (*urls, urls[0], urls[-1]):
            session.get(url, params=params)
    expected = [requests.Request("GET", url, params=params).prepare().path_url for url in urls]
    assert [*expected, expected[0], expected[-1]] == [asked.path for asked in stub.asked]


def test_a_server_is_posted_to_when_its_certificate_is_trusted(
    certificate: tuple[Path, Path], key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Again and again, on one connection."""
    mine, bundle = certificate
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with serving(mine) as stub, Session(stub.url) as session:
        bot = X(key, service=Service("X", session=session), root_url=stub.url)
        assert ["1", "2"] == [bot.post("baa"), bot.post("baa again")]


@pytest.mark.parametrize(("host", "is_trusted"), [("localhost", False), ("127.0.0.1", True)])
def test_nothing_is_posted_to_a_server_that_cannot_prove_its_name(
    certificate: tuple[Path, Path], key: Key, monkeypatch: pytest.MonkeyPatch, host: str, *, is_trusted: bool
) -> None:
    """Nobody vouches for the one certificate; the other is for another name."""
    mine, bundle = certificate
    if is_trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with serving(mine) as stub:
        url = stub.url.replace("localhost", host)
        with (
            Session(url) as session,
            pytest.raises(errors.Unavailable, match="cannot be verified"),
        ):
            X(key, service=Service("X", session=session), root_url=url).post("baa")
        assert [] == stub.asked


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8280", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:8280", True),
        ("http://localhost", True),
        ("http://pasture.localhost:1", True),
        ("https://api.x.com", False),
        ("http://10.0.0.1", False),
        ("http://localhost.example", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_and_no_other(url: str, expected: bool) -> None:
    """By its addresses and its names."""
    assert expected == is_loopback(url)


def test_the_adapter_never_prints_its_keys(connect: Connect) -> None:
    """Not in its repr, which a traceback may show."""
    assert SECRET not in repr(connect()) + str(connect())
