"""Passes events to the observers."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterable

from flock.events.base import Event

log = logging.getLogger(__name__)

Listener = Callable[[Event], None]


class Events:
    """Passes each event to every listener, in the thread in which the event happened.

    A listener's exception is logged with its traceback, once for each kind of failure (the exception's type and
    the line that raised it), so that a broken listener does not fill the log.
    """

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self._listeners = tuple(listeners)
        self._logged: set[tuple[int, type[Exception], str, int]] = set()
        self._lock = threading.Lock()

    def tell(self, event: Event) -> None:
        """Pass `event` on. A listener's exception is logged, and the others still get the event."""
        for number, listener in enumerate(self._listeners):
            try:
                listener(event)
            except Exception as error:
                if self._is_new(number, error):
                    kind = type(event).__name__
                    log.exception("an observer failed on the event %s; the next such failure is not logged", kind)

    def _is_new(self, number: int, error: Exception) -> bool:
        """Note the failure of the listener with that number; return whether it is the first of its kind."""
        where = traceback.extract_tb(error.__traceback__, limit=-1)[-1]
        failure = (number, type(error), where.filename, where.lineno or 0)
        with self._lock:
            before = len(self._logged)
            self._logged.add(failure)
            return len(self._logged) > before
