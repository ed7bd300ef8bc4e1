"""Sheep whose posts a day are capped, on virtual time: spread over the day, and no trouble to anybody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from flock.errors import JournalError, NetworkError, OutcomeUnknown, Suspended, Unavailable
from flock.events import Birthday, GoneQuiet, Paced, Waiting
from flock.journal import WELL, MemoryJournal, Place, Standing
from flock.observers.wording import describe
from flock.options import Options
from flock.sheep.sheep import Sheep
from flock.units import DAY, HOUR, MINUTE
from flock.watch import Watch, snapshot
from tests.world import START, World

MakeWorld = Callable[..., World]


def hours(world: World, name: str = "dolly") -> list[float]:
    """Return when the bot has posted, in hours."""
    return [round((time - START) / HOUR, 3) for time in world.stage(name).times]


def gaps(times: list[float]) -> set[float]:
    """Return the hours between two posts."""
    return {round(later - before, 3) for before, later in pairwise(times)}


@pytest.mark.parametrize("hours_of_a_run", [0.5, 8, 48])
def test_capped_posts_are_spread_over_the_day_also_over_restarts(
    make_world: MakeWorld, hours_of_a_run: float
) -> None:
    """One each 72 minutes, however often the process is another one."""
    world = make_world(options=Options(posts_per_day=20))
    for _ in range(int(48 / hours_of_a_run)):
        world.live(hours_of_a_run * HOUR - 1, world.raise_sheep(lines=1000))
        world.clock.advance_to(world.clock.now() + 1)
        world.anew()

    assert 40 == len(hours(world))
    assert {1.2} == gaps(hours(world))


def test_runs_of_cron_keep_the_spread(make_world: MakeWorld) -> None:
    """Each minute another process, which posts what is due; none waits for what is not."""
    world = make_world(options=Options(posts_per_day=48))
    for minute in range(8 * 60):
        world.clock.advance_to(START + minute * MINUTE + minute % 7)
        sheep = world.raise_sheep(lines=1000)
        if sheep.is_due():
            sheep.beat()
        world.anew()

    assert 16 == len(hours(world))
    assert all(0.47 <= gap <= 0.53 for gap in gaps(hours(world)))


def test_a_poem_that_keeps_to_its_cap_keeps_its_rhythm(make_world: MakeWorld) -> None:
    """Four lines a minute apart, twice a day, of at most ten."""
    world = make_world(options=Options(posts_per_day=10))
    sheep = world.raise_sheep(lines=4, intervals=(60, 12 * HOUR))

    world.live(DAY, sheep)

    assert [0, 60, 120, 180, 180 + 12 * HOUR] == [time - START for time in world.stage().times[:5]]
    assert [] == world.told(Paced)


def test_a_rest_does_not_add_to_the_waits(make_world: MakeWorld) -> None:
    """The lines come so much earlier that the cap is used."""
    world = make_world(options=Options(posts_per_day=24))
    sheep = world.raise_sheep(lines=4, intervals=(60, 2.5 * HOUR))

    world.live(10 * DAY - 1, sheep)

    assert 240 == len(hours(world))
    assert {0.5, 2.5} == gaps(hours(world))
    assert {2.5 * HOUR} == {event.rest for event in world.told(Birthday) if isinstance(event, Birthday)}


def test_all_posts_of_a_line_are_made_at_once(make_world: MakeWorld) -> None:
    """Also where the cap has room for a part of it only: then the line begins later."""
    world = make_world(options=Options(posts_per_day=8))
    world.folder.joinpath("dolly.txt").write_text("\n".join(["baa " * 180 + str(line) for line in range(9)]))
    sheep = world.raise_sheep()

    world.live(5 * DAY, sheep)

    times = [time - START for time in world.stage().times]
    lines = [times[at : at + 3] for at in range(0, len(times) - 2, 3)]
    assert {6.0} == {line[-1] - line[0] for line in lines}
    assert all(later - before >= DAY for before, later in zip(times, times[8:], strict=False))
    assert 5 * (8 // 3) == len(lines)


def test_a_line_of_more_posts_than_the_cap_goes_on_day_by_day(make_world: MakeWorld) -> None:
    """A run of cron does not wait for that."""
    world = make_world(options=Options(posts_per_day=2))
    world.folder.joinpath("dolly.txt").write_text("baa " * 180 + "\nboo")
    sheep = world.raise_sheep()

    world.live(HOUR, sheep)
    assert (2, False) == (len(hours(world)), sheep.is_within_a_line)
    world.live(DAY, sheep)

    assert 3 == len(hours(world))


def test_a_bot_that_waits_for_its_cap_is_neither_quiet_nor_in_trouble(make_world: MakeWorld) -> None:
    """It is told once a day until when it waits; the rest is for those who look closely."""
    world = make_world(options=Options(posts_per_day=20))
    sheep = world.raise_sheep(lines=1000)
    watch = Watch()
    for _ in range(2 * 24 * 60):
        world.live(MINUTE, sheep)
        now, wall = world.clock.now(), world.clock.wall()
        assert [] == watch.listen([sheep], now=now, wall=wall)
        rounds = snapshot([sheep], [], watch, now=now, wall=wall)
        assert (0, 0, True) == (rounds.waiting, rounds.in_trouble, rounds.alive)
        assert WELL == sheep.standing

    assert [] == world.told(Waiting) == world.told(GoneQuiet)
    paced = [event for event in world.told(Paced) if isinstance(event, Paced)]
    assert [0.0, DAY, 2 * DAY] == [event.at - START for event in paced if not event.again]
    assert len(paced) == 41
    until = datetime.fromtimestamp(START + 1.2 * HOUR, UTC).astimezone().strftime("%H:%M %Z")
    assert f"waits until {until} (1.2h): its 20 posts a day are spread over the day" == describe(paced[0])


def test_a_day_that_is_used_up_is_waited_for_without_trouble(make_world: MakeWorld) -> None:
    """The posts were made in a burst, by an earlier run."""
    world = make_world(options=Options(posts_per_day=5, burst=True))
    world.live(HOUR, world.raise_sheep(lines=1000))
    assert 5 == len(hours(world))
    world.options = Options(posts_per_day=5)
    world.anew()
    sheep = world.raise_sheep()
    assert sheep.is_waiting  # as it was left
    sheep.start_afresh()

    world.live(3 * DAY, sheep)

    later = hours(world)[5:]
    assert 24.0 == later[0]
    assert gaps(later) == {4.8}
    assert WELL == sheep.standing


def test_the_flocks_posts_are_shared_out_fairly_and_spread(make_world: MakeWorld) -> None:
    """Thirty a day, of which one bot's key allows it five: the other two get the rest, in turns."""
    world = make_world(options=Options(flock_posts_per_day=30))
    flock = [
        world.raise_sheep("ann", lines=1000, posts_per_day=4),
        world.raise_sheep("ben", lines=1000),
        world.raise_sheep("cat", lines=1000),
    ]

    world.live(10 * DAY - 1, *flock)

    made = {name: len(world.stage(name).posts) for name in ("ann", "ben", "cat")}
    assert made["ann"] in range(38, 41)
    assert made["ben"] in range(126, 131)
    assert made["cat"] in range(126, 131)
    times = sorted(time for name in made for time in world.stage(name).times)
    assert all(later - before >= DAY for before, later in zip(times, times[30:], strict=False))
    assert min(later - before for before, later in pairwise(times)) >= DAY / 30 / 2 - 1


