"""What a shepherd does beside sending sheep out."""

from __future__ import annotations

import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from flock.errors import Suspended, Unavailable
from flock.events import GoneQuiet, Rounds
from flock.options import Options
from flock.sheep import Sheep
from flock.shepherd import Ending, Shepherd, patient_threads
from flock.threads.slots import Slots
from tests.conftest import PATIENCE, until
from tests.sheep.conftest import START, World


@pytest.fixture
def shepherd(world: World) -> Shepherd:
    """Return the shepherd of four sheep."""
    for name in ("ann", "ben", "cat", "dan"):
        world.raise_sheep(name, lines=100)
    world.anew()
    return Shepherd(world.folder, 60, 600, options=world.options, commons=world.commons)


def test_the_start_is_spread(world: World, shepherd: Shepherd) -> None:
    """Fifty milliseconds between two first lines, in an order of chance."""
    shepherd.spread()

    wakes = sorted(sheep.wake - START for sheep in shepherd.all_sheep)
    assert [0, 0.05, 0.1, 0.15] == pytest.approx(wakes)


def test_the_start_is_spread_over_no_more_than_an_interval(world: World, shepherd: Shepherd) -> None:
    """With a line every tenth of a second, four sheep start within a tenth of a second."""
    for sheep in shepherd.all_sheep:
        sheep.line_interval = 0.1

    shepherd.spread()

    assert max(sheep.wake - START for sheep in shepherd.all_sheep) < 0.1


def test_after_a_long_outage_each_says_one_line_spread_out(world: World, shepherd: Shepherd) -> None:
    """Four sheep, down for a day: four lines at the start, not thousands and not at once."""
    shepherd.spread()
    world.live(130, *shepherd.all_sheep)
    said_before = len(world.stage("ann").posts)
    world.clock.advance_to(START + 86400)
    world.anew()
    again = Shepherd(world.folder, 60, 600, options=world.options, commons=world.commons)

    again.spread()
    world.live(59, *again.all_sheep)

    assert {said_before + 1} == {len(stage.posts) for stage in world.stages.by_name.values()}
    assert 4 == len({stage.times[-1] for stage in world.stages.by_name.values()})


def test_a_sheep_that_waits_for_its_time_is_not_called_early(world: World, shepherd: Shepherd) -> None:
    """A sheep that is due in an hour stays due in an hour."""
    shepherd.all_sheep[0].due = shepherd.all_sheep[0].wake = START + 3600

    shepherd.spread()

    assert START + 3600 == shepherd.all_sheep[0].wake


def test_a_sheep_gone_quiet_is_told_once(world: World, shepherd: Shepherd) -> None:
    """Its network is down for longer than its interval and a margin: told, and once."""
    world.stage("ben").always = Unavailable("503")
    for _ in range(600):
        world.live(1, *shepherd.all_sheep)
        shepherd.look_around()

    assert ["ben"] == [event.bot for event in world.told(GoneQuiet)]


def test_a_flock_that_goes_out_was_not_quiet_before(world: World, shepherd: Shepherd) -> None:
    """Its sheep were due a day ago, when it was down."""
    world.clock.advance_to(START + 86400)
    world.commons.stop.set()
    shepherd.loop()
    for sheep in shepherd.all_sheep:
        sheep.due = START
    shepherd.look_around()

    assert [] == world.told(GoneQuiet)


def test_a_penned_sheep_has_not_gone_quiet(world: World, shepherd: Shepherd) -> None:
    """It was told already, and louder."""
    world.stage("ben").always = Suspended("403")
    for _ in range(600):
        world.live(1, *shepherd.all_sheep)
        shepherd.look_around()

    assert [] == world.told(GoneQuiet)
    rounds = world.told(Rounds)[-1]
    assert isinstance(rounds, Rounds)
    assert (("ben",), True) == (rounds.penned, rounds.alive)


def test_a_flock_that_does_not_move_is_not_alive(world: World, shepherd: Shepherd) -> None:
    """The watchdog is not fed by a timer: sheep that should have moved minutes ago have not."""
    shepherd.look_around()
    world.clock.advance_to(START + 600)
    shepherd.look_around()

    assert [True, False] == [event.alive for event in world.told(Rounds) if isinstance(event, Rounds)]


