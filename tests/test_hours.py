"""When a bot speaks: cron expressions, waking hours and jitter, over time zones, years, and changes of the clock.

Local times have no zone of their own here: its name stands beside them.
"""
# ruff: noqa: DTZ001

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from flock.cron import latest, next_time, parse_schedule, parse_timezone
from flock.hours import LATE, Hours, chance_of, parse_awake
from flock.units import DAY, HOUR, MINUTE

BERLIN, HAVANA, LORD_HOWE = "Europe/Berlin", "America/Havana", "Australia/Lord_Howe"
CHANGES = [  # the zone, the local day, what is set: forward from 02:00 or 00:00, or back to it
    (BERLIN, datetime(2027, 3, 28)),
    (BERLIN, datetime(2027, 10, 31)),
    (HAVANA, datetime(2027, 3, 14)),
    (HAVANA, datetime(2027, 11, 7)),
    (LORD_HOWE, datetime(2027, 10, 3)),
    (LORD_HOWE, datetime(2027, 4, 4)),
]
ZONES = sorted(available_timezones())


def at(zone: str, *named: int, fold: int = 0) -> float:
    """Return when that local time comes."""
    year, month, day, hour, minute = named
    return datetime(year, month, day, hour, minute, fold=fold, tzinfo=ZoneInfo(zone)).timestamp()


def shown(zone: str, moment: float) -> str:
    """Return a time as the clock on the wall shows it, with the zone's abbreviation."""
    return datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime("%H:%M %z")


def day_of(hours: Hours, day: datetime, zone: str, *, days: int = 1) -> list[str]:
    """Return the due times of a local day, or some, as the clock on the wall shows them."""
    now = at(zone, day.year, day.month, day.day, 0, 0) - 1
    after = day + timedelta(days=days)
    end = at(zone, after.year, after.month, after.day, 0, 0)
    found = []
    while (now := hours.first(now, begins=False, chance=0, interval=30)) < end:
        found.append(shown(zone, now))
    return found


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("0 9 * * *", ["09:00 +0200"]),
        ("30 2 * * *", ["03:30 +0200"]),  # 02:30 is skipped
        ("15,45 2 * * *", ["03:15 +0200", "03:45 +0200"]),
        ("30 1-4 * * *", ["01:30 +0100", "03:30 +0200", "04:30 +0200"]),
        ("0 1-4 * * *", ["01:00 +0100", "03:00 +0200", "04:00 +0200"]),
        ("*/30 2 * * *", ["03:00 +0200", "03:30 +0200"]),
    ],
)
def test_a_time_that_the_clock_skips_comes_as_much_later(schedule: str, expected: list[str]) -> None:
    """In Berlin, 02:00 is followed by 03:00."""
    assert expected == day_of(Hours(schedule=schedule, timezone=BERLIN), datetime(2027, 3, 28), BERLIN)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("30 2 * * *", ["02:30 +0200"]),
        ("*/30 2 * * *", ["02:00 +0200", "02:30 +0200"]),
        ("0 */2 * * *", [*("00:00 +0200", "02:00 +0200"), *(f"{hour:02}:00 +0100" for hour in range(4, 24, 2))]),
        (
            "0 * * * *",
            [*(f"{hour:02}:00 +0200" for hour in range(3)), *(f"{hour:02}:00 +0100" for hour in range(2, 24))],
        ),
    ],
)
def test_a_time_that_comes_twice_counts_once_unless_each_hour_counts(schedule: str, expected: list[str]) -> None:
    """In Berlin, 03:00 is followed by 02:00."""
    assert expected == day_of(Hours(schedule=schedule, timezone=BERLIN), datetime(2027, 10, 31), BERLIN)


def test_a_clock_that_is_set_by_half_an_hour_loses_no_time() -> None:
    """On Lord Howe Island, 02:00 is followed by 02:30 in spring, and by 01:30 in autumn."""
    half_hours = Hours(schedule="0,30 1,2 * * *", timezone=LORD_HOWE)
    assert ["01:00 +1030", "01:30 +1030", "02:30 +1100"] == day_of(half_hours, datetime(2027, 10, 3), LORD_HOWE)
    autumn = ["01:00 +1100", "01:30 +1100", "02:00 +1030", "02:30 +1030"]
    assert autumn == day_of(half_hours, datetime(2027, 4, 4), LORD_HOWE)
    on_the_hour = Hours(schedule="0 * * * *", timezone=LORD_HOWE)
    assert ["01:00 +1030", "02:30 +1100", "03:00 +1100"] == day_of(on_the_hour, datetime(2027, 10, 3), LORD_HOWE)[
        1:4
    ]


