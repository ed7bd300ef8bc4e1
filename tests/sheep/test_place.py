"""Where a sheep is: the steps from one place to the next, and the time at which each is due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.journal import Place
from flock.sheep.place import Recite, found_again, interval_after, interval_before, next_due, onward
from flock.temperament import TEMPERAMENTS, Recitation, Utterance

POEM = ("one", "two", "three")
LINE, POEM_REST = 60.0, 600.0

seconds = st.floats(0, 1e5)


def faithful(number: int) -> Recitation:
    """Return the recitation of a steadfast sheep."""
    return TEMPERAMENTS["steadfast"](POEM, number, 0)


def stretched(number: int) -> Recitation:
    """Return a recitation with one more line each time, whose pauses and rests are long."""
    lines = [Utterance(f"line {line}", line, pause=2.0 + line) for line in range(number + 1)]
    return Recitation(lines, rest=10.0)


def after(here: Place, *, pieces: int = 1, post_id: str | None = "9", recite: Recite = faithful) -> Place:
    """Return the next place, which is due at 60."""
    return onward(here, post_id=post_id, pieces=pieces, recite=recite, due=LINE)


def test_after_a_line_comes_the_next() -> None:
    """The text said last is kept, so that an edited poem is recognised."""
    here = Place(n=7, next_line="one", last_id="8", saying="one", intended=1.0)

    there = Place(n=8, line=1, due=LINE, next_line="two", prior_line="one", last_id="9", said="one")
    assert there == after(here)


def test_after_the_last_line_comes_the_first_of_the_next_recitation() -> None:
    """The sheep is a recitation older."""
    here = Place(n=7, line=2, recitations=4, next_line="three")

    there = after(here)

    assert (0, 5, "one", "three") == (there.line, there.recitations, there.next_line, there.prior_line)


def test_a_line_of_three_posts_is_left_after_the_third() -> None:
    """Each of them is due at a time of its own."""
    places = [Place(saying="one", due=5.0, next_line="one")]
    for _ in range(3):
        places.append(after(places[-1], pieces=3))

    assert [(0, 0), (0, 1), (0, 2), (1, 0)] == [(place.line, place.piece) for place in places]
    assert [5.0, LINE, LINE, LINE] == [place.due for place in places]
    assert ["one", "one", "one", None] == [place.saying for place in places]


def test_a_post_without_an_id_leaves_the_last_one_known() -> None:
    """It was skipped, or only known to be out."""
    assert "8" == after(Place(last_id="8"), post_id=None).last_id


def test_the_refusals_in_a_row_are_carried_on() -> None:
    """A refused text is skipped, and counts for the texts after it."""
    assert 2 == after(Place(refusals=2)).refusals


@given(posts=st.lists(st.integers(1, 4), max_size=60), temperament=st.sampled_from(sorted(TEMPERAMENTS)))
def test_each_post_counts_one_and_no_line_is_left_out(posts: list[int], temperament: str) -> None:
    """For any number of posts in a line, and any temperament."""

    def recite(number: int) -> Recitation:
        return TEMPERAMENTS[temperament](POEM, number, 3)

    place, said = Place(next_line=recite(0).utterances[0].text), []
    for pieces in posts:
        said.append(place.next_line)
        for _ in range(pieces):
            before, place = place, after(place, pieces=pieces, recite=recite)
            assert before.n + 1 == place.n
        assert (said[-1], None) == (place.prior_line, place.saying)

    recited = [
        utterance.text for number in range(place.recitations + 1) for utterance in recite(number).utterances
    ]
    assert recited[: len(said)] == said


def test_a_temperament_stretches_pauses_and_rests() -> None:
    """The pause is that of the line just said, the rest that of the recitation just ended."""
    assert 3 * LINE == interval_after(Place(line=1, recitations=2), stretched, LINE, POEM_REST)
    assert 10 * POEM_REST == interval_after(Place(line=2, recitations=2), stretched, LINE, POEM_REST)


@pytest.mark.parametrize(
    ("here", "expected"),
    [
        (Place(), 0.0),
        (Place(line=1, recitations=1), 2 * LINE),
        (Place(line=2, recitations=2), 3 * LINE),
        (Place(recitations=1), 10 * POEM_REST),
    ],
)
def test_the_interval_before_a_place_is_the_one_after_the_place_before(here: Place, expected: float) -> None:
    """Before the very first line there is none."""
    assert expected == interval_before(here, stretched, LINE, POEM_REST)


@given(steps=st.integers(0, 40))
def test_what_was_the_interval_after_is_the_interval_before(steps: int) -> None:
    """A restart may keep a due time as far off as the interval that led to it, however long that was."""
    place = Place()
    for _ in range(steps):
        interval = interval_after(place, stretched, LINE, POEM_REST)
        place = after(place, recite=stretched)
        assert interval == interval_before(place, stretched, LINE, POEM_REST)


@given(due=seconds, interval=seconds, now=seconds)
def test_the_next_line_is_never_due_before_this_one(due: float, interval: float, now: float) -> None:
    """Nor in the past, so that no line is there to catch up with."""
    assert next_due(due, interval, now) >= max(due, now)


@given(late=st.lists(st.one_of(st.just(0.0), st.floats(0, 500)), max_size=30), interval=st.floats(0.1, 100))
def test_a_sheep_that_is_late_never_bursts(late: list[float], interval: float) -> None:
    """A line that is late by less than an interval shortens the next pause by as much, and no further one."""
    due = 1000.0
    times: list[float] = []
    for seconds_late in late:
        times.append(max(due, times[-1] if times else due) + seconds_late)
        due = next_due(due, interval, times[-1])

    for place in range(2, len(times)):
        assert times[place] - times[place - 2] >= interval * 0.999, "three lines in one interval"


@pytest.mark.parametrize(
    ("now", "expected"), [(100.0, 160.0), (159.0, 160.0), (160.0, 220.0), (161.0, 221.0), (9000.0, 9060.0)]
)
def test_due_times_are_anchored_until_an_interval_is_missed(now: float, expected: float) -> None:
    """What each post takes does not add up; a sheep that was held up goes on from now."""
    assert expected == next_due(100.0, 60.0, now)


@pytest.mark.parametrize(
    ("texts", "line"),
    [
        (["one", "two", "three"], 1),
        (["new", "one", "two", "three"], 2),
        (["one", "rewritten", "three"], 1),
        (["one"], 0),
    ],
)
def test_an_edited_poem_is_picked_up_where_the_sheep_was(texts: list[str], line: int) -> None:
    """At the same text, or after the text said last."""
    here = Place(line=1, next_line="two", prior_line="one", n=5)

    assert here._replace(line=line, next_line=texts[line]) == found_again(here, texts)


@pytest.mark.parametrize("count", [1, 3])
def test_a_poem_that_was_not_edited_changes_no_place(count: int) -> None:
    """The very same place, which is how the sheep knows that there is nothing to tell."""
    here = Place(line=count - 1, next_line="two")

    assert here is found_again(here, ["two"] * count)
