"""Where the journal is: a file, or a database of a PostgreSQL server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from flock.errors import printable

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_DATABASE = re.compile(
    r"""
    postgres(?:ql)?://
    (?:(?P<user>[^\s@/?#]*)@)?
    (?P<hosts>(?:\[[0-9a-fA-F:.%]*\]|[^\s@/?\#:,\[\]]*)(?::[0-9]*)?(?:,(?:\[[0-9a-fA-F:.%]*\]|[^\s@/?\#:,\[\]]*)(?::[0-9]*)?)*)
    (?P<name>/[^\s@/?\#]*)?
    (?:\?(?P<settings>[^\s?\#]*))?
    """,
    re.VERBOSE,
)
_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
_TOLD = ("service", "host", "port", "dbname")  # settings that may be shown
_EXPECTED = "expected a URL such as postgresql://flock@db.example/flock"
_ENCODE = "a user name or password with @ : / ? # % needs these as %40 %3A %2F %3F %23 %25"


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL database, by its URL as libpq reads it. The URL may hold a password: `str` shows neither that
    nor the user.

    `folder` is where this machine keeps the files that lie beside a journal in a file, or None for the platform's
    state folder.
    """

    url: str = field(repr=False)
    folder: Path | None = None

    def __str__(self) -> str:
        parts = _DATABASE.fullmatch(self.url)
        if not parts:
            return "postgresql://…"
        settings = [(name, value) for name, value in parse_qsl(parts["settings"] or "") if name in _TOLD]
        query = f"?{urlencode(settings, safe='/:,')}" if settings else ""
        return printable(f"postgresql://{parts['hosts']}{parts['name'] or ''}{query}")


Where = Path | Database


def absolute(where: Where) -> Where:
    """Return `where` with the full path of the file, if it is one."""
    return where.absolute() if isinstance(where, Path) else where


def scheme_of(text: str) -> str:
    """Return the scheme of a URL, in small letters; empty for what is none."""
    found = _SCHEME.match(text)
    return found[1].lower() if found else ""


def parse_database(text: str) -> Database:
    """Return the database with this URL. Raises ValueError for one that cannot be; it never quotes the URL, which
    may hold a password."""
    if scheme_of(text) not in ("postgresql", "postgres"):
        raise ValueError(f"{_EXPECTED}, found a {scheme_of(text)} URL")
    if not _DATABASE.fullmatch(text) or _PERCENT.search(text):
        raise ValueError(f"{_EXPECTED}, found one that cannot be read; {_ENCODE}")
    return Database(text)
