"""Lines that look like a title, a byline or a section's number."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.poem import find_headings, read_poem_file
from flock.poem.about import About
from flock.poem.reading import PoemFile
from flock.poem.saying import NumberedLine

VERSE = "the ram goes up the hill,\nand down again at night,\nhe never asks the mill,\nfor water or for light."
POEMS = sorted((Path(__file__).parents[2] / "poems").glob("*.txt"))


def headings(tmp_path: Path, text: str) -> list[str]:
    """Return what is told of a poem's text, each without the line itself."""
    file = tmp_path / "poem.txt"
    file.write_text(text, encoding="utf-8")
    return [each.partition(", and is posted")[0] for each in find_headings(read_poem_file(file))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"The Ram Upon the Hill\n\n{VERSE}", ["line 1 looks like the poem's title"]),
        (f"THE RAM\n\n{VERSE}", ["line 1 looks like the poem's title"]),
        (
            f"Ram, hill\nby Ada Shepherd\n\n{VERSE}",
            ["line 1 looks like the poem's title", "line 2 looks like a byline"],
        ),
        (f"By Walther von der Vogelweide\n\n{VERSE}", ["line 1 looks like a byline"]),
        (f"{VERSE}\n\n— Emily Dickinson, 1862", ["line 6 looks like a byline"]),
        (f"{VERSE}\n\nTranslated by A. E. Stallings", ["line 6 looks like a byline"]),
        (f"Date: May 1862\n{VERSE}", ["line 1 looks like a note about the poem"]),
        (f"{VERSE}\nTags: sheep, hills", ["line 5 looks like a note about the poem"]),
        (f"I.\n{VERSE}\n\nII.\n{VERSE}", ["line 1 looks like a section's number, as 2 lines do"]),
        (f"Part 1\n{VERSE}\n\nPart 2\n{VERSE}", ["line 1 looks like a section's number, as 2 lines do"]),
    ],
)
def test_a_heading_is_told(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert expected == headings(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        VERSE,
        f"---\ntitle: The Ram\nauthor: Ada Shepherd\n---\n{VERSE}",
        f"The ram came at dusk\n\n{VERSE}",
        f"The Ram Upon the Hill,\n\n{VERSE}",
        f"Listen,\n\n{VERSE}",
        "The Ram\n\nThe Hill\n\nThe Mill\n\nThe Night",
        f"By the rivers of Babylon we sat down\n{VERSE}",
        f"by Jove\n{VERSE}",
        f"{VERSE}\n— and then he slept",
        f"I\n{VERSE}",
        "Baa",
        "眠れぬ夜\n\nひつじのほうが\n先に寝る",
    ],
)
def test_a_line_of_the_poem_is_left_alone(tmp_path: Path, text: str) -> None:
    assert [] == headings(tmp_path, text)


@pytest.mark.parametrize("poem", POEMS, ids=lambda poem: poem.stem)
def test_the_shipped_poems_have_no_headings(poem: Path) -> None:
    assert [] == [*find_headings(read_poem_file(poem))]


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=8))
def test_any_text_can_be_looked_at(texts: list[str]) -> None:
    lines = tuple(NumberedLine(number, text) for number, text in enumerate(texts, start=1))

    for told in find_headings(PoemFile(About(), lines, (), lines)):
        assert told.startswith("line ")
        assert told.isprintable()