def test_midnight_may_be_skipped_and_may_come_twice() -> None:
    """In Havana, the clock is set at midnight; not in March 2027, by the time zones of late 2026."""
    daily = Hours(schedule="0 0 * * *", timezone=HAVANA)
    now, found = at(HAVANA, 2028, 3, 10, 12, 0), []
    for _ in range(4):
        now = daily.first(now, begins=False, chance=0, interval=30)
        found.append(datetime.fromtimestamp(now, ZoneInfo(HAVANA)).strftime("%d %H:%M"))
    assert ["11 00:00", "12 01:00", "13 00:00", "14 00:00"] == found
    assert ["00:00 -0400"] == day_of(daily, datetime(2028, 11, 5), HAVANA)


MINUTES = st.lists(st.integers(0, 59), min_size=1, max_size=3).map(sorted)
HOURS = st.one_of(st.none(), st.lists(st.integers(0, 23), min_size=1, max_size=4))
WEEKDAYS = st.lists(st.integers(0, 6), min_size=1, max_size=7)


def named_times(
    minutes: list[int], hours: list[int] | None, weekdays: list[int], day: datetime
) -> Iterator[datetime]:
    """Yield the local times of the days around `day` that an expression names, one by one."""
    for date in (day + timedelta(days=more) for more in range(-3, 4)):
        if (date.weekday() + 1) % 7 in weekdays:
            for hour in range(24) if hours is None else set(hours):
                yield from (date.replace(hour=hour, minute=minute) for minute in set(minutes))


def instants(named: Iterator[datetime], zone: str, *, each_hour: bool) -> set[float]:
    """Return when these local times come, by the rule of the page."""
    found = set()
    for each in named:
        first, second = (each.replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() for fold in (0, 1))
        found |= {first, second} if each_hour and second > first else {first}
    return found


@given(
    MINUTES, HOURS, WEEKDAYS, st.sampled_from(ZONES), st.datetimes(datetime(2020, 1, 5), datetime(2036, 12, 25))
)
@example([0, 30], None, [0, 1, 2, 3, 4, 5, 6], LORD_HOWE, datetime(2027, 10, 3))
@example([0, 30], None, [0, 1, 2, 3, 4, 5, 6], LORD_HOWE, datetime(2027, 4, 4))
@example([10, 50], [1, 2, 3], [0], BERLIN, datetime(2027, 3, 28))
@example([10, 50], [1, 2, 3], [0], BERLIN, datetime(2027, 10, 31))
@example([0, 59], [0, 1, 23], [0, 6], HAVANA, datetime(2027, 3, 14))
@example([0, 59], [0, 1, 23], [0, 6], HAVANA, datetime(2027, 11, 7))
def test_due_times_are_those_of_the_expression_once_each(
    minutes: list[int], hours: list[int] | None, weekdays: list[int], zone: str, day: datetime
) -> None:
    """In every time zone, on any day: counted minute by minute. They strictly increase."""
    day = day.replace(hour=0, minute=0, second=0, microsecond=0)
    texts = [",".join(map(str, each)) for each in (minutes, hours or [], weekdays)]
    expression = f"{texts[0]} {texts[1] or '*'} * * {texts[2]}"
    start, end = ((day + timedelta(days=more)).replace(tzinfo=ZoneInfo(zone)).timestamp() for more in (-2, 2))
    expected = instants(named_times(minutes, hours, weekdays, day), zone, each_hour=hours is None)

    found, now = [], start - 1
    while (now := next_time(expression, zone, now)) < end:
        found.append(now)

    assert sorted(moment for moment in expected if start <= moment < end) == found
    assert all(before < after for before, after in pairwise(found))