def test_a_bot_with_long_lines_gets_its_share_beside_others(make_world: MakeWorld) -> None:
    """Room for all posts of its line is kept free: the short lines of the others do not fill it up each time."""
    world = make_world(options=Options(flock_posts_per_day=5))
    world.folder.joinpath("ann.txt").write_text("\n".join(["baa " * 180 + str(line) for line in range(9)]))
    names = ("ann", "ben", "cat", "dan", "eve")

    world.live(24 * DAY, *(world.raise_sheep(name, lines=1000) for name in names))

    made = {name: len(world.stage(name).posts) for name in names}
    assert all(made[name] in range(19, 26) for name in names), made


def test_runs_of_cron_use_a_large_cap_of_the_flock(make_world: MakeWorld) -> None:
    """Each five minutes another process: it makes as many posts as the cap has room for, not one alone."""
    world = make_world(options=Options(flock_posts_per_day=960))
    names = [f"bot{number}" for number in range(6)]
    keys = [world.raise_sheep(name, lines=1000).key for name in names]
    for run in range(6 * 12):
        world.clock.advance_to(START + run * 5 * MINUTE)
        world.anew()
        world.context.claim(keys)
        for sheep in [*map(world.raise_sheep, names)]:
            if sheep.is_due():
                sheep.beat()

    assert sum(len(world.stage(name).posts) for name in names) in range(225, 246)


