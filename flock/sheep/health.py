"""How one sheep fares: what it does about what goes wrong, and in how many seconds it tries again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flock import events
from flock.context import Commons
from flock.errors import AppRefused, JournalError, NetworkError, Pen, Retry, Unauthorized, Wait
from flock.sheep.patience import Patience

log = logging.getLogger(__name__)

PEN_CHECK = 5.0  # seconds between looks at whether a penned sheep may come out


@dataclass(slots=True)
class Health:
    """One sheep's troubles. `app` is the consumer token that it posts with; `tell` tells an event about it.

    `penned` is why it stays in, `waiting` what it waits for on purpose (as against backing off), and `trouble`
    what its last try met with: empty when that went well.
    """

    commons: Commons = field(repr=False)
    app: str = field(repr=False)
    tell: Callable[..., None] = field(repr=False)
    patience: Patience
    penned: Pen | None = None
    waiting: Wait | None = None
    trouble: str = ""

    def give_way(self, error: NetworkError) -> float:
        """Pen the sheep, wait on purpose, or back off, as the network's answer asks for; return the seconds."""
        self.trouble = str(error)
        before, self.waiting = self.waiting, error if isinstance(error, Wait) else None
        if self.patience.is_over(error) and isinstance(error, Pen):
            self._go_to_the_pen(error)
            return PEN_CHECK
        if isinstance(error, Wait):
            seconds = self.patience.wait_for(error, self.commons.clock.wall())
            if type(before) is not type(error):
                self.tell(events.Waiting, why=str(error), seconds=seconds, advice=error.advice)
            return seconds
        with_others = isinstance(error, Retry) and not self.commons.speaks_for_all(self, "network")
        return self._back_off(
            events.BackingOff, str(error), attempt=self.patience.failures + 1, with_others=with_others
        )

    def sit_down(self, error: JournalError) -> float:
        """Wait for the journal, and return the seconds. The whole flock must; one sheep says so."""
        self.trouble = str(error)
        if self.commons.first_to_meet("journal"):
            self.tell(events.Silenced, why=str(error))
        return self.patience.back_off()

    def stumble(self, error: Exception) -> float:
        """Log the traceback of a bug, ours or a subclass's, once; back off, and return the seconds."""
        if self.trouble != repr(error):
            log.error("%s", error, exc_info=error)
        self.trouble = repr(error)
        return self._back_off(events.Stumbled, type(error).__name__)

    def cheer_up(self) -> None:
        """All is well again. The journal learns of it with the next line."""
        self.forget()
        self.commons.good_apps.add(self.app)
        self.commons.is_over("network")
        if self.commons.is_over("journal"):
            self.tell(events.SpeaksAgain)

    def leave_the_pen(self, why: str) -> None:
        """Come out; the account gets as many tries as a new one."""
        self.forget()
        self.commons.is_over(f"app {self.app}")
        self.tell(events.Released, why=why)

    def forget(self) -> None:
        """Forget every trouble, as if nothing had ever gone wrong."""
        self.patience.all_is_well()
        self.penned, self.waiting, self.trouble = None, None, ""

    def _back_off(self, kind: type[events.Event], why: str, **fields: Any) -> float:
        seconds = self.patience.back_off()
        self.tell(kind, why=why, seconds=seconds, **fields)
        return seconds

    def _go_to_the_pen(self, error: Pen) -> None:
        """Stay in until let out. Where all bots of an app are refused, one says so loudly for all of them."""
        self.penned = error
        suspect_app = isinstance(error, AppRefused | Unauthorized) and self.app not in self.commons.good_apps
        follows = suspect_app and not self.commons.first_to_meet(f"app {self.app}")
        advice = error.advice
        if suspect_app and not isinstance(error, AppRefused):
            advice += " (or, as no bot of its app has been let in so far: check the app's own keys)"
        self.tell(events.Penned, why=str(error), advice=advice, with_its_app=follows)
