"""Where a sheep goes on after its poem was edited while the flock was down: the smallest cases of the campaign."""

from __future__ import annotations

import pytest

from flock.journal import Place
from flock.sheep.place import found_again, is_another, onward
from flock.temperament import Recitation, Utterance

OLD = ["the fog comes", "on little cat feet", "it sits looking", "over harbour and city"]


def next_text(here: Place, texts: list[str]) -> str:
    """Return what is said after the line at `here`."""
    recitation = Recitation([Utterance(text, line) for line, text in enumerate(texts)])
    return onward(here, post_id=None, pieces=1, recite=lambda _: recitation, due=0.0).next_line


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ([OLD[0], "on little cat feet, softly", *OLD[2:]], OLD[2]),
        ([OLD[0], *OLD[2:]], OLD[2]),
        (["new", *OLD], OLD[2]),
    ],
    ids=["reworded", "taken out", "moved"],
)
def test_a_line_under_way_is_followed_by_the_one_that_followed_it(new: list[str], expected: str) -> None:
    """It is finished as it was; what came after it is not skipped, and its new wording is not said as well."""
    under_way = Place(n=1, line=1, saying=OLD[1], intended=1.0, next_line=OLD[1], prior_line=OLD[0])

    assert expected == next_text(found_again(under_way, new), new)


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (OLD[1:], OLD[1]),
        (["quite another beginning", *OLD[1:]], "quite another beginning"),
        (OLD[2:], OLD[2]),
        (["nothing of all that"], "nothing of all that"),
    ],
    ids=["taken out", "replaced", "taken out with the second", "a poem of one line"],
)
@pytest.mark.parametrize("recitations", [0, 3])
def test_where_the_first_line_is_under_way_and_taken_out_the_new_first_line_comes_next(
    new: list[str], expected: str, recitations: int
) -> None:
    """Also when the flock starts twice before the line is finished."""
    prior = OLD[-1] if recitations else ""
    under_way = Place(
        n=1, recitations=recitations, saying=OLD[0], intended=1.0, next_line=OLD[0], prior_line=prior
    )
    here = found_again(under_way, new)

    assert here is found_again(here, new)
    assert expected == next_text(here, new)


OTHER = ["a dog considers", "and lies down again", "the moon goes on", "nobody minds", "the end"]


@pytest.mark.parametrize("line", range(4))
@pytest.mark.parametrize("recitations", [0, 3])
def test_another_poem_begins_at_its_top(line: int, recitations: int) -> None:
    """It has no line of the old one. The bot is as old as it was."""
    here = Place(n=9, line=line, recitations=recitations, next_line=OLD[line], prior_line=OLD[line - 1])

    there = found_again(here, OTHER)

    assert (0, recitations, OTHER[0], 9) == (there.line, there.recitations, there.next_line, there.n)
    assert is_another(here, OTHER)


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        ["new", *OLD],
        [*OLD[:2], "quite another ending"],
        [*OLD[:1], "something else altogether", *OLD[2:]],
        [*OLD[:1], "it sits, looking", *OLD[3:]],
        ["all is new", "but for this", OLD[2]],
    ],
)
def test_an_edited_poem_is_not_another_one(new: list[str]) -> None:
    """As long as the next line or the one before is there, or nearly."""
    assert not is_another(Place(n=2, line=2, next_line=OLD[2], prior_line=OLD[1]), new)


def test_a_long_poem_is_another_one_though_some_line_of_it_sounds_like_the_old_one() -> None:
    """In a book, some line always does."""
    book = [f"{number}, and {number + 1}" for number in range(500)]
    book[400] = "on little cat's feet"

    assert is_another(Place(line=1, next_line=OLD[1], prior_line=OLD[0]), book)
    assert not is_another(Place(line=395, next_line=OLD[1], prior_line=OLD[0]), book)


def test_a_poem_in_other_words_is_known_by_the_poem_itself() -> None:
    """An old sheep says each line in its own way, and in another way when its temperament is changed."""
    here = Place(line=2, next_line=OLD[2], prior_line=OLD[1])

    assert not is_another(here, ["baa", "baa baa", "mixed up", "and forgotten"], OLD)


@pytest.mark.parametrize(("piece", "intended"), [(1, None), (0, 1.0)])
def test_a_line_under_way_is_finished_before_another_poem_begins(piece: int, intended: float | None) -> None:
    """Readers get it whole."""
    here = Place(line=2, piece=piece, intended=intended, saying=OLD[2], next_line=OLD[2], prior_line=OLD[1])

    there = found_again(here, OTHER)

    assert (-1, OLD[2], piece, intended) == (there.line, there.saying, there.piece, there.intended)
    assert OTHER[0] == next_text(there, OTHER)


def test_a_line_that_was_refused_is_said_in_its_new_words() -> None:
    """Nothing of it is out, and its author has reworded it."""
    new = [*OLD[:2], "it sits and looks", OLD[3]]
    held = Place(line=2, saying=OLD[2], next_line=OLD[2], prior_line=OLD[1], refusals=3)

    there = found_again(held, new)

    assert (2, None, new[2], 3) == (there.line, there.saying, there.next_line, there.refusals)


def test_a_second_edit_finds_the_place_that_the_first_one_led_to() -> None:
    """After the first edit a line in new words was said: it is the prior line, not the one it has replaced."""
    first = [OLD[0], "in other words", *OLD[2:]]
    second = ["new", *first[:2], "not at all the same", *first[3:]]
    here = found_again(Place(line=1, next_line=OLD[1], prior_line=OLD[0]), first)
    recitation = Recitation([Utterance(text, line) for line, text in enumerate(first)])
    here = onward(here, post_id=None, pieces=1, recite=lambda _: recitation, due=0.0)

    assert "not at all the same" == second[found_again(here, second).line]


STANZAS = ["\n".join(OLD[:2]), "\n".join(OLD[2:])]
SENTENCES = [" ".join(OLD)]


@pytest.mark.parametrize(
    ("before", "at", "after", "expected"),
    [
        *[(OLD, line, STANZAS, stanza) for line, stanza in ((1, 0), (2, 1), (3, 1))],
        *[(STANZAS, stanza, OLD, line) for stanza, line in ((0, 0), (1, 2))],
        (OLD, 2, SENTENCES, 0),
        (SENTENCES, 0, STANZAS, 0),
    ],
)
def test_a_poem_that_is_said_in_another_format_goes_on_where_it_was(
    before: list[str], at: int, after: list[str], expected: int
) -> None:
    """Its next line is in there, so it is no other poem."""
    here = Place(n=9, line=at, recitations=3, next_line=before[at], prior_line=before[at - 1])

    assert not is_another(here, after)
    there = found_again(here, after)
    assert (expected, after[expected], 3) == (there.line, there.next_line, there.recitations)
