"""What becomes of a bot whose files were changed, or that was told something."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar

from flock.events.base import Event


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
