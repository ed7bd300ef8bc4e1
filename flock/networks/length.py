"""How long a tweet is: X's weighted count, by twitter-text's configuration v3."""

from __future__ import annotations

import functools
import unicodedata

import twitter_text

LIMIT = 280
_LONGEST = 1000  # code points; counting much longer texts takes twitter-text seconds, and none of them fits
_HEAVIEST = 2  # no code point weighs more; only a URL does, and there is none without a dot


def fits_a_tweet(text: str) -> bool:
    """Return whether X counts at most 280 for `text`."""
    if len(text) * _HEAVIEST <= LIMIT and "." not in text and unicodedata.is_normalized("NFC", text):
        return True
    return len(text) <= _LONGEST and weighted_length(text) <= LIMIT


def holds_url(text: str) -> bool:
    """Return whether X sees a link in `text`, which makes the post dearer."""
    return "." in text and bool(twitter_text.extract_urls(text))


@functools.lru_cache(maxsize=4096)
def weighted_length(text: str) -> int:
    """Return the length of `text` as X counts it: most scripts 1 or 2 a letter, an emoji 2, a URL 23."""
    length: int = twitter_text.parse_tweet(text.replace("\r\n", "\n")).weightedLength
    return length
