"""Drafts: texts to be posted, checked by X's rules."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from flock.networks.x.length import FORBIDDEN, fits_a_tweet
from flock.pasture.answers import EMPTY, TOO_LONG, Refused, invalid

_LONGEST = 10_000  # code points; a longer text is refused before it is normalized and its links are looked for


@dataclass(frozen=True)
class Draft:
    """A checked text, and the id of the post that it replies to. The id is stored; it need not exist."""

    text: str
    in_reply_to: str | None = None


def checked_text(text: str) -> str:
    """Return the text in NFC, as it will be stored.

    Raises Refused for a text that is blank, is longer than 280 weighted characters by twitter-text's rules, or
    holds a code point that twitter-text forbids (U+FEFF, U+FFFE, U+FFFF).
    """
    if len(text) > _LONGEST:
        raise Refused(TOO_LONG)
    normal = unicodedata.normalize("NFC", text)
    if not normal.strip():
        raise Refused(EMPTY)
    if not fits_a_tweet(normal):
        raise Refused(TOO_LONG)
    if not FORBIDDEN.isdisjoint(normal):
        raise Refused(invalid("The text holds characters that cannot be posted."))
    return normal
