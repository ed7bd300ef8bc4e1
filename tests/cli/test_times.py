"""Times as people write and read them, in the machine's time zone."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.cli.times import clock, midnight, parse_since, stamp
from flock.units import DAY, HOUR


@pytest.fixture(autouse=True)
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the time zone be one with a summer time."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


NOW = 1_795_871_409.0  # 2026-11-28 14:10:09 in Berlin


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("today", "2026-11-28 00:00:00"),
        ("Yesterday", "2026-11-27 00:00:00"),
        ("14:05", "2026-11-28 14:05:00"),
        ("2026-11-01", "2026-11-01 00:00:00"),
        ("2026-07-01 9:30", "2026-07-01 09:30:00"),
        ("2026-11-27T14:05:07", "2026-11-27 14:05:07"),
        ("90s", "2026-11-28 14:08:39"),
        ("1.5h", "2026-11-28 12:40:09"),
        ("2d", "2026-11-26 14:10:09"),
    ],
)
def test_a_time_is_read(text: str, expected: str) -> None:
    """As a word, a time of today, a date, or how long ago."""
    assert expected == stamp(parse_since(text, NOW))


@pytest.mark.parametrize(
    "text", ["", " ", "once", "25:00", "14:61", "2026-02-30", "2026-13-01", "14:05:99", "-1h"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """The message says what was expected."""
    with pytest.raises(ValueError, match="expected today, yesterday"):
        parse_since(text, NOW)


def test_a_day_begins_at_midnight_when_the_clocks_change() -> None:
    """That day has 25 hours."""
    after = parse_since("2026-10-25 12:00", NOW)
    assert 13 * HOUR == after - midnight(after)
    assert "2026-10-24 00:00:00" == stamp(midnight(after, days_ago=1))


@given(at=st.floats(0, 4e9), now=st.floats(0, 4e9))
def test_a_time_is_as_short_as_it_is_clear(at: float, now: float) -> None:
    """The time alone is one of today, and a weekday one of the six days around."""
    text = clock(at, now)
    if len(text) == len("14:05"):
        assert stamp(at)[:10] == stamp(now)[:10]
        assert parse_since(text, now) <= at < parse_since(text, now) + HOUR + 60
    elif len(text) == len("Sat 14:05"):
        assert abs(at - now) < 6 * DAY
    else:
        assert text == stamp(at)[:10]


@given(text=st.text(max_size=20))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    """Nothing else escapes."""
    try:
        at = parse_since(text, NOW)
    except ValueError as error:
        told = str(error)
    else:
        told = f"expected, and is {stamp(at)}"
    assert told.startswith("expected")
