"""A strict server of each network in bad weather, and flocks that are killed while they post to it.

The server of a network is the practice server's part for it. One write in three is refused before it is stored
(with an answer, or without), stored and not answered, stored and answered 502, answered late, or stored after the
connection has ended; one post in twelve hangs until its client gives up, and is stored after that. A feed has no
server; there the process is killed while it writes its files.
"""

from __future__ import annotations

import itertools
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import EllipsisType
from typing import Any, Generic, TypeVar
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from xml.etree import ElementTree as Xml

import simplejson as json
from pydantic import SecretStr

from flock.pasture import RateLimit
from flock.pasture.accounts import Accounts
from flock.pasture.app import PastureApp
from flock.pasture.bluesky import BlueskyAccount, BlueskyPasture
from flock.pasture.bluesky import Weather as BlueskyWeather
from flock.pasture.lexicon import POST
from flock.pasture.mastodon import MastodonApp
from flock.pasture.mastodon import Weather as MastodonWeather
from flock.pasture.repos import Record, Repos, Swapped
from flock.pasture.serving import Server
from flock.pasture.store import Store
from tests.endtoend.conftest import Flock, start_flock, write_key
from tests.faults.weather import Weather

HASTE = {
    "HURRY": "0.1",
    "IMPATIENCE": "0.05",
}  # for tests/hurried.py: a tenth of each pause, less of each time limit
LATE = 0.2  # seconds until a late post is stored: a tenth of the two seconds that it takes elsewhere
LINES = 2000  # in a poem: more than any bot says, so that no text comes twice
BAD = 1 / 3  # of all writes
HUNG = 12  # one of so many posts
FAST = 2500.0  # seconds of Bluesky's clock in a second: a session of two hours lasts 2.9 s
_ON_X = ("503, not stored", "dropped before", "dropped after", "502, stored", "slow", "stored late")
_POSTING = ("/2/tweets", ".putRecord", "/api/v1/statuses")
_PATIENCE = 60.0  # seconds
_PIECE = 0.01  # seconds between two looks

Kind = TypeVar("Kind")


class Sky(Generic[Kind]):
    """Says what each write meets: all is well, or bad weather of each kind in turn, in an order by chance."""

    def __init__(self, kinds: Iterable[Kind], calm: Kind, seed: int) -> None:
        self._calm = calm
        self._kinds = [kind for kind in kinds if kind != calm]
        self._coming: list[Kind] = []
        self._chance = Random(seed)
        self._lock = threading.Lock()
        self.is_calm = False
        self.met: dict[str, int] = {str(kind): 0 for kind in self._kinds}

    def __call__(self) -> Kind:
        with self._lock:
            if self.is_calm or self._chance.random() > BAD:
                return self._calm
            if not self._coming:
                self._coming = self._chance.sample(self._kinds, len(self._kinds))
            self.met[str(self._coming[-1])] += 1
            return self._coming.pop()


@dataclass(frozen=True)
class Settled:
    """A post that the journal calls said, and when it was settled, in seconds since the epoch."""

    post_id: str
    at: float


