"""Finds a line again in a poem that has been edited."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence

_ALIKE = 0.6  # similarity (0 to 1, by difflib) from which an edited line counts as the same line
_COMPARED = 300  # code points at the start of each line: difflib's time grows with their square
_NEAR = 500  # lines before the old place, and as many after it, that are compared


def is_alike(line: str, other: str) -> bool:
    """Return whether one line is the other in other words, as `find_again` sees it."""
    return bool(difflib.get_close_matches(line[:_COMPARED], [other[:_COMPARED]], n=1, cutoff=_ALIKE))


def find_again(memory: Sequence[str], at: int, text: str, prior: str = "") -> int:
    """Return the place in `memory`, an edited poem, at which to go on.

    Before the edit the next line was `text`, at place `at`, and the line before it was `prior`. Returns the first
    of these that exists: the same text, nearest to the old place; the line after `prior`, so that `prior` is not
    repeated; the line near the old place that is most similar to `text`; the old place, or the last line.
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
    here = min(at, len(memory) - 1)
    near = range(max(0, here - _NEAR), min(len(memory), here + _NEAR + 1))
    heads = {memory[i][:_COMPARED]: i for i in reversed(near)}
    alike = difflib.get_close_matches(text[:_COMPARED], heads, n=1, cutoff=_ALIKE)
    return heads[alike[0]] if alike else here


def mark_of(memory: Sequence[str]) -> str:
    """Return what tells one poem from another: 64 bits of a hash of its lines."""
    whole = "\n".join(memory).encode(errors="surrogatepass")
    return hashlib.blake2b(whole, digest_size=8).hexdigest()
