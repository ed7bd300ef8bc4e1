"""The sessions of accounts: their tokens, and where these are kept while flock does not run.

Signing in is limited to some times an hour and a hundred a day; a session that is kept lasts for months.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from dataclasses import dataclass, field
from typing import Protocol

import simplejson

from flock.keys.credentials import BlueskyCredentials
from flock.networks.kept import KeptFile

_GET = "SELECT server, did, pds, access, refresh, mark FROM bluesky_session WHERE bot = ?"
_SHARE = 0.9  # of a token's lifetime after which it is renewed: a post takes a minute at most, a lifetime is hours


@dataclass(frozen=True, slots=True)
class Tokens:
    """A session. `access` lasts for hours and `refresh` for months; each refresh token gives the next two.

    `server` is where the account signed in, and `pds` where its posts go; both are root URLs. `did` is the
    account's own, lasting name. `mark` is that of the app password (see `mark_of`), or empty: sessions of the
    first versions have none.
    """

    server: str
    did: str
    pds: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    mark: str = field(default="", repr=False)


class Sessions(Protocol):
    """Keeps the tokens of bots, by the names under which the journal knows the bots. Safe to use from any thread.

    Raises JournalError where they cannot be read or written.
    """

    def get(self, bot: str) -> Tokens | None:
        """Return the tokens that were put last, or None."""

    def put(self, bot: str, tokens: Tokens) -> None:
        """Keep `tokens` instead of the bot's earlier ones. They are on the disk when this returns."""


class MemorySessions:
    """Keeps tokens as long as the process runs: for dry runs and tests."""

    def __init__(self) -> None:
        self._kept: dict[str, Tokens] = {}

    def get(self, bot: str) -> Tokens | None:
        return self._kept.get(bot)

    def put(self, bot: str, tokens: Tokens) -> None:
        self._kept[bot] = tokens


class KeptSessions:
    """Keeps tokens in a file. Raises JournalError."""

    def __init__(self, file: KeptFile) -> None:
        self._file = file
        file.execute(
            "CREATE TABLE IF NOT EXISTS bluesky_session (bot TEXT PRIMARY KEY, server TEXT NOT NULL,"
            " did TEXT NOT NULL, pds TEXT NOT NULL, access TEXT NOT NULL, refresh TEXT NOT NULL) WITHOUT ROWID"
        )
        file.add_column("bluesky_session", "mark", "TEXT NOT NULL DEFAULT ''")

    def get(self, bot: str) -> Tokens | None:
        rows = self._file.execute(_GET, bot)
        return Tokens(*rows[0]) if rows else None

    def put(self, bot: str, tokens: Tokens) -> None:
        own = (tokens.server, tokens.did, tokens.pds, tokens.access, tokens.refresh, tokens.mark)
        self._file.execute("INSERT OR REPLACE INTO bluesky_session VALUES (?, ?, ?, ?, ?, ?, ?)", bot, *own)


def kept_tokens(sessions: Sessions, bot: str, credentials: BlueskyCredentials) -> Tokens | None:
    """Return the tokens that were kept for `bot`, if the server and the app password are the same as then.

    With another app password the handle may be another account's. Raises JournalError.
    """
    kept = sessions.get(bot)
    is_ours = kept and kept.server == credentials.server and kept.mark in ("", mark_of(credentials))
    return kept if is_ours else None


def mark_of(credentials: BlueskyCredentials) -> str:
    """Return what differs from app password to app password: 32 bits of a hash, too few to guess it by."""
    return hashlib.sha256(credentials.app_password.get_secret_value().encode()).hexdigest()[:8]


def renewal_time(access: str, received: float | None = None) -> float:
    """Return when the token is to be renewed (seconds since the epoch): after nine tenths of its lifetime.

    It is read off the token, a JWT, without a check of its signature, since only the server can do that.
    `received` is when the token came, if it came just now; then a clock that is wrong makes no difference. A token
    that does not say is never renewed ahead of time.
    """
    try:
        part = access.split(".")[1]
        claims = simplejson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        ends = float(claims["exp"])
        begins = float(claims.get("iat", ends if received is None else received))
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, RecursionError, binascii.Error):
        return math.inf
    if not (math.isfinite(ends) and math.isfinite(begins)):
        return math.inf
    return (begins if received is None else received) + _SHARE * max(0.0, ends - begins)
