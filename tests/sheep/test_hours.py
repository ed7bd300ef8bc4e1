"""Sheep with schedules and waking hours: on virtual time, over restarts, downtimes, and changes of the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import simplejson as json

from flock.errors import BadKeys, RateLimited
from flock.events import Birthday
from flock.journal import SqliteJournal, Verb
from flock.keys import read_key
from flock.options import Options
from flock.sheep.keyfile import KeyFile
from flock.sheep.renewal import Renewal
from flock.sheep.sheep import Sheep
from flock.units import DAY, HOUR, MINUTE
from tests.world import START, World

BERLIN = "Europe/Berlin"


def at(day: int, hour: int, minute: int = 0, *, zone: str = BERLIN, month: int = 5) -> float:
    """Return a local time in 2027."""
    return datetime(2027, month, day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp()


def tell(world: World, sheep: Sheep, verb: Verb) -> None:
    """Tell the bot to do this, as `flock tell` and the herd do it, and let it do what it can now."""
    world.journal.give([sheep.bot], verb, None, at=world.clock.wall())
    sheep.hear(world.journal.commands())
    sheep.attend()


def clock_times(times: list[float], zone: str = BERLIN) -> list[str]:
    """Return times as the clock on the wall shows them."""
    return [datetime.fromtimestamp(each, ZoneInfo(zone)).strftime("%d %H:%M:%S") for each in times]


@pytest.fixture
def spring(world: World) -> World:
    """Return a world on a Monday in May, at noon in Berlin."""
    world.clock.advance_to(at(3, 12))
    return world


def test_a_line_comes_each_morning(spring: World) -> None:
    """The first one, too; after the last line the poem begins again the next morning."""
    sheep = spring.raise_sheep(lines=2, schedule="0 9 * * *", timezone=BERLIN)

    spring.live(4 * DAY, sheep)

    assert [f"{day:02} 09:00:00" for day in (4, 5, 6, 7)] == clock_times(spring.stage().times)
    assert ["dolly 0", "dolly 1"] * 2 == spring.stage().posts
    rests = [event.rest for event in spring.told(Birthday) if isinstance(event, Birthday)]
    assert [DAY, DAY] == rests


def test_a_recitation_begins_on_friday_evening(spring: World) -> None:
    """Its lines follow by the interval."""
    sheep = spring.raise_sheep(lines=3, poem_schedule="0 20 * * fri", timezone=BERLIN)

    spring.live(14 * DAY, sheep)

    expected = [f"{day:02} 20:0{minute}:00" for day in ("07", "14") for minute in range(3)]
    assert expected == clock_times(spring.stage().times)


def test_a_bot_sleeps_at_night(spring: World) -> None:
    """It goes on in the morning, some time after it wakes up."""
    sheep = spring.raise_sheep(lines=100, intervals=(HOUR, HOUR), awake="08:00-23:00", timezone=BERLIN)

    spring.live(DAY, sheep)

    times = spring.stage().times
    assert [f"03 {hour}:00:00" for hour in range(12, 23)] == clock_times(times[:11])
    assert at(4, 8) <= times[11] < at(4, 8, 15)
    assert times[11] + HOUR == times[12]
    assert 11 + 5 >= len(times)


def test_bots_wake_up_spread(spring: World) -> None:
    """Each at a moment of its own."""
    hours: dict[str, Any] = {"awake": "08:00-23:00", "timezone": BERLIN}
    flock = [spring.raise_sheep(f"bot_{n}", lines=100, intervals=(60, 60), **hours) for n in range(20)]

    spring.live(DAY, *flock)

    first = [next(time for time in spring.stage(f"bot_{n}").times if time > at(4, 0)) for n in range(20)]
    assert 18 <= len({round(time) for time in first})
    assert at(4, 8) <= min(first)
    assert max(first) < at(4, 8, 1)


def test_the_options_hold_where_the_key_file_says_nothing(spring: World) -> None:
    """An interval in the key file overrides a schedule of the options."""
    spring.options = Options(schedule="0 9 * * *", timezone=BERLIN, awake="06:00-22:00")
    spring.anew()
    by_option = spring.raise_sheep("ann", lines=9)
    by_key = spring.raise_sheep("ben", lines=9, schedule="30 7 * * *")
    by_interval = spring.raise_sheep("cat", lines=9, line_interval="6h")

    spring.live(DAY, by_option, by_key, by_interval)

    assert ["04 09:00:00"] == clock_times(spring.stage("ann").times)
    assert ["04 07:30:00"] == clock_times(spring.stage("ben").times)
    assert ["03 12:00:00", "03 18:00:00"] == clock_times(spring.stage("cat").times)[:2]


@pytest.mark.parametrize(
    ("down", "up", "expected"),
    [
        ((4, 8, 59), (4, 9, 1), ["04 09:01:00", "05 09:00:00"]),
        ((4, 8, 59), (4, 9, 59), ["04 09:59:00", "05 09:00:00"]),
        ((4, 8, 59), (4, 14, 0), ["05 09:00:00"]),
        ((4, 8, 59), (7, 8, 0), ["07 09:00:00"]),
        ((4, 9, 1), (5, 8, 59), ["04 09:00:00", "05 09:00:00"]),
    ],
)
def test_a_flock_that_was_down_makes_up_for_no_missed_morning(
    spring: World, down: tuple[int, int, int], up: tuple[int, int, int], expected: list[str]
) -> None:
    """A line that is late by an hour at most is said once; later than that, it waits for the next time."""
    sheep = spring.raise_sheep(lines=9, schedule="0 9 * * *", timezone=BERLIN)
    spring.live(at(*down) - spring.clock.now(), sheep)
    spring.clock.advance_to(at(*up))
    spring.anew()

    sheep = spring.raise_sheep(lines=9)
    spring.live(at(up[0] + 1, 10) - spring.clock.now(), sheep)

    times = [time for time in clock_times(spring.stage().times) if time <= f"{up[0] + 1:02} 10"]
    assert expected == times[: len(expected)]
    assert [f"dolly {line}" for line in range(len(times))] == spring.stage().posts


def test_a_process_that_slept_through_a_morning_waits_for_the_next(spring: World) -> None:
    """As a laptop that was closed: the thread wakes up hours later."""
    sheep = spring.raise_sheep(lines=9, schedule="0 9 * * *", timezone=BERLIN)
    spring.clock.advance_to(at(4, 14))

    spring.live(DAY, sheep)

    assert ["05 09:00:00"] == clock_times(spring.stage().times)


@pytest.mark.parametrize("clock_set", [-HOUR, HOUR, -3 * DAY])
def test_a_clock_that_is_set_moves_the_line_with_it(spring: World, clock_set: float) -> None:
    """A schedule is by the clock on the wall. A sheep that wakes up too early sleeps on."""
    sheep = spring.raise_sheep(lines=9, schedule="0 9 * * *", timezone=BERLIN)
    spring.live(HOUR, sheep)

    spring.clock.skew = clock_set
    spring.live(max(0.0, at(4, 9) - clock_set - spring.clock.now()) + 1, sheep)
    spring.live(DAY, sheep)

    times = [time + clock_set for time in spring.stage().times]
    assert [] == [time for time in clock_times(times) if not time.endswith("09:00:00") and clock_set < 0]
    assert len(set(clock_times(times))) == len(times) >= 1


DAILY = {"schedule": "0 9 * * *"}
BY_DAY = {"awake": "08:00-23:00", "line_interval": "1h"}


@pytest.mark.parametrize(
    ("fields", "when", "clock_set", "expected"),
    [
        (DAILY, at(3, 13), 6 * HOUR, (at(4, 9), at(4, 9))),
        (DAILY, at(3, 13), -HOUR, (at(4, 9), at(4, 9))),
        (DAILY, at(3, 13), -5 * HOUR, (at(3, 9), at(3, 9))),
        (DAILY, at(3, 13), 20.5 * HOUR, (at(4, 9, 30), at(4, 9, 30))),
        (DAILY, at(3, 13), 30 * HOUR, (at(5, 9), at(5, 9))),
        (DAILY, at(3, 13), -30 * DAY, (at(3, 9, month=4) + DAY, at(3, 9, month=4) + DAY)),
        (BY_DAY, at(3, 13), 2 * HOUR, (at(3, 16), at(3, 16))),
        (BY_DAY, at(3, 13), -3 * DAY, (at(3, 14) - 3 * DAY, at(3, 14) - 3 * DAY)),
        (BY_DAY, at(3, 13), 12 * HOUR, (at(4, 8), at(4, 8, 15))),
        (BY_DAY, at(4, 2), 3 * HOUR, (at(4, 8), at(4, 8, 15))),
        (BY_DAY, at(4, 2), 8 * HOUR, (at(4, 10), at(4, 10, 15))),
        (BY_DAY, at(4, 2), -5 * HOUR, (at(3, 21), at(3, 21, 15))),
        (BY_DAY, at(4, 2), -3 * DAY, (at(1, 8), at(1, 8, 15))),
        ({"jitter": 0.1, "line_interval": "1h"}, at(3, 13), 3 * DAY, (at(6, 13, 54), at(6, 14, 6))),
    ],
)
def test_a_sheep_that_is_woken_since_the_clock_was_set_sleeps_until_its_time(
    spring: World, fields: dict[str, Any], when: float, clock_set: float, expected: tuple[float, float]
) -> None:
    """By the clock on the wall, as it is now. An interval goes on as it was."""
    sheep = spring.raise_sheep(lines=99, timezone=BERLIN, **fields)
    spring.live(when - spring.clock.now(), sheep)
    posts = len(spring.stage().times)

    spring.clock.skew = clock_set
    for _ in range(3):
        sheep.sleep()
        sheep.beat()

    said = spring.stage().times[posts] + clock_set
    assert expected[0] <= round(said, 3) <= expected[1]
    assert posts < len(spring.stage().times) <= posts + 3


def test_a_line_under_way_is_finished_whatever_the_clock_says(spring: World) -> None:
    """The parts of a line follow each other, and a post without an answer is looked for when that was due."""
    (spring.folder / "dolly.txt").write_text(" ".join(["word"] * 150))
    sheep = spring.raise_sheep(lines=9, schedule="0 9 * * *", timezone=BERLIN)
    spring.live(at(4, 9) - spring.clock.now(), sheep)
    assert 1 == len(spring.stage().posts)

    spring.clock.skew = 12 * HOUR
    sheep.sleep()

    assert at(4, 9) + 3 == spring.clock.now()


def test_a_trouble_that_lasts_into_the_night_is_over_in_the_morning(spring: World) -> None:
    """No line is said while the bot sleeps."""
    sheep = spring.raise_sheep(lines=99, intervals=(HOUR, HOUR), awake="08:00-23:00", timezone=BERLIN)
    spring.live(at(3, 21, 30) - spring.clock.now(), sheep)
    spring.stage().trouble = [RateLimited("slow down", until=at(4, 2))]

    spring.live(DAY, sheep)

    nights = [time for time in clock_times(spring.stage().times) if not "08" <= time[3:5] < "23"]
    assert [] == nights
    posts = spring.stage().posts
    assert [f"dolly {line}" for line in range(len(posts))] == posts


def test_a_bot_that_is_told_now_speaks_at_night_and_keeps_its_schedule(spring: World) -> None:
    """The operator knows best; the next line comes at its time."""
    sheep = spring.raise_sheep(lines=9, schedule="0 9 * * *", awake="08:00-23:00", timezone=BERLIN)
    spring.live(at(4, 2) - spring.clock.now(), sheep)

    tell(spring, sheep, Verb.NOW)
    spring.live(DAY, sheep)

    assert ["04 02:00:00", "04 09:00:00"] == clock_times(spring.stage().times)


@pytest.mark.parametrize("verb", [Verb.SKIP, Verb.TOP, Verb.AGAIN])
def test_what_else_a_bot_is_told_waits_for_its_time(spring: World, verb: Verb) -> None:
    """Only the text of the next line changes."""
    sheep = spring.raise_sheep(lines=9, schedule="0 9 * * *", timezone=BERLIN)
    spring.live(DAY, sheep)

    tell(spring, sheep, verb)
    spring.live(DAY, sheep)

    assert ["04 09:00:00", "05 09:00:00"] == clock_times(spring.stage().times)
    text = {Verb.SKIP: "dolly 2", Verb.TOP: "dolly 0", Verb.AGAIN: "dolly 0"}[verb]
    assert text == spring.stage().posts[-1]


def test_a_bot_that_was_paused_goes_on_at_the_next_time(spring: World) -> None:
    """And not in the moment at which it is told to."""
    sheep = spring.raise_sheep(lines=9, schedule="0 9 * * *", timezone=BERLIN)
    spring.live(HOUR, sheep)
    tell(spring, sheep, Verb.PAUSE)
    spring.clock.advance_to(at(6, 15))

    tell(spring, sheep, Verb.RESUME)
    spring.live(DAY, sheep)

    assert ["07 09:00:00"] == clock_times(spring.stage().times)


def test_a_schedule_that_was_changed_holds_from_the_next_start_on(spring: World) -> None:
    """The due time of the old interval does not count any more."""
    sheep = spring.raise_sheep(lines=9, intervals=(6 * HOUR, HOUR))
    spring.live(HOUR, sheep)
    (spring.folder / "dolly.json").unlink()
    spring.anew()

    sheep = spring.raise_sheep(lines=9, schedule="0 9 * * *", timezone=BERLIN)
    spring.live(DAY, sheep)

    assert ["03 12:00:00", "04 09:00:00"] == clock_times(spring.stage().times)


def test_a_cap_holds_a_scheduled_line_back_until_the_next_time_after_it(spring: World) -> None:
    """Two posts a day, of three that are due."""
    sheep = spring.raise_sheep(lines=99, schedule="0 9,10,11 * * *", timezone=BERLIN, posts_per_day=2)

    spring.live(3 * DAY, sheep)

    times = clock_times(spring.stage().times)
    assert all(time[3:] in ("09:00:00", "10:00:00", "11:00:00") for time in times)
    assert [2, 2, 2] == [sum(time.startswith(day) for time in times) for day in ("04", "05", "06")]


def test_a_cap_is_spread_over_the_hours_awake(spring: World) -> None:
    """24 posts a day in twelve hours are one in half an hour."""
    hours: dict[str, Any] = {"awake": "08:00-20:00", "timezone": BERLIN, "posts_per_day": 24}
    sheep = spring.raise_sheep(lines=99, intervals=(60, 60), **hours)

    spring.live(3 * DAY, sheep)

    day = [time for time in spring.stage().times if at(5, 0) < time < at(6, 0)]
    assert 22 <= len(day) <= 24
    assert day[-1] - day[0] > 11 * HOUR


def test_a_longer_pause_follows_a_stanza(spring: World) -> None:
    """The lines of a stanza come by the line interval."""
    (spring.folder / "dolly.txt").write_text("a\nb\n\nc\n\n\nd\ne\n")
    sheep = spring.raise_sheep(intervals=(60, 3600), stanza_interval="10m")

    spring.live(HOUR, sheep)

    assert [0, 1, 11, 21, 22] == [(time - at(3, 12)) / MINUTE for time in spring.stage().times]
    assert ["a", "b", "c", "d", "e"] == spring.stage().posts


def test_where_stanzas_are_said_in_one_go_there_is_no_longer_pause(spring: World) -> None:
    """Each of them is a line, as it were."""
    (spring.folder / "dolly.txt").write_text("a\nb\n\nc\n")
    sheep = spring.raise_sheep(intervals=(60, 3600), stanza_interval="10m", say="stanzas")

    spring.live(HOUR, sheep)

    assert [0, 1] == [(time - at(3, 12)) / MINUTE for time in spring.stage().times[:2]]


def test_a_schedule_outside_the_waking_hours_is_refused(spring: World) -> None:
    """Such a bot would never speak."""
    with pytest.raises(BadKeys, match=r"dolly.json: schedule: expected times at which the bot is awake"):
        spring.raise_sheep(schedule="0 3 * * *", awake="08:00-23:00", timezone=BERLIN)


def test_a_bot_of_several_posts_a_line_finishes_its_line_in_the_night(spring: World) -> None:
    """What was begun is finished, also past the hour."""
    long = " ".join(["word"] * 150)
    (spring.folder / "dolly.txt").write_text(f"{long}\nb\n")
    sheep = spring.raise_sheep(intervals=(60, 60), schedule="59 22 * * *", awake="08:00-23:00", timezone=BERLIN)
    spring.live(at(3, 22, 59) - spring.clock.now(), sheep)
    spring.clock.advance_to(at(3, 23, 0))

    spring.live(MINUTE, sheep)

    assert 3 == len(spring.stage().posts)
    assert START < spring.clock.now()


class Killed(BaseException):
    """The process was killed."""


CHANGES = [  # the zone, the day, and how many half hours from 00:00 to 05:00 there are
    (BERLIN, (2027, 3, 28), 8),
    (BERLIN, (2027, 10, 31), 12),
    ("America/Havana", (2028, 3, 12), 8),
    ("America/Havana", (2028, 11, 5), 12),
    ("Australia/Lord_Howe", (2027, 10, 3), 9),
    ("Australia/Lord_Howe", (2027, 4, 4), 11),
]


@pytest.mark.parametrize("moment", ["before it", "in its midst", "after it"])
@pytest.mark.parametrize("change", CHANGES)
def test_each_line_is_said_once_though_the_flock_is_killed_while_the_clock_changes(
    make_world: Callable[..., World], tmp_path: Path, change: tuple[str, tuple[int, int, int], int], moment: str
) -> None:
    """At each due time: a second before it, after the network has the post and before its answer, or after it."""
    zone, day, half_hours = change
    world = make_world(journal=SqliteJournal(tmp_path / "flock.db"))
    end = datetime(*day, 5, tzinfo=ZoneInfo(zone)).timestamp()
    midnight = datetime(*day, tzinfo=ZoneInfo(zone)).timestamp()
    world.clock.advance_to(midnight - 1)
    sheep = world.raise_sheep(lines=99, schedule="*/30 * * * *", timezone=zone)
    due = []
    while sheep.due < end:
        due.append(sheep.due)
        if moment == "in its midst":
            world.stage().stores_first, world.stage().trouble = True, [Killed()]  # type: ignore[list-item]
            world.clock.advance_to(sheep.due)
            with pytest.raises(Killed):
                sheep.beat()
        else:
            world.live(sheep.due - world.clock.now() - (moment == "before it"), sheep)
        world.anew()
        sheep = world.raise_sheep(lines=99)
        world.live(15 * MINUTE, sheep)
    world.journal.close()

    assert [f"dolly {line}" for line in range(half_hours)] == world.stage().posts
    assert due == [time - time % 1800 for time in world.stage().times]
    assert {0} == {time % 1800 for time in due}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"schedule": "0 18 * * *"}, ["03 18:00:00", "04 18:00:00"]),
        ({"schedule": "0 9 * * sat"}, ["08 09:00:00"]),
        ({"schedule": "*/30 * * * *"}, ["03 13:30:00", "03 14:00:00"]),
        ({"line_interval": "10h"}, ["03 23:00:00", "04 09:00:00"]),
    ],
)
def test_a_schedule_that_is_changed_while_the_bot_is_out_holds_at_once(
    spring: World, fields: dict[str, str], expected: list[str]
) -> None:
    """As at SIGHUP. Without a schedule, the next line comes after an interval at most."""
    sheep = spring.raise_sheep(lines=9, schedule="0 9 * * *", timezone=BERLIN)
    spring.live(HOUR, sheep)
    file = spring.folder / "dolly.json"
    key = json.loads(file.read_text())
    del key["schedule"]
    file.write_text(json.dumps({**key, **fields}))

    sheep.renew(Renewal(read_key(file), KeyFile(file)))
    assert sheep.attend()
    spring.live(6 * DAY, sheep)

    assert expected == clock_times(spring.stage().times)[: len(expected)]
