"""Alerts: an observer that sends a message when something is wrong, and one when it is well again.

What is told, and how often, `Gathering` decides. Each target has a bounded queue and a thread of its own, so that
a mail server that is slow or dead delays no sheep, no shepherd, and no other target.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from flock.clock import boot_time
from flock.events import (
    Died,
    Event,
    GoneQuiet,
    NobodyQuiet,
    Out,
    Penned,
    Reloaded,
    Rounds,
    Said,
    Silenced,
    SpeaksAgain,
    Stopped,
    Trouble,
    Waiting,
)
from flock.observers.gathering import Gathering
from flock.observers.targets import NotDelivered, Target

log = logging.getLogger(__name__)

GRACE = 5.0  # seconds that all targets together get at the end of the flock
_CAPACITY = 20  # alerts that wait for one target
_FIRST_RETRY = 30.0  # seconds; each further failure doubles them
_LONGEST_RETRY = 900.0

_TELLING = (Died, GoneQuiet, NobodyQuiet, Penned, Reloaded, Silenced, SpeaksAgain, Stopped, Waiting)


class Alerts:
    """An observer that gathers events into alerts, and sends them to `targets`.

    Rounds, which the shepherd sends every few seconds, drive the time. With `once`, for runs of cron, the end of
    the flock is no alert. `now` is a clock in seconds that goes forward.
    """

    def __init__(
        self, targets: Iterable[Target], *, once: bool = False, now: Callable[[], float] = boot_time
    ) -> None:
        self._couriers = [Courier(target) for target in targets]
        self._gathering = Gathering()
        self._once = once
        self._now = now
        self._is_out = False
        self._lock = threading.Lock()  # guards the gathering; held for microseconds

    def __call__(self, event: Event) -> None:
        match event:
            case Said():
                if self._gathering.is_ill(event.bot):
                    self._hear(event)
            case Rounds():
                with self._lock:
                    told = self._gathering.due(self._now(), event.at)
                self._send(told)
            case Out():
                self._is_out = True
            case Stopped() if self._once:
                self._is_out = False
            case _ if isinstance(event, _TELLING):
                self._is_out = self._is_out and not isinstance(event, Stopped)
                self._hear(event)

    def close(self, grace: float = GRACE) -> bool:
        """Send what is left; return whether each alert was sent, or has failed, within `grace` seconds.

        What is not through by then is given up: a command that hangs is killed. A flock that has ended without
        saying so has met an error.
        """
        wall = time.time()
        if self._is_out and not self._once:
            self(Stopped(at=wall, why="by an error; its log has more"))
        with self._lock:
            told = self._gathering.rest(self._now(), wall)
        self._send(told)
        deadline = time.monotonic() + grace
        for courier in self._couriers:
            courier.close()
        ended = [courier.join(max(0.0, deadline - time.monotonic())) for courier in self._couriers]
        for courier in self._couriers:
            courier.give_up()
        return all(ended)

    def _hear(self, event: Event) -> None:
        with self._lock:
            self._gathering.hear(event, self._now())

    def _send(self, told: Iterable[Trouble]) -> None:
        for alert in told:
            for courier in self._couriers:
                courier.take(alert)


class Courier:
    """Sends alerts to one target, one after the other, in a daemon thread of its own.

    At most twenty alerts wait; then the oldest is dropped. A target that `repeats` gets an alert again after a
    failure, in 30 seconds, 1 minute, 2 minutes, at most 15 minutes. A failure is logged once, until the target
    takes an alert again.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._waiting: deque[Trouble] = deque(maxlen=_CAPACITY)
        self._changed = threading.Condition()
        self._is_closing = False
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name=f"flock: alerts to {target.name}", daemon=True)
        self._thread.start()

    def take(self, alert: Trouble) -> None:
        """Queue the alert. Never blocks."""
        with self._changed:
            if len(self._waiting) == _CAPACITY:
                log.warning("%s is behind: its oldest alert is dropped", self._target.name)
            self._waiting.append(alert)
            self._changed.notify()

    def close(self) -> None:
        """Have the thread end when each alert that waits has been tried."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()

    def join(self, seconds: float) -> bool:
        """Wait up to so many seconds for the thread to end; return whether it did."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def give_up(self) -> None:
        """Send nothing more."""
        self._target.give_up()

    def _run(self) -> None:
        while (alert := self._next()) is not None:
            is_sent = self._try(alert)
            with self._changed:
                if is_sent or not self._target.repeats or self._is_closing:
                    continue
                if len(self._waiting) < _CAPACITY:
                    self._waiting.appendleft(alert)
                pause = min(_FIRST_RETRY * 2.0 ** min(self._failures - 1, 10), _LONGEST_RETRY)
                self._changed.wait_for(lambda: self._is_closing, timeout=pause)

    def _next(self) -> Trouble | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            return self._waiting.popleft() if self._waiting else None

    def _try(self, alert: Trouble) -> bool:
        """Return whether the target took the alert."""
        try:
            self._target.send(alert)
        except NotDelivered as error:
            if not self._failures:
                again = "; it is tried again" if self._target.repeats else ""
                log.warning("no alert can be sent to %s: %s%s", self._target.name, error, again)
            self._failures += 1
            return False
        except Exception:
            log.exception("a bug in the alerts to %s", self._target.name)
            self._failures += 1
            return False
        if self._failures:
            log.info("%s takes alerts again", self._target.name)
        self._failures = 0
        return True
