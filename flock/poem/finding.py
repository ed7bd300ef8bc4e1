"""Finds a line again in a poem that has been edited."""

from __future__ import annotations

import difflib
import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

_ALIKE = 0.6  # similarity (0 to 1, by difflib) from which an edited line counts as the same line
_COMPARED = 300  # code points at the start of each line: difflib's time grows with their square
_PART = 8  # letters, at least, of a text that is looked for in others
_NEAR = 500  # lines before the old place, and as many after it, that are compared


def is_alike(line: str, other: str) -> bool:
    """Return whether one line is the other in other words, as `find_again` sees it."""
    return bool(difflib.get_close_matches(line[:_COMPARED], [other[:_COMPARED]], n=1, cutoff=_ALIKE))


def find_part(memory: Sequence[str], text: str, prior: str = "") -> int | None:
    """Return the place in `memory` of the text in which `text` begins; None where it is not in there.

    Line breaks and blanks do not count, so that a line is found in its stanza, and the first line of a stanza by
    the whole of it. Where `prior` stands right before it, that place is taken. A short text is not looked for,
    since it may stand anywhere.
    """
    packed = ["".join(each.split()) for each in memory]
    whole, wanted, before = "".join(packed), "".join(text.split()), "".join(prior.split())
    at = -1
    if len(before + wanted) >= _PART and (found := whole.find(before + wanted)) >= 0:
        at = found + len(before)
    elif len(wanted) >= _PART:
        at = whole.find(wanted)
    return bisect_right([*accumulate(map(len, packed))], at) if 0 <= at < len(whole) else None


def find_again(memory: Sequence[str], at: int, text: str, prior: str = "") -> int:
    """Return the place in `memory`, an edited poem, at which to go on.

    Before the edit the next line was `text`, at place `at`, and the line before it was `prior`. Returns the first
    of these that exists: the same text, nearest to the old place; the line after `prior`, so that `prior` is not
    repeated; the text in which `text` begins, since the poem is now said in stanzas or sentences, or is no longer;
    the line near the old place that is most similar to `text`; the old place, or the
    last line.
    """

    def nearest(line: str, place: int) -> int | None:
        return min(
            (i for i, each in enumerate(memory) if each == line), key=lambda i: abs(i - place), default=None
        )

    same, before = nearest(text, at), nearest(prior, at - 1)
    if same is not None:
        return same
    if before is not None:
        return (before + 1) % len(memory)
    if (part := find_part(memory, text, prior)) is not None:
        return part
    here = min(at, len(memory) - 1)
    near = range(max(0, here - _NEAR), min(len(memory), here + _NEAR + 1))
    heads = {memory[i][:_COMPARED]: i for i in reversed(near)}
    alike = difflib.get_close_matches(text[:_COMPARED], heads, n=1, cutoff=_ALIKE)
    return heads[alike[0]] if alike else here


def mark_of(memory: Sequence[str]) -> str:
    """Return what tells one poem from another: 64 bits of a hash of its lines.

    The same poem said in stanzas is another one: the line ends within them count for something else.
    """
    whole = "\n".join(line.replace("\n", "\v") for line in memory).encode(errors="surrogatepass")
    return hashlib.blake2b(whole, digest_size=8).hexdigest()
