"""Gathering: many events become few alerts, on virtual time."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.errors import Unavailable
from flock.events import (
    Died,
    Event,
    GoneQuiet,
    NobodyQuiet,
    Penned,
    Reloaded,
    Said,
    Silenced,
    SpeaksAgain,
    Stopped,
    Trouble,
    Waiting,
)
from flock.observers.gathering import GATHER, LONGEST_PAUSE, NAMED, PAUSE, Gathering
from flock.units import DAY, HOUR, MINUTE
from flock.watch import Watch
from tests.world import START, World

AWAY = Unavailable("api.x.com refuses connections")
BOTS = 1000


class Desk:
    """A gathering, the time, and what it has told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.told: list[Trouble] = []
        self.gathering = Gathering()

    def hear(self, *events: Event) -> None:
        """Let these happen now."""
        for event in events:
            self.gathering.hear(event, self.now)

    def live(self, seconds: float) -> None:
        """Let so much time pass, with a look each ten seconds."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(self.now + 10, until)
            self.told += self.gathering.due(self.now, self.now)

    def end(self) -> None:
        """Tell what is left."""
        self.told += self.gathering.rest(self.now, self.now)

    @property
    def kinds(self) -> list[tuple[str, bool, int]]:
        """What was told: the kind of trouble, whether it is over, and of how many bots."""
        return [(alert.kind, alert.is_over, alert.count) for alert in self.told]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def penned(bot: str, why: str = "suspended") -> Penned:
    return Penned(at=0.0, bot=bot, why=why, advice="appeal")


def quiet(*bots: str) -> GoneQuiet:
    return GoneQuiet(at=0.0, bots=bots, seconds=61, why="no answer")


def said(bot: str) -> Said:
    return Said(at=0.0, bot=bot, text="baa", n=0, line=0, lines=1, age=0.0, late=0.0, post_id="1")


def no_credits(bot: str) -> Waiting:
    return Waiting(at=0.0, bot=bot, why="no credits", seconds=9, advice="top up", kind="OutOfCredits")


def test_an_outage_of_a_thousand_bots_is_one_alert_and_one_at_its_end(world: World) -> None:
    """Ten virtual minutes of it, with the flock's own sheep and its own watch."""
    flock = [world.raise_sheep(f"sheep{number:03}", lines=60) for number in range(BOTS)]
    for place, sheep in enumerate(flock):
        sheep.postpone(START + place * 0.05)
    gathering, watch = Gathering(), Watch()
    told: list[Trouble] = []

    def live(seconds: float) -> None:
        """Let the flock live, with the shepherd's looks every five seconds."""
        awake = [(sheep.wake, number) for number, sheep in enumerate(flock)]
        heapq.heapify(awake)
        for _ in range(int(seconds / 5)):
            until = world.clock.now() + 5
            while awake[0][0] <= until:
                world.clock.advance_to(awake[0][0])
                number = awake[0][1]
                flock[number].beat()
                heapq.heapreplace(awake, (flock[number].wake, number))
            world.clock.advance_to(until)
            world.events += watch.listen(flock, now=until, wall=until)
            for event in world.events:
                gathering.hear(event, until)
            world.events.clear()
            told.extend(gathering.due(until, until))

    part(world, away=False)
    live(2 * MINUTE)
    part(world, away=True)
    live(10 * MINUTE)
    part(world, away=False)
    live(20 * MINUTE)

    begun, ended = told
    assert ("quiet", False, (str(AWAY),)) == (begun.kind, begun.is_over, begun.whys)
    assert START + 4 * MINUTE < begun.at < START + 5 * MINUTE  # it began in the third
    assert ("quiet", True, BOTS) == (ended.kind, ended.is_over, ended.count)
    assert NAMED == len(ended.bots)
    assert START + 12 * MINUTE < ended.at


def part(world: World, *, away: bool) -> None:
    """Take the network away from all sheep, or give it back."""
    for stage in world.stages.by_name.values():
        stage.always = AWAY if away else None


def test_bots_that_are_penned_soon_after_each_other_are_one_alert(desk: Desk) -> None:
    """The reasons stand in it, the most frequent first."""
    desk.hear(penned("ann", "locked"), penned("ben"))
    desk.live(GATHER - 10)
    desk.hear(penned("cat"))
    assert [] == desk.told

    desk.live(DAY)

    assert [("penned", False, 3)] == desk.kinds
    assert ("suspended; appeal", "locked; appeal") == desk.told[0].whys
    assert ("ann", "ben", "cat") == desk.told[0].bots


def test_further_bots_are_told_after_a_pause(desk: Desk) -> None:
    """With all that are in the trouble by then."""
    desk.hear(penned("ann"))
    desk.live(2 * MINUTE)
    desk.hear(penned("ben"))
    desk.live(PAUSE - MINUTE)
    assert [("penned", False, 1)] == desk.kinds

    desk.live(MINUTE)
    assert [("penned", False, 1), ("penned", False, 2)] == desk.kinds


