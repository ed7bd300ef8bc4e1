"""Which sheep have gone quiet, and in how many lines that is told."""

from __future__ import annotations

import logging

import pytest

from flock.errors import RateLimited, Unauthorized, Unavailable
from flock.events import BackingOff, GoneQuiet, NobodyQuiet
from flock.journal import Verb
from flock.observers.wording import describe
from flock.sheep.sheep import Sheep
from flock.watch import Watch
from tests.world import START, World

AWAY = Unavailable("api.x.com refuses connections")


@pytest.fixture
def flock(world: World) -> list[Sheep]:
    """Return thirty sheep, a second between two of them."""
    flock = [world.raise_sheep(f"sheep{number:02}", lines=1000) for number in range(30)]
    for place, sheep in enumerate(flock):
        sheep.postpone(START + place)
    return flock


@pytest.fixture
def watch(world: World) -> Watch:
    """Return what watches the flock."""
    return Watch()


def look_after(world: World, flock: list[Sheep], watch: Watch, *, seconds: int) -> None:
    """Let so much time pass, with a look each second."""
    for _ in range(seconds):
        world.live(1, *flock)
        listen(world, watch, flock, world.clock.now())


def listen(world: World, watch: Watch, flock: list[Sheep], now: float) -> None:
    """Look at the flock at the steady time `now`, and tell the world."""
    world.events += watch.listen(flock, now=now, wall=world.clock.wall())


def part(world: World, flock: list[Sheep]) -> None:
    """Take the network away from some of the sheep, and give it back to all others."""
    for name, stage in world.stages.by_name.items():
        stage.always = AWAY if name in {sheep.name for sheep in flock} else None


def quiet(world: World) -> list[tuple[str, int]]:
    """Return which bot each event is about, and how many bots it counts."""
    return [(event.bot, len(event.bots)) for event in world.told(GoneQuiet) if isinstance(event, GoneQuiet)]


def test_an_outage_is_three_lines_however_many_sheep(world: World, flock: list[Sheep], watch: Watch) -> None:
    """The first bot that backs off, the first that is quiet, and all others a minute later."""
    look_after(world, flock, watch, seconds=300)
    part(world, flock)
    look_after(world, flock, watch, seconds=1800)

    (first, nobody), (everybody, others) = quiet(world)
    assert (first.startswith("sheep"), nobody) == (True, 0)
    assert (everybody, others) == ("", 29)
    loud = {event.bot for event in world.told(BackingOff) if event.level >= logging.WARNING}
    assert len(loud) == 1
    last = describe(world.told(GoneQuiet)[-1])
    assert last.startswith("29 SHEEP HAVE GONE QUIET (sheep"), last
    assert last.endswith(", …): nothing for 2m: api.x.com refuses connections"), last


def test_the_end_of_an_outage_is_told_once(world: World, flock: list[Sheep], watch: Watch) -> None:
    """It ends when every bot that was told of has posted. Without an outage no end is told."""
    look_after(world, flock, watch, seconds=300)
    assert [] == world.told(NobodyQuiet)

    part(world, flock)
    look_after(world, flock, watch, seconds=600)
    assert [] == world.told(NobodyQuiet)

    part(world, [])
    look_after(world, flock, watch, seconds=1800)
    assert 1 == len(world.told(NobodyQuiet))


def test_a_second_outage_is_told_again(world: World, flock: list[Sheep], watch: Watch) -> None:
    """A bot that has posted can go quiet again; the bot that told of the first outage is not in the second."""
    for away in (flock, flock[10:]):
        part(world, away)
        look_after(world, flock, watch, seconds=1800)
        part(world, [])
        look_after(world, flock, watch, seconds=1800)

    assert 50 == sum(count or 1 for _, count in quiet(world))
    assert len(quiet(world)) <= 2 * (5 + 1)
    loud = [event for event in world.told(BackingOff) if event.level >= logging.WARNING]
    assert 2 == len({event.at // 3600 for event in loud})


def test_a_few_are_named_one_by_one(world: World, flock: list[Sheep], watch: Watch) -> None:
    """Three bots have trouble of their own, and the others go on."""
    part(world, flock[4:7])
    look_after(world, flock, watch, seconds=600)

    assert {("sheep04", 0), ("sheep05", 0), ("sheep06", 0)} == set(quiet(world))
    assert 3 == len(quiet(world))
    assert "sheep04" in {event.bot for event in world.told(BackingOff) if event.level >= logging.WARNING}


def test_a_strike_is_a_bots_own(world: World, flock: list[Sheep]) -> None:
    """A bot whose token is refused tells so itself, also while another bot tells of an outage."""
    part(world, flock[:1])
    for sheep in flock[1:3]:
        world.stage(sheep.name).trouble.append(Unauthorized("401"))
    world.live(4, *flock)

    loud = {event.bot for event in world.told(BackingOff) if event.level >= logging.WARNING}
    assert {"sheep00", "sheep01", "sheep02"} == loud


def test_a_sheep_that_posts_again_in_time_is_not_told_of(world: World, flock: list[Sheep], watch: Watch) -> None:
    """Two were overdue within a minute after another was told of, and had posted when the minute was over."""
    part(world, flock[:1])
    look_after(world, flock, watch, seconds=70)
    assert [("sheep00", 0)] == quiet(world)
    for sheep in flock[20:22]:
        sheep.postpone(sheep.due - 200)
    listen(world, watch, flock, world.clock.now())
    look_after(world, flock, watch, seconds=300)

    assert [("sheep00", 0)] == quiet(world)


def test_a_sheep_that_waits_for_a_limit_is_not_quiet(world: World, flock: list[Sheep], watch: Watch) -> None:
    """An event has told already that it waits."""
    world.stage("sheep03").always = RateLimited("429", until=START + 3000)
    look_after(world, flock, watch, seconds=1800)

    assert [] == quiet(world)


def test_a_flock_that_was_down_has_not_been_quiet(world: World, flock: list[Sheep], watch: Watch) -> None:
    """All of them were due long ago, but the flock has only just started."""
    world.clock.advance_to(START + 86400)
    watch.since = world.clock.now()
    listen(world, watch, flock, world.clock.now() + 60)
    assert [] == quiet(world)

    listen(world, watch, flock, world.clock.now() + 61)
    assert [("", 30)] == quiet(world)


def test_what_a_quiet_sheep_waits_for_is_told(world: World, flock: list[Sheep], watch: Watch) -> None:
    """One waits for the network's answer, and another for a slot."""
    asks, waits = flock[:2]
    asks.busy = True
    listen(world, watch, [asks, waits], START + 600)

    expected = [
        (asks.name, "no answer from the network yet"),
        (waits.name, "it waits for its turn, while others wait for the network's answers"),
    ]
    assert expected == [(event.bot, event.why) for event in world.told(GoneQuiet) if isinstance(event, GoneQuiet)]


def test_only_sheep_that_may_post_lag_behind(world: World, flock: list[Sheep], watch: Watch) -> None:
    """One is paused, and one waits for a limit: neither of them is late, however long ago its line was due."""
    paused, waits, late = flock[:3]
    world.stage(waits.name).always = RateLimited("429", until=START + 3000)
    world.live(5, waits)
    world.journal.give([paused.bot], Verb.PAUSE, None, at=START)
    paused.hear(world.journal.commands())
    paused.attend()
    assert (paused.is_paused, waits.is_waiting) == (True, True)

    listen(world, watch, [paused, waits], START + 600)
    assert watch.lag == 0
    listen(world, watch, [paused, waits, late], START + 600)
    assert watch.lag == 598