@pytest.mark.parametrize("minutes", [60, 600])
def test_no_bot_is_always_the_first_over_restarts(make_world: MakeWorld, minutes: int) -> None:
    """Nine bots share six posts a day, and each run of the flock ends after some minutes."""
    world = make_world(options=Options(flock_posts_per_day=6))
    names = [f"bot{number}" for number in range(9)]
    keys = [world.raise_sheep(name, lines=1000).key for name in names]
    for _ in range(int(6 * DAY / MINUTE / minutes)):
        world.anew()
        world.context.claim(keys)  # all at once, as a shepherd does
        world.live(minutes * MINUTE, *map(world.raise_sheep, names))

    made = [len(world.stage(name).posts) for name in names]
    assert max(made) - min(made) <= 1
    assert sum(made) >= 33


def test_a_penned_bot_leaves_its_share_to_the_others(make_world: MakeWorld) -> None:
    """Until it is let out."""
    world = make_world(options=Options(flock_posts_per_day=24))
    ann, ben = (world.raise_sheep(name, lines=1000) for name in ("ann", "ben"))
    assert world.context.allowance
    assert 12.0 == world.context.allowance.share
    world.stage("ben").always = Suspended("suspended")
    world.live(2 * HOUR, ann, ben)
    assert ben.is_penned
    assert 24.0 == world.context.allowance.share

    ben.start_afresh()
    assert 12.0 == world.context.allowance.share


@pytest.mark.parametrize("trouble", [Unavailable("503"), OutcomeUnknown("no answer")])
def test_a_try_that_failed_takes_no_time_of_the_spread(make_world: MakeWorld, trouble: NetworkError) -> None:
    """The line is tried again at once, and the next one comes as it would have come."""
    world = make_world(options=Options(posts_per_day=24, flock_posts_per_day=24))
    sheep = world.raise_sheep(lines=1000)
    world.stage().trouble = [None, trouble]

    world.live(5 * HOUR, sheep)

    assert [f"dolly {line}" for line in range(6)] == world.stage().posts
    assert [2.0, 3.0, 4.0, 5.0] == hours(world)[2:]


class Dies(MemoryJournal):
    """Fails at one write, and at all after it, as a process that is killed there."""

    left = 10**9

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise JournalError("killed")

    def keep(self, bot: str, place: Place, standing: Standing) -> None:
        self._count()
        super().keep(bot, place, standing)


@pytest.mark.parametrize("writes", range(4))
def test_a_kill_while_a_line_is_put_off_loses_and_repeats_nothing(make_world: MakeWorld, writes: int) -> None:
    """The cap was used up in a burst; whether the wait is in the journal or not, it is waited for."""
    journal = Dies()
    world = make_world(journal=journal, options=Options(posts_per_day=3, burst=True))
    world.live(HOUR, world.raise_sheep(lines=1000))
    world.options = Options(posts_per_day=3)
    for left in (writes, writes, 10**9):
        journal.left = left
        world.anew()
        sheep: Sheep = world.raise_sheep()
        sheep.start_afresh()
        world.live(2 * HOUR, sheep)
    journal.left = 10**9
    world.live(2 * DAY, sheep)

    assert [f"dolly {line}" for line in range(len(world.stage().posts))] == world.stage().posts
    times = world.stage().times
    assert len(times) >= 6
    assert all(later - before >= DAY for before, later in zip(times, times[3:], strict=False))


@pytest.mark.parametrize("flock_cap", [None, 10])
def test_a_long_wait_is_not_cut_short_by_a_restart(make_world: MakeWorld, flock_cap: int | None) -> None:
    """Two days lie between two lines of the bot, also where the flock has a cap that would allow more."""
    world = make_world(options=Options(flock_posts_per_day=flock_cap))
    world.folder.joinpath("dolly.txt").write_text("baa " * 180 + "\nboo")
    for _ in range(7):
        world.live(8 * HOUR, world.raise_sheep(posts_per_day=1))
        world.anew()

    assert START + 4 * DAY == world.raise_sheep().due


def test_a_post_that_is_repeated_much_later_counts_from_then_on(make_world: MakeWorld) -> None:
    """There was no answer, and hours later it is clear that it is not out: the next one comes a day after."""
    world = make_world(options=Options(posts_per_day=1, flock_posts_per_day=1))
    sheep = world.raise_sheep(lines=9)
    world.stage().trouble = [OutcomeUnknown("no answer"), *[Unavailable("503")] * 80]

    world.live(4 * DAY, sheep)

    times = world.stage().times
    assert times[0] - START > 12 * HOUR
    assert len(times) >= 3
    assert all(later - before >= DAY for before, later in pairwise(times))
