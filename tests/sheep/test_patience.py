"""How long a sheep waits after which trouble, and when it gives up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock import errors
from flock.sheep.patience import LONG_WAIT, LONGEST_BACK_OFF, RATE_LIMIT_WAIT, STRIKES, Patience


@pytest.mark.parametrize("error", [errors.Suspended("x"), errors.Locked("x")])
def test_a_suspended_or_locked_account_is_believed_at_once(error: errors.Pen) -> None:
    """Trying on would only make it worse."""
    assert Patience().is_over(error)


@pytest.mark.parametrize("error", [errors.Unauthorized("x"), errors.AppRefused("x")])
def test_refused_tokens_are_tried_three_times(error: errors.Pen) -> None:
    """Networks refuse good tokens now and then."""
    patience = Patience()
    assert [False, False, True] == [patience.is_over(error) for _ in range(STRIKES)]


def test_a_success_wipes_the_slate() -> None:
    """Two refusals, a tweet, and two refusals more are not four in a row."""
    patience = Patience()
    for _ in range(2):
        assert not patience.is_over(errors.Unauthorized("x"))
    patience.back_off()
    patience.all_is_well()
    assert (0, 0) == (patience.failures, patience.strikes)
    assert not patience.is_over(errors.Unauthorized("x"))


@given(
    st.lists(st.sampled_from([errors.RateLimited, errors.Unavailable, errors.OutcomeUnknown, errors.Duplicate]))
)
def test_a_sheep_never_gives_up_over_weather(kinds: list[type[errors.NetworkError]]) -> None:
    """However long a network is unwell or busy, the sheep stays out of the pen."""
    patience = Patience()
    assert not any(patience.is_over(kind("x")) for kind in kinds)


@given(st.floats(0, 1e6), st.floats(0, 2e6), st.floats(0.01, 10))
def test_a_wait_lasts_until_the_networks_reset(wall: float, until: float, base: float) -> None:
    """And a moment longer, for the clocks differ; a reset that has passed costs only that moment."""
    seconds = Patience(base).wait_for(errors.RateLimited("x", until=until), wall)
    assert max(0.0, until - wall) + base == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (errors.RateLimited, RATE_LIMIT_WAIT),
        (errors.DailyLimit, LONG_WAIT),
        (errors.LooksAutomated, LONG_WAIT),
        (errors.OutOfCredits, LONG_WAIT),
        (errors.ClockWrong, LONG_WAIT),
    ],
)
def test_a_wait_without_a_reset_is_long_enough(kind: type[errors.Wait], expected: float) -> None:
    """A window for a rate limit, hours for anything else; scaled by the base, as tests and rehearsals do."""
    assert expected == Patience().wait_for(kind("x"), 1e9)
    assert expected / 100 == pytest.approx(Patience(0.01).wait_for(kind("x"), 1e9))


@given(st.integers(1, 40), st.floats(0.001, 2))
def test_backing_off_doubles_with_jitter_up_to_a_quarter_of_an_hour(times: int, base: float) -> None:
    """The n-th wait is between 2**(n-1) and that plus one, in units of the base, and never over the longest."""
    patience = Patience(base)
    waits = [patience.back_off() / base for _ in range(times)]
    for attempt, wait in enumerate(waits):
        assert min(2**attempt, LONGEST_BACK_OFF) * 0.999 <= wait <= min(2**attempt + 1, LONGEST_BACK_OFF) * 1.001
    assert times == patience.failures


def test_a_week_of_failures_does_not_overflow() -> None:
    """Two to the power of thousands is still a quarter of an hour."""
    patience = Patience(failures=5000)
    assert LONGEST_BACK_OFF == patience.back_off()
