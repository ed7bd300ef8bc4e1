"""Which of many sheep tells of a trouble that all of them meet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from flock.threads.outage import Outage


def test_the_first_to_meet_a_trouble_tells_of_it_until_it_is_over() -> None:
    """It may tell again, of its later tries; the others do not."""
    outage = Outage()

    assert [True, False, True, False] == [outage.tells(bot) for bot in ("ann", "ben", "ann", "cat")]


def test_a_trouble_that_is_told_once_begins_once() -> None:
    """Not even the first tells of it again."""
    outage = Outage()

    assert [True, False, False] == [outage.begins(bot) for bot in ("ann", "ben", "ann")]


def test_the_end_of_a_trouble_is_told_once() -> None:
    """And the next trouble has a first sheep again."""
    outage = Outage()
    assert (False, False) == (outage.is_on, outage.end())
    outage.begins("ann")

    assert (True, True, False, False) == (outage.is_on, outage.end(), outage.end(), outage.is_on)
    assert (True, False) == (outage.tells("ben"), outage.tells("ann"))


def test_of_many_threads_one_tells() -> None:
    """All of them meet it at the same time."""
    outage = Outage()

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(outage.begins, map(str, range(200))))

    assert 1 == sum(told)
