"""What a sheep does about what a network answers."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable

import pytest

from flock.errors import (
    AppRefused,
    ClockWrong,
    DailyLimit,
    Duplicate,
    JournalError,
    Locked,
    LooksAutomated,
    NetworkError,
    OutcomeUnknown,
    OutOfCredits,
    Pen,
    RateLimited,
    Refused,
    Suspended,
    TooLong,
    Unauthorized,
    Unavailable,
    Wait,
)
from flock.events import BackingOff, Penned, Released, Silenced, Skipped, SpeaksAgain, Unsure, Waiting
from flock.journal import MemoryJournal, Record, Settlement
from flock.observers.wording import describe
from flock.options import Options
from tests.sheep.conftest import START, World


def test_a_rate_limit_is_waited_out_until_its_reset(world: World) -> None:
    """No request before the reset; the line that was refused comes first, and the waiting is told once."""
    sheep = world.raise_sheep(lines=100)
    world.live(0, sheep)
    world.stage().trouble += [RateLimited("slow down", until=START + 1000)] * 2

    world.live(2000, sheep)

    assert not [time for time in world.stage().tries if START + 60 < time < START + 1000]
    assert ["dolly 0", "dolly 1", "dolly 2"] == world.stage().posts[:3]
    assert 1 == len(world.told(Waiting))


@pytest.mark.parametrize("kind", [DailyLimit, LooksAutomated, OutOfCredits, ClockWrong])
def test_what_takes_hours_is_waited_out_for_hours(world: World, kind: type[Wait]) -> None:
    """A daily limit or an empty purse costs a request every few hours, and one line in the log."""
    sheep = world.raise_sheep()
    sheep_stage = world.stage()
    sheep_stage.always = kind("come back later")

    world.live(86400, sheep)

    assert 2 <= len(sheep_stage.tries) <= 12
    assert 1 == len(world.told(Waiting))


@pytest.mark.parametrize("kind", [Unavailable, OutcomeUnknown])
def test_an_unwell_network_is_tried_ever_more_seldom(world: World, kind: type[NetworkError]) -> None:
    """From seconds up to a quarter of an hour; the line is kept."""
    sheep = world.raise_sheep()
    world.stage().always = kind("503")
    world.live(86400, sheep)
    tries = world.stage().tries
    world.stage().always = None
    world.live(901, sheep)

    pauses = [later - before for before, later in itertools.pairwise(tries)]
    assert pauses[0] < 3
    assert max(pauses) == pytest.approx(900)
    assert len(tries) < 120
    assert "dolly 0" == world.stage().posts[0]


@pytest.mark.parametrize("error", [TooLong("186"), Duplicate("187"), Refused("no")])
def test_a_text_that_is_not_taken_is_skipped(world: World, error: NetworkError) -> None:
    """The sheep says so and goes on with its next line, in time."""
    sheep = world.raise_sheep(lines=10)
    world.stage().trouble = [None, error]

    world.live(130, sheep)

    assert ["dolly 0", "dolly 2"] == world.stage().posts
    assert [START, START + 120] == world.stage().times
    assert ["dolly 1"] == [event.text for event in world.told(Skipped) if isinstance(event, Skipped)]


def test_a_network_that_refuses_everything_does_not_eat_the_poem(world: World) -> None:
    """Two refused lines are skipped; then it is the network's rules that have changed, and the third is kept."""
    sheep = world.raise_sheep(lines=10)
    world.stage().always = Refused("that is no way to ask")
    world.live(3600, sheep)
    world.stage().always = None
    world.live(901, sheep)

    assert 2 == len(world.told(Skipped))
    assert "dolly 2" == world.stage().posts[0]


@pytest.mark.parametrize(("kind", "tries"), [(Suspended, 1), (Locked, 1), (Unauthorized, 3), (AppRefused, 3)])
def test_a_sheep_whose_account_is_closed_is_penned(world: World, kind: type[Pen], tries: int) -> None:
    """It stops with one loud line that says what to do, and costs the network three tries at most."""
    sheep = world.raise_sheep()
    world.stage().always = kind("403")

    world.live(7 * 86400, sheep)

    assert tries == len(world.stage().tries)
    (penned,) = world.told(Penned)
    assert isinstance(penned, Penned)
    assert kind.advice in describe(penned)


def test_a_penned_sheep_comes_out_when_its_key_file_changes(world: World) -> None:
    """The operator saves a new token; the sheep goes on with the line it was at."""
    sheep = world.raise_sheep()
    world.stage().always = Unauthorized("401")
    world.live(3600, sheep)
    world.stage().always = None

    os.utime(sheep.json_file, (1, 1))
    world.live(10, sheep)

    assert ["dolly 0"] == world.stage().posts
    assert 1 == len(world.told(Released))


def test_a_penned_sheep_comes_out_when_the_shepherd_calls(world: World) -> None:
    """SIGHUP gives it as many tries as before, and no more."""
    sheep = world.raise_sheep()
    world.stage().always = Suspended("403")
    world.live(3600, sheep)

    world.commons.calls += 1
    world.live(3600, sheep)

    assert 2 == len(world.stage().tries)
    assert 2 == len(world.told(Penned))


