"""Where a sheep goes on after its poem was edited while the flock was down: the smallest cases of the campaign."""

from __future__ import annotations

import pytest

from flock.journal import Place
from flock.sheep.place import found_again, onward
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
    under_way = Place(n=1, recitations=recitations, saying=OLD[0], next_line=OLD[0], prior_line=prior)
    here = found_again(under_way, new)

    assert here is found_again(here, new)
    assert expected == next_text(here, new)


def test_a_second_edit_finds_the_place_that_the_first_one_led_to() -> None:
    """After the first edit a line in new words was said: it is the prior line, not the one it has replaced."""
    first = [OLD[0], "in other words", *OLD[2:]]
    second = ["new", *first[:2], "not at all the same", *first[3:]]
    here = found_again(Place(line=1, next_line=OLD[1], prior_line=OLD[0]), first)
    recitation = Recitation([Utterance(text, line) for line, text in enumerate(first)])
    here = onward(here, post_id=None, pieces=1, recite=lambda _: recitation, due=0.0)

    assert "not at all the same" == second[found_again(here, second).line]