@given(
    MINUTES,
    st.sampled_from(["*", "0", "1", "2", "3", "0,23", "1,2", "1-4"]),
    st.sampled_from(CHANGES),
    st.integers(-3600, 6 * 3600),
)
@example([17], "2", CHANGES[1], int(3.2 * HOUR))
@example([10, 35], "2", CHANGES[4], int(2.2 * HOUR))
def test_the_latest_time_is_the_one_before_the_next(
    minutes: list[int], hour: str, change: tuple[str, datetime], seconds: int
) -> None:
    """Also around a change of the clock, where times named later may come earlier."""
    zone, day = change
    expression = f"{','.join(map(str, minutes))} {hour} * * *"
    until = day.replace(tzinfo=ZoneInfo(zone)).timestamp() + seconds

    found = latest(expression, zone, until)

    assert found <= until < next_time(expression, zone, found)
    assert found == next_time(expression, zone, found - 1)


CLOCK = st.tuples(st.integers(0, 23), st.integers(0, 59))
RANGE = st.tuples(st.sets(st.integers(0, 6), max_size=7), CLOCK, CLOCK).filter(lambda each: each[1] != each[2])
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def awake_text(ranges: list[tuple[set[int], tuple[int, int], tuple[int, int]]]) -> str:
    return ", ".join(
        " ".join([*(DAYS[day] for day in sorted(days)), "{:02}:{:02}-{:02}:{:02}".format(*start, *end)])
        for days, start, end in ranges
    )


def is_within(named: datetime, ranges: list[tuple[set[int], tuple[int, int], tuple[int, int]]]) -> bool:
    """Return whether a local time is in one of the ranges, by the words of the page."""
    time_of_day, today, yesterday = (named.hour, named.minute), named.weekday(), (named.weekday() - 1) % 7
    for days, start, end in ranges:
        chosen = days or set(range(7))
        if start < end and today in chosen and start <= time_of_day < end:
            return True
        if end < start and (
            (today in chosen and time_of_day >= start) or (yesterday in chosen and time_of_day < end)
        ):
            return True
    return False


@given(
    st.lists(RANGE, min_size=1, max_size=3),
    st.sampled_from([BERLIN, HAVANA, LORD_HOWE, "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Chatham"]),
    st.one_of(
        st.sampled_from([day for _, day in CHANGES]), st.datetimes(datetime(2020, 1, 5), datetime(2036, 1, 1))
    ),
    st.integers(-36 * 60, 36 * 60),
)
def test_a_bot_wakes_up_at_the_first_minute_within_its_hours(
    ranges: list[tuple[set[int], tuple[int, int], tuple[int, int]]], zone: str, day: datetime, minute: int
) -> None:
    """Whether the clock is set meanwhile or not: looked for minute by minute."""
    start = (
        day.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=ZoneInfo(zone))
    ).timestamp() + minute * 60
    hours = Hours(awake=parse_awake(awake_text(ranges)), timezone=zone)

    def is_awake(moment: float) -> bool:
        return is_within(datetime.fromtimestamp(moment, ZoneInfo(zone)), ranges)

    assert is_awake(start) == hours.is_awake(start)
    expected = next((start + each * 60 for each in range(36 * 60) if is_awake(start + each * 60)), None)
    assume(expected is not None)
    assert expected == hours.wakes(start)


@given(
    st.sampled_from(
        ["*/7 * * * *", "0 9 * * *", "30 2 * * *", "15 */3 * * mon-fri", "0 0 1 * *", "0,1 2,3 * * *"]
    ),
    st.sampled_from(["", "08:00-23:00", "22:00-03:30", "mon-fri 00:00-12:00, sat 02:15-02:45"]),
    st.sampled_from([BERLIN, HAVANA, LORD_HOWE]),
    st.tuples(st.floats(0, 1), st.integers(0, 2**64)),
    st.floats(at(BERLIN, 2026, 11, 1, 0, 0), at(BERLIN, 2030, 1, 1, 0, 0)),
)
def test_due_times_strictly_increase_and_are_in_the_waking_hours(
    schedule: str, awake: str, zone: str, drawn: tuple[float, int], now: float
) -> None:
    """With jitter, too; and each lies before the time that the next one is drawn from."""
    jitter, seed = drawn
    hours = Hours(schedule=schedule, awake=awake, timezone=zone, jitter=jitter)
    assume(not hours.never)
    plain = Hours(schedule=schedule, awake=awake, timezone=zone)
    base, due = now, now
    for n in range(20):
        before, chance = due, chance_of(seed, n)
        due = hours.after(due, 30, due, begins=False, chance=chance, interval=30)
        assert due > before
        assert hours.is_awake(due)
        assert due == hours.fitted(due, due, begins=False, chance=chance, interval=30)
        base = plain.first(max(base, before), begins=False, chance=0, interval=30)
        assert base <= due