def test_a_penned_sheep_with_a_broken_key_file_stays_in(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A typo made while mending the key is told, and does not end the sheep."""
    sheep = world.raise_sheep()
    world.stage().always = Suspended("403")
    world.live(60, sheep)
    text = sheep.json_file.read_text()

    sheep.json_file.write_text(text[:-1])
    world.live(60, sheep)
    sheep.json_file.write_text(text + "\n")
    world.stage().always = None
    world.live(60, sheep)

    assert any("broken JSON" in record.message for record in caplog.records)
    assert ["dolly 0"] == world.stage().posts


def test_an_app_that_is_refused_is_told_loudly_once(world: World) -> None:
    """All bots of one app are refused: one loud line for the flock, and a quiet one for each other bot."""
    flock = [world.raise_sheep(name) for name in ("ann", "ben", "cat")]
    for stage in world.stages.by_name.values():
        stage.always = AppRefused("453")

    world.live(3600, *flock)

    assert [False, True, True] == [event.with_its_app for event in world.told(Penned) if isinstance(event, Penned)]


def test_a_pen_is_remembered_over_a_restart(world: World) -> None:
    """Under cron, each minute is a restart: a closed account costs three tries, not three a minute."""
    for _ in range(10):
        sheep = world.raise_sheep()
        world.stage().always = Unauthorized("401")
        world.live(3600, sheep)
        world.anew()

    assert 3 == len(world.stage().tries)


def test_nothing_is_posted_without_a_journal(make_world: Callable[..., World]) -> None:
    """While the disk is full nothing is said; it is told once; afterwards every line comes, and none twice."""

    class FullDisk(MemoryJournal):
        full = False

        def intend(self, record: Record, text: str, at: float) -> None:
            if self.full:
                raise JournalError("the disk is full")
            super().intend(record, text, at)

        def settle(self, settlement: Settlement, record: Record) -> None:
            if self.full:
                raise JournalError("the disk is full")
            super().settle(settlement, record)

    journal = FullDisk()
    world = make_world(journal=journal)
    flock = [world.raise_sheep(name, lines=100) for name in ("ann", "ben")]
    world.live(130, *flock)
    said_before = len(world.stage("ann").posts)

    journal.full = True
    world.live(3600, *flock)
    said_without = len(world.stage("ann").posts)
    journal.full = False
    world.live(1800, *flock)

    posts = world.stage("ann").posts
    assert said_before == said_without < len(posts)
    assert [f"ann {line}" for line in range(len(posts))] == posts
    assert (1, 1) == (len(world.told(Silenced)), len(world.told(SpeaksAgain)))


def test_a_post_that_cannot_be_settled_is_settled_before_the_next(make_world: Callable[..., World]) -> None:
    """The disk fills up between the post and its settlement: the line is out, and is not said again."""

    class FillsUp(MemoryJournal):
        left = 1

        def settle(self, settlement: Settlement, record: Record) -> None:
            self.left -= 1
            if -3 < self.left < 0:
                raise JournalError("the disk is full")
            super().settle(settlement, record)

    world = make_world(journal=FillsUp())
    sheep = world.raise_sheep(lines=100)

    world.live(300, sheep)

    posts = world.stage().posts
    assert len(posts) >= 4
    assert [f"dolly {line}" for line in range(len(posts))] == posts


def test_a_cap_holds_for_the_bot_over_restarts(make_world: Callable[..., World]) -> None:
    """Ten posts in any 24 hours, whoever restarts what."""
    world = make_world(options=Options(posts_per_day=10))
    for _ in range(5):
        world.live(9 * 3600, world.raise_sheep(lines=1000))
        world.anew()

    times = world.stage().times
    assert 20 == len(times)
    assert all(later - before >= 86400 for before, later in zip(times, times[10:], strict=False))


def test_the_flocks_cap_holds_for_all_bots_together(make_world: Callable[..., World]) -> None:
    """The bill is capped: so many posts a day by all of them, and the key's own cap besides."""
    world = make_world(options=Options(flock_posts_per_day=30))
    flock = [world.raise_sheep("ann", lines=1000, posts_per_day=5), world.raise_sheep("ben", lines=1000)]

    world.live(86400 - 1, *flock)

    assert 5 == len(world.stage("ann").posts)
    assert 25 == len(world.stage("ben").posts)


def test_what_nothing_can_tell_is_left_unknown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No timeline, no check for duplicates: the line is not said again; it is counted, and the sheep goes on."""
    sheep = world.raise_sheep(lines=10)
    stage = world.stage()
    stage.trouble = [None, OutcomeUnknown("no answer")]

    def refuse(since_id: str | None = None) -> list[object]:
        raise Refused("403")

    monkeypatch.setattr(stage, "recent", refuse)
    world.live(130, sheep)

    assert ["dolly 0", "dolly 2"] == stage.posts
    assert ["dolly 1"] == [event.text for event in world.told(Unsure) if isinstance(event, Unsure)]


def test_a_long_outage_is_no_flood_of_lines(world: World) -> None:
    """A day of 503s is a warning now and then, not one a try."""
    sheep = world.raise_sheep()
    world.stage().always = Unavailable("503")

    world.live(86400, sheep)

    loud = [event for event in world.told(BackingOff) if event.level >= 30]
    assert 1 <= len(loud) < len(world.told(BackingOff)) / 4
