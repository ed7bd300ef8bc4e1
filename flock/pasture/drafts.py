"""What somebody wants to say, and whether it can be said."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from twitter_text import parse_tweet

from flock.pasture.answers import EMPTY, TOO_LONG, Refused, invalid

# The parser's time grows with the cube of the length of some texts ("a.a.a."), so it is not shown everything. 140
# emoji of 11 code points, the longest text that can fit without a giant URL, are within this bound.
_MOST_CODE_POINTS = 1_600
_MOST_WEIGHT = 280


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
    if len(normal) > _MOST_CODE_POINTS:
        raise Refused(TOO_LONG)
    parsed = parse_tweet(normal)
    if parsed.weightedLength > _MOST_WEIGHT:
        raise Refused(TOO_LONG)
    if not parsed.valid:
        raise Refused(invalid("The text holds characters that cannot be posted."))
    return normal
