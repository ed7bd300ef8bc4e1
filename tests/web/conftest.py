"""Shared by the tests of the web page: a flock in a folder and its journal; the page on a real server, in this
process (`serve`) or in one of its own beside a flock that practises (`open_site`)."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import simplejson as json

from flock.cli.times import midnight
from flock.journal import Outcome, Place, Settlement, SqliteJournal
from flock.options import Options, settle_options
from flock.web.listening import listen
from flock.web.server import WebPage
from tests.conftest import until
from tests.endtoend.conftest import Flock, Folder, make_keys, start_flock, write_key

MEAN = [
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "left \u202eright\u2066 and \u2069\u202d",
    "'\"> {{ 7 * 7 }} & </p>",
]
PACE = ("--line-interval", "0.1", "--poem-interval", "0.1")


class Answer:
    """What the page has answered: its status, headers and text."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.text = answer.read().decode()

    @property
    def json(self) -> Any:
        """The text as JSON."""
        return json.loads(self.text)


@dataclass
class Site:
    """`flock web` at a port of loopback."""

    folder: Folder
    web: Flock
    port: int
    start: Callable[..., Flock]

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Send a request; return the answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request(
                method, path, headers={name.replace("_", "-"): each for name, each in headers.items()}
            )
            return Answer(connection.getresponse())

    def run_until(self, posts: int) -> None:
        """Let the flock practise until the journal has so many posts, and end it."""
        flock = self.start("run", self.folder.path, "--pasture", *PACE)
        until(f"{posts} posts", lambda: sum(bot["posts"] for bot in self.ask("/flock.json").json["bots"]) >= posts)
        code, output, errors = flock.stop()
        assert code == 0, output + errors


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Flock]]:
    """Return a starter of `flock` commands with one journal; what still runs at the end is killed."""
    flocks: list[Flock] = []

    def run(command: str, *arguments: str | Path, **variables: str) -> Flock:
        state = ("--state", tmp_path / "state" / "flock.db")
        flocks.append(start_flock(tmp_path, command, *arguments, *state, **variables))
        return flocks[-1]

    (tmp_path / "state").mkdir()
    yield run
    for flock in flocks:
        flock.process.kill()
        flock.process.communicate()


@pytest.fixture
def open_site(tmp_path: Path, start: Callable[..., Flock]) -> Callable[[], Site]:
    """Return an opener of the page of three bots, one of which says mean things."""
    folder = make_keys(tmp_path, 2)
    write_key(folder.path, "mean", 2000, MEAN)

    def opened() -> Site:
        web = start("web", folder.path, "--pasture", *PACE, "--web", "0")
        assert web.process.stdout
        said = web.process.stdout.readline()
        assert said.startswith("the page is at http://127.0.0.1:"), web.stop()
        return Site(folder, web, int(said.rstrip("/\n").rpartition(":")[2]), start)

    return opened


@pytest.fixture
def options(tmp_path: Path) -> Options:
    """Return options with a journal beside the keys."""
    return settle_options({"state": tmp_path / "flock.db"}, environment={})


@pytest.fixture
def say(options: Options) -> Callable[..., None]:
    """Return a function that writes into the journal that a bot has said this, as its n-th post."""

    def write(n: int, text: str, bot: str = "x:dolly", *, at: float | None = None, post_id: str = "77") -> None:
        now = time.time() if at is None else at
        with closing(SqliteJournal(options.state_file)) as journal:
            journal.claim([bot])
            journal.intend(bot, Place(n=n, intended=now, next_line=text), text)
            place = Place(n=n + 1, line=1, due=now + 3600, next_line="baa again", prior_line=text)
            journal.settle(bot, Settlement(n, 0, Outcome.SAID, now, post_id), place)

    return write


@pytest.fixture
def serve(tmp_path: Path, options: Options) -> Iterator[Callable[..., WebPage]]:
    """Return a function that starts the page of the folder on a free port of this machine."""
    with ExitStack() as stack:

        def start() -> WebPage:
            with listen("127.0.0.1", 0) as listener:
                page = WebPage(tmp_path, options, listener, midnight=midnight)
            stack.callback(page.close)
            page.start()
            return page

        yield start
