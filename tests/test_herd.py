"""A herd: its start, its rounds, and what it makes of a thread that ends by an error."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Sequence

import pytest

from flock.errors import BotsTaken, RateLimited, Suspended, Unavailable
from flock.events import Died, GoneQuiet, Out, Rounds
from flock.herd import Herd, patient_threads
from flock.journal import MemoryJournal
from flock.options import Options
from flock.sheep.sheep import Sheep
from tests.conftest import TIMEOUT
from tests.world import START, World

NAMES = ("ann", "ben", "cat", "dan")


@pytest.fixture
def herd(world: World) -> Herd:
    """Return a herd of four sheep with a line a minute."""
    return Herd([world.raise_sheep(name, lines=100) for name in NAMES], world.context)


def run(herd: Herd, work: Callable[[Sheep], None]) -> None:
    """Run `work` for each sheep in a thread of its own, until all threads have ended."""
    is_home = threading.Event()
    herd.run(work, herd.flock, threads=len(herd.flock), on_home=is_home.set)
    assert is_home.wait(TIMEOUT)


def rounds(world: World) -> Rounds:
    """Return what the latest look at the herd has found."""
    latest = world.told(Rounds)[-1]
    assert isinstance(latest, Rounds)
    return latest


def test_the_start_is_spread(herd: Herd) -> None:
    """First lines are 50 milliseconds apart."""
    herd.spread()

    assert [0, 0.05, 0.1, 0.15] == pytest.approx(sorted(sheep.wake - START for sheep in herd.flock))


def test_a_first_line_that_is_overdue_is_due_at_once(world: World, herd: Herd) -> None:
    """The event of the start tells how long it is to the first line: not less than no time."""
    world.clock.advance_to(START + 100)

    run(herd, Sheep.start_afresh)

    assert [0.0] == [event.first_in for event in world.told(Out) if isinstance(event, Out)]


def test_the_seed_decides_the_order_of_the_start(world: World, herd: Herd) -> None:
    """The same seed gives the same order, and it is not the order of the key files."""
    orders = []
    for _ in range(2):
        for sheep in herd.flock:
            sheep.postpone(START)
        herd.spread()
        orders.append(sorted(herd.flock, key=lambda sheep: sheep.wake))

    assert orders[0] == orders[1] != list(herd.flock)


def test_the_start_is_spread_over_one_interval_at_most(herd: Herd) -> None:
    """With a line every tenth of a second, four sheep start within a tenth of a second."""
    for sheep in herd.flock:
        sheep.line_interval = 0.1

    herd.spread()

    assert max(sheep.wake - START for sheep in herd.flock) < 0.1


def test_a_sheep_that_is_due_later_is_left_alone(herd: Herd) -> None:
    """One is due in an hour, and still is after the spreading."""
    herd.flock[0].postpone(START + 3600)

    herd.spread()

    assert START + 3600 == herd.flock[0].wake


def test_every_sheep_works_in_a_thread_of_its_own(world: World, herd: Herd) -> None:
    """All four are out at the same time; that is told first."""
    all_out = threading.Barrier(len(NAMES))

    def work(_: Sheep) -> None:
        all_out.wait(TIMEOUT)

    run(herd, work)

    (out,) = world.told(Out)
    assert isinstance(out, Out)
    assert (4, "x", {}) == (out.sheep, out.where, herd.dead)


def test_an_empty_herd_is_home_at_once(herd: Herd) -> None:
    """No sheep is due in this minute of a cron job."""
    is_home = threading.Event()

    herd.run(lambda _: None, [], threads=0, on_home=is_home.set)

    assert is_home.is_set()


@pytest.mark.parametrize("error", [SystemExit("from a library"), KeyboardInterrupt(), ZeroDivisionError("a bug")])
def test_an_error_that_ends_a_thread_is_logged_and_counted(
    world: World, herd: Herd, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    """The other threads go on; the log has the traceback, and the watchdog's rounds name the sheep."""

    def work(sheep: Sheep) -> None:
        if sheep.name == "ben":
            raise error
        sheep.beat()

    run(herd, work)
    herd.look_around()

    assert {"x:ben": error} == herd.dead
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info
    assert ("the thread of ben has ended", error) == (record.getMessage(), record.exc_info[1])
    assert [("ben", f"{type(error).__name__}: {error}")] == [
        (event.bot, event.why) for event in world.told(Died) if isinstance(event, Died)
    ]
    assert ("ben",) == rounds(world).dead
    assert [1, 0, 1, 1] == [len(world.stage(name).posts) for name in NAMES]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_a_sheep_that_asks_for_the_end_ends_its_own_thread(world: World, error: type[BaseException]) -> None:
    """A library calls sys.exit while the sheep decides: no post is left under way."""

    class Quits(Sheep):
        def decide(self) -> str:
            raise error

    herd = Herd([world.raise_sheep(kind=Quits)], world.context)

    run(herd, Sheep.loop)

    assert {"x:dolly"} == set(herd.dead)
    assert (0, False) == (herd.under_way, herd.flock[0].busy)
    assert [] == world.stage().tries


def test_a_sheep_whose_thread_has_ended_leaves_its_share_to_the_others(make_world: Callable[..., World]) -> None:
    """Of the flock's posts a day."""
    world = make_world(options=Options(flock_posts_per_day=20))
    herd = Herd([world.raise_sheep(name) for name in ("ann", "ben")], world.context)
    assert world.context.allowance
    assert 10.0 == world.context.allowance.share

    def work(sheep: Sheep) -> None:
        if sheep.name == "ben":
            raise ZeroDivisionError

    run(herd, work)

    assert 20.0 == world.context.allowance.share


