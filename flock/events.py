"""Events: plain data about what happened, and `Events`, which passes each one to the observers.

Sheep and shepherd send events; observers (the console, systemd, tests) receive each of them. The sentences for
people are made of this data in observers/wording.py.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened at the wall-clock time `at` (seconds since the epoch) to `bot`, or to the whole flock.

    `level` is the severity, as one of the logging module's levels.
    """

    level: ClassVar[int] = logging.INFO

    at: float
    bot: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, with the event's name under `event`."""
        kind = type(self)
        if kind not in _FIELDS:
            _FIELDS[kind] = tuple(field.name for field in dataclasses.fields(kind))
        return {"event": kind.__name__.lower(), **{name: getattr(self, name) for name in _FIELDS[kind]}}


_FIELDS: dict[type[Event], tuple[str, ...]] = {}  # the names of an event's fields, found once for each class


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Event):
    """A post was posted: the bot's `n`-th, from 0.

    `line` of `lines` is its place in the recitation, `piece` of `pieces` its place in the line, and `source` the
    place of the line in the poem, each from 0. `age` is in recitations, `late` in seconds after the due time.
    `service` is the server that it was posted to, such as "X" or "botsin.example".
    `mood` names what the temperament did to the line, `memory` is the share of the poem's words that are left
    (from 0 to 1), and `entropy` is from 0 to 1.
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
    service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Birthday(Event):
    """A bot has finished its poem, of which something was said now for the `age`-th time. It rests for `rest`
    seconds."""

    age: int
    rest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped(Event):
    """The network refuses this text, piece `piece` of `pieces` (from 0) of a line; the bot goes on with the next
    line."""

    level: ClassVar[int] = logging.WARNING

    text: str
    n: int
    why: str
    piece: int = 0
    pieces: int = 1
    service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsure(Event):
    """It cannot be found out whether this text landed. The bot goes on, and does not post it again."""

    level: ClassVar[int] = logging.WARNING

    text: str
    n: int
    why: str
    service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Event):
    """A try of the bot has failed by an error of the class `kind` (see errors.py), on `service`. Sent each time;
    the events below tell of the same to people, once."""

    level: ClassVar[int] = logging.NOTSET  # for programs, not for the log

    kind: str
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackingOff(Event):
    """The network failed; the line is kept, and tried again after `seconds`. `attempt` counts failures in a row.

    `with_others` is true if another bot of the same service met the outage first, and the outage goes on. `advice`
    is what the operator does if the trouble lasts. `kind` is the class of the error (see errors.py).
    """

    why: str
    seconds: float
    attempt: int
    with_others: bool = False
    advice: str = ""
    kind: str = ""
    service: str = ""

    @property
    def level(self) -> int:  # type: ignore[override]
        """A warning at every fifth attempt of the bot that met the outage first; otherwise a debug message."""
        return logging.WARNING if self.attempt % 5 == 1 and not self.with_others else logging.DEBUG


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Event):
    """The bot waits for `seconds`, for a limit to pass: a rate limit, a daily limit, no credits left.

    `kind` is the class of the error (see errors.py), such as "RateLimited" or "OutOfCredits".
    """

    level: ClassVar[int] = logging.WARNING

    why: str
    seconds: float
    advice: str = ""
    kind: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Penned(Event):
    """The bot stops until its key file changes or the flock is sent a SIGHUP.

    `with_its_app` is true if the keys of its app are the likely cause, and another bot has reported them already.
    `kind` is the class of the error (see errors.py).
    """

    why: str
    advice: str
    with_its_app: bool = False
    kind: str = ""
    service: str = ""

    @property
    def level(self) -> int:  # type: ignore[override]
        """An error for the first bot of an app, and a warning for each further one."""
        return logging.WARNING if self.with_its_app else logging.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Released(Event):
    """A penned bot is tried again."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stumbled(Event):
    """A bug made a try fail; the next one is in `seconds`. The traceback is logged once.

    `in_flock` is false where the bug is in `decide` of the operator's own sheep class; then `why` names file and
    line.
    """

    level: ClassVar[int] = logging.ERROR

    why: str
    seconds: float
    in_flock: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Died(Event):
    """The thread of a bot has ended by an error. The bot posts nothing more until the flock is started anew."""

    level: ClassVar[int] = logging.ERROR

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GoneQuiet(Event):
    """The bot's next post has been due for `seconds`, which is too long. Sent once, until the bot posts again.

    If many bots are overdue at once, one event names all `bots`; then `seconds` is the longest of their delays.
    """

    level: ClassVar[int] = logging.ERROR

    seconds: float
    why: str
    bots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NobodyQuiet(Event):
    """No bot is overdue any longer: each that was has posted again, or is penned or waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedUp(Event):
    """The poem was edited since the bot's last post; the bot goes on at `line` (counted from 0)."""

    level: ClassVar[int] = logging.WARNING

    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoemChanged(Event):
    """The bot has another poem than at its last post, and begins it at its first line, `text`."""

    level: ClassVar[int] = logging.WARNING

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TemperamentChanged(Event):
    """The bot says the same poem in another temperament than at its last post, or with another seed.

    It goes on at `line` of the recitation, counted from 0.
    """

    level: ClassVar[int] = logging.WARNING

    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed(Event):
    """The bot's key file or its poem was read anew, and something has changed: `what` has the names of the fields.

    It holds from the next line on.
    """

    what: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Obeyed(Event):
    """The bot has done what its operator told it: `command`, such as "from 7".

    `text` is the line that comes next, and `seconds` the time until it is due. `why` says what keeps the bot from
    saying it then, or is empty.
    """

    command: str
    text: str
    seconds: float
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(Event):
    """The bot was told to do `command`, and does it later: `why` says when. Sent once for each command."""

    command: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined(Event):
    """The bot was told to do `command`, and cannot do it, for the reason `why`. The command is gone."""

    level: ClassVar[int] = logging.WARNING

    command: str
    why: str


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
