"""What is said in one go: a line of a poem, a stanza, or a sentence."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import regex

from flock.poem.about import Say


class NumberedLine(NamedTuple):
    """A text, and the number of the line of the file in which it begins, from 1."""

    number: int
    text: str


def units_of(paragraphs: Sequence[Sequence[NumberedLine]], say: Say) -> Iterator[NumberedLine]:
    """Yield what is said in turn of a poem; its lines stand in `paragraphs`, between which lines are empty.

    - lines: each line by itself;
    - stanzas: the lines of a paragraph together, with their line breaks;
    - sentences: see `sentences_in`; a sentence goes over lines, and ends with its paragraph.
    """
    for lines in paragraphs:
        match say:
            case "lines":
                yield from lines
            case "stanzas":
                yield NumberedLine(lines[0].number, "\n".join(line.text for line in lines))
            case "sentences":
                yield from _sentences_of(lines)


def paragraphs_of(lines: Sequence[NumberedLine], shown: Sequence[bool]) -> list[list[NumberedLine]]:
    """Return the lines of a file that show something, in groups between those that show nothing."""
    groups = groupby(zip(lines, shown, strict=True), key=lambda each: each[1])
    return [[line for line, _ in group] for is_shown, group in groups if is_shown]


# A mark that ends a sentence (Unicode's property Sentence_Break), and the quotes and brackets that close with it.
# Marks beyond ASCII, such as 。and ।, need no blank behind them. Where a quotation ends with its own mark and the
# sentence goes on, as in 「行こう！」と言った。, it has not ended.
_ENDS = regex.compile(
    r"""(?x)
    (?P<marks>[\p{Sentence_Break=ATerm}\p{Sentence_Break=STerm}…]+)
    (?P<closing>[\p{Pe}\p{Pf}'"«]*(?:[\x20\xa0\u202f]»(?=\s|$))?)
    (?P<blank>\s*)
    """
)
_WIDE_MARK = regex.compile(r"[\p{Sentence_Break=STerm}．｡&&[^!-~]]", regex.VERSION1)
_GOES_ON = regex.compile(r"[\p{Ps}\p{Pi}'\"«»„“‘—–-]*\s*\p{Ll}")
_OPENS = regex.compile(r"[\p{Ps}\p{Pi}]")
_NO_END = regex.compile(  # before a full stop: an initial, a number of one or two digits, an abbreviation
    r"(?<![\p{L}\p{N}])(?:\p{L}|\d{1,2}"
    r"|(?i:mr|mrs|ms|dr|prof|st|mt|jr|sr|rev|gen|col|capt|lt|sgt|messrs|mme|mlle|hr|fr|frl|sra|srta|dra|nr|vol|pp"
    r"|vs|cf|bzw|vgl))$"
)
# Between two letters of these scripts a line break stands for nothing; elsewhere it stands for a blank.
_UNSPACED = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\u3000-\u303f\uff00-\uffef]"
)


def sentences_in(text: str) -> Iterator[tuple[int, str]]:
    """Yield the sentences of a paragraph, each with the place in `text` at which it begins.

    A sentence ends with `.`, `!`, `?` or `…` before a blank, or with a mark of another script, such as `。` or
    `।`. It goes on where a small letter follows, and after an initial, a number of one or two digits, or a common
    abbreviation. A text without such marks is one sentence. No letter is lost: only blanks lie between sentences.
    """
    start = 0
    for found in _ENDS.finditer(text):
        if found.end() < len(text) and _is_end(text, found):
            yield start, text[start : found.start("blank")]
            start = found.end()
    if rest := text[start:].rstrip():
        yield start, rest


def _is_end(text: str, found: regex.Match[str]) -> bool:
    marks, closing, blank = found.group("marks", "closing", "blank")
    if not blank:
        return bool(_WIDE_MARK.search(marks)) and (not closing or bool(_OPENS.match(text, found.end())))
    if _GOES_ON.match(text, found.end()):
        return False
    before = text[max(0, found.start() - 20) : found.start()]
    return marks != "." or bool(closing) or not _NO_END.search(before)


def _sentences_of(lines: Sequence[NumberedLine]) -> Iterator[NumberedLine]:
    text, starts = lines[0].text, [0]
    for before, line in pairwise(lines):
        is_unspaced = _UNSPACED.match(before.text[-1]) and _UNSPACED.match(line.text[0])
        text += "" if is_unspaced else " "
        starts.append(len(text))
        text += line.text
    for at, sentence in sentences_in(text):
        yield NumberedLine(lines[bisect_right(starts, at) - 1].number, sentence)
