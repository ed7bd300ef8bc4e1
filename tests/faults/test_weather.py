"""Twenty bots, a network that fails in every way, and a process that is killed again and again."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from wsgiref.types import WSGIApplication

import pytest

from flock.pasture import Pasture, RateLimit
from tests.endtoend.conftest import Flock, Folder, recital
from tests.faults.weather import Weather

BOTS, KILLS = 20, 4
LONG_ENOUGH = 4000  # lines in a poem: more than anybody says here, so that no text comes twice
UNTOLD = """
from flock import Sheep
from flock.networks.x.api import X


class Telling(X):
    def is_safe_to_repeat(self, intent, now):
        return False

    def is_safe_to_repeat(self, intent, now):
        return False


class DoubtfulSheep(Sheep):
    def setup_api(self) -> None:
        super().setup_api()
        self.api.__class__ = Telling
"""


@pytest.mark.parametrize("timelines", [True, False], ids=["timelines", "only the check for duplicates"])
def test_no_line_is_lost_and_none_is_said_twice(
    make_folder: Callable[..., Folder], start: Callable[..., Flock], tmp_path: Path, *, timelines: bool
) -> None:
    """503s, lost answers, 429s, HTML, slowness, kill -9 four times: each bot's posts are its poem, in order."""
    folder = make_folder(BOTS, lines=LONG_ENOUGH)

    with storm(folder, timelines=timelines) as (pasture, weather):
        run_and_kill(folder, start, pasture)
        weather.calm = True
        finish(folder, start, pasture)

        for name, poem in folder.poems.items():
            posts = [post.text for post in pasture.store.posts(name)]
            assert recital(poem, len(posts)) == posts
            assert len(posts) > KILLS
    assert min(weather.met.values()) > 0, "not every kind of weather was met"


def test_where_nothing_can_tell_no_line_is_said_twice(
    make_folder: Callable[..., Folder], start: Callable[..., Flock], tmp_path: Path
) -> None:
    """No timeline and no check for duplicates: what may have landed is not repeated, and is counted as unknown."""
    folder = make_folder(BOTS, lines=LONG_ENOUGH)
    (tmp_path / "doubtful.py").write_text(UNTOLD)
    sheep = ("--sheep", "doubtful:DoubtfulSheep")

    with storm(folder, timelines=False) as (pasture, weather):
        run_and_kill(folder, start, pasture, *sheep)
        weather.calm = True
        finish(folder, start, pasture, *sheep)
        posts = {name: [post.text for post in pasture.store.posts(name)] for name in folder.poems}

    unknown = unknowns(tmp_path / "state" / "flock" / "flock.db")
    assert sum(unknown.values()) > 0
    for name, poem in folder.poems.items():
        said = [poem.index(text) for text in posts[name]]
        assert sorted(set(said)) == said
        assert len(range(said[-1] + 1)) - len(said) <= unknown[name]


@contextmanager
def storm(folder: Folder, *, timelines: bool) -> Iterator[tuple[Pasture, Weather]]:
    """A pasture that fails in every way."""
    weathers: list[Weather] = []

    def wrap(app: WSGIApplication) -> WSGIApplication:
        weathers.append(Weather(app, seed=1926, timelines=timelines))
        return weathers[0]

    with Pasture(folder.accounts, rate_limit=RateLimit(posts=1_000_000), wrap=wrap) as pasture:
        yield pasture, weathers[0]


def run_and_kill(folder: Folder, start: Callable[..., Flock], pasture: Pasture, *more: str) -> None:
    """Run the flock and kill it at random moments, so many times."""
    chance = Random(1956)
    for _ in range(KILLS):
        flock = begin(folder, start, pasture, *more)
        assert flock.process.stdout
        for _ in range(chance.randrange(20, 200)):  # it is killed after so many lines of its log
            assert flock.process.stdout.readline()
        code, _, errors = flock.stop(signal.SIGKILL)
        assert (-signal.SIGKILL, "") == (code, errors)


def finish(folder: Folder, start: Callable[..., Flock], pasture: Pasture, *more: str) -> None:
    """Run the flock once more, without failures, and stop it by SIGTERM."""
    flock = begin(folder, start, pasture, *more)
    assert flock.process.stdout
    for _ in range(BOTS * 5):
        assert flock.process.stdout.readline()
    assert 0 == flock.stop()[0]


def begin(folder: Folder, start: Callable[..., Flock], pasture: Pasture, *more: str) -> Flock:
    """Start the flock in a hurry."""
    intervals = ("--line-interval", "0.05", "--poem-interval", "0.05")
    return start("run", folder.path, *intervals, "--base-url", pasture.url, *more, HURRY="0.02")


def unknowns(journal: Path) -> dict[str, int]:
    """Return for each bot how many tweets its journal calls unknown."""
    query = """
        SELECT count(tweet.n), sheep.bot FROM sheep
        LEFT JOIN tweet ON tweet.bot = sheep.id AND outcome = 'unknown' GROUP BY sheep.id
    """
    connection = sqlite3.connect(journal)
    try:
        return {bot.partition(":")[2]: count for count, bot in connection.execute(query)}
    finally:
        connection.close()
