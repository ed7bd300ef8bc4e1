"""How many posts a day may be made, by one bot and by the whole flock."""

from __future__ import annotations

import heapq
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.clock import VirtualClock
from flock.journal import MemoryJournal, Outcome, Place, Settlement, SqliteJournal
from flock.sheep.allowance import Allowance, allowance, fair_share
from flock.units import DAY, HOUR, MINUTE


@given(cap=st.integers(0, 5), steps=st.lists(st.integers(0, int(DAY)), max_size=40))
def test_no_more_than_the_cap_in_any_24_hours(cap: int, steps: list[int]) -> None:
    """And a post is refused only when there were that many; then it says when the next may be made."""
    posts_a_day, now = Allowance(cap), 0.0
    made: list[float] = []
    for step in steps:
        now += step
        again = posts_a_day.take(now)
        latest = [time for time in made if time > now - DAY]
        assert (again is None) == (len(latest) < cap)
        if again is None:
            made.append(now)
        else:
            assert now < again <= now + DAY


def test_posts_of_the_day_before_count() -> None:
    """They are in the journal, in wall-clock time; the steady time is another."""
    clock, journal = VirtualClock(500.0), MemoryJournal()
    clock.skew = 10_000.0
    for n, at in enumerate((clock.wall() - 2 * DAY, clock.wall() - 100, clock.wall() - 50)):
        journal.settle("x:ann", Settlement(n, 0, Outcome.SAID, at), Place(n=n + 1))

    own = allowance(2, clock, journal, "x:ann")
    flock = allowance(3, clock, journal)

    assert own
    assert flock
    assert clock.now() - 100 + DAY == own.take(clock.now())
    assert flock.take(clock.now()) is None
    assert allowance(None, clock, journal) is None


def test_posts_dated_in_the_future_count_as_made_now() -> None:
    """The clock was ten years ahead when they were made: the bot waits for a day, and not for ten years."""
    clock, journal = VirtualClock(500.0), MemoryJournal()
    clock.skew = 10_000.0
    for n, at in enumerate((clock.wall() - 100, clock.wall() + 3650 * DAY)):
        journal.settle("x:ann", Settlement(n, 0, Outcome.SAID, at), Place(n=n + 1))

    for capped in (allowance(1, clock, journal, "x:ann"), allowance(1, clock, journal)):
        assert capped
        assert clock.now() + DAY == capped.take(clock.now())


def test_posts_dated_in_the_future_are_a_day_old_in_a_day(tmp_path: Path) -> None:
    """Also for a flock that is started each hour, as by cron: the journal keeps when they were first seen."""
    clock = VirtualClock(1000.0)
    with closing(SqliteJournal(tmp_path / "flock.db")) as journal:
        journal.claim(["x:ann"])
        for n in range(2):
            at = clock.wall() + 3650 * DAY
            journal.intend("x:ann", Place(n=n, intended=at), "baa")
            journal.settle("x:ann", Settlement(n, 0, Outcome.SAID, at), Place(n=n + 1))

    waits = []
    for _ in range(26):
        with closing(SqliteJournal(tmp_path / "flock.db")) as journal:
            capped = [allowance(2, clock, journal, "x:ann"), allowance(2, clock, journal)]
            waits.append([each.take(clock.now()) for each in capped if each])
        clock.advance_to(clock.now() + HOUR)

    assert [1000.0 + DAY] * 2 == waits[0] == waits[23]
    assert [None, None] == waits[24]


def test_a_post_that_was_not_made_is_given_back() -> None:
    """The next one may be made in its place; what was not taken cannot be given back."""
    one = Allowance(1)
    assert one.take(10.0) is None
    assert one.take(20.0) == 10.0 + DAY

    one.give_back(20.0)
    assert one.take(30.0) == 10.0 + DAY
    one.give_back(10.0)

    assert one.take(30.0) is None


def test_each_thread_gives_back_its_own_post() -> None:
    """The second thread's post fails; the first one's, which was made, is still counted from its own time."""
    flock = Allowance(2)
    taken = threading.Barrier(2)

    def post(now: float, *, is_made: bool) -> None:
        assert flock.take(now) is None
        taken.wait(10)
        if not is_made:
            flock.give_back(now)

    with ThreadPoolExecutor(2) as pool:
        made, failed = pool.submit(post, 10.0, is_made=True), pool.submit(post, 20.0, is_made=False)
        made.result()
        failed.result()

    assert flock.take(30.0) is None
    assert flock.take(40.0) == 10.0 + DAY


