"""The intervals by which a bot's posts are spread over the day."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.sheep.allowance import Allowance
from flock.sheep.pace import Pace, pauses_of, spread
from flock.temperament import Recitation, Utterance
from flock.units import DAY, HOUR, MINUTE


def recitation(*pauses: float, rest: float = 1.0) -> Recitation:
    """Return a recitation with these pauses behind its lines."""
    return Recitation([Utterance(f"line {at}", at, pause=pause) for at, pause in enumerate(pauses)], rest=rest)


FIFTEEN = recitation(*[1.0] * 15)


@pytest.mark.parametrize(
    ("posts", "cap", "intervals", "expected"),
    [
        (15, 20, (30.0, 1.5 * HOUR), ((18 * HOUR - 1.5 * HOUR) / 14, 1.5 * HOUR)),
        (15, 20, (30.0, MINUTE), (1.2 * HOUR, 1.2 * HOUR)),
        (15, 20, (30.0, 18 * HOUR), (30.0, 18 * HOUR)),
        (15, 20, (2 * HOUR, MINUTE), (2 * HOUR, MINUTE)),
        (30, 20, (30.0, MINUTE), (2.4 * HOUR, 2.4 * HOUR)),
        (30, 20, (30.0, 70 * HOUR), (2.4 * HOUR, 70 * HOUR)),
        (15, math.inf, (0.0, 0.0), (0.0, 0.0)),
        (15, 0, (0.0, 0.0), (0.0, 0.0)),
        (15, 20, (0.0, 0.0), (1.2 * HOUR, 1.2 * HOUR)),
    ],
    ids=[
        *("a rest of its own", "no rest", "a rest of a day", "slow lines", "lines of two posts"),
        *("a recitation of more than a day", "no cap", "no posts", "no intervals"),
    ],
)
def test_lines_come_so_much_later_that_a_recitation_keeps_to_the_cap(
    posts: int, cap: float, intervals: tuple[float, float], expected: tuple[float, float]
) -> None:
    """And no later: where the bot's own intervals keep to it, they hold."""
    assert spread(FIFTEEN, posts, cap, *intervals) == pytest.approx(expected)


def test_a_poem_of_one_line_rests_longer() -> None:
    """It has no lines to put off."""
    assert (30.0, 24 * HOUR) == spread(recitation(1.0), 1, 1, 30.0, MINUTE)
    assert (30.0, 12 * HOUR) == spread(recitation(1.0, rest=2.0), 1, 1, 30.0, MINUTE)


@given(
    pauses=st.lists(st.floats(0.5, 9), min_size=1, max_size=50),
    rest=st.floats(1, 9),
    posts=st.integers(1, 3),
    cap=st.floats(0.1, 500),
    own=st.tuples(st.floats(0, 2 * DAY), st.floats(0, 3 * DAY)),
)
def test_every_recitation_keeps_to_every_cap(
    pauses: list[float], rest: float, posts: int, cap: float, own: tuple[float, float]
) -> None:
    """On average, whatever the temperament makes of the pauses; and no interval gets shorter."""
    said = recitation(*pauses, rest=rest)
    count = posts * len(pauses)
    line_interval, poem_interval = spread(said, count, cap, *own)
    seconds = line_interval * pauses_of(said) + poem_interval * rest
    assert seconds >= count * DAY / cap * (1 - 1e-9)
    assert line_interval >= own[0]
    assert poem_interval >= own[1] * (1 - 1e-9)


def test_a_bot_has_the_smaller_of_its_cap_and_its_share() -> None:
    """Of the flock's posts; and its own intervals where it may burst."""
    flock = Allowance(20)
    ann = Pace("ann", Allowance(5), flock, bursts=False, count=lambda _: 1)
    ben = Pace("ben", None, flock, bursts=False, count=lambda _: 1)
    for pace in (ann, ben):
        pace.expect(FIFTEEN, 30.0, MINUTE)

    assert (DAY / 5, DAY / 5) == pytest.approx(ann.intervals(FIFTEEN, 30.0, MINUTE))
    assert (DAY / 15, DAY / 15) == pytest.approx(ben.intervals(FIFTEEN, 30.0, MINUTE))
    assert "its 5 posts a day are spread over the day" == ann.why
    assert (
        "its 1 post a day is spread over the day" == Pace("ann", Allowance(1), None, bursts=False, count=len).why
    )
    assert "the flock's 20 posts a day are spread over the day and its bots" == ben.why
    ben.leave()
    assert math.inf == flock.share
    free = Pace("cat", None, None, bursts=False, count=len)
    bursting = Pace("cat", Allowance(1), None, bursts=True, count=len)
    for pace in (free, bursting):
        assert (30.0, MINUTE) == pace.intervals(FIFTEEN, 30.0, MINUTE)
        assert not pace.is_spread


def test_a_post_is_taken_from_both_allowances_or_from_none() -> None:
    """The flock's posts of the day are used up: the bot's own are not touched."""
    own, flock = Allowance(1), Allowance(1)
    pace = Pace("ann", own, flock, bursts=False, count=lambda _: 1)
    assert flock.take(10.0) is None

    assert 10.0 + DAY == pace.take(20.0, posts=1, begins=True)
    assert own.take(20.0) is None
