"""What all events have."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from typing import Any, ClassVar


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
