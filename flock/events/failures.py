"""What keeps bots from posting, and how that ends."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar

from flock.events.base import Event


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
class Paced(Event):
    """The bot's next line waits for `seconds`, so that its posts keep to a cap. That is no trouble.

    `again` is true if the bot has told of that within the last day.
    """

    why: str
    seconds: float
    again: bool = False

    @property
    def level(self) -> int:  # type: ignore[override]
        """A message once a day; otherwise a debug message."""
        return logging.DEBUG if self.again else logging.INFO


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
