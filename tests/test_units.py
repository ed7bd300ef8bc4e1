"""Durations in seconds, and as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.units import DAY, HOUR, LONGEST, MINUTE, format_seconds, parse_seconds, roughly

UNITS = {"": 1, "s": 1, "m": MINUTE, "h": HOUR, "d": DAY}


def test_the_units_are_seconds() -> None:
    """A day of 86,400 seconds; leap seconds and daylight saving time are not counted."""
    assert (60.0, 3600.0, 86400.0) == (MINUTE, HOUR, DAY)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("30m", 1800),
        ("1.5h", 5400),
        ("2d", 172800),
        (" 5 M ", 300),
        (".5", 0.5),
        ("1.", 1),
        ("0", 0),
        (0, 0),
        (0.25, 0.25),
        (366 * 86400, LONGEST),
        *[("10 minutes", 600), ("1h30m", 5400), ("1 hour 30 min.", 5400), ("1 hour and 1 second", 3601)],
        *[("1d2h3m4s", 93784), ("2 Days", 172800), ("90 sec", 90)],
    ],
)
def test_a_duration_is_read_as_people_write_it(text: str | float, seconds: float) -> None:
    """Plain numbers are seconds; the letters s, m, h and d do what they say."""
    assert seconds == parse_seconds(text)


@pytest.mark.parametrize(
    "nonsense",
    [
        *("", " ", "-1", "1e3", "1,5h", "h", "30m1h", "1h1h", "1h30", "nan", "inf", "367d", "9" * 5000, "1\n2"),
        *(-0.001, math.nan, math.inf, -math.inf, LONGEST + 1, True, False, 10**400, -(10**400)),
    ],
    ids=lambda value: str(value)[:12],
)
def test_nonsense_is_refused_with_what_was_expected(nonsense: str | float) -> None:
    """A text or number that is no duration raises ValueError, which shows how to write one."""
    with pytest.raises(ValueError, match=r"expected seconds, 0 or more, such as 60, .* or 1\.5h"):
        parse_seconds(nonsense)


@given(st.floats(0, 1000), st.sampled_from(sorted(UNITS)), st.sampled_from(["", " "]))
def test_a_unit_multiplies_its_number(number: float, unit: str, gap: str) -> None:
    """`1.5h` is one and a half times 3600 seconds, and likewise for every duration of at most a year."""
    written = f"{number:f}"
    expected = float(written) * UNITS[unit]
    if expected > LONGEST:
        with pytest.raises(ValueError, match="expected seconds"):
            parse_seconds(written + gap + unit)
    else:
        assert expected == parse_seconds(written + gap + unit)


@given(st.integers(0, 9), st.integers(0, 9), st.sampled_from(["", " ", ", ", " and "]))
def test_the_parts_of_a_duration_are_added(hours: int, minutes: int, gap: str) -> None:
    """Hours and minutes, written in any usual way."""
    assert hours * HOUR + minutes * MINUTE == parse_seconds(f"{hours}h{gap}{minutes} min")


@given(st.text() | st.floats() | st.integers())
def test_anything_is_a_sane_duration_or_a_value_error(value: str | float) -> None:
    """No input gives a negative, endless or unreadable duration, or another exception."""
    try:
        seconds = parse_seconds(value)
    except ValueError:
        return
    assert 0 <= seconds <= LONGEST


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.5, "0.5s"),
        (45, "45s"),
        (45.4, "45s"),
        (60, "1m"),
        (90, "1.5m"),
        (900, "15m"),
        (5400, "1.5h"),
        (86400, "1d"),
        (172800, "2d"),
        (3601, "3601s"),
    ],
)
def test_a_duration_is_shown_in_the_largest_unit_that_keeps_it_short(seconds: float, text: str) -> None:
    """A quarter of an hour is `15m`, not `900s`, and not `0.25h` either."""
    assert text == format_seconds(seconds)


@given(st.integers(0, int(LONGEST)))
def test_whole_seconds_are_shown_exactly(seconds: int) -> None:
    """Reading the shown text gives the same number of seconds."""
    shown = format_seconds(seconds)
    assert seconds == pytest.approx(parse_seconds(shown), abs=1e-6)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (5.0, "5s"),
        (165.0, "165s"),
        (630.0, "10m"),
        (5640.0, "94m"),
        (25_866.0, "7.2h"),
        (100_000.0, "27.8h"),
        (172_810.0, "2d"),
    ],
)
def test_people_get_a_duration_in_few_digits(seconds: float, expected: str) -> None:
    assert expected == roughly(seconds)