class Stand:
    """What a flock posts to, and the folder of its keys. `folder` gets the journal, too.

    `overwrites` counts requests that would have put another post in the place of one; it is None where a post has
    no key of its own. `can_delete` is whether the owner of an account deletes posts.
    """

    has_server = True
    can_delete = False
    overwrites: int | None = None

    def __init__(self, folder: Path, bots: int, sky: Sky[Any]) -> None:
        self.sky = sky
        self.folder = folder
        self.keys = folder / "keys"
        self.keys.mkdir(mode=0o700, parents=True)
        poem = [f"line {line}, neither long nor short" for line in range(LINES)]
        self.poems = {f"bot{number}": poem for number in range(bots)}
        self.deleted: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)

    def open(self, url: str) -> None:
        """Write the keys of the bots, for a server at that URL."""
        for bot, poem in self.poems.items():
            (self.keys / f"{bot}.txt").write_text("\n".join(poem))
            file = self.keys / f"{bot}.json"
            file.write_text(json.dumps({**self.key(bot, url), "poem_file": f"{bot}.txt"}))
            file.chmod(0o600)

    def options(self, url: str) -> Sequence[str]:
        """Return what else the command line needs."""
        del url
        return ()

    def key(self, bot: str, url: str) -> dict[str, str]:
        """Return the fields of the bot's key file."""
        raise NotImplementedError

    def note(self, environ: WSGIEnvironment) -> None:
        """Look at a request that has come, before anything becomes of it."""

    def look(self) -> None:
        """Read what a killed flock has left. Raises an error if it is broken."""

    def posts(self, bot: str) -> list[tuple[str, str]]:
        """Return the ids and the texts of what the bot has posted and its owner has not deleted, in order."""
        raise NotImplementedError

    def delete(self, settled: Settled) -> None:
        """Delete a post, as its owner would."""
        raise NotImplementedError

    def said(self, bot: str) -> list[str]:
        """Return what the bot has ever posted, in order."""
        return [text for _, text in sorted(self.posts(bot) + self.deleted[bot], key=lambda post: _order(post[0]))]

    def repeats(self, settled: Iterable[Settled]) -> int:
        """Return how many requests came for posts that were settled by then."""
        del settled
        return 0

    def close(self) -> None:
        """Close the store."""


def _order(post_id: str) -> tuple[int, str]:
    return len(post_id), post_id


class OnX(Stand):
    """X, as strict as the practice server: it refuses a text that is the same as the latest one."""

    def __init__(self, folder: Path, bots: int, seed: int) -> None:
        sky = Sky(_ON_X, "calm", seed)
        super().__init__(folder, bots, sky)
        self._store = Store()
        accounts = [write_key(self.keys, bot, 1000 + n, poem) for n, (bot, poem) in enumerate(self.poems.items())]
        routes = PastureApp(
            Accounts(accounts),
            self._store,
            host="127.0.0.1",
            rate_limit=RateLimit(posts=1_000_000),
            clock=time.time,
        )
        self.app = Weather(routes, seed=seed, timelines=True, choose=sky, late=LATE)

    def open(self, url: str) -> None:
        """Do nothing: the keys do not name the server."""

    def options(self, url: str) -> Sequence[str]:
        return "--base-url", url

    def posts(self, bot: str) -> list[tuple[str, str]]:
        return [(str(post.id), post.text) for post in self._store.posts(bot)]

    def close(self) -> None:
        self._store.close()


class _Counting(Repos):
    """Counts the records that would have come in the place of another one, stored or refused."""

    overwrites = 0

    def put(
        self, did: str, collection: str, rkey: str, value: dict[str, Any], *, swap: str | EllipsisType | None = ...
    ) -> tuple[Record, bool]:
        before = self.get(did, collection, rkey)
        try:
            record, is_new = super().put(did, collection, rkey, value, swap=swap)
        except Swapped:
            self.overwrites += 1
            raise
        self.overwrites += before is not None and before.cid != record.cid
        return record, is_new


