"""What somebody wants to say, and whether it can be said."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from flock.networks.x.length import FORBIDDEN, fits_a_tweet
from flock.pasture.answers import EMPTY, TOO_LONG, Refused, invalid


@dataclass(frozen=True)
class Draft:
    """A text that may be posted, and the id of the post that it answers, which is stored and not looked up."""

    text: str
    in_reply_to: str | None = None


def checked_text(text: str) -> str:
    """The text as it will be stored: NFC.

    Raises Refused for a text that is blank, longer than 280 weighted characters by twitter-text's rules, or holds
    what twitter-text forbids (U+FEFF, U+FFFE, U+FFFF).
    """
    normal = unicodedata.normalize("NFC", text)
    if not normal.strip():
        raise Refused(EMPTY)
    if not fits_a_tweet(normal):
        raise Refused(TOO_LONG)
    if not FORBIDDEN.isdisjoint(normal):
        raise Refused(invalid("The text holds characters that cannot be posted."))
    return normal
