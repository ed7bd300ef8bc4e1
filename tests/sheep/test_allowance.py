"""How many posts a day may be made, by one bot and by the whole flock."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from flock.clock import VirtualClock
from flock.journal import MemoryJournal, Outcome, Place, Settlement
from flock.sheep.allowance import Allowance, allowance, take_from_all
from flock.units import DAY


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


def test_a_post_is_taken_from_every_allowance_or_from_none() -> None:
    """The flock's posts of the day are used up: the bot's own are not touched."""
    own, flock = Allowance(1), Allowance(1)
    assert flock.take(10.0) is None

    assert 10.0 + DAY == take_from_all([own, flock], 20.0)
    assert own.take(20.0) is None


def test_without_a_cap_nothing_is_taken() -> None:
    """A bot without allowances may always post."""
    assert take_from_all([], 0.0) is None
