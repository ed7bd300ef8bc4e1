"""The block at the top of a poem's file, which is about the poem."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.errors import BadPoem
from flock.poem import About, about_poem, read_poem
from flock.poem.about import FENCE, split_block

BLOCK = """---
title: "One Light Still On"
Author: A. Shepherd
language: pt-BR
content-warning:  long   night
say: stanzas
---
the fog comes
on little cat feet
"""


def write(folder: Path, text: str) -> Path:
    """Write a poem and return its path."""
    path = folder / "poem.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_block_is_about_the_poem_and_not_said(tmp_path: Path) -> None:
    """With names in any case, and values with or without quotes."""
    path = write(tmp_path, BLOCK)

    assert ("the fog comes\non little cat feet",) == read_poem(path)
    assert about_poem(path) == About(
        title="One Light Still On",
        author="A. Shepherd",
        language="pt-BR",
        content_warning="long night",
        say="stanzas",
    )


@pytest.mark.parametrize(
    "text",
    [
        "---\nthe fog comes\non little cat feet",
        "---\nthe fog comes\n---\non little cat feet",
        "---\ntitle: Fog\nthe fog comes",
        "---\ntitle: Fog\n- cats\n---\nthe fog comes",
        "---\nShe: no.\nHe: yes.\n---\nthe fog comes",
        "---\n---\nthe fog comes",
        "---\ntitle:Fog\n---\nthe fog comes",
        "----\ntitle: Fog\n----\nthe fog comes",
        "the fog comes\n---\ntitle: Fog\n---",
    ],
)
def test_dividers_of_a_poem_stay_said(tmp_path: Path, text: str) -> None:
    """A first line --- is no block without a second one, or with other lines than fields between them."""
    assert tuple(text.split("\n")) == read_poem(write(tmp_path, text))


@pytest.mark.parametrize(
    "text", ["\ufeff\n\n---\n\nlang: en\ndate: 1916\n\n---\n\nthe fog", "---\nTITLE:\n---\nthe fog"]
)
def test_empty_lines_strange_names_and_empty_values_are_no_matter(tmp_path: Path, text: str) -> None:
    """Programs that write such blocks put more into them."""
    assert ("the fog",) == read_poem(write(tmp_path, text))


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("say: verses", "say: expected lines, stanzas or sentences"),
        (
            "language: English",
            'language: expected the tag of one language, such as "en" or "pt-BR"; or leave it out',
        ),
        (
            f"content warning: {'x' * 201}",
            "content warning: expected a text of at most 200 characters; or leave it out",
        ),
        ("Title: Fog", "Title: the second one in the block; keep one"),
    ],
)
def test_a_value_that_means_nothing_is_told_with_its_line(tmp_path: Path, field: str, message: str) -> None:
    """As a bad poem, since the bot would post in another way than its operator thinks."""
    path = write(tmp_path, f"---\ntitle: A\n{field}\n---\nthe fog\n")

    with pytest.raises(BadPoem) as caught:
        read_poem(path)

    assert f"line 3 of {path}: {message}" == str(caught.value)


def test_a_block_without_a_poem_is_refused(tmp_path: Path) -> None:
    """There is nothing to say."""
    with pytest.raises(BadPoem, match="no line to say"):
        read_poem(write(tmp_path, "---\ntitle: Fog\n---\n\n"))


_LINE = st.sampled_from([FENCE, "", "title: Fog", "say: lines", "She: no.", "the fog comes", "lang: en"])


@given(st.lists(_LINE))
def test_what_is_left_of_any_lines_is_their_end(lines: list[str]) -> None:
    """A block ends with a fence, and holds two of them and a name that means something; else nothing is taken."""
    try:
        about, taken = split_block(lines)
    except ValueError:
        assert len(lines) > len({*lines})  # a name stands twice
        return
    block = [line for line in lines[:taken] if line]
    if taken:
        assert (FENCE, FENCE, 2) == (block[0], block[-1], block.count(FENCE))
        assert {"title: Fog", "say: lines", "lang: en"} & {*block}
        assert "the fog comes" not in block
    else:
        assert about == About()
