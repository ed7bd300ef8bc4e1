"""How a sheep fares after an error: how long it waits, when it is penned, and what is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock import errors, events
from flock.errors import (
    JournalError,
    NetworkError,
    NotPermitted,
    Pen,
    RateLimited,
    Refused,
    Unauthorized,
    Unavailable,
    Wait,
)
from flock.journal import WELL, Condition, Place, Standing
from flock.sheep.standing import (
    CLOCK_WAIT,
    DOUBT,
    FIRST_HOLD,
    LONG_WAIT,
    LONGEST_BACK_OFF,
    PEN_CHECK,
    RATE_LIMIT_WAIT,
    RESET_SLACK,
    back_off,
    believable,
    troubled,
)

NOW = 500.0  # steady time; the wall-clock time is another
WALL = 9000.0


def after(error: Exception, before: Standing = WELL, **given_: Any) -> tuple[Standing, events.Event | None]:
    """Return how dolly fares after `error`, and the event."""
    return troubled(error, before, bot="dolly", **{"now": NOW, "wall": WALL, "jitter": 0.5, **given_})


@pytest.mark.parametrize("error", [errors.Suspended("403"), errors.Locked("403"), errors.Revoked("403")])
def test_a_suspended_or_locked_account_and_a_revoked_token_are_penned_at_once(error: Pen) -> None:
    """Another try would only make it worse."""
    standing, event = after(error)

    assert (Condition.PENNED, "403", NOW + PEN_CHECK) == (standing.condition, standing.trouble, standing.until)
    assert events.Penned(at=WALL, bot="dolly", why="403", advice=error.advice, kind=type(error).__name__) == event


def after_all(*errors_at: tuple[NetworkError, float]) -> list[Condition]:
    """Return how dolly fares after each of the errors, which come so many seconds after NOW."""
    standing, conditions = WELL, []
    for error, seconds in errors_at:
        standing, _ = after(error, standing, now=NOW + seconds)
        conditions.append(standing.condition)
    return conditions


@pytest.mark.parametrize("kind", [errors.Unauthorized, errors.AppRefused])
@pytest.mark.parametrize(
    ("tries", "is_penned"),
    [
        ([0, 1, 3], False),
        ([0, 1, 3, DOUBT - 1], False),
        ([0, DOUBT], False),
        ([0, 1, DOUBT], True),
        ([0, DOUBT + 5, DOUBT + 6], True),
    ],
)
def test_refused_tokens_are_tried_for_an_hour(kind: type[Pen], tries: list[float], *, is_penned: bool) -> None:
    """And three times at least: networks refuse good tokens now and then."""
    *before, last = after_all(*((kind("401"), seconds) for seconds in tries))

    assert {Condition.BACKING_OFF} == set(before)
    assert is_penned is (last is Condition.PENNED)


def test_other_trouble_between_two_refusals_does_not_forgive_the_first() -> None:
    """Only a success does, and that is WELL again."""
    token, away, limit = Unauthorized("401"), Unavailable("503"), RateLimited("429")

    conditions = after_all((token, 0), (away, 10), (token, 20), (limit, 30), (token, DOUBT))

    assert Condition.PENNED is conditions[-1]


def test_the_hour_of_a_token_begins_with_its_first_refusal() -> None:
    """Not with trouble of another kind before it."""
    token, away = Unauthorized("401"), Unavailable("503")

    assert Condition.PENNED not in after_all(
        (away, 0), (Refused("no"), 1), *((token, DOUBT + n) for n in range(5))
    )


def test_a_refusal_of_everything_is_waited_out_ever_longer() -> None:
    """A minute, two, four, up to an hour; another trouble in between starts anew."""
    standing, seconds = WELL, []
    for kind in [NotPermitted] * 8 + [Refused] * 2:
        standing, _ = after(kind("403"), standing)
        seconds.append(standing.until - NOW)

    assert [60, 120, 240, 480, 960, 1920, 3600, 3600, 60, 120] == seconds
    assert Condition.WAITING is standing.condition


@given(st.lists(st.sampled_from([errors.RateLimited, errors.Unavailable, errors.OutcomeUnknown, errors.Refused])))
def test_no_sheep_is_penned_because_its_network_is_unwell(kinds: list[type[NetworkError]]) -> None:
    """However long a network is unwell or busy, the sheep tries on."""
    standing = WELL
    for kind in kinds:
        standing, _ = after(kind("x"), standing)
        assert (0, False) == (standing.strikes, standing.condition is Condition.PENNED)


@given(st.floats(0, 1e6), st.floats(0, 2e6))
def test_a_wait_lasts_until_the_networks_reset(wall: float, until: float) -> None:
    """And a second longer, since clocks differ; a reset that has passed costs only that second."""
    standing, event = after(RateLimited("429", until=until), wall=wall)

    seconds = max(0.0, until - wall) + RESET_SLACK
    assert Condition.WAITING is standing.condition
    assert NOW + seconds == pytest.approx(standing.until)
    assert isinstance(event, events.Waiting)
    assert seconds == pytest.approx(event.seconds)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (errors.RateLimited, RATE_LIMIT_WAIT),
        (errors.DailyLimit, LONG_WAIT),
        (errors.LooksAutomated, LONG_WAIT),
        (errors.OutOfCredits, LONG_WAIT),
        (errors.NotPermitted, FIRST_HOLD),
        (errors.ClockWrong, CLOCK_WAIT),
    ],
)
def test_a_wait_without_a_reset_is_long_enough(kind: type[Wait], expected: float) -> None:
    """A window for a rate limit, hours for anything else."""
    assert NOW + expected == after(kind("x"))[0].until


def test_a_wait_is_told_once_and_another_kind_of_wait_again() -> None:
    """The same limit again is no news; after something else it is."""
    told, standing = [], WELL
    for error in (
        RateLimited("1"),
        RateLimited("2"),
        errors.OutOfCredits("3"),
        Unavailable("4"),
        RateLimited("5"),
    ):
        standing, event = after(error, standing)
        told.append(type(event))

    assert [events.Waiting, type(None), events.Waiting, events.BackingOff, events.Waiting] == told


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_backing_off_doubles_with_jitter_up_to_a_quarter_of_an_hour(failures: int, jitter: float) -> None:
    """After the n-th failure from 2**n to 2**n + 1 seconds, and never over the longest."""
    seconds = back_off(failures, jitter)

    shortest = 2.0 ** min(failures, 20)
    assert min(shortest, LONGEST_BACK_OFF) <= seconds <= min(shortest + 1, LONGEST_BACK_OFF)


def test_failures_are_counted_and_told() -> None:
    """The second pause is longer than the first."""
    first, _ = after(Unavailable("503"))
    second, event = after(Unavailable("503"), first)

    assert (1, 2) == (first.failures, second.failures)
    assert NOW + 2.5 == second.until
    assert events.BackingOff(at=WALL, bot="dolly", why="503", seconds=2.5, attempt=2, kind="Unavailable") == event


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (JournalError("the disk is full"), events.Silenced(at=WALL, bot="dolly", why="the disk is full")),
        (KeyError("x"), events.Stumbled(at=WALL, bot="dolly", why="KeyError", seconds=1.5)),
    ],
)
def test_what_is_not_the_networks_fault_is_told_as_such(error: Exception, expected: events.Event) -> None:
    """The sheep backs off, and no strike counts against its account."""
    standing, event = after(error)

    assert expected == event
    assert (Condition.BACKING_OFF, 0, type(error).__name__) == (
        standing.condition,
        standing.strikes,
        standing.kind,
    )


TIMES = st.integers(0, 10**6).map(float)


@given(wall=TIMES, due=TIMES, intended=st.none() | TIMES, until=TIMES, failures=st.integers(0, 40))
def test_no_time_of_a_clock_that_was_set_back_is_believed(
    wall: float, due: float, intended: float | None, until: float, failures: int
) -> None:
    """What is waited for comes within its longest pause; what was begun is left to Delivery."""
    backing_off = Standing(Condition.BACKING_OFF, until=until, failures=failures)

    place, standing = believable(Place(due=due, intended=intended), backing_off, wall=wall, longest=600)

    assert intended == place.intended
    assert place.due <= min(due, wall + 600)
    assert standing.until <= min(until, wall + LONGEST_BACK_OFF)
    if max(due - 600, until - 10, intended or 0.0) <= wall:
        assert (Place(due=due, intended=intended), backing_off) == (place, standing)
