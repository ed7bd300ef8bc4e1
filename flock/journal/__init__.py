"""The journal: where each bot is in its poem, and which post it is about to make.

It is what makes each post go out exactly once, also after a kill -9. `open_journal` opens one.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from flock.errors import BadOption
from flock.journal.base import (
    WELL,
    Command,
    Condition,
    Journal,
    Noted,
    Outcome,
    Place,
    Record,
    Settlement,
    Standing,
    Verb,
)
from flock.journal.memory import MemoryJournal
from flock.journal.sqlite import SqliteJournal
from flock.units import DAY

__all__ = [
    "WELL",
    "Command",
    "Condition",
    "Journal",
    "MemoryJournal",
    "Noted",
    "Outcome",
    "Place",
    "Record",
    "Settlement",
    "SqliteJournal",
    "Standing",
    "Verb",
    "open_journal",
]

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_EXPECTED = "expected the path of a file, or a URL such as sqlite:///var/lib/flock/flock.db"


def open_journal(where: str | os.PathLike[str], *, keep: float = 2 * DAY, read_only: bool = False) -> Journal:
    """Open the journal at `where`: a path, or a URL `sqlite:///absolute/path`, percent-encoded.

    What was said is remembered for `keep` seconds. With `read_only` nothing is created, migrated or written, and a
    flock may run meanwhile; methods that write raise JournalError.

    Raises BadOption for another kind of URL, JournalError if the journal cannot be used, and BotsTaken if an older
    flock still writes it, in which case it cannot be brought up to date yet.
    """
    return SqliteJournal(_path(where), keep=keep, read_only=read_only)


def _path(where: str | os.PathLike[str]) -> Path:
    scheme = _URL.match(where) if isinstance(where, str) else None
    if not isinstance(where, str) or not scheme:
        if not os.fspath(where):
            raise BadOption(f"the journal: {_EXPECTED}, found nothing")
        return Path(where)
    if scheme[1].lower() != "sqlite":
        raise BadOption(f"the journal: {_EXPECTED}, found a {scheme[1]} URL")  # the rest may hold a password
    parts = urlsplit(where)
    if parts.netloc or parts.query or parts.fragment or not parts.path.strip("/"):
        raise BadOption(f"the journal: {_EXPECTED}, found {where!r}")
    return Path(unquote(parts.path))