def test_the_machine_s_own_zone_holds_where_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its changes of the clock."""
    monkeypatch.setenv("TZ", BERLIN)
    time.tzset()
    try:
        for _, day in CHANGES[:2]:
            for schedule in ("30 2 * * *", "0 * * * *", "15,45 1-3 * * *"):
                named, own = (Hours(schedule=schedule, timezone=zone) for zone in (BERLIN, ""))
                assert day_of(named, day, BERLIN, days=2) == day_of(own, day, BERLIN, days=2)
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert os.environ.get("TZ") is None


DAILY = Hours(schedule="0 9 * * *", timezone=BERLIN)
NINE = at(BERLIN, 2027, 5, 3, 9, 0)
HOW = {"begins": False, "chance": 0.5, "interval": 30.0}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NINE - DAY, NINE),
        (NINE - 0.1, NINE),
        (NINE + LATE, NINE),
        (NINE + LATE + 1, NINE + DAY),
        (NINE + 3 * DAY - 1, NINE + 3 * DAY),
        (NINE + 3 * DAY + 1, NINE + 4 * DAY),
    ],
)
def test_a_missed_time_is_not_made_up(now: float, expected: float) -> None:
    """A line that is at most an hour late is said; a later one waits for the next time."""
    assert expected == DAILY.fitted(NINE, now, **HOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("early", [0, 0.1, 20, 29])
def test_a_line_that_was_said_a_little_early_is_not_said_again(early: float) -> None:
    """Clocks drift, and cron may come some seconds before the time."""
    assert NINE + DAY == DAILY.after(NINE, 30, NINE - early, **HOW)  # type: ignore[arg-type]
    assert NINE + DAY == DAILY.after(NINE - early, 30, NINE - early, **HOW)  # type: ignore[arg-type]


def test_a_late_line_does_not_move_the_next_one() -> None:
    """It is due at its own time."""
    minutely = Hours(schedule="* * * * *", timezone=BERLIN)
    assert NINE + MINUTE == minutely.after(NINE, 30, NINE + 45, **HOW)  # type: ignore[arg-type]
    assert NINE + 3 * MINUTE == minutely.after(NINE, 30, NINE + 2 * MINUTE, **HOW)  # type: ignore[arg-type]


def test_after_the_last_line_the_poem_interval_passes_at_least() -> None:
    """Then comes the next time of the schedule: a week later to the day, also where jitter made the line late."""
    how: dict[str, object] = {"begins": True, "chance": 0.5, "interval": 30.0}
    assert NINE + DAY == DAILY.after(NINE, 1.5 * HOUR, NINE, **how)  # type: ignore[arg-type]
    assert NINE + 7 * DAY == DAILY.after(NINE, 7 * DAY, NINE, **how)  # type: ignore[arg-type]
    jittered = Hours(schedule="0 9 * * *", timezone=BERLIN, jitter=0.1)
    late = NINE + 0.05 * DAY
    assert late + 7 * DAY == jittered.after(late, 7 * DAY, late, **how)  # type: ignore[arg-type]


def test_a_recitation_begins_at_a_time_of_its_own() -> None:
    """The lines after the first follow by the interval."""
    hours = Hours(poem_schedule="0 20 * * fri", timezone=BERLIN)
    friday = at(BERLIN, 2027, 5, 7, 20, 0)
    assert friday == hours.first(NINE, begins=True, chance=0.5, interval=30)
    assert friday + 30 == hours.after(friday, 30, friday, begins=False, chance=0.5, interval=30)
    assert friday + 7 * DAY == hours.after(friday + 90, 5400, friday + 90, begins=True, chance=0.5, interval=30)


def test_a_line_that_would_be_said_at_night_is_said_in_the_morning() -> None:
    """Some time after the bot wakes up: the bots of a flock are spread over their interval, 15 minutes at most."""
    hours = Hours(awake="08:00-23:00", timezone=BERLIN)
    eleven, eight = at(BERLIN, 2027, 5, 3, 23, 0), at(BERLIN, 2027, 5, 4, 8, 0)
    assert eleven - 10 == hours.after(eleven - 40, 30, eleven - 40, **HOW)  # type: ignore[arg-type]
    assert eight + 15 == hours.after(eleven - 10, 30, eleven - 10, **HOW)  # type: ignore[arg-type]
    chances = [chance_of(seed, 1) for seed in range(1000)]
    begun = [hours.after(eleven - 10, HOUR, eleven, begins=False, chance=each, interval=HOUR) for each in chances]
    assert eight <= min(begun) < eight + 5
    assert eight + 895 < max(begun) < eight + 900
    assert 990 < len({round(each, 3) for each in begun})


def test_waking_hours_may_be_shorter_than_the_spread() -> None:
    """Then the bots begin within them."""
    hours = Hours(awake="08:00-08:01", timezone=BERLIN)
    for seed in range(100):
        due = hours.first(NINE, begins=False, chance=chance_of(seed, 0), interval=HOUR)
        assert hours.is_awake(due)


def test_jitter_makes_a_pause_longer_or_shorter() -> None:
    """By up to that share of it."""
    hours = Hours(jitter=0.2)
    chances = (0.0, 0.5, 1.0)
    pauses = [hours.after(NINE, 100, NINE, begins=False, chance=each, interval=100) - NINE for each in chances]
    assert [80, 100, 120] == pauses


def test_what_the_operator_asks_for_is_said_at_any_hour() -> None:
    """A line that is due at night is due because of `flock tell now`; any other line waits for the morning."""
    hours = Hours(awake="08:00-23:00", timezone=BERLIN)
    night, eight = at(BERLIN, 2027, 5, 3, 23, 30), at(BERLIN, 2027, 5, 4, 8, 0)
    assert night == hours.held(night, night + 5, **HOW)  # type: ignore[arg-type]
    assert eight + 15 == hours.held(night - HOUR, night, **HOW)  # type: ignore[arg-type]
    assert NINE + HOUR / 2 == DAILY.held(NINE + HOUR / 2, NINE + HOUR / 2, **HOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schedule", "awake", "expected"),
    [
        ("0 3 * * *", "08:00-23:00", "schedule"),
        ("0 9 * * sun", "mon-fri 08:00-18:00", "schedule"),
        ("0 9 * * *", "08:00-23:00", ""),
    ],
)
def test_a_schedule_that_never_comes_while_the_bot_is_awake_is_found(
    schedule: str, awake: str, expected: str
) -> None:
    """Such a bot would never speak."""
    assert expected == Hours(schedule=schedule, awake=awake, timezone=BERLIN).never


def test_how_often_an_expression_comes_is_counted() -> None:
    """Within the waking hours."""
    gaps = {"0 9 * * *": DAY, "*/10 * * * *": 600, "0 9 * * mon": 7 * DAY, "0 9 1 * *": 371 * DAY / 12}
    for schedule, seconds in gaps.items():
        assert seconds == pytest.approx(Hours(schedule=schedule, timezone="UTC").gap(begins=False), rel=0.01)
    waking = Hours(schedule="*/10 * * * *", awake="12:00-24:00", timezone="UTC")
    assert 1200 == pytest.approx(waking.gap(begins=False), rel=0.01)
    noon = Hours(awake="12:00-24:00", timezone="UTC")
    assert [0.5, 1.0, 1.0] == [noon.longest_day, waking.longest_day, Hours().longest_day]


AWAKE = [
    *("08:00-23:00", "8-23", "22:00-02:00", "00:00-24:00", " 8:30 - 9:05 ", "08:00–23:00"),
    *("mon-fri 08:00-18:00", "Mon-Fri 08:00-18:00, Sat 10:00-12:00", "sat,sun 10:00-12:00", "sat sun 10-12"),
    *("fri-mon 20:00-02:00", "monday - thursday 9:00-17:00", "08:00-12:00,14:00-18:00"),
]
NOT_AWAKE = [
    *("", ",", "day", "08:00", "08:00-", "25:00-26:00", "08:60-09:00", "08:00-08:00", "24:00-08:00", "mon"),
    *("mon-fri", "foo 08:00-09:00", "m 08:00-09:00", "08:00-23:00 mon", "٠٨:٠٠-٢٣:٠٠", "8pm-9pm", "9" * 500),
]


@pytest.mark.parametrize("text", AWAKE)
def test_waking_hours_are_read_as_people_write_them(text: str) -> None:
    """They stay as they were written, without blanks around them."""
    assert text.strip() == parse_awake(text)


def test_days_go_over_the_end_of_the_week() -> None:
    """From Friday to Monday; and the night of the last one ends on Tuesday."""
    hours = Hours(awake="fri-mon 20:00-02:00", timezone="UTC")
    monday = datetime(2027, 5, 3, tzinfo=ZoneInfo("UTC")).timestamp()
    nights = [day for day in range(7) if hours.is_awake(monday + day * DAY + 21 * HOUR)]
    small_hours = [day for day in range(7) if hours.is_awake(monday + day * DAY + HOUR)]
    assert [[0, 4, 5, 6], [0, 1, 5, 6]] == [nights, small_hours]


@pytest.mark.parametrize("text", NOT_AWAKE)
def test_other_hours_are_refused_with_an_example(text: str) -> None:
    """In one line."""
    with pytest.raises(ValueError, match=r'^expected hours such as "08:00-23:00"'):
        parse_awake(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("9:00", 'such as "0 9 \\* \\* \\*"$'),
        ("0 9 * *", 'such as "0 9 \\* \\* \\*"$'),
        ("0 0 9 * * *", 'such as "0 9 \\* \\* \\*"$'),
        ("60 9 * * *", "; the minute is wrong$"),
        ("0 24 * * *", "; the hour is wrong$"),
        ("0 9 32 * *", "; the day of month is wrong$"),
        ("0 9 31 2 *", "; the day of month is wrong$"),
        ("0 9 * 13 *", "; the month is wrong$"),
        ("0 9 * * 8", "; the day of week is wrong$"),
        ("* * */20 * 1L", "; found one that never comes$"),
        ("٠ 9 * * *", "; the minute is wrong$"),
    ],
)
def test_another_expression_is_refused_with_what_is_wrong(text: str, what: str) -> None:
    """And with an example."""
    with pytest.raises(ValueError, match=f"^expected a cron expression of five fields.*{what}"):
        parse_schedule(text)


def read(parse: Callable[[str], str], text: str) -> str:
    """Return what is read, or the error."""
    try:
        return parse(text)
    except ValueError as error:
        return str(error)


@given(st.text(st.sampled_from("0123456789*/,-LW# monfri")))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    """And an expression comes again and again."""
    expression = read(parse_schedule, text)
    if not expression.startswith("expected a cron expression"):
        assert NINE < next_time(expression, BERLIN, NINE)


@given(st.text())
def test_any_text_is_hours_or_refused(text: str) -> None:
    """And a bot wakes up."""
    awake = read(parse_awake, text)
    if not awake.startswith("expected hours such as"):
        assert NINE <= Hours(awake=awake, timezone=BERLIN).wakes(NINE)


@given(
    st.one_of(
        st.text(), st.sampled_from(["Berlin", "europe", "../UTC", "/etc/passwd", "CET-1CEST", "Europe", "\0"])
    )
)
def test_any_text_is_a_time_zone_or_refused(text: str) -> None:
    """Only names that the machine knows are zones."""
    expected = "expected the name of a time zone, such as Europe/Berlin"
    found = read(parse_timezone, text)
    assert (found == text.strip() and found in ZONES) or found.startswith(expected)


@pytest.mark.parametrize(
    ("text", "meant"), [("Berlin", "Europe/Berlin"), ("lord howe", "Australia/Lord_Howe"), ("utc", "Etc/UTC")]
)
def test_a_time_zone_that_is_nearly_named_is_told(text: str, meant: str) -> None:
    """By its place alone, or in small letters."""
    assert f"expected the name of a time zone, such as {BERLIN}; did you mean {meant}?" == read(
        parse_timezone, text
    )


@given(st.integers(0, 2**128 - 1), st.integers(0, 10**9))
def test_a_chance_is_the_same_each_time(seed: int, n: int) -> None:
    """From 0 up to 1."""
    assert 0 <= chance_of(seed, n) == chance_of(seed, n) < 1
