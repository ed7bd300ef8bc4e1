"""A flock whose bots speak by the clock on the wall, in a process of its own: while the clock is set, after
kill -9, and after SIGHUP."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import simplejson as json

from flock.errors import JournalError
from flock.journal import Record, SqliteJournal
from tests.conftest import until
from tests.endtoend.conftest import Flock, Folder

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
        ahead = datetime(2031, 5, day, hour, minute, second, tzinfo=UTC).timestamp() - time.time()
        (self._folder / "ahead.new").write_text(str(ahead))
        (self._folder / "ahead.new").replace(self._folder / "ahead")

    def run(self) -> Flock:
        """Start a flock, and wait until it has the bot, and the bot sleeps."""
        asleep = self._folder / "asleep"
        asleep.unlink(missing_ok=True)
        where = ("--state", self._folder / "flock.db", "--sheep", "wall:Walled")
        flock = self._start("run", self._keys.path, "--pasture", *where)
        until("it is out", lambda: any(each.holder == flock.process.pid for each in self._bots()))
        until("it sleeps", asleep.exists)
        return flock

    def said(self) -> list[str]:
        """Return when each line was said, by the clock on the wall, and its beginning."""
        if not self._bots():
            return []
        with closing(SqliteJournal(self._folder / "flock.db", read_only=True)) as journal:
            found = [(datetime.fromtimestamp(post.at, UTC), post.text) for post in journal.posts()]
        return [f"{at:%d %H:%M} {text[0]}" for at, text in found]

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