def test_a_bot_is_well_again_when_it_has_posted(desk: Desk) -> None:
    """A bot that is let out of the pen may be penned again at once."""
    desk.hear(penned("ann"), penned("ben"))
    desk.live(2 * MINUTE)
    desk.hear(said("ann"), said("cat"))
    desk.live(HOUR)
    desk.hear(said("ben"))
    desk.live(HOUR)

    assert [("penned", False, 2), ("penned", True, 2)] == desk.kinds


def test_a_trouble_that_ends_before_it_is_told_is_not_told(desk: Desk) -> None:
    """Neither its beginning nor its end."""
    desk.hear(quiet("ann"))
    desk.live(GATHER - 10)
    desk.hear(said("ann"))
    desk.live(DAY)

    assert [] == desk.told
    assert not desk.gathering.is_ill("ann")


@pytest.mark.parametrize(("event", "kind"), [(penned("ann"), "penned"), (no_credits("ann"), "credits")])
def test_a_quiet_bot_that_is_stopped_is_told_of_as_that(desk: Desk, event: Event, kind: str) -> None:
    """It is not well again, although it is quiet no longer."""
    desk.hear(quiet("ann"))
    desk.live(2 * MINUTE)
    desk.hear(event)
    desk.live(HOUR)

    assert [("quiet", False, 1), (kind, False, 1)] == desk.kinds


def test_a_bot_that_is_taken_out_of_the_flock_is_in_no_trouble(desk: Desk) -> None:
    """It is not well again either; of the others the end is told."""
    desk.hear(penned("ann"), penned("ben"))
    desk.live(2 * MINUTE)
    desk.hear(Reloaded(at=0.0, added=(), removed=("ann", "cat"), changed=1, bad=0), said("ben"))
    desk.live(HOUR)

    assert [("penned", False, 2), ("penned", True, 1)] == desk.kinds
    assert not desk.gathering.is_ill("ann")


def test_a_plain_wait_is_no_trouble(desk: Desk) -> None:
    """Rate limits and daily caps end by themselves."""
    desk.hear(Waiting(at=0.0, bot="ann", why="429", seconds=900, kind="RateLimited"))
    desk.live(HOUR)

    assert [] == desk.told


def test_the_end_of_all_quiet_ends_the_trouble(desk: Desk) -> None:
    """Also that of bots that wait for a limit now."""
    desk.hear(quiet("ann", "ben"))
    desk.live(2 * MINUTE)
    desk.hear(NobodyQuiet(at=0.0))
    desk.live(2 * MINUTE)

    assert [("quiet", False, 2), ("quiet", True, 2)] == desk.kinds


def test_the_journals_trouble_is_the_whole_flocks(desk: Desk) -> None:
    """It names no bots."""
    desk.hear(Silenced(at=0.0, bot="ann", why="disk full"))
    desk.live(2 * MINUTE)
    desk.hear(SpeaksAgain(at=0.0, bot="ben"))
    desk.live(2 * MINUTE)

    assert [("journal", False, 0), ("journal", True, 0)] == desk.kinds
    assert [("", ()), ("", ())] == [(alert.bot, alert.bots) for alert in desk.told]


def test_the_end_of_the_flock_tells_what_was_not_told_yet(desk: Desk) -> None:
    """All sheep are penned, and the flock ends at once."""
    desk.hear(
        penned("ann"), Died(at=0.0, bot="ben", why="SystemExit"), Stopped(at=0.0, why="every sheep is penned")
    )
    desk.end()
    desk.end()

    assert [("penned", False, 1), ("died", False, 1), ("ended", False, 0)] == desk.kinds


def test_a_bot_that_comes_and_goes_is_told_of_less_and_less(desk: Desk) -> None:
    """Every five minutes it goes quiet, for two minutes, for two days."""
    for _ in range(2 * 24 * 12):
        desk.hear(quiet("ann"))
        desk.live(2 * MINUTE)
        desk.hear(said("ann"))
        desk.live(3 * MINUTE)

    assert len(desk.told) <= 2 * (2 * DAY / LONGEST_PAUSE + 5)


HAPPENINGS = st.sampled_from([penned, quiet, no_credits, said])


@given(st.lists(st.tuples(HAPPENINGS, st.sampled_from(["ann", "ben", "cat"]), st.integers(0, 1200)), max_size=60))
def test_alerts_are_few_and_each_end_has_a_beginning(happenings: Sequence[tuple[object, str, int]]) -> None:
    """Whatever happens: between two beginnings of a kind there is a pause, and in the end all bots are well."""
    desk = Desk()
    for happen, bot, pause in happenings:
        desk.hear(happen(bot))  # type: ignore[operator]
        desk.live(pause)
    desk.hear(*(said(bot) for bot in ("ann", "ben", "cat")))
    desk.live(DAY)

    for kind in ("penned", "quiet", "credits"):
        of_kind = [alert for alert in desk.told if alert.kind == kind]
        begun = [alert.at for alert in of_kind if not alert.is_over]
        assert [] == [(one, two) for one, two in pairwise(begun) if two - one < PAUSE]
        assert [] == [two for one, two in pairwise(of_kind) if one.is_over and two.is_over]
        assert not of_kind or not of_kind[0].is_over
    assert not any(desk.gathering.is_ill(bot) for bot in ("ann", "ben", "cat"))