def test_a_flock_all_of_which_is_penned_comes_to_an_end(world: World, shepherd: Shepherd) -> None:
    """Nobody is left to post: the flock ends and says why."""
    for stage in world.stages.by_name.values():
        stage.always = Suspended("403")

    assert Ending.ALL_PENNED is shepherd.loop()


def test_a_shepherd_in_another_thread_stops_when_told(tmp_path: Path) -> None:
    """Without signals, `commons.stop` ends the flock: for those who embed one."""
    world = World(tmp_path, options=Options(dry_run=True))
    world.raise_sheep("ann")
    shepherd = Shepherd(tmp_path, 60, 600, options=Options(dry_run=True))
    endings: list[Ending] = []
    thread = threading.Thread(target=lambda: endings.append(shepherd.loop()))

    thread.start()
    shepherd.commons.stop.set()
    thread.join(timeout=10)

    assert [Ending.STOPPED] == endings


def test_sheep_that_wait_for_a_slot_go_home_when_the_flock_stops(world: World, shepherd: Shepherd) -> None:
    """One thread holds the only slot, and its network does not answer; the others begin nothing."""
    come: list[None] = []

    class Counted(Slots):
        def __enter__(self) -> None:
            come.append(None)
            super().__enter__()

    slots = world.commons.slots = Counted(1)
    with ThreadPoolExecutor(1) as pool, slots:
        flock = pool.submit(shepherd.loop)
        try:
            until("all wait", lambda: len(come) == 1 + len(shepherd.all_sheep))
        finally:
            world.commons.stop.set()
        assert Ending.STOPPED is flock.result(timeout=PATIENCE)

    assert [[]] * 4 == [world.stage(sheep.name).tries for sheep in shepherd.all_sheep]


def test_once_lets_each_sheep_that_is_due_say_one_line(world: World, shepherd: Shepherd) -> None:
    """One is not due for an hour: it says none."""
    shepherd.all_sheep[3].due = shepherd.all_sheep[3].wake = START + 3600

    assert Ending.STOPPED is shepherd.once()
    assert [1, 1, 1, 0] == [len(world.stage(sheep.name).posts) for sheep in shepherd.all_sheep]


def test_cron_a_second_early_does_not_skip_a_minute(world: World) -> None:
    """With cron's jitter of a second, a line a minute is a line a minute, and does not drift."""
    world.raise_sheep("ann", lines=1000)
    for minute in range(60):
        world.clock.advance_to(START + 60 * minute + (minute * 7 % 3) * 0.5)
        world.anew()
        Shepherd(world.folder, 60, 600, options=world.options, commons=world.commons).once()

    assert 60 == len(world.stage("ann").posts)


@pytest.mark.parametrize(("threads", "expected"), [(1, 0.005), (100, 0.005), (10_000, 0.5)])
def test_large_flocks_ask_less_often_for_the_interpreters_lock(threads: int, expected: float) -> None:
    """Small ones as often as ever; and afterwards everything is as it was."""
    before = sys.getswitchinterval()
    with patient_threads(threads):
        assert max(before, expected) == pytest.approx(sys.getswitchinterval())
    assert before == sys.getswitchinterval()


def test_a_flock_that_is_out_is_patient(world: World, shepherd: Shepherd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its four threads get 50 microseconds each, where Python would let them ask every ten."""
    asked: list[float] = []

    def decide(_: Sheep) -> str:
        asked.append(sys.getswitchinterval())
        return "baa"

    monkeypatch.setattr(Sheep, "decide", decide)
    for stage in world.stages.by_name.values():
        stage.always = Suspended("403")
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        shepherd.loop()
        after = sys.getswitchinterval()
    finally:
        sys.setswitchinterval(before)

    assert [2e-4] * 4 == pytest.approx(asked)
    assert pytest.approx(1e-5) == after


def test_a_flock_says_before_it_starts_that_its_journal_will_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """There is no room at all on its disk."""
    (tmp_path / "flock.db").touch()
    world = World(tmp_path, options=Options(state=tmp_path / "flock.db"))
    world.raise_sheep("ann")
    world.stage("ann").always = Suspended("403")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))

    Shepherd(tmp_path, 60, 600, options=world.options, commons=world.commons).loop()

    assert any("choose a shorter --keep-history" in line for line in caplog.messages)
