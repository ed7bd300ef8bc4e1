"""Which poems are much the same."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from flock.checks.likeness import ALIKE, alike

WORDS = [f"word{number}" for number in range(500)]


def poem(seed: int, lines: int = 30) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(chance.choices(WORDS, k=8)) for _ in range(lines)]


def test_different_poems_are_not_alike() -> None:
    assert [] == [*alike([poem(seed) for seed in range(20)])]


def test_a_copy_is_alike_whatever_its_case_and_punctuation() -> None:
    copy = [line.upper().replace(" ", ", ") + "!" for line in poem(1)]

    assert [(0, 2, 1.0)] == [tuple(each) for each in alike([poem(1), poem(2), copy])]


def test_the_share_is_that_of_the_shorter_poem() -> None:
    """A third of a long poem is all of a short one; a poem of which a tenth is taken over is another one."""
    long = poem(1, 90)
    (found,) = alike([long, long[30:60]])

    assert (0, 1, 1.0) == tuple(found)
    assert [] == [*alike([poem(2, 30), [*poem(2, 30)[:3], *poem(3, 27)]])]
    assert [(0, 1)] == [each[:2] for each in alike([poem(2, 30), [*poem(2, 30)[:15], *poem(3, 15)]])]


def test_scripts_without_spaces_are_compared_by_their_characters() -> None:
    one = ["眠れぬ夜ひつじのほうが先に寝る", "柵を越え月を数えて朝になる"]
    changed = ["眠れぬ夜ひつじのほうが先に起きる", "柵を越え月を数えて朝になる"]
    other = ["古池や蛙飛びこむ水の音", "夏草や兵どもが夢の跡"]

    assert [(0, 1)] == [each[:2] for each in alike([one, changed, other])]


def test_lines_of_a_few_words_are_compared_as_wholes() -> None:
    assert [(0, 1, 1.0)] == [tuple(each) for each in alike([["baa", "maa again"], ["Baa!", "Maa, again"]])]
    assert [] == [*alike([["baa", "maa again"], ["moo", "muh again"]])]


def test_three_hundred_poems_that_all_share_one_line_take_no_time_of_their_square() -> None:
    """Each is compared with a few others only, and none is alike for one line."""
    assert [] == [*alike([["the refrain that all of them have", *poem(seed)] for seed in range(300)])]


def test_poems_without_a_word_are_alike_to_none() -> None:
    assert [] == [*alike([["…", "🐑"], ["…", "🐑"]])]


@given(st.lists(st.lists(st.text(max_size=20), min_size=1, max_size=5), max_size=6))
def test_any_texts_can_be_compared(poems: list[list[str]]) -> None:
    for found in alike(poems):
        assert 0 <= found.first < found.second < len(poems)
        assert ALIKE <= found.share <= 1
