"""A flock whose bots speak by the clock on the wall, in a process of its own: while the clock is set, after
kill -9, also while it changes to summer time and back, and after SIGHUP."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from zoneinfo import ZoneInfo

import pytest
import simplejson as json

from flock.errors import JournalError
from flock.journal import Record, SqliteJournal
from flock.units import HOUR, MINUTE
from tests.conftest import until
from tests.endtoend.conftest import Flock, Folder, WatchedPasture

WALL = """
import threading
import time
from pathlib import Path

from flock import Sheep
from flock.threads.stop import StopEvent

FOLDER = Path(__file__).parent
real_time, real_wait = time.time, StopEvent.wait


def wait(stop, *given):
    if threading.current_thread().name == "bot0":
        FOLDER.joinpath("asleep").touch()  # it has looked at the clock, and looks again only when it is woken
    return real_wait(stop, *given)


time.time = lambda: real_time() + float(FOLDER.joinpath("ahead").read_text())
StopEvent.wait = wait


class Walled(Sheep):
    pass
"""


class Wall:
    """The clock on the wall of the flocks in a folder, which a test sets, in UTC; and what they say, by it."""

    def __init__(self, folder: Path, keys: Folder, start: Callable[..., Flock]) -> None:
        self._folder = folder
        self._keys = keys
        self._start = start
        (folder / "wall.py").write_text(WALL)

    def set(self, day: int, hour: int, minute: int = 0, second: int = 0) -> None:
        """Set the clock to a moment in May 2031."""
        self.set_to(datetime(2031, 5, day, hour, minute, second, tzinfo=UTC).timestamp())

    def set_to(self, moment: float) -> None:
        """Set the clock to a moment, in seconds since the epoch."""
        (self._folder / "ahead.new").write_text(str(moment - time.time()))
        (self._folder / "ahead.new").replace(self._folder / "ahead")

    def now(self) -> float:
        """Return what it shows, in seconds since the epoch."""
        return time.time() + float((self._folder / "ahead").read_text())

    def run(self, *network: str) -> Flock:
        """Start a flock on its own pasture or on another network, and wait until it has the bot, and it sleeps."""
        asleep = self._folder / "asleep"
        asleep.unlink(missing_ok=True)
        where = ("--state", self._folder / "flock.db", "--sheep", "wall:Walled")
        flock = self._start("run", self._keys.path, *(network or ["--pasture"]), *where)
        until("it is out", lambda: any(each.holder == flock.process.pid for each in self._bots()))
        until("it sleeps", asleep.exists)
        return flock

    def said(self, zone: tzinfo = UTC) -> list[str]:
        """Return when each line was said, by the clock on the wall, and its beginning."""
        if not self._bots():
            return []
        with closing(SqliteJournal(self._folder / "flock.db", read_only=True)) as journal:
            found = [(datetime.fromtimestamp(post.at, zone), post.text) for post in journal.posts()]
        return [f"{at:%d %H:%M} {text[0]}" for at, text in found]

    def has_said(self, count: int) -> bool:
        """Whether so many lines have been said and told."""
        return len(self.said()) == count

    def _bots(self) -> list[Record]:
        try:
            with closing(SqliteJournal(self._folder / "flock.db", read_only=True)) as journal:
                return journal.bots()
        except JournalError:  # it is in the making
            return []


def test_each_line_is_said_once_by_the_clock_on_the_wall(
    make_folder: Callable[..., Folder], start: Callable[..., Flock], tmp_path: Path
) -> None:
    """The clock is set forward, the flock is killed before a line is due and after one was said, and a reload
    changes the schedule."""
    keys = make_folder(1, schedule="0 9 * * *", timezone="UTC")
    wall = Wall(tmp_path, keys, start)
    wall.set(1, 3)
    flock = wall.run()
    wall.set(1, 8, 59, 58)
    until("the clock was set forward, and the line was said in time", lambda: wall.said() == ["01 09:00 0"])
    flock.stop(signal.SIGKILL)

    wall.set(1, 9, 0, 30)
    flock = wall.run()
    wall.set(2, 8, 50)
    flock.stop(signal.SIGKILL)
    assert ["01 09:00 0"] == wall.said()

    wall.set(2, 9, 1)
    flock = wall.run()
    until("a line that is a minute late is said", lambda: wall.said()[1:] == ["02 09:01 1"])
    file = keys.path / "bot0.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schedule": "0 18 * * *"}))
    flock.process.send_signal(signal.SIGHUP)
    wall.set(2, 17, 59, 58)
    until("the new schedule holds", lambda: wall.said()[2:] == ["02 18:00 2"])
    code, output, errors = flock.stop()

    assert 0 == code, output + errors
    assert ["01 09:00 0", "02 09:01 1", "02 18:00 2"] == wall.said()


class DeadlyPasture(WatchedPasture):
    """A pasture that can kill who posts: it has the post then, and nobody hears its answer."""

    kills: subprocess.Popen[str] | None = None

    def _watch(self, app: WSGIApplication) -> WSGIApplication:
        watched = super()._watch(app)

        def deadly(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            answer = watched(environ, start_response)
            if self.kills and environ["REQUEST_METHOD"] == "POST":
                self.kills.kill()
                self.kills = None
            return answer

        return deadly


CHANGES = [  # the zone, when its clock changes (UTC), and what it shows at four half hours, from an hour before on
    ("Europe/Berlin", "2031-03-30T01:00", "01:00 01:30 03:00 03:30"),
    ("Europe/Berlin", "2031-10-26T01:00", "02:00 02:30 02:00 02:30"),
    ("America/Havana", "2031-03-09T05:00", "23:00 23:30 01:00 01:30"),
    ("America/Havana", "2031-11-02T05:00", "00:00 00:30 00:00 00:30"),
    ("Australia/Lord_Howe", "2031-10-04T15:30", "01:00 01:30 02:30 03:00"),
    ("Australia/Lord_Howe", "2031-04-05T15:00", "01:00 01:30 01:30 02:00"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_each_line_is_said_once_though_the_flock_is_killed_while_the_clock_changes(
    make_folder: Callable[..., Folder], start: Callable[..., Flock], tmp_path: Path, change: tuple[str, str, str]
) -> None:
    """By SIGKILL, thrice at each due time: before it, when the network has the post and nobody its answer, and
    after the line was told."""
    zone, moment, shown = change
    keys = make_folder(1, schedule="*/30 * * * *", timezone=zone)
    wall = Wall(tmp_path, keys, start)
    due = datetime.fromisoformat(f"{moment}Z").timestamp() - HOUR
    wall.set_to(due)
    with DeadlyPasture(keys.accounts, clock=wall.now) as pasture:
        network = ("--base-url", pasture.url)
        for number in range(len(shown.split())):
            wall.set_to(due - 5 * MINUTE)
            wall.run(*network).stop(signal.SIGKILL)
            assert number == len(pasture.said("bot0"))

            wall.set_to(due - MINUTE)
            flock = wall.run(*network)
            pasture.kills = flock.process
            wall.set_to(due - 1)
            assert -signal.SIGKILL == flock.end()[0]
            assert number + 1 == len(pasture.said("bot0"))

            wall.set_to(due + MINUTE)
            flock = wall.run(*network)
            until("the post was found", partial(wall.has_said, number + 1))
            flock.stop(signal.SIGKILL)
            due += HOUR / 2
        posts = pasture.store.posts("bot0")

    assert keys.poems["bot0"][: len(posts)] == [post.text for post in posts]
    times = [datetime.fromtimestamp(post.created_at, ZoneInfo(zone)) for post in posts]
    assert shown == " ".join(f"{time:%H:%M}" for time in times)
