"""The block at the top of a poem's file, which is about the poem and is not said.

---
title: One Light Still On
author: A. Shepherd
language: en
content warning: night
say: stanzas
---
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

Say = Literal["lines", "stanzas", "sentences"]  # what is said in one go

FENCE = "---"
EXPECTED_SAY = "expected lines, stanzas or sentences"
LONGEST_WARNING = 200  # characters; it counts as a part of each post
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?")  # with a script, a region
_FIELD = re.compile(r"([^\W\d_][\w -]{0,40}?)\s*:(?:\s+(.*))?")
_NAMES = {  # without blanks, dashes and underscores, in lower case
    "title": "title",
    "author": "author",
    "language": "language",
    "lang": "language",
    "contentwarning": "content_warning",
    "say": "say",
}
_QUOTES = ('""', "''", "“”", "‘’", "«»", "„“")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a poem's file says about the poem; a field that it does not have is None.

    `language` is a tag such as "en" or "pt-BR". `content_warning` is for networks that hide a post behind one.
    `strange` holds the names of the fields that mean nothing.
    """

    title: str | None = None
    author: str | None = None
    language: str | None = None
    content_warning: str | None = None
    say: Say | None = None
    strange: tuple[str, ...] = ()


NOTHING = About()


class BadBlock(ValueError):
    """A field of the block has a value that means nothing. `line` is the number of its line, from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def parse_say(value: object) -> Say:
    """Return what is said in one go, as a key file or an option gives it. Raises ValueError for anything else."""
    if isinstance(value, str) and (word := value.strip().lower()) in get_args(Say):
        return cast(Say, word)
    raise ValueError(EXPECTED_SAY)


def parse_language(value: object) -> str:
    """Return the tag of a language. Raises ValueError."""
    if isinstance(value, str) and _LANGUAGE_TAG.fullmatch(value.strip()):
        return value.strip()
    raise ValueError('expected the tag of one language, such as "en" or "pt-BR"; or leave it out')


def parse_warning(value: object) -> str:
    """Return a content warning on one line. Raises ValueError if it is empty or too long."""
    if isinstance(value, str) and (text := " ".join(value.split())) and len(text) <= LONGEST_WARNING:
        return text
    raise ValueError(f"expected a text of at most {LONGEST_WARNING} characters; or leave it out")


def split_block(lines: Sequence[str]) -> tuple[About, int]:
    """Return what the block at the top of `lines` says, and how many lines it takes up; 0 where there is none.

    A block is what stands between two lines `---`, of which the first is the file's first line that is not empty.
    It holds lines `name: value` and nothing else, and a name that means something is among them: lines between
    two dividers of a poem are no block. Raises BadBlock.
    """
    first = next((at for at, line in enumerate(lines) if line), len(lines))
    fields: list[tuple[int, str, str]] = []
    for at in range(first + 1, len(lines)):
        line = lines[at]
        if lines[first] != FENCE:
            break
        if line == FENCE:
            known = [field for field in fields if _meaning(field[1])]
            return (_about(fields), at + 1) if known else (NOTHING, 0)
        if line:
            if not (found := _FIELD.fullmatch(line)):
                break
            fields.append((at + 1, found[1], _unquoted(found[2] or "")))
    return NOTHING, 0


def _about(fields: Sequence[tuple[int, str, str]]) -> About:
    known: dict[str, str] = {}
    parsers = {"say": parse_say, "language": parse_language, "content_warning": parse_warning}
    strange = [name for _, name, _ in fields if not _meaning(name)]
    for number, name, value in fields:
        meaning = _meaning(name)
        if meaning and meaning in known:
            raise BadBlock(number, f"{name}: the second one in the block; keep one")
        if meaning and value:
            try:
                known[meaning] = parsers[meaning](value) if meaning in parsers else value
            except ValueError as error:
                raise BadBlock(number, f"{name}: {error}") from None
    return About(
        title=known.get("title"),
        author=known.get("author"),
        language=known.get("language"),
        content_warning=known.get("content_warning"),
        say=cast("Say | None", known.get("say")),
        strange=tuple(strange),
    )


def _meaning(name: str) -> str:
    return _NAMES.get(re.sub(r"[\s_-]", "", name).lower(), "")


def _unquoted(value: str) -> str:
    return value[1:-1].strip() if len(value) > 1 and value[0] + value[-1] in _QUOTES else value
