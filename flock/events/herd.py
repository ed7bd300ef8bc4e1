"""What happens to a whole flock."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar

from flock.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Out(Event):
    """The flock has started: each of its `sheep` has its thread. The first line is due in `first_in` seconds."""

    sheep: int
    where: str = ""
    first_in: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJournal(Event):
    """The flock has made a new journal, so that every bot starts at its first line. `path` is where it is."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds(Event):
    """The state of the flock, sent each second. The numbers are of sheep, and the tuples hold their names.

    `alive` is false when most sheep hang: then the watchdog may restart the flock. `quiet` are the bots that are
    overdue for too long. `lag` is for how many seconds the post is due that is overdue longest, of a bot that is
    neither penned nor waiting nor paused.
    """

    level: ClassVar[int] = logging.NOTSET  # for programs, not for the log

    sheep: int
    penned: tuple[str, ...]
    waiting: int
    in_trouble: int
    alive: bool
    dead: tuple[str, ...] = ()
    paused: int = 0
    quiet: tuple[str, ...] = ()
    lag: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Called(Event):
    """A SIGHUP: penned and waiting sheep try again, the log file is opened anew, and the keys are read anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded(Event):
    """The keys were read anew. `added` and `removed` are names of bots.

    `changed` is how many bots have another key or poem, and `bad` how many files cannot be used.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: int
    bad: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping(Event):
    """The flock was told to stop; the posts `under_way` (a number) get up to `grace` seconds to finish."""

    under_way: int
    grace: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped(Event):
    """The flock has ended, for the reason `why`."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Silenced(Event):
    """The journal cannot be written, so that nothing may be posted. Sent once for the whole flock."""

    level: ClassVar[int] = logging.ERROR

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeaksAgain(Event):
    """The journal can be written again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped(Event):
    """`lines` of the output (a number) were dropped, since its reader or its disk was too slow."""

    level: ClassVar[int] = logging.WARNING

    lines: int
    why: str
