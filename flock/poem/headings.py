"""Lines of a poem's file that look like a title, a byline or a section's number, and would be posted as lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from flock.errors import printable
from flock.poem.doubts import IN_THE_BLOCK
from flock.poem.reading import PoemFile
from flock.poem.saying import NumberedLine

_MOST_WORDS = 10  # of a title
_TOP, _END = 3, 2  # lines at the top and at the end that are looked at
_SHOWN = 60  # code points of a line that are shown
_ENDS_A_LINE = tuple(".,;:!?…—–-\"'”’»)")
_SMALL_WORDS = 3  # letters; such words are not capitalized within a title
_NAME = r"(?:[^\W\d_]\.|[^\W\d_][\w.'’-]*)"
_PARTICLES = "(?:de|da|del|della|di|du|la|le|van|von|der|den|ten|bin|ibn|al|af|of|and|&)"
_NAMES = rf"(?P<names>{_NAME}(?:\s+(?:{_PARTICLES}|{_NAME})){{1,5}})"
_BYLINE = re.compile(rf"(?i:(?:translated |written )?by|von|par|por|di|door|av|af)\s+{_NAMES}")
_ATTRIBUTION = re.compile(rf"[—–―]\s*{_NAMES}(?:,?\s+\(?\d{{3,4}}\)?)?")
_NOTES = "dated?|tags?|keywords?|source|published|translated by|translation|form|genre|written(?: in| on)?"
_METADATA = re.compile(rf"(?i:{_NOTES})\s*:\s+\S.*")
_NUMBER = r"(?:[IVXLC]{1,7}|\d{1,3})\.?"
_SECTION = re.compile(rf"(?i:(?:part|canto|stanza|section)\s+)?{_NUMBER}")


def find_headings(poem: PoemFile) -> Iterator[str]:
    """Yield what looks like a heading, with the number of its line. The texts are safe to show."""
    lines = poem.lines
    found: dict[int, str] = {}
    by = _byline(lines)
    if by:
        found[by.number] = "looks like a byline"
    if len(lines) > 1 and _is_title(lines, by):
        found.setdefault(lines[0].number, "looks like the poem's title")
    for line in lines[:_TOP] + lines[-_END:]:
        if _METADATA.fullmatch(line.text):
            found.setdefault(line.number, "looks like a note about the poem")
    by_number = {line.number: line.text for line in lines}
    for number, what in sorted(found.items()):
        yield printable(f"line {number} {what}, and is posted: {_short(by_number[number])}; {IN_THE_BLOCK}")
    sections = [line for line in lines if _SECTION.fullmatch(line.text)]
    if len(sections) > 1:
        what = f"looks like a section's number, as {len(sections)} lines do"
        yield printable(f"line {sections[0].number} {what}, and is posted: {_short(sections[0].text)}")


def _byline(lines: Sequence[NumberedLine]) -> NumberedLine | None:
    """Return the line at the top or at the end that names the poem's author."""
    top = [line for line in lines[:_TOP] if _names_somebody(_BYLINE, line)]
    end = [line for line in lines[-_END:] if _names_somebody(_ATTRIBUTION, line) or _names_somebody(_BYLINE, line)]
    return next(iter([*top, *end]), None) if len(lines) > 1 else None


def _names_somebody(pattern: re.Pattern[str], line: NumberedLine) -> bool:
    """Return whether the line is of that form, and all that stands for a name in it begins with a capital."""
    found = pattern.fullmatch(line.text)
    if not found:
        return False
    words = [word for word in found["names"].split() if not re.fullmatch(_PARTICLES, word)]
    return len(words) > 1 and all(word[0].isupper() for word in words)


def _is_title(lines: Sequence[NumberedLine], by: NumberedLine | None) -> bool:
    """Return whether the first line stands alone and is written as a title, or has the byline right behind it."""
    first, second, *_ = lines
    words = first.text.split()
    if first is by or len(words) > _MOST_WORDS or first.text.endswith(_ENDS_A_LINE):
        return False
    if by is second:
        return True
    is_apart = second.number > first.number + 1
    is_spaced = not any(after.number == before.number + 1 for before, after in pairwise(lines[1:]))
    return is_apart and not is_spaced and (first.text.isupper() or _is_capitalized(words))


def _is_capitalized(words: Sequence[str]) -> bool:
    letters = [word.strip("\"'“”‘’«»()[]") for word in words]
    long = [word for word in letters if len(word) > _SMALL_WORDS]
    return bool(long) and letters[0][:1].isupper() and all(word[0].isupper() for word in long)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
