"""Alerts: many events about one trouble, gathered."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

from flock.events.base import Event

TroubleKind = Literal["penned", "quiet", "credits", "died", "journal", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble(Event):
    """An alert: what befell some bots, or the whole flock, gathered from many events. `bot` is its name if there
    is one only.

    `kind` is what befell: the bots are penned, have gone quiet, have no credits left, or have died; the journal
    cannot be written; the flock has ended. `is_over` says that it is mended. `since` is wall-clock time. `count`
    is the number of bots, 0 for the whole flock, and `bots` are the names of the first hundred. `whys` are
    reasons, the most frequent ones first.
    """

    kind: TroubleKind
    since: float
    is_over: bool = False
    count: int = 0
    bots: tuple[str, ...] = ()
    whys: tuple[str, ...] = ()

    @property
    def level(self) -> int:  # type: ignore[override]
        """An error, unless it is over, or the flock has ended, which may have been asked for."""
        return logging.INFO if self.is_over or self.kind == "ended" else logging.ERROR