@given(cap=st.integers(1, 9), lines=st.lists(st.tuples(st.integers(0, int(DAY)), st.integers(1, 4)), max_size=30))
def test_a_line_begins_when_all_of_its_posts_may_be_made(cap: int, lines: list[tuple[int, int]]) -> None:
    """So that it is not held up, unless it is longer than the cap; which is never exceeded."""
    posts_a_day, now = Allowance(cap), 0.0
    made: list[float] = []
    for pause, posts in lines:
        now += pause
        if (again := posts_a_day.take(now, posts=posts)) is not None:
            assert now < again <= now + DAY
            continue
        made.append(now)
        for piece in range(1, posts):
            again = posts_a_day.take(now + 3 * piece, posts=posts, begins=False)
            assert again is None or posts > cap
            if again is None:
                made.append(now + 3 * piece)
        now = made[-1]
    assert all(later - before >= DAY for before, later in zip(made, made[cap:], strict=False))


@given(st.integers(0, 50), st.lists(st.floats(0, 100) | st.just(math.inf), max_size=20))
def test_what_a_slow_bot_leaves_is_shared_out_among_the_others(cap: int, rates: list[float]) -> None:
    """All together use the cap, where they would use more; else each has its own rate."""
    share = fair_share(cap, rates)
    together = sum(min(share, rate) for rate in rates)
    assert together == pytest.approx(min(cap, sum(rates)))


def test_bots_that_share_a_cap_begin_one_after_the_other() -> None:
    """Half of 24 h / cap apart, in the order in which they ask. None of them asks in vain a second time."""
    flock = Allowance(24)
    for bot in ("ann", "ben", "cat"):
        flock.expect(bot, 100.0)

    assert 8.0 == flock.share
    assert [None, HOUR / 2, HOUR] == [flock.take(0.0, bot) for bot in ("ann", "ben", "cat")]
    assert 1.5 * HOUR == flock.take(60.0, "ann")
    assert HOUR / 2 == flock.take(120.0, "ben")
    assert flock.take(HOUR, "cat") is None
    assert flock.take(HOUR, "ben") is None


def test_a_turn_whose_post_was_not_made_stays_the_bots_own() -> None:
    """A bot that tries again after an outage does not wait for half an hour."""
    flock = Allowance(24)
    flock.expect("ann", 100.0)
    assert flock.take(0.0, "ann") is None
    flock.give_back(0.0, "ann")

    assert flock.take(1.0, "ann") is None
    assert HOUR / 2 == flock.take(2.0, "ann")


def test_turns_go_on_after_a_restart() -> None:
    """The latest post of the flock is known from the journal."""
    flock = Allowance(24, [0.0, 100.0])
    flock.expect("ann", 100.0)
    assert 100.0 + HOUR / 2 == flock.take(200.0, "ann")


def test_bots_that_post_less_than_the_cap_need_no_turns() -> None:
    """Nor do they when another one has left."""
    flock = Allowance(24)
    flock.expect("ann", 14.0)
    flock.expect("ben", 14.0)
    assert 12.0 == flock.share

    flock.forget("ben")

    assert math.inf == flock.share
    assert [None] * 3 == [flock.take(now, "ann") for now in (0.0, 1.0, 2.0)]


def test_of_many_bots_that_wait_one_alone_is_woken_for_each_post() -> None:
    """Each is told a time of its own, at which there is room for it. Else all would ask again at every post."""
    flock = Allowance(10)
    waiting = [(0.0, f"bot{number}") for number in range(200)]
    for _, bot in waiting:
        flock.expect(bot, 100.0)

    asked = made = 0
    while waiting:
        now, bot = heapq.heappop(waiting)
        asked += 1
        if (again := flock.take(now, bot)) is None:
            made += 1
        else:
            heapq.heappush(waiting, (again, bot))

    assert made == 200
    assert asked <= 2 * made
    assert now <= 200 / 10 * DAY


def test_unused_turns_of_the_last_ten_minutes_are_not_lost() -> None:
    """Cron comes each five minutes, in which a large cap has room for more than one line; older ones are lost."""

    def begin(pause: float) -> int:
        flock = Allowance(2880, [0.0])
        for bot in range(60):
            flock.expect(str(bot), 100.0)
        return sum(flock.take(pause, str(bot)) is None for bot in range(60))

    assert [20, 40, 40] == [begin(pause) for pause in (5 * MINUTE, 10 * MINUTE, DAY / 2)]


@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.floats(0, 100) | st.just(math.inf) | st.none()), max_size=30)
)
def test_the_share_is_that_of_the_bots_that_are_there(steps: list[tuple[str, float | None]]) -> None:
    """Whatever came before: they join, change their rhythm and leave."""
    flock, there = Allowance(50), dict[str, float]()
    for bot, rate in steps:
        if rate is None:
            flock.forget(bot)
            there.pop(bot, None)
        else:
            flock.expect(bot, rate)
            there[bot] = rate

        assert fair_share(50, there.values()) == flock.share
