"""How long a post is: Bluesky counts grapheme clusters, and bytes of UTF-8."""

from __future__ import annotations

import regex

MOST_GRAPHEMES = 300
MOST_BYTES = 3_000

_CLUSTERS = regex.compile(r"\X")

# Where a virama joins two consonants, as the regex library sees it, and as Bluesky's servers do: only within these
# six scripts (Unicode 15.1), and only between two consonants. Tried against 0.5.35 of its server.
_LINKS = r"[\p{InCB=Extend}\p{InCB=Linker}]*"
_JOINED = regex.compile(rf"\p{{InCB=Linker}}{_LINKS}(?=\p{{InCB=Consonant}})")
_CONSONANT = r"[\p{InCB=Consonant}&&[\p{Devanagari}\p{Bengali}\p{Gujarati}\p{Oriya}\p{Telugu}\p{Malayalam}]]"
_VIRAMA = r"[\u094D\u09CD\u0ACD\u0B4D\u0C4D\u0D4D]"
_JOINED_THERE = regex.compile(rf"(?V1)(?<={_CONSONANT}{_LINKS}){_VIRAMA}{_LINKS}(?={_CONSONANT})")
_SHOWS = regex.compile(r"[^\s\p{Cc}\p{Cf}\p{Cs}]")
_NEVER_SENT = regex.compile(r"[\0\p{Cs}]")  # servers store them, and readers of the post cannot


def fits_a_post(text: str) -> bool:
    """Return whether Bluesky counts at most 300 graphemes and 3,000 bytes for `text`."""
    if size(text) > MOST_BYTES:
        return False
    return len(text) <= MOST_GRAPHEMES or graphemes(text) <= MOST_GRAPHEMES


def graphemes(text: str) -> int:
    """Return how many grapheme clusters Bluesky counts in `text`."""
    clusters = _number(_CLUSTERS, text)
    joined = _number(_JOINED, text)
    return clusters + joined - _number(_JOINED_THERE, text) if joined else clusters


def _number(pattern: regex.Pattern[str], text: str) -> int:
    return sum(1 for _ in pattern.finditer(text))


def size(text: str) -> int:
    """Return the bytes of `text` in UTF-8; a lone surrogate, which has no UTF-8, counts three."""
    return len(text.encode("utf-8", "surrogatepass"))


def shows_nothing(text: str) -> bool:
    """Return whether `text` is empty, blank or invisible. Bluesky takes such a text."""
    return not _SHOWS.search(text)


def is_broken(text: str) -> bool:
    """Return whether `text` holds a NUL or half of a surrogate pair. Bluesky takes such a text, too."""
    return bool(_NEVER_SENT.search(text))
