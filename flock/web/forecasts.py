"""What each bot of the flock will post and cost a day: worked out anew when its keys or poems have changed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from flock.checks import foresee
from flock.checks.costs import bills, bills_of_practice
from flock.errors import FlockError
from flock.options import Options
from flock.roster import Roster

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
    """Works out the outlook of a flock in a thread of its own: ten thousand bots take some seconds."""

    def __init__(self, folder: Path, options: Options) -> None:
        self._folder = folder
        self._options = options
        self._lock = threading.Lock()
        self._roster: Roster | None = None  # of which the outlook is, or will be
        self._outlook: Outlook | None = None
        self._ready = threading.Event()
        self._began = 0.0  # on the monotonic clock

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

    def _look(self) -> None:
        try:
            forecasts = foresee(self._folder, self._options)
            self._outlook = Outlook(
                {each.sheep.key.file: Foreseen(each.posts_a_day, each.dollars_a_day) for each in forecasts},
                (*bills(forecasts), *bills_of_practice(forecasts)),
            )
        except FlockError as error:
            self._outlook = Outlook({}, (), str(error))
        except Exception:
            log.exception("the forecast failed")
            self._outlook = Outlook({}, (), "the forecast failed; the log says why")
        finally:
            self._ready.set()
