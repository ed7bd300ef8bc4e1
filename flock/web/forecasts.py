"""What each bot of the flock will post and cost a day: worked out anew when its keys or poems have changed."""

from __future__ import annotations

import logging
import os
import pickle
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple, cast

from flock.checks import foresee
from flock.checks.costs import bills, bills_of_practice
from flock.errors import FlockError
from flock.options import Options
from flock.roster import Roster
from flock.web.children import ending_of, give_order, give_way, start_python, when_left

log = logging.getLogger(__name__)

_PATIENCE = 2.0  # seconds from its beginning for which pages wait for a forecast


class Foreseen(NamedTuple):
    """The steady rate of a bot: posts a day, infinite without an interval, and their price in US dollars."""

    posts: float
    dollars: float


class Outlook(NamedTuple):
    """The forecasts by key file, and what they come to, in sentences. `trouble` says why there are none."""

    bots: Mapping[Path, Foreseen]
    bills: tuple[str, ...]
    trouble: str = ""


class Foresight:
    """Works out the outlook of a flock in a process of its own, until `close`.

    Ten thousand bots take some seconds; the readers of the page do not wait for them.
    """

    def __init__(self, folder: Path, options: Options) -> None:
        self._folder = folder
        self._options = options
        self._lock = threading.Lock()
        self._roster: Roster | None = None  # of which the outlook is, or will be
        self._outlook: Outlook | None = None
        self._ready = threading.Event()
        self._began = 0.0  # on the monotonic clock
        self._process: Popen[bytes] | None = None
        self._is_closed = False

    def outlook(self, roster: Roster) -> Outlook | None:
        """Return the outlook of that roster, or None if it takes longer."""
        with self._lock:
            if roster is not self._roster and (self._roster is None or self._ready.is_set()):
                self._roster = roster
                self._ready.clear()
                self._began = time.monotonic()
                threading.Thread(target=self._look, name="flock: forecast", daemon=True).start()
        self._ready.wait(max(0.0, self._began + _PATIENCE - time.monotonic()))
        return self._outlook

    def close(self) -> None:
        """End the process, if there is one, and start none any more."""
        with self._lock:
            self._is_closed = True
            if self._process is not None:
                self._process.kill()

    def _look(self) -> None:
        try:
            self._outlook = self._worked_out()
        except OSError as error:
            if not self._is_closed:
                log.error("the forecast failed: %s", error)
            self._outlook = Outlook({}, (), "the forecast failed; the log says why")
        finally:
            self._ready.set()

    def _worked_out(self) -> Outlook:
        """Return what the process answers. Raises OSError."""
        with self._lock:
            if self._is_closed:
                raise ChildProcessError("the page has ended")
            process = self._process = start_python("-c", f"from {__name__} import main; main()")
        with process:
            answer = give_order(process, (self._folder, self._options)).read()
        if process.returncode or not answer:
            raise ChildProcessError(f"its process has ended: {ending_of(process.returncode)}")
        return cast("Outlook", pickle.loads(answer))  # noqa: S301 - from the process that was started just now


def main() -> None:
    """Write the outlook of the flock that standard input asks for to standard output: pickled, both.

    Ends at once when standard input is closed.
    """
    give_way()
    folder, options = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the page that has started this process
    when_left(lambda: os._exit(0))  # the page has read the answer, or will never do so
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answer, suppress(BrokenPipeError):  # the page has ended
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # for what a Sheep prints
        answer.write(pickle.dumps(_outlook_of(folder, options)))
        answer.flush()


def _outlook_of(folder: Path, options: Options) -> Outlook:
    try:
        forecasts = foresee(folder, options)
    except FlockError as error:
        return Outlook({}, (), str(error))
    return Outlook(
        {each.sheep.key.file: Foreseen(each.posts_a_day, each.dollars_a_day) for each in forecasts},
        (*bills(forecasts), *bills_of_practice(forecasts)),
    )
