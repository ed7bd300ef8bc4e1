"""X, Bluesky, Mastodon and the feed keep the contract of a network, and a network that breaks it is told how."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from pydantic import SecretStr

from flock.errors import OutcomeUnknown
from flock.keys import read_key
from flock.networks.base import Intent, Post
from flock.networks.bluesky.api import Bluesky
from flock.networks.bluesky.sessions import MemorySessions
from flock.networks.feed import Feed
from flock.networks.http import Session
from flock.networks.mastodon.api import Mastodon
from flock.networks.mastodon.server import Server
from flock.networks.service import Service
from flock.networks.x.api import X
from flock.pasture import Account, Pasture
from flock.pasture.bluesky import BlueskyAccount, BlueskyPasture
from flock.pasture.mastodon import MastodonApp
from flock.testing import BrokenContract, network_contract
from tests.networks.mastodon.conftest import serve

WriteKey = Callable[..., Path]
T = TypeVar("T")
NOWHERE = "http://127.0.0.1:1"  # nothing listens there


class Losing:
    """A middleware that loses the answers to posts, while it is told to."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self._is_on = False

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self._is_on = True
        yield
        self._is_on = False

    def app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer, or drop the connection."""
        content = self._app(environ, start_response)
        if self._is_on and environ["REQUEST_METHOD"] == "POST":
            raise ConnectionError
        return content


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    """Close at the end of a test what was opened in it."""
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("api", ["2", "1.1"])
def test_x_keeps_the_contract(write_key: WriteKey, cleanup: ExitStack, api: str) -> None:
    """Both versions of its API."""
    key = read_key(write_key(api=api))
    made: list[Losing] = []

    def wrap(app: WSGIApplication) -> WSGIApplication:
        made.append(Losing(app))
        return made[0].app

    pasture = cleanup.enter_context(Pasture([Account.of(key, "dolly")], wrap=wrap))
    connect = connecting(cleanup, lambda url, service: X(key, service=service, root_url=url))
    network_contract(lambda: connect(pasture.url), unreachable=lambda: connect(NOWHERE), losing_answers=made[0])


@pytest.mark.parametrize("mentions", [False, True])
@pytest.mark.parametrize("version", ["4.7.2", "4.0.0 (not true; really snac/2.96)"])
def test_mastodon_keeps_the_contract(
    write_key: WriteKey, cleanup: ExitStack, version: str, mentions: bool
) -> None:
    """Also a server that ignores the key of a post."""
    app = MastodonApp(version=version, honours_keys="snac" not in version)
    app.admit("dolly", "token-sesame")
    losing = Losing(app)
    url = cleanup.enter_context(serve(losing.app))
    own = {"network": "mastodon", "server": url, "access_token": "token-sesame", "mentions": mentions}
    key = read_key(write_key(**own))
    connect = connecting(cleanup, lambda url, service: Mastodon(key, service=service, server=Server(url)))
    network_contract(lambda: connect(url), unreachable=lambda: connect(NOWHERE), losing_answers=losing)


def test_bluesky_keeps_the_contract(write_key: WriteKey, cleanup: ExitStack) -> None:
    """A second connection goes on with the session of the first."""
    urls: list[str] = []
    app = BlueskyPasture([BlueskyAccount("dolly.test", SecretStr("sesame"))], url=lambda: urls[0])
    cleanup.callback(app.close)
    losing = Losing(app)
    urls.append(cleanup.enter_context(serve(losing.app)))
    sessions = MemorySessions()

    def make(url: str, service: Service) -> Bluesky:
        key = read_key(write_key(network="bluesky", screen_name="dolly.test", app_password="sesame", server=url))
        return Bluesky(key, bot=f"bluesky:{url}", service_of=lambda _: service, sessions=sessions)

    connect = connecting(cleanup, make)
    network_contract(lambda: connect(urls[0]), unreachable=lambda: connect(NOWHERE), losing_answers=losing)


def test_the_feed_keeps_the_contract(write_key: WriteKey) -> None:
    """It has no server that could be away, and no answer that could be lost."""
    key = read_key(write_key(network="feed", file="feed.json"))
    network_contract(lambda: Feed(key, service=Service("feeds")))


def connecting(cleanup: ExitStack, make: Callable[[str, Service], T]) -> Callable[[str], T]:
    """Return what connects a bot to the server at a URL, with one session for each URL."""
    services: dict[str, Service] = {}

    def connect(url: str) -> T:
        if url not in services:
            services[url] = Service(url, session=cleanup.enter_context(Session(url)))
        return make(url, services[url])

    return connect


@dataclass
class Sloppy:
    """A network with one fault."""

    fault: str
    service: Service = field(default_factory=lambda: Service("sloppy"))
    posts: list[Post] = field(default_factory=list)
    looks_first: bool = False

    def is_safe_to_repeat(self, intent: Intent, now: float) -> bool:  # noqa: ARG002
        return True

    def fits(self, text: str) -> bool:
        return len(text) <= 500 or self.fault == "fits"

    def post(self, text: str, intent: Intent) -> str:
        if self.fault == "lost":
            raise OutcomeUnknown("no answer")
        if not text.strip() and self.fault == "refuses":
            raise ValueError("blank")
        known = [post for post in self.posts if post.id == intent.token]
        if known and self.fault != "repeats":
            return known[0].id
        shown = text.replace("@", "") if self.fault == "texts" else text
        self.posts.insert(0, Post("7 8" if self.fault == "ids" else intent.token, shown))
        return self.posts[0].id

    def recent(self, since_id: str | None = None) -> Sequence[Post]:
        if self.fault == "ages":
            return [replace(post, age=3600.0) for post in self.posts]
        found = [post.id for post in self.posts]
        if since_id in found and self.fault != "since":
            return self.posts[: found.index(since_id)]
        if self.fault == "since" and since_id:
            return [*self.posts[1:], self.posts[0]]
        return self.posts[::-1] if self.fault == "order" else self.posts


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("fits", "a million letters fit"),
        ("refuses", "posting '' raised ValueError"),
        ("repeats", "a repeated post was made 2 times"),
        ("texts", "is the same as the one that was sent"),
        ("ids", "found '7 8'"),
        ("since", "lists the posts after that one"),
        ("order", "newest first"),
        ("ages", "found one of 3600.0 seconds"),
        ("lost", "It raised OutcomeUnknown: no answer"),
    ],
)
def test_a_network_that_breaks_the_contract_is_told_how(fault: str, expected: str) -> None:
    """In a line for each rule that it breaks."""
    network = Sloppy(fault)
    with pytest.raises(BrokenContract) as caught:
        network_contract(lambda: network)
    assert expected in str(caught.value)


def test_a_network_without_a_fault_keeps_the_contract() -> None:
    """The checks ask for nothing else."""
    network = Sloppy("")
    network_contract(lambda: network)
