"""Cuts a line into posts that fit."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import regex

ELLIPSIS = "…"
_FIRST_REACH = 256  # code points; the first guess at how many fit into one piece
# Pairs of regional indicators come first: \X looks back over all that stand before one.
_CLUSTERS = regex.compile(r"\p{RI}{2}[\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}]*|\X")


class _Places(NamedTuple):
    """Where a line may be cut, as numbers of code points from its start, in ascending order.

    The first that are in reach are taken: a stanza is cut between its lines.
    """

    between_lines: Sequence[int]
    between_words: Sequence[int]
    between_clusters: Sequence[int]
    between_code_points: Sequence[int]
    begins: Sequence[int]  # of the clusters that are not white space, where a piece may begin


def cut(line: str, fits: Callable[[str], bool]) -> list[str]:
    """Return `line` in few pieces; `fits` is true for each.

    The line is cut between words, a stanza between its lines, and every piece but the last ends in an ellipsis. A
    word that is too long for
    one piece is cut between grapheme clusters. A cluster that is too long for one piece, such as a letter with 300
    accents, is cut between code points. The whole line is counted once; after that, the texts that `fits` is asked
    about are as long as a few pieces, so that the time is linear in the length of the line. Raises ValueError when
    no piece fits, however short.
    """
    if fits(line):
        return [line]
    places = _places_in(line)
    pieces: list[str] = []
    start = 0
    while True:
        end = _reach(line, start, fits)
        if len(line) - end <= end - start and fits(line[start:]):
            return [*pieces, line[start:]]
        at = _bite(line, start, end, places, fits)
        if pieces and line[start:at] + ELLIPSIS == pieces[-1]:  # networks refuse the same text twice in a row
            at = _bite(line, start, end, places, lambda piece: piece != pieces[-1] and fits(piece))
        pieces.append(line[start:at] + ELLIPSIS)
        start = _next_begin(places, at)


def _places_in(line: str) -> _Places:
    ends = [0]
    is_blank = []
    for match in _CLUSTERS.finditer(line):
        ends.append(match.end())
        is_blank.append(match[0].isspace())
    return _Places(
        between_lines=[at for at, letter in enumerate(line) if letter == "\n"],
        between_words=[ends[at] for at, (left, right) in enumerate(pairwise(is_blank), 1) if right and not left],
        between_clusters=ends,
        between_code_points=range(len(line) + 1),
        begins=[begin for begin, blank in zip(ends, is_blank, strict=False) if not blank],
    )


def _reach(line: str, start: int, fits: Callable[[str], bool]) -> int:
    """Return a place, at most twice as far from `start` as a text that fits or _FIRST_REACH, or the line's end.

    The longest piece that fits ends before it.
    """
    reach = _FIRST_REACH
    while start + reach < len(line) and fits(line[start : start + reach] + ELLIPSIS):
        reach *= 2
    return min(start + reach, len(line))


def _bite(line: str, start: int, end: int, places: _Places, fits: Callable[[str], bool]) -> int:
    """Return the best place before `end` at which to cut a piece that begins at `start`.

    It is found by a binary search, since the count grows with the piece.
    """

    def too_long(at: int) -> bool:
        return not fits(line[start:at] + ELLIPSIS)

    for cuts in places[:4]:
        first, last = bisect_right(cuts, start), bisect_left(cuts, min(end + 1, len(line)))
        found = bisect_right(cuts, False, first, max(first, last), key=too_long)
        if found > first:
            return cuts[found - 1]
    raise ValueError("no piece of this line fits, however short")


def _next_begin(places: _Places, at: int) -> int:
    """Return where the piece after a cut at `at` begins: behind the white space, if there is some."""
    clusters = places.between_clusters
    if clusters[bisect_left(clusters, at)] != at:  # inside a cluster
        return at
    return places.begins[bisect_left(places.begins, at)]