class OnBluesky(Stand):
    """Bluesky. It notes when each put came. Its clock is fast, so that sessions end after some seconds; one answer
    in three to a renewal or a sign-in is lost."""

    can_delete = True

    def __init__(self, folder: Path, bots: int, seed: int) -> None:
        self._repos = _Counting()
        sky, began = Sky(BlueskyWeather, BlueskyWeather.CALM, seed), time.time()
        super().__init__(folder, bots, sky)
        self._accounts = {bot: BlueskyAccount(f"{bot}.test", SecretStr(f"sesame-{bot}")) for bot in self.poems}
        self._came: defaultdict[str, float] = defaultdict(float)
        self._url = ""
        self._chance = Random(seed)
        self._pasture = BlueskyPasture(
            self._accounts.values(),
            url=lambda: self._url,
            repos=self._repos,
            clock=lambda: began + FAST * (time.time() - began),
            weather=sky,
            late=LATE,
        )

    @property
    def overwrites(self) -> int:  # type: ignore[override]
        return self._repos.overwrites

    def note(self, environ: WSGIEnvironment) -> None:
        """Note when a put comes, which may be long before it is stored."""
        if environ["PATH_INFO"].endswith(".putRecord"):
            body = environ["wsgi.input"].read()
            environ["wsgi.input"].seek(0)
            with suppress(ValueError):  # half a request
                put = json.loads(body)
                uri = f"at://{put['repo']}/{put['collection']}/{put['rkey']}"
                self._came[uri] = max(self._came[uri], time.time())

    def app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as the practice server does, and lose the answers that are lost."""
        answer = self._pasture(environ, start_response)
        method = environ["PATH_INFO"].rpartition(".")[2]
        if method in ("createSession", "refreshSession") and not self.sky.is_calm and self._chance.random() < BAD:
            self.sky.met[method] = self.sky.met.get(method, 0) + 1
            raise ConnectionResetError
        return answer

    def open(self, url: str) -> None:
        self._url = url
        super().open(url)

    def key(self, bot: str, url: str) -> dict[str, str]:
        own = self._accounts[bot]
        password = own.app_password.get_secret_value()
        return {"network": "bluesky", "screen_name": own.handle, "app_password": password, "server": url}

    def posts(self, bot: str) -> list[tuple[str, str]]:
        records = self._repos.records(self._accounts[bot].did, POST, reverse=True)
        return [(record.uri, record.value["text"]) for record in records]

    def delete(self, settled: Settled) -> None:
        uri = settled.post_id.partition("#")[0]
        bot = next(bot for bot, own in self._accounts.items() if own.did == uri.split("/")[2])
        text = dict(self.posts(bot)).get(uri)
        if text is not None:
            self._repos.delete(self._accounts[bot].did, POST, uri.rpartition("/")[2])
            self.deleted[bot].append((uri, text))

    def repeats(self, settled: Iterable[Settled]) -> int:
        return sum(self._came[each.post_id.partition("#")[0]] > each.at for each in settled)

    def close(self) -> None:
        self._pasture.close()


class OnMastodon(Stand):
    """Mastodon before 4.6, where a repeat that comes while the first request is still running posts twice."""

    can_delete = True
    software: Mapping[str, Any] = {"version": "4.5.3"}

    def __init__(self, folder: Path, bots: int, seed: int) -> None:
        sky = Sky(MastodonWeather, MastodonWeather.CALM, seed)
        super().__init__(folder, bots, sky)
        self.app = MastodonApp(weather=sky, delay=LATE, **self.software)
        self._ids = {self.app.admit(bot, f"token-{bot}").id: bot for bot in self.poems}

    def key(self, bot: str, url: str) -> dict[str, str]:
        return {"network": "mastodon", "screen_name": bot, "access_token": f"token-{bot}", "server": url}

    def posts(self, bot: str) -> list[tuple[str, str]]:
        account = next(number for number, name in self._ids.items() if name == bot)
        return [(status.id, status.text) for status in reversed(self.app.statuses.of(account, limit=-1))]

    def delete(self, settled: Settled) -> None:
        status = self.app.statuses.get(settled.post_id)
        if status is not None:
            self.app.statuses.delete(status.id)
            self.deleted[self._ids[status.account_id]].append((status.id, status.text))

    def close(self) -> None:
        self.app.statuses.close()


class OnKin(OnMastodon):
    """A server of Mastodon's kind that ignores the Idempotency-Key, so that every repeat is another post."""

    software: Mapping[str, Any] = {"version": "4.0.0 (not true; really snac/2.96)", "honours_keys": False}


class InFeeds(Stand):
    """Feeds. Their oldest entries are dropped in time, so what is there is noted after each kill."""

    has_server = False

    def __init__(self, folder: Path, bots: int, seed: int) -> None:
        super().__init__(folder, bots, Sky((), None, seed))
        self._known: defaultdict[str, dict[str, str]] = defaultdict(dict)

    def key(self, bot: str, url: str) -> dict[str, str]:
        del url
        return {"network": "feed", "screen_name": bot, "file": f"feeds/{bot}.json"}

    def look(self) -> None:
        for bot in self.poems:
            self.posts(bot)
            rss = self.keys / "feeds" / f"{bot}.rss"
            if rss.exists():
                Xml.parse(rss)

    def posts(self, bot: str) -> list[tuple[str, str]]:
        feed = self.keys / "feeds" / f"{bot}.json"
        entries = json.loads(feed.read_text())["items"] if feed.exists() else []
        self._known[bot].update((each["id"], each["content_text"]) for each in reversed(entries))
        return [*self._known[bot].items()]

    def said(self, bot: str) -> list[str]:
        return [text for _, text in self.posts(bot)]  # in the order of the file


