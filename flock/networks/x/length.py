"""How long a post is: X's weighted count, by twitter-text's configuration v3."""

from __future__ import annotations

import functools
import re
import unicodedata

from flock.networks.x import tables
from flock.networks.x.links import Span, find_links

LIMIT = 280
FORBIDDEN = frozenset("\ufeff\ufffe\uffff")  # X takes no text with one of these
_LIGHT = r"[^.\xa9\xae\u0300-\u200f\u2020-\U0010ffff]*"  # Latin letters and their like
PLAIN = re.compile(rf"{_LIGHT}(?:\.(?![^.\s]){_LIGHT})*")
"""Each character of a text that matches as a whole weighs 1 at most, and there is no link."""

_MOST_CODE_POINTS = 1_600  # a text that fits has fewer, giant links aside: 140 emoji of at most 8 each

_LINK = 23
_EMOJI = 2
_WEIGHS_TWO = re.compile("[^\0-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
_MAY_BE_EMOJI = re.compile("[\xa9\xae\u203c-\U0010ffff]")  # one of these is in each of them
_MAY_BEGIN_EMOJI = re.compile("[#*0-9\xa9\xae\u203c-\U0010ffff]")


def fits_a_tweet(text: str) -> bool:
    """Return whether X counts at most 280 for `text`."""
    if len(text) <= LIMIT and PLAIN.fullmatch(text):
        return True
    return len(text) <= _MOST_CODE_POINTS and weighted_length(text) <= LIMIT


def holds_url(text: str) -> bool:
    """Return whether X sees a link in `text`, which makes the post dearer."""
    return "." in text and bool(find_links(text))


def weighted_length(text: str) -> int:
    """Return the length of `text` as X counts it: most scripts 1 or 2 a letter, an emoji 2, a link 23."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n")
    links = find_links(text) if "." in text else []
    emoji = _find_emoji(text) if _MAY_BE_EMOJI.search(text) else []
    weights = dict.fromkeys(emoji, _EMOJI) | dict.fromkeys(links, _LINK)
    total = used = 0
    for start, end in sorted(weights):
        if start >= used:
            total += _plain(text[used:start]) + weights[start, end]
            used = end
    return total + _plain(text[used:])


def _plain(text: str) -> int:
    return len(text) + len(_WEIGHS_TWO.findall(text))


def _find_emoji(text: str) -> list[Span]:
    """Return where the emoji of `text` stand, each as long as possible."""
    known, lengths = _emoji()
    spans = []
    used = 0
    for match in _MAY_BEGIN_EMOJI.finditer(text):
        start = match.start()
        if start >= used and match[0] in lengths:
            length = next((each for each in lengths[match[0]] if text[start : start + each] in known), 0)
            if length:
                used = start + length
                spans.append((start, used))
    return spans


@functools.cache
def _emoji() -> tuple[frozenset[str], dict[str, list[int]]]:
    """Return all emoji, and how long those with the same first code point are, the longest first.

    Made when the first text is seen that may hold one: reading them takes 10 ms.
    """
    known = frozenset(tables.emoji())
    lengths: dict[str, set[int]] = {}
    for each in known:
        lengths.setdefault(each[0], set()).add(len(each))
    return known, {head: sorted(each, reverse=True) for head, each in lengths.items()}
