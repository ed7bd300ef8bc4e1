"""Finding a line again in an edited poem."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.poem import find_again, find_part, is_alike, mark_of


@pytest.mark.parametrize(
    ("memory", "at", "text", "expected"),
    [
        (["a", "b", "c"], 1, "b", 1),
        (["new", "a", "b", "c"], 1, "b", 2),
        (["baa", "x", "baa", "y", "baa"], 3, "baa", 2),
        (["baa", "x", "y", "z", "baa"], 3, "baa", 4),
        (["The sheep sleeps", "Nothing alike"], 1, "The sheep slept", 0),
        (["one", "two", "three"], 1, "qqqqqqq", 1),
        (["one", "two"], 7, "qqqqqqq", 1),
    ],
)
def test_a_line_is_found_again_in_an_edited_poem(memory: list[str], at: int, text: str, expected: int) -> None:
    """The same text nearest to its place, else the line most like it, else the place, else the end."""
    assert expected == find_again(memory, at, text)


def test_a_poem_that_is_said_in_stanzas_is_another_text() -> None:
    """With the same mark, flock would blame the temperament for the other texts."""
    assert mark_of(["baa", "boo"]) != mark_of(["baa\nboo"])
    assert mark_of(["baa\nboo", "moo"]) != mark_of(["baa", "boo\nmoo"])


LINES = ["O fog", "on little cat feet", "O fog", "over the harbour", "on little cat feet", "and then moves on"]
STANZAS = ["\n".join(LINES[:2]), "\n".join(LINES[2:4]), "\n".join(LINES[4:])]


@pytest.mark.parametrize(
    ("memory", "text", "prior", "expected"),
    [
        *[
            (STANZAS, LINES[line], LINES[line - 1], stanza)
            for line, stanza in ((1, 0), (2, 1), (3, 1), (4, 2), (5, 2))
        ],
        *[(LINES, STANZAS[stanza], "", line) for stanza, line in enumerate((0, 2, 4))],
        (STANZAS, "on little cat feet O fog over the harbour", "", 0),
        (STANZAS, "O fog", "", None),
        (STANZAS, "the moon goes on", "nobody minds", None),
        ([], "the moon goes on", "", None),
    ],
)
def test_a_line_is_found_in_its_stanza(memory: list[str], text: str, prior: str, expected: int | None) -> None:
    """And a stanza by its first line, however short; a line that stands twice, by the line before it."""
    assert expected == find_part(memory, text, prior)


@given(st.lists(st.text(), min_size=1), st.integers(0, 50), st.text())
def test_a_line_is_always_found_inside_the_poem(memory: list[str], at: int, text: str) -> None:
    """After every edit the sheep goes on at one of the poem's lines, at the same one if it still exists."""
    place = find_again(memory, at, text)
    assert 0 <= place < len(memory)
    assert (text in memory) <= (memory[place] == text)


def test_long_lines_and_long_poems_are_compared_in_no_time() -> None:
    """difflib's time grows with the square of a line, and more: hours for two Chinese lines of 20,000 letters."""
    letters = [chr(0x4E00 + number) for number in range(150)]
    dice = random.Random(7)
    book = ["".join(dice.choices(letters, k=20_000)) for _ in range(50)] * 100
    before = time.process_time()
    assert not is_alike(book[0], book[1])
    assert 7 == find_again(book, 7, "".join(dice.choices(letters, k=20_000)))
    assert time.process_time() - before < 2.0
