"""The error tree, and its drawing in flock/errors.py."""

from __future__ import annotations

import re
import sys

import regex
from hypothesis import example, given
from hypothesis import strategies as st

from flock import errors
from flock.errors import FlockError, printable


def tree_of(kind: type[FlockError], depth: int = 0) -> list[tuple[int, str]]:
    """Return the classes of flock/errors.py below `kind`, each with its depth, in the order of definition."""
    found = [(depth, kind.__name__)]
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            found += tree_of(child, depth + 1)
    return found


def test_the_drawing_shows_every_error_in_its_place() -> None:
    """Depth and order are those of the classes."""
    drawn = re.findall(r"^    ([ │├└─]*)([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE)

    assert tree_of(FlockError) == [(len(branch) // 4, name) for branch, name in drawn]


def test_unstorable_is_a_value_error_too() -> None:
    """A journal raises it where other code expects a ValueError."""
    assert issubclass(errors.Unstorable, ValueError)


SHOWS_NOTHING = regex.compile(
    r"[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]|[\p{Default_Ignorable_Code_Point}--\p{Variation_Selector}]",
    regex.V1,
)


@given(st.text(st.characters()))
@example("a\u202eb\u2066c\u200bd\u2028e\x1b[31m\r\n\x85\ud800\u3164\ufeff")
def test_printable_text_is_one_line_without_a_character_that_is_not_seen(text: str) -> None:
    """Whatever a file's name, a field's name or an account's name holds; and a second time changes nothing."""
    shown = printable(text)
    assert shown.isprintable()
    assert 1 == len(f"{shown} ".splitlines())
    assert not SHOWS_NOTHING.search(shown)
    assert shown == printable(shown)


def test_printable_keeps_what_is_seen() -> None:
    """In every script; and an emoji with its variation selector."""
    for text in ("keys/dolly.json: a b", "眠れぬ夜", "na\u0308ive", "🌧️", "שלום"):
        assert text == printable(text)


def test_no_invisible_character_of_unicode_is_left() -> None:
    """All 1,114,112 code points in one text."""
    assert not SHOWS_NOTHING.search(printable("".join(map(chr, range(sys.maxunicode + 1)))))
