"""What bots say: posts that were made, or not."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar

from flock.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Event):
    """A post was posted: the bot's `n`-th, from 0.

    `line` of `lines` is its place in the recitation, `piece` of `pieces` its place in the line, and `source` the
    place of the line in the poem, each from 0. `age` is in recitations, `late` in seconds after the due time, and
    NaN where that is not known.
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
