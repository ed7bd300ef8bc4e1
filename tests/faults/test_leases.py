"""Flocks that share a journal in PostgreSQL: killed, frozen, and with a server that comes and goes. Each line is
said once, and in its order."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from flock.cli.exits import TAKEN
from flock.journal.postgres.leases import TTL
from tests.conftest import SOON, until
from tests.endtoend.conftest import Flock, Folder, WatchedPasture, recital
from tests.postgres import PASSWORD, PostgresServer

LINES = 500  # more than are said here, so that no line comes again

Start = Callable[..., Flock]
Make = Callable[..., Folder]


class CountingPasture(WatchedPasture):
    """A pasture that notes by which name of the host each post came in: each flock uses another."""

    def __init__(self, folder: Folder) -> None:
        self.posts: list[str] = []
        super().__init__(folder.accounts)

    def _watch(self, app: WSGIApplication) -> WSGIApplication:
        watched = super()._watch(app)

        def counted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if environ["REQUEST_METHOD"] == "POST":
                self.posts.append(str(environ["HTTP_HOST"]).partition(":")[0])
            return watched(environ, start_response)

        return counted

    def url_by(self, host: str) -> str:
        """Return the root URL with that name of this machine."""
        return self.url.replace("127.0.0.1", host)


@pytest.fixture
def folder(make_folder: Make) -> Folder:
    """Return three bots with long poems."""
    return make_folder(3, lines=LINES)


@pytest.fixture
def pasture(folder: Folder) -> Iterator[CountingPasture]:
    """Return where they post."""
    with ExitStack() as opened:
        yield opened.enter_context(CountingPasture(folder))


@pytest.fixture
def run(start: Start, folder: Folder, pasture: CountingPasture) -> Callable[..., Flock]:
    """Return a starter of flocks of these bots, by the URL of their database and by their name of the host."""

    def started(url: str, host: str) -> Flock:
        options = ("--line-interval", "0.1", "--base-url", pasture.url_by(host), "--state", url)
        return start("run", folder.path, *options)

    return started


def follow(run: Callable[[], Flock], is_out: Callable[[], bool]) -> Flock:
    """Start a flock anew for as long as it is refused, as a supervisor does; return the one that runs."""
    while True:
        flock = run()
        process = flock.process
        until("refused or out", partial(lambda each: each.poll() is not None or is_out(), process))
        if process.poll() is None:
            return flock
        code, _, errors = flock.end()
        assert code == TAKEN, errors
        assert " already runs bot0, bot1, bot2; stop that flock first" in errors


def assert_each_line_is_said_once(pasture: WatchedPasture, folder: Folder) -> None:
    for name, poem in folder.poems.items():
        assert recital(poem, len(pasture.said(name))) == pasture.said(name)


def test_the_next_flock_takes_over_from_one_that_was_killed(
    postgres: PostgresServer, folder: Folder, pasture: CountingPasture, run: Callable[..., Flock]
) -> None:
    """It is refused while the other lives, and has the bots within the time of a lease after the kill."""
    url = postgres.new_database()
    first = run(url, "127.0.0.1")
    pasture.wait_for_posts(folder, 3)
    code, _, errors = run(url, "localhost").end()
    assert (TAKEN, True) == (code, f"process {first.process.pid} on " in errors)

    first.stop(signal.SIGKILL)
    killed = time.monotonic()
    claimed = "SELECT count(*) FROM sheep JOIN lease USING (epoch) WHERE lease.pid <> %s"

    def is_out() -> bool:
        return bool(postgres.execute(claimed, (first.process.pid,), url=url)[0][0])

    second = follow(lambda: run(url, "localhost"), is_out)
    assert time.monotonic() - killed < TTL + SOON  # a process has to start, too
    said = {name: len(pasture.said(name)) for name in folder.poems}
    until("more lines", lambda: all(len(pasture.said(name)) > count + 2 for name, count in said.items()))

    assert 0 == second.stop()[0]
    assert_each_line_is_said_once(pasture, folder)


def test_a_frozen_flock_that_comes_back_posts_nothing(
    postgres: PostgresServer, folder: Folder, pasture: CountingPasture, run: Callable[..., Flock]
) -> None:
    """Another one has its bots by then. It finds out, says so in one line, and ends; its posts that were under way
    are not made a second time."""
    url = postgres.new_database()
    frozen = run(url, "127.0.0.1")
    pasture.wait_for_posts(folder, 3)
    frozen.process.send_signal(signal.SIGSTOP)

    second = follow(lambda: run(url, "localhost"), lambda: "localhost" in pasture.posts)
    before = pasture.posts.count("127.0.0.1")
    frozen.process.send_signal(signal.SIGCONT)
    code, _, errors = frozen.end()
    said = max(len(pasture.said(name)) for name in folder.poems)
    pasture.wait_for_posts(folder, said + 3)

    assert TAKEN == code
    assert "another flock runs bot0, bot1, bot2 now: this one was not heard of for some seconds" in errors
    assert before == pasture.posts.count("127.0.0.1")
    assert 0 == second.stop()[0]
    assert_each_line_is_said_once(pasture, folder)


@pytest.mark.parametrize("seconds", [0.0, TTL + 1], ids=["at once", "after the lease"])
def test_a_flock_goes_on_when_the_server_is_back(
    folder: Folder, pasture: CountingPasture, run: Callable[..., Flock], seconds: float
) -> None:
    """By itself, and with its bots as they are. Meanwhile it posts nothing, and tells so once."""
    server = PostgresServer()
    try:
        server.start()
        flock = run(server.new_database(), "127.0.0.1")
        pasture.wait_for_posts(folder, 3)
        server.stop(signal.SIGQUIT)
        threading.Event().wait(2.0)  # until the posts under way have ended
        before = len(pasture.posts)
        threading.Event().wait(seconds)
        assert before == len(pasture.posts)
        server.start()
        said = max(len(pasture.said(name)) for name in folder.poems)
        pasture.wait_for_posts(folder, said + 3)
        code, output, errors = flock.stop()
    finally:
        server.close()

    assert 0 == code
    assert_each_line_is_said_once(pasture, folder)
    assert PASSWORD not in output + errors
    assert 1 == (output + errors).count("the journal postgresql://127.0.0.1")


def test_kills_at_any_moment_lose_no_line(
    postgres: PostgresServer, folder: Folder, pasture: CountingPasture, run: Callable[..., Flock]
) -> None:
    """Nor is one said twice: the next flock finds out how the posts ended that were under way."""
    url = postgres.new_database()
    for moment in (0.03, 0.07, 0.11):
        said = max(len(pasture.said(name)) for name in folder.poems)
        flock = run(url, "127.0.0.1")
        pasture.wait_for_posts(folder, said + 2)
        threading.Event().wait(moment)
        flock.stop(signal.SIGKILL)
        postgres.execute("UPDATE lease SET until = clock_timestamp()", url=url)  # as after some seconds
    last = run(url, "127.0.0.1")
    said = max(len(pasture.said(name)) for name in folder.poems)
    pasture.wait_for_posts(folder, said + 2)
    assert 0 == last.stop()[0]
    assert_each_line_is_said_once(pasture, folder)