def test_dead_sheep_do_not_feed_the_watchdog(world: World, herd: Herd) -> None:
    """Three of four threads have ended, and the fourth has not moved for minutes."""

    def work(sheep: Sheep) -> None:
        if sheep.name != "ann":
            raise SystemExit

    run(herd, work)
    world.clock.advance_to(START + 600)
    herd.flock[1].beat()  # moved, but its thread is dead
    herd.look_around()

    assert (False, ("ben", "cat", "dan")) == (rounds(world).alive, rounds(world).dead)


def test_of_two_bots_with_one_name_only_the_dead_one_counts_as_dead(world: World) -> None:
    """The one on X has died; the one on the pasture lives, and its posts feed the watchdog."""
    on_x = world.raise_sheep()
    file = world.folder / "other.json"
    file.write_text(on_x.json_file.read_text().replace("{", '{"network": "pasture", ', 1))
    herd = Herd([on_x, Sheep(file, 60, 600, context=world.context)], world.context)

    def work(sheep: Sheep) -> None:
        if sheep is on_x:
            raise SystemExit

    run(herd, work)
    world.clock.advance_to(START + 600)
    herd.flock[1].beat()
    herd.look_around()

    assert ({"x:dolly"}, True) == (set(herd.dead), rounds(world).alive)


def test_a_herd_is_penned_when_no_sheep_can_post_any_more(world: World, herd: Herd) -> None:
    """The thread of one has ended, and all others are penned: nothing is left to wait for."""

    def work(sheep: Sheep) -> None:
        if sheep.name == "ann":
            raise SystemExit
        sheep.beat()

    for name in ("ben", "cat", "dan"):
        world.stage(name).always = Suspended("403")
    assert not herd.is_penned
    run(herd, work)

    assert herd.is_penned


def test_the_shepherds_call_gives_penned_and_waiting_sheep_another_try(world: World, herd: Herd) -> None:
    """A sheep that waits for its next line does not come early."""
    world.stage("ann").trouble = [Suspended("403")]
    world.stage("ben").trouble = [RateLimited("429")]
    for sheep in herd.flock:
        sheep.beat()

    herd.call()
    for sheep in herd.flock[:2]:
        sheep.sleep()  # returns at once
        sheep.beat()

    assert world.clock.now() == START
    assert [1, 1, 1, 1] == [len(world.stage(name).posts) for name in NAMES]


def test_a_sheep_gone_quiet_is_told_once(world: World, herd: Herd) -> None:
    """Its network is down for longer than its interval and a margin."""
    world.stage("ben").always = Unavailable("503")
    for _ in range(600):
        world.live(1, *herd.flock)
        herd.look_around()

    assert ["ben"] == [event.bot for event in world.told(GoneQuiet)]


def test_a_large_herd_is_looked_over_less_often(world: World, herd: Herd) -> None:
    """Every look takes CPU for each sheep: of 400, every 2 s."""
    large = Herd([*herd.flock] * 100, world.context)
    for second in range(4):
        world.clock.advance_to(START + second)
        large.look_around()

    assert [400, 400] == [event.sheep for event in world.told(Rounds) if isinstance(event, Rounds)]


def test_a_penned_sheep_has_not_gone_quiet(world: World, herd: Herd) -> None:
    """It was told already, and louder."""
    world.stage("ben").always = Suspended("403")
    for _ in range(600):
        world.live(1, *herd.flock)
        herd.look_around()

    assert [] == world.told(GoneQuiet)
    assert (("ben",), True) == (rounds(world).penned, rounds(world).alive)


def test_a_herd_that_does_not_move_is_not_alive(world: World, herd: Herd) -> None:
    """Sheep that should have moved minutes ago have not: the watchdog is not fed."""
    herd.look_around()
    world.clock.advance_to(START + 600)
    herd.look_around()

    assert [True, False] == [event.alive for event in world.told(Rounds) if isinstance(event, Rounds)]


@pytest.mark.parametrize(("threads", "expected"), [(1, 0.005), (100, 0.005), (10_000, 0.5)])
def test_the_switch_interval_grows_with_the_threads(threads: int, expected: float) -> None:
    """Threads of small herds ask for the GIL as often as ever; afterwards the interval is what it was."""
    before = sys.getswitchinterval()
    with patient_threads(threads):
        assert max(before, expected) == pytest.approx(sys.getswitchinterval())
    assert before == sys.getswitchinterval()


class Robbed(MemoryJournal):
    """A journal of which another flock takes the bots `lost`."""

    lost: tuple[str, ...] = ()

    def look_after(self, now: float) -> Sequence[str]:
        return super().look_after(now) or self.lost


def test_bots_that_another_flock_has_taken_leave_the_herd(
    make_world: Callable[..., World], caplog: pytest.LogCaptureFixture
) -> None:
    """The others go on; one line tells. A herd that has no bot left ends."""
    journal = Robbed()
    world = make_world(journal=journal)
    herd = Herd([world.raise_sheep(name) for name in NAMES], world.context)
    lost, *others = herd.flock
    journal.lost = (lost.bot,)

    herd.look_around()

    assert (others, True) == (herd.flock, lost.is_dismissed)
    assert ["another flock runs ann now: this one was not heard of for some seconds"] == caplog.messages
    herd.look_around()
    assert 1 == len(caplog.messages)
    journal.lost = tuple(sheep.bot for sheep in others)
    with pytest.raises(BotsTaken, match=r"another flock runs ben, cat, dan now: .*, and has no bot left"):
        herd.look_around()
