"""Reads a poem's lines from a text file, cuts a line into posts that fit, and finds a line again after an edit."""

from __future__ import annotations

import difflib
import functools
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import dropwhile
from pathlib import Path

import regex

from flock.errors import BadPoem

ELLIPSIS = "…"
_ALIKE = 0.6  # similarity (0 to 1, by difflib) from which an edited line counts as the same line
_BYTE_ORDER_MARK = "\ufeff"
_CONTROLS = regex.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_CLUSTERS = regex.compile(r"\X")


def read_poem(path: Path) -> tuple[str, ...]:
    """Return the poem's stripped, non-empty lines, in order and in Unicode's NFC form.

    Accepts a byte order mark and every kind of line ending; keeps tabs inside a line. Sheep that share a file
    share one tuple of lines. Raises BadPoem when the file cannot be read, is not UTF-8, or holds no line.
    """
    try:
        status = path.stat()
        return _read(path, status.st_mtime_ns, status.st_size)
    except FileNotFoundError:
        raise BadPoem(
            f"no such file: {path}; a relative path starts at the key file's folder, then here"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file can have that name"
        raise BadPoem(f"cannot be read: {path}: {reason}") from None


@functools.cache
def _read(path: Path, _modified: int, _size: int) -> tuple[str, ...]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        utf16 = path.read_bytes()[:2] in (b"\xff\xfe", b"\xfe\xff")
        was = "UTF-16" if utf16 else "WINDOWS-1252"
        raise BadPoem(
            f"not UTF-8 (byte {error.start + 1} of {path}); save it as UTF-8, or run: iconv -f {was} -t UTF-8"
        ) from None
    for number, raw in enumerate(text.split("\n"), start=1):
        if _CONTROLS.search(raw):
            raise BadPoem(f"a control character in line {number} of {path}; save it as plain text, in UTF-8")
    lines = tuple(line for raw in text.split("\n") if (line := _tidy(raw)))
    if not lines:
        raise BadPoem(f"no line to say in {path}; write at least one")
    return lines


def _tidy(raw: str) -> str:
    return unicodedata.normalize("NFC", raw.replace(_BYTE_ORDER_MARK, "").strip())


def cut(line: str, fits: Callable[[str], bool]) -> list[str]:
    """Return `line` in as few pieces as possible; `fits` is true for each.

    The line is cut between words, and every piece but the last ends in an ellipsis. A word that is too long for
    one piece is cut between grapheme clusters. A cluster that is too long for one piece, such as a letter with 300
    accents, is cut between code points.
    """
    pieces: list[str] = []
    rest = line
    while not fits(rest):
        head, left = _bite(rest, fits)
        if pieces and head + ELLIPSIS == pieces[-1]:  # networks refuse the same text twice in a row
            head, left = _bite(rest, lambda piece: piece != pieces[-1] and fits(piece))
        pieces.append(head + ELLIPSIS)
        rest = left
    return [*pieces, rest]


def _bite(text: str, fits: Callable[[str], bool]) -> tuple[str, str]:
    """Return the longest head of `text` that fits with its ellipsis, and the rest without leading space."""
    clusters: list[str] = _CLUSTERS.findall(text)
    between_words = [
        at for at in range(1, len(clusters)) if clusters[at].isspace() and not clusters[at - 1].isspace()
    ]
    for units, cuts in (
        (clusters, between_words),
        (clusters, range(1, len(clusters))),
        (list(text), range(1, len(text))),
    ):
        at = _last_fitting(units, cuts, fits)
        if at:
            return "".join(units[:at]), "".join(dropwhile(str.isspace, units[at:]))
    raise ValueError("no piece of this line fits, however short")


def _last_fitting(units: Sequence[str], cuts: Sequence[int], fits: Callable[[str], bool]) -> int:
    """Return the last of `cuts` whose head fits, or 0, by a binary search: the count grows with the head."""

    def too_long(at: int) -> bool:
        return not fits("".join(units[:at]) + ELLIPSIS)

    found = bisect_right(cuts, False, key=too_long)
    return cuts[found - 1] if found else 0


def is_alike(line: str, other: str) -> bool:
    """Return whether one line is the other in other words, as `find_again` sees it."""
    return bool(difflib.get_close_matches(line, [other], n=1, cutoff=_ALIKE))


def find_again(memory: Sequence[str], at: int, text: str, prior: str = "") -> int:
    """Return the place in `memory`, an edited poem, at which to go on.

    Before the edit the next line was `text`, at place `at`, and the line before it was `prior`. Returns the first
    of these that exists: the same text, nearest to the old place; the line after `prior`, so that `prior` is not
    repeated; the line most similar to `text`; the old place, or the last line.
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
    alike = difflib.get_close_matches(text, memory, n=1, cutoff=_ALIKE)
    return memory.index(alike[0]) if alike else min(at, len(memory) - 1)
