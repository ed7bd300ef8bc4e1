"""What a sheep needs of a network, whichever it is."""

from __future__ import annotations

import html
import re
import secrets
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from flock.networks.service import Service


@dataclass(frozen=True, slots=True)
class Post:
    """One post as the network tells of it; `id` is the network's own.

    `age` is how many seconds before the answer the post was made, both by the network's own clock, or None where
    the network does not tell. It does not make two posts different ones.
    """

    id: str
    text: str
    age: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """The posts that a post answers, by their ids: the one before it, and the first of the thread."""

    parent: str
    root: str


@dataclass(frozen=True, slots=True)
class Intent:
    """What was fixed before a post is made, and stays the same when it is repeated.

    `token` is a text of 32 lower-case hexadecimal digits that no other post has. `at` is the time of the intent
    (seconds since the epoch, wall clock).
    """

    token: str
    at: float
    reply_to: Reply | None = None


def new_intent() -> Intent:
    """Return the intent of a post that is made now, and is not repeated."""
    return Intent(secrets.token_hex(16), time.time())


_LINK = re.compile(r"https?://\S+")
_LONGEST_ID = 200  # characters; the longest that a network is known to make is a URI of 100


def is_post_id(value: object) -> bool:
    """Return whether `value` can be a post's id: a short text of printable ASCII without spaces."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= _LONGEST_ID
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )


def is_same_text(theirs: str, ours: str) -> bool:
    """Return whether the network's copy of a text is ours: networks escape HTML (some do not), compose accents
    (NFC), shorten links, tidy spaces, and end a copy that is cut short in an ellipsis."""
    text = _tidied(ours)
    return any(_is_copy(_tidied(each), text) for each in (theirs, html.unescape(theirs)))


def _tidied(text: str) -> str:
    return " ".join(_LINK.sub(" ", unicodedata.normalize("NFC", text)).split())


def _is_copy(copy: str, text: str) -> bool:
    return copy == text or (len(copy) > 1 and copy.endswith("…") and text.startswith(copy[:-1].rstrip()))


class Network(Protocol):
    """One bot's connection to one network. Used by one thread at a time.

    Every failure is raised as a `flock.errors.NetworkError`, never as the exception of some library.
    """

    @property
    def service(self) -> Service:
        """The server that the bot posts to, with what it shares with the other bots there."""

    @property
    def refuses_duplicates(self) -> bool:
        """Whether posting a text that has just landed is answered with `Duplicate`, and does nothing."""

    @property
    def looks_first(self) -> bool:
        """Whether an unanswered post has to be looked for before it is repeated."""

    def is_safe_to_repeat(self, intent: Intent, now: float) -> bool:
        """Return whether repeating the post of `intent` does no harm at `now` (seconds since the epoch) where it
        has landed, and the answer tells."""

    def fits(self, text: str) -> bool:
        """Return whether `text` is short enough for one post, by the network's own count."""

    def post(self, text: str, intent: Intent | None = None) -> str:
        """Post `text` and return the id of the post, or "" where posts have none. Without an intent, the post is
        never repeated."""

    def recent(self, since_id: str | None = None) -> Sequence[Post]:
        """Return the account's own latest posts, newest first, where possible only those after `since_id`.

        Where the network tells when it made a post, the post has its `age`.
        """


@runtime_checkable
class FindsItsAccount(Protocol):
    """A `Network` on which an account keeps a name for ever, whatever it is called; key files do not hold it."""

    def find_account(self) -> str:
        """Return that name of the account that the bot posts to, such as "did:plc:...".

        Asks the server if need be. Raises NetworkError; nothing is posted.
        """