STANDS: Mapping[str, Callable[[Path, int, int], Stand]] = {
    "X": OnX,
    "Bluesky": OnBluesky,
    "Mastodon": OnMastodon,
    "Mastodon's kin": OnKin,
    "feed": InFeeds,
}


class Hanging:
    """Lets one post in twelve wait until its client has given up, and stores it later than that."""

    def __init__(self, app: WSGIApplication, stand: Stand) -> None:
        self._app = app
        self._note = stand.note
        self._sky = stand.sky
        self._numbers = itertools.count(1)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._note(environ)
        is_post = environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"].endswith(_POSTING)
        if not is_post or self._sky.is_calm or next(self._numbers) % HUNG:
            return self._app(environ, start_response)
        self._sky.met["hung"] = self._sky.met.get("hung", 0) + 1
        with suppress(OSError):
            environ["werkzeug.socket"].recv(1, socket.MSG_PEEK)  # a client that has given up sends no more
        timer = threading.Timer(LATE, self._store, [environ])
        timer.daemon = True
        timer.start()
        raise ConnectionResetError

    def _store(self, environ: WSGIEnvironment) -> None:
        with suppress(ConnectionError):  # in other weather
            list(self._app(environ, lambda *_: lambda _: None))


class Marksman:
    """Stands before a server, and kills a flock at one of its requests: before it is answered, or thereafter."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self._changed = threading.Condition()
        self.requests = 0
        self._under_way = 0
        self._left = 0
        self._is_early = False
        self._target: subprocess.Popen[str] | None = None

    def aim(self, target: subprocess.Popen[str], request: int, *, early: bool) -> None:
        """Kill the process at its request of that number, counted from 1."""
        with self._changed:
            self._target, self._left, self._is_early = target, request, early

    def wait_until(self, condition: Callable[[], bool], seconds: float = _PATIENCE) -> bool:
        """Wait until the condition holds; return whether it came to that. It is asked after each request."""
        with self._changed:
            return self._changed.wait_for(condition, seconds)

    def wait_for_calm(self) -> bool:
        """Wait until no request is under way, and all late posts are stored."""
        is_over = self.wait_until(lambda: self._under_way == 0)
        for _ in range(2):  # a post that hung may then be late
            for thread in threading.enumerate():
                if isinstance(thread, threading.Timer) and thread.is_alive():
                    thread.join(_PATIENCE)
        return is_over

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._changed:
            self.requests += 1
            self._under_way += 1
            self._left -= 1
            target = self._target if self._left == 0 else None
        try:
            if target and self._is_early:
                target.kill()
            return list(self._app(environ, start_response))
        finally:
            if target:
                target.kill()
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()


@dataclass
class Outlived:
    """What came of a campaign: what each bot was to say, in order, and what it said; and what else went wrong.

    `posts` are the ids and the texts on the server at the end, and `folder` has the journal.
    """

    folder: Path = Path()
    poem: Sequence[str] = ()
    said: dict[str, list[str]] = field(default_factory=dict)
    posts: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    can_delete: bool = False
    deleted: int = 0
    overwrites: int | None = None
    repeats: int = 0
    met: Mapping[str, int] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)


def outlive(network: str, folder: Path, *, bots: int, kills: int, seed: int) -> Outlived:
    """Run a flock in bad weather and kill it so many times; then let it post in fine weather, and end it."""
    chance, done = Random(seed), Outlived(folder)
    stand = STANDS[network](folder, bots, seed)
    with serving(stand) as (marksman, url):
        stand.open(url)
        command = ("run", stand.keys, "-q", "--line-interval", "0.05", "--poem-interval", "0.05")

        def start() -> Flock:
            return start_flock(folder, *command, *stand.options(url), **HASTE)

        for kill in range(kills):
            flock = start()
            threaten(flock, stand, marksman, chance)
            _end(flock, -signal.SIGKILL, done.bad)
            stand.look()
            if stand.can_delete and kill % 3 == 2 and (known := settled(folder)):
                marksman.wait_for_calm()  # a late post is the network's doing
                stand.delete(chance.choice(known))
        stand.sky.is_calm = True
        goals = {bot: len(stand.said(bot)) + 2 for bot in stand.poems}
        flock = start()
        if not _wait_until(lambda: all(len(stand.said(bot)) >= goal for bot, goal in goals.items())):
            done.bad.append("not every bot goes on")
        flock.process.terminate()
        _end(flock, 0, done.bad)
        marksman.wait_for_calm()
        stand.look()
        done.poem = next(iter(stand.poems.values()))
        done.said = {bot: stand.said(bot) for bot in stand.poems}
        done.posts = {bot: stand.posts(bot) for bot in stand.poems}
        done.can_delete = stand.can_delete
        done.deleted = sum(map(len, stand.deleted.values()))
        done.overwrites, done.repeats, done.met = stand.overwrites, stand.repeats(settled(folder)), stand.sky.met
        done.outcomes = outcomes(folder)
    return done


@contextmanager
def serving(stand: Stand) -> Iterator[tuple[Marksman, str]]:
    """Serve the stand on loopback, if it has a server; yield what can kill its clients, and its URL."""
    marksman = Marksman(Hanging(getattr(stand, "app", None) or _nothing, stand))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener, marksman)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield marksman, f"http://127.0.0.1:{server.port}"
    finally:
        server.end()
        stand.close()


def _nothing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    del environ
    start_response("404 Not Found", [])
    return []


def threaten(flock: Flock, stand: Stand, marksman: Marksman, chance: Random) -> None:
    """Kill the flock at one of its first 80 requests, or shortly thereafter, or in a moment of its start."""
    number = chance.randrange(1, chance.choice((25, 25, 81)))
    way = chance.choice(("before", "after", "shortly after", "shortly after", "start"))
    if way == "start":
        _live_on(flock, chance.uniform(0, 1))
    elif not stand.has_server:
        posts = len(stand.posts("bot0")) + chance.randrange(5)
        _wait_until(lambda: len(stand.posts("bot0")) > posts)
        _live_on(flock, chance.uniform(0, 0.05))
    elif way == "shortly after":
        requests = marksman.requests + number
        marksman.wait_until(lambda: marksman.requests >= requests)
        _live_on(flock, chance.uniform(0, 0.03))
    else:
        marksman.aim(flock.process, number, early=way == "before")
        _live_on(flock, _PATIENCE)
    flock.process.kill()


def _live_on(flock: Flock, seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        flock.process.wait(seconds)


def _end(flock: Flock, code: int, bad: list[str]) -> None:
    """Wait until the flock has ended, and note what is not as it should be."""
    ended, output, errors = flock.end()
    if ended != code:
        bad.append(f"exit code {ended}")
    if errors or "Traceback" in output:
        bad.append((errors or output)[:2000])


def _wait_until(condition: Callable[[], bool]) -> bool:
    pause, deadline = threading.Event(), time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(_PIECE)
    return True


def settled(folder: Path) -> list[Settled]:
    """Return the posts that the journal calls said."""
    query = "SELECT post_id, settled_at FROM tweet WHERE outcome = 'said' ORDER BY bot, n"
    return [Settled(*row) for row in _asked(folder, query)]


def outcomes(folder: Path) -> Counter[str]:
    """Return how many posts of the journal ended in each way."""
    return Counter(dict(_asked(folder, "SELECT outcome, count(*) FROM tweet GROUP BY outcome")))


def _asked(folder: Path, query: str) -> list[Any]:
    journal = folder / "state" / "flock" / "flock.db"
    if not journal.exists():  # killed too early
        return []
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError:  # killed before it had tables
            return []
