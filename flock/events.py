"""What happened, as plain data, and whom to tell.

Data flows down and events flow up: sheep and shepherd tell, and listeners (the console, systemd, tests) hear.
A listener that fails is logged and never troubles a sheep.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from flock.units import roughly

log = logging.getLogger(__name__)

_WORTH_SAYING = 30.0  # seconds of silence at the start that are explained


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened at the wall-clock time `at` (seconds since the epoch) to `bot`, or to the whole flock.

    `level` is one of the logging module's. The text of an event is for people; its fields are for programs.
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

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Birthday(Event):
    """A bot has finished its poem, and is now `age` recitations old. It rests for `rest` seconds."""

    age: int
    rest: float

    def __str__(self) -> str:
        times = "once" if self.age == 1 else "twice" if self.age == 2 else f"{self.age} times"
        return f"is {self.age} today: has said its whole poem {times}, and rests {roughly(self.rest)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped(Event):
    """The network will not take this text; the bot goes on with its next."""

    level: ClassVar[int] = logging.WARNING

    text: str
    n: int
    why: str

    def __str__(self) -> str:
        return f"skips a line: {self.why}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsure(Event):
    """Nothing can tell whether this text landed, so it is not said again."""

    level: ClassVar[int] = logging.WARNING

    text: str
    n: int
    why: str

    def __str__(self) -> str:
        return f"may or may not have said this, and goes on: {self.why}: {self.text}"


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

    def __str__(self) -> str:
        return f"tries again in {roughly(self.seconds)}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Event):
    """The bot waits on purpose, for `seconds`: a rate limit, a daily limit, an empty purse."""

    level: ClassVar[int] = logging.WARNING

    why: str
    seconds: float
    advice: str = ""

    def __str__(self) -> str:
        advice = f"; {self.advice}" if self.advice else ""
        return f"waits {roughly(self.seconds)}: {self.why}{advice}"


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

    def __str__(self) -> str:
        if self.with_its_app:
            return f"is penned, like others of its app: {self.why}"
        return f"IS PENNED: {self.why}; {self.advice}; then save its key file, or start the flock anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Released(Event):
    """A penned bot is tried again."""

    why: str

    def __str__(self) -> str:
        return f"is let out of the pen: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stumbled(Event):
    """A bug of ours. The traceback is in the log, once."""

    level: ClassVar[int] = logging.ERROR

    why: str
    seconds: float

    def __str__(self) -> str:
        return f"stumbles over a bug in the flock, and tries again in {roughly(self.seconds)}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoneQuiet(Event):
    """The bot has said nothing for longer than it should have; or each of `bots`, the longest for `seconds`."""

    level: ClassVar[int] = logging.ERROR

    seconds: float
    why: str
    bots: tuple[str, ...] = ()

    def __str__(self) -> str:
        who = f"{len(self.bots)} SHEEP HAVE GONE QUIET ({_some(self.bots)})" if self.bots else "HAS GONE QUIET"
        return f"{who}: nothing for {roughly(self.seconds)}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NobodyQuiet(Event):
    """All bots that had gone quiet have spoken again, or are penned or waiting by now."""

    def __str__(self) -> str:
        return "nobody is quiet any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedUp(Event):
    """The poem was edited since the bot last spoke; it goes on at another line (counted from 0)."""

    level: ClassVar[int] = logging.WARNING

    line: int
    text: str

    def __str__(self) -> str:
        return f"finds its poem edited, and goes on at line {self.line + 1}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Out(Event):
    """The flock is out: every one of its `sheep` has its thread. The first line is due in `first_in` seconds."""

    sheep: int
    where: str = ""
    first_in: float = 0.0

    def __str__(self) -> str:
        first = f"; the first line is due in {roughly(self.first_in)}" if self.first_in >= _WORTH_SAYING else ""
        return f"{self.sheep} sheep on the way out{f' to {self.where}' if self.where else ''}{first}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds(Event):
    """The shepherd has looked around, as it does each second. `alive` is whether the sheep move as they should."""

    level: ClassVar[int] = logging.NOTSET  # for programs, not for the log

    sheep: int
    penned: tuple[str, ...]
    waiting: int
    in_trouble: int
    alive: bool

    def __str__(self) -> str:
        parts = [f"{self.sheep} sheep"]
        if self.penned:
            parts.append(f"{len(self.penned)} penned ({_some(self.penned)})")
        if self.waiting:
            parts.append(f"{self.waiting} waiting for a limit")
        if self.in_trouble:
            parts.append(f"{self.in_trouble} trying again")
        return ", ".join(parts if self.alive else [*parts, "NOT MOVING"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Called(Event):
    """A SIGHUP: penned sheep are tried again, and the log file is opened anew."""

    def __str__(self) -> str:
        return "the shepherd calls: penned sheep are tried again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping(Event):
    """The flock was told to stop; tweets `under_way` get up to `grace` seconds."""

    under_way: int
    grace: float

    def __str__(self) -> str:
        if not self.under_way:
            return "stopping"
        tweets = "1 tweet" if self.under_way == 1 else f"{self.under_way} tweets"
        return f"stopping; up to {roughly(self.grace)} for {tweets} under way"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped(Event):
    """The flock has ended, and `why`."""

    why: str

    def __str__(self) -> str:
        return f"the flock has ended: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silenced(Event):
    """The journal cannot be written, so that nothing may be said. Told once for the whole flock."""

    level: ClassVar[int] = logging.ERROR

    why: str

    def __str__(self) -> str:
        return f"NOTHING CAN BE SAID: {self.why}; the flock goes on when it can be written"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeaksAgain(Event):
    """The journal can be written again."""

    def __str__(self) -> str:
        return "the journal can be written again; the flock goes on"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


Listener = Callable[[Event], None]


class Events:
    """Tells every listener, in the thread in which it happened."""

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self._listeners = tuple(listeners)

    def tell(self, event: Event) -> None:
        """Pass `event` on. A listener's exception is logged, and the others still hear."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed on %s", type(event).__name__)
