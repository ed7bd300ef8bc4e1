"""Schedules and waking hours as the commands show them: rehearse, check, status; and as cron runs them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from flock.checks import check
from flock.errors import BadKeys
from flock.events import Said
from flock.journal import SqliteJournal
from flock.options import Options, settle_options
from flock.overview import State, look_over
from flock.rehearsal import Rehearsal
from flock.units import DAY, HOUR, MINUTE
from tests.world import World

BERLIN = "Europe/Berlin"
WriteKey = Callable[..., Path]


def options_of(folder: Path, **given: object) -> Options:
    """Return settled options with a journal beside the keys."""
    return settle_options({"state": folder / "flock.db", **given}, environment={})


def at(day: int, hour: int, minute: int = 0) -> float:
    """Return a local time in Berlin in May 2027."""
    return datetime(2027, 5, day, hour, minute, tzinfo=ZoneInfo(BERLIN)).timestamp()


def test_a_rehearsal_shows_real_times(write_key: WriteKey, tmp_path: Path) -> None:
    """It begins today at midnight, since the time of day counts."""
    write_key(schedule="0 9 * * *", timezone=BERLIN)
    rehearsal = Rehearsal(tmp_path, options_of(tmp_path))

    times = [event.at for event in rehearsal.play(posts=3) if isinstance(event, Said)]

    assert ["09:00:00"] * 3 == [
        datetime.fromtimestamp(each, ZoneInfo(BERLIN)).strftime("%H:%M:%S") for each in times
    ]
    assert 0 <= times[0] - rehearsal.start <= 25 * HOUR
    assert rehearsal.moment(times[0]).endswith(datetime.fromtimestamp(times[0]).astimezone().strftime("%H:%M:%S"))


def test_a_rehearsal_of_intervals_counts_days_as_before(write_key: WriteKey, tmp_path: Path) -> None:
    """Also with jitter, which is the same each time."""
    write_key(jitter=0.5)

    def play() -> list[float]:
        rehearsal = Rehearsal(tmp_path, options_of(tmp_path))
        assert rehearsal.moment(0.0).startswith("day 1")
        return [event.at for event in rehearsal.play(posts=6) if isinstance(event, Said)]

    assert play() == play()
    assert 30.0 != play()[1] != 0.0


@pytest.mark.parametrize(
    ("fields", "posts_a_day"),
    [
        ({"schedule": "0 9 * * *"}, 1),
        ({"schedule": "0 9,21 * * *"}, 2),
        ({"schedule": "0 9 * * mon-fri"}, 5 / 7),
        ({"schedule": "*/30 * * * *", "awake": "08:00-20:00", "poem_interval": 0}, 24),
        ({"line_interval": "1h", "poem_interval": "1h", "awake": "08:00-20:00"}, 12),
        ({"poem_schedule": "0 20 * * fri", "line_interval": "1m"}, 2 / 7),
        ({"schedule": "0 9,21 * * *", "posts_per_day": 1}, 1),
        ({"line_interval": "1h", "poem_interval": "1h", "jitter": 1}, 24),
    ],
)
def test_a_check_counts_the_posts_of_a_day_by_the_hours(
    write_key: WriteKey, tmp_path: Path, fields: dict[str, object], posts_a_day: float
) -> None:
    """And so their price. The poem has two lines."""
    write_key(timezone=BERLIN, **fields)

    (bot,) = check(tmp_path, options_of(tmp_path)).forecasts

    assert posts_a_day == pytest.approx(bot.posts_a_day, rel=0.09)
    assert bot.dollars_a_day == pytest.approx(bot.price * bot.posts_a_day)


def test_a_check_counts_longer_pauses_after_stanzas(write_key: WriteKey, tmp_path: Path) -> None:
    """Two stanzas of one line each, an hour apart."""
    write_key(line_interval="1m", poem_interval="1h", stanza_interval="1h")
    (tmp_path / "poem.txt").write_text("baa\n\nbaa again\n")

    (bot,) = check(tmp_path, options_of(tmp_path)).forecasts

    assert (24, 2 * HOUR) == (bot.posts_a_day, bot.cycle.seconds)


def test_a_status_shows_the_next_time_and_until_when_a_bot_sleeps(write_key: WriteKey, tmp_path: Path) -> None:
    """A missed line is not due any more. The time is told in the zone of the schedule, too."""
    file = write_key(schedule="0 9 * * *", awake="08:00-23:00", timezone=BERLIN)
    options = options_of(tmp_path)
    journal = SqliteJournal(tmp_path / "flock.db")
    world = World(tmp_path, journal=journal, options=options)
    world.clock.advance_to(at(3, 12))
    world.context.options = options
    sheep = world.raise_sheep("dolly")
    assert file.exists()

    night = look_over(tmp_path, options, now=at(4, 2), midnight=at(4, 0)).bots[0]
    missed = look_over(tmp_path, options, now=at(5, 14), midnight=at(5, 0)).bots[0]
    journal.close()

    assert at(4, 9) == sheep.due == night.due
    assert (State.ASLEEP, at(4, 8)) == (night.state, night.until)
    assert ("2027-05-04T09:00:00+02:00", BERLIN) == (night.as_dict()["next_at_local"], night.as_dict()["timezone"])
    assert (at(6, 9), None) == (missed.due, missed.until)


@pytest.mark.parametrize("second", [0, 20, 59])
def test_cron_says_the_first_line_of_a_new_bot_at_its_time(world: World, second: int) -> None:
    """Each run is a process of its own, and comes a little late."""
    world.clock.advance_to(at(4, 8, 50))
    said = []
    for minute in range(20):
        world.clock.advance_to(at(4, 8, 50) + minute * MINUTE + second)
        world.anew()
        sheep = world.raise_sheep(lines=5, schedule="0,5 9 * * *", timezone=BERLIN)
        if sheep.is_due():
            sheep.beat()
            said.append(world.clock.now() - at(4, 9))

    assert [[0, 300], [20, 320], [-1, 299]][(0, 20, 59).index(second)] == said
    assert ["dolly 0", "dolly 1"] == world.stage().posts


def test_an_option_that_leaves_a_bot_no_time_is_told_with_its_file(write_key: WriteKey, tmp_path: Path) -> None:
    """The schedule is the key file's, and the hours are the options'."""
    write_key(schedule="0 3 * * *")
    with pytest.raises(
        BadKeys, match=r"dolly\.json: schedule: expected times at which the bot is awake \(08:00-23:00\)"
    ):
        Rehearsal(tmp_path, options_of(tmp_path, awake="08:00-23:00"))


def test_a_year_of_mornings_is_rehearsed(write_key: WriteKey, tmp_path: Path) -> None:
    """Each day once, over both changes of the clock."""
    write_key(schedule="30 2 * * *", timezone=BERLIN)
    rehearsal = Rehearsal(tmp_path, options_of(tmp_path))

    times = [event.at for event in rehearsal.play(seconds=366 * DAY) if isinstance(event, Said)]

    days = [datetime.fromtimestamp(each, ZoneInfo(BERLIN)).date() for each in times]
    assert 365 <= len(days) == len(set(days)) <= 367
    assert days == sorted(days)
