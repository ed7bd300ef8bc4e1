"""How often a bot posts, from its intervals: against sheep on virtual time, and against counting one by one."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.events import Said
from flock.options import settle_options
from flock.rates import PIECE_INTERVAL, Cycle, cycle_of, posts_a_day, under_one_cap
from flock.rehearsal import Rehearsal
from flock.units import DAY, HOUR, MINUTE

LONG = "so many words of one line that it needs several posts on any network " * 12


def test_fifteen_lines_at_the_defaults_are_223_posts_a_day() -> None:
    cycle = cycle_of([1] * 15, 30.0, 1.5 * HOUR)

    assert (15, 14 * 30.0, 14 * 30.0 + 1.5 * HOUR) == (cycle.posts, cycle.speech, cycle.seconds)
    assert 222.7 == round(cycle.a_day(), 1)


def test_the_cycle_is_that_of_a_sheep_on_virtual_time(write_key: Callable[..., Path]) -> None:
    """With a line of several posts in the middle, whose interval counts from the last of them."""
    file = write_key(line_interval=40, poem_interval=600)
    file.with_name("poem.txt").write_text(f"one\n{LONG}\nthree\n", encoding="utf-8")
    options = settle_options(environment={})
    rehearsal = Rehearsal(file.parent, options)

    said = [event for event in rehearsal.play(recitations=3) if isinstance(event, Said)]
    pieces = said[1].pieces
    cycle = cycle_of([1, pieces, 1], 40.0, 600.0)

    assert 2 < pieces
    expected = [at + turn * cycle.seconds for turn in range(3) for at in cycle.times]
    assert expected == pytest.approx([event.at for event in said])


def test_a_cap_holds() -> None:
    assert 20 == posts_a_day(10, 60, 20)
    assert 0 == posts_a_day(10, 60, 0)
    assert 1.5 == posts_a_day(1, 16 * HOUR, 20)


def test_without_an_interval_there_is_no_end() -> None:
    cycle = cycle_of([1, 1, 1], 0.0, 0.0)

    assert (math.inf, math.inf) == (cycle.a_day(), cycle.most_within(MINUTE))
    assert 48 == cycle.a_day(48)


def test_pauses_and_rests_stretch_the_intervals() -> None:
    cycle = cycle_of([1, 2, 1], 10.0, 100.0, pauses=[2.0, 0.5, 9.0], rest=3.0)

    assert [0.0, 20.0, 20.0 + PIECE_INTERVAL, 25.0 + PIECE_INTERVAL] == list(cycle.times)
    assert 325.0 + PIECE_INTERVAL == cycle.seconds


def test_the_pieces_of_a_line_are_no_further_apart_than_its_lines() -> None:
    assert [0.0, 1.0, 2.0] == list(cycle_of([3], 1.0, 60.0).times)


@given(
    pieces=st.lists(st.integers(1, 4), min_size=1, max_size=8),
    line=st.integers(1, 90),
    poem=st.integers(1, 900),
    window=st.integers(1, 3000),
)
def test_the_most_posts_of_a_window_are_those_that_counting_finds(
    pieces: list[int], line: int, poem: int, window: int
) -> None:
    cycle = cycle_of(pieces, line, poem)
    turns = int(window // cycle.seconds) + 3
    times = [time + turn * cycle.seconds for turn in range(turns) for time in cycle.times]

    counted = max(sum(start <= time < start + window for time in times) for start in cycle.times)

    assert counted == cycle.most_within(window)


@given(pieces=st.lists(st.integers(1, 4), min_size=1, max_size=30), line=st.floats(0.1, 1e5))
def test_a_recitation_takes_at_least_the_time_of_its_lines(pieces: list[int], line: float) -> None:
    cycle = cycle_of(pieces, line, 1.0)

    assert sum(pieces) == cycle.posts
    assert cycle.speech >= (len(pieces) - 1) * line * (1 - 1e-9)
    assert cycle.times == sorted(cycle.times)
    assert cycle.a_day() == pytest.approx(cycle.posts * DAY / cycle.seconds)


@given(rates=st.lists(st.floats(0, 1e6), max_size=20), cap=st.none() | st.integers(0, 10**6))
def test_bots_share_a_cap_in_proportion(rates: list[float], cap: int | None) -> None:
    shared = under_one_cap(rates, cap)

    assert all(mine <= alone * (1 + 1e-9) for mine, alone in zip(shared, rates, strict=True))
    assert sum(shared) == pytest.approx(min(sum(rates), math.inf if cap is None else cap))


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1)), min_size=1), st.integers(0, 1000))
def test_no_bot_gets_more_than_its_own_cap_and_what_it_leaves_is_shared(
    bots: list[tuple[float, float]], cap: int
) -> None:
    """All together get the cap, or as much as their own caps allow."""
    rates, most = [rate for rate, _ in bots], [rate * share for rate, share in bots]

    shared = under_one_cap(rates, cap, most)

    assert all(mine <= own * (1 + 1e-9) for mine, own in zip(shared, most, strict=True))
    assert sum(shared) == pytest.approx(min(sum(most), cap), rel=1e-6, abs=1e-6)


def test_a_bot_with_a_cap_of_its_own_is_not_pressed_further_by_the_others() -> None:
    """It makes its posts as fast as they do, and then stops."""
    assert [20.0, 40.0, 40.0] == under_one_cap([1000.0] * 3, 100, [20.0, 1000.0, 500.0])
    assert [10.0, 20.0, 20.0] == under_one_cap([math.inf] * 3, 50, [10.0, math.inf, math.inf])


def test_a_bot_without_intervals_takes_what_a_shared_cap_leaves() -> None:
    assert [0.0, 25.0, 25.0] == under_one_cap([10.0, math.inf, math.inf], 50)


def test_a_cycle_of_one_post_has_no_length_but_its_rest() -> None:
    cycle = Cycle([0.0], 60.0)

    assert (0.0, 15) == (cycle.speech, cycle.most_within(15 * MINUTE))
