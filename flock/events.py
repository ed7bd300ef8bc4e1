"""What happened, as plain data, and Events, which passes it to the observers.

Sheep and shepherd tell events; observers (the console, systemd, tests) get each of them. The sentences that people
read are made from the data in observers/wording.py.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened at the wall-clock time `at` (seconds since the epoch) to `bot`, or to the whole flock.

    `level` is one of the logging module's: how severe the event is.
    """

    level: ClassVar[int] = logging.INFO

    at: float
    bot: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, with the event's name under `event`."""
        named = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {"event": type(self).__name__.lower(), **named}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Event):
    """A tweet was posted: the bot's `n`-th, from 0.

    `line` of `lines` is its place in the recitation, `piece` of `pieces` its place in the line, `source` the place
    of the line in the poem. `age` is in recitations, `late` in seconds behind the due time. `mood` is how it was
    said, `memory` the share of the poem that is left, and `entropy` from 0 to 1.
    """

    text: str
    n: int
    line: int
    lines: int
    piece: int = 0
    pieces: int = 1
    age: float
    late: float
    post_id: str | None
    mood: str = "faithful"
    source: int = 0
    memory: float = 1.0
    entropy: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Birthday(Event):
    """A bot has finished its poem, and is now `age` recitations old. It rests for `rest` seconds."""

    age: int
    rest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped(Event):
    """The network will not take this text; the bot goes on with its next."""

    level: ClassVar[int] = logging.WARNING

    text: str
    n: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsure(Event):
    """Nothing can tell whether this text landed, so it is not said again."""

    level: ClassVar[int] = logging.WARNING

    text: str
    n: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackingOff(Event):
    """The network is unwell; the line is kept, and tried again after `seconds`. `attempt` counts the failures.

    `with_others` is whether another bot met with it first, and nobody has been heard since.
    """

    why: str
    seconds: float
    attempt: int
    with_others: bool = False

    @property
    def level(self) -> int:  # type: ignore[override]
        """A long outage is worth a line now and then, not one a try and not one a bot."""
        return logging.WARNING if self.attempt % 5 == 1 and not self.with_others else logging.DEBUG


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Event):
    """The bot waits on purpose, for `seconds`: a rate limit, a daily limit, an empty purse."""

    level: ClassVar[int] = logging.WARNING

    why: str
    seconds: float
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Penned(Event):
    """The bot stops until its key file changes or the flock is sent a SIGHUP.

    `with_its_app` is whether the keys of its app are suspected and another bot has said so already.
    """

    why: str
    advice: str
    with_its_app: bool = False

    @property
    def level(self) -> int:  # type: ignore[override]
        """One loud line for an app, however many bots it has."""
        return logging.WARNING if self.with_its_app else logging.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Released(Event):
    """A penned bot is tried again."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stumbled(Event):
    """A bug of ours. The traceback is in the log, once."""

    level: ClassVar[int] = logging.ERROR

    why: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GoneQuiet(Event):
    """The bot has said nothing for longer than it should have; or each of `bots`, the longest for `seconds`."""

    level: ClassVar[int] = logging.ERROR

    seconds: float
    why: str
    bots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NobodyQuiet(Event):
    """All bots that had gone quiet have spoken again, or are penned or waiting by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedUp(Event):
    """The poem was edited since the bot last spoke; it goes on at another line (counted from 0)."""

    level: ClassVar[int] = logging.WARNING

    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Out(Event):
    """The flock is out: every one of its `sheep` has its thread. The first line is due in `first_in` seconds."""

    sheep: int
    where: str = ""
    first_in: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds(Event):
    """The shepherd has looked around, as it does each second. `alive` is whether the sheep move as they should."""

    level: ClassVar[int] = logging.NOTSET  # for programs, not for the log

    sheep: int
    penned: tuple[str, ...]
    waiting: int
    in_trouble: int
    alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Called(Event):
    """A SIGHUP: penned sheep are tried again, and the log file is opened anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping(Event):
    """The flock was told to stop; tweets `under_way` get up to `grace` seconds."""

    under_way: int
    grace: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped(Event):
    """The flock has ended, and `why`."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Silenced(Event):
    """The journal cannot be written, so that nothing may be said. Told once for the whole flock."""

    level: ClassVar[int] = logging.ERROR

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeaksAgain(Event):
    """The journal can be written again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped(Event):
    """So many `lines` of the output were not written, since its reader or its disk was too slow."""

    level: ClassVar[int] = logging.WARNING

    lines: int
    why: str


Listener = Callable[[Event], None]


class Events:
    """Passes each event to every listener, in the thread in which the event happened.

    A listener that raises is logged with its traceback, once for each kind of failure: the exception's type and
    the line that raised it. A broken listener would otherwise fill the log with a traceback for each event.
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
