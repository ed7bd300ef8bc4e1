"""The whistle and its ears: real threads, real pipes."""

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flock.errors import BadOption
from flock.whistle import Whistle
from tests.conftest import no_more_files


def test_the_whistle_wakes_a_flock_that_shares_ears() -> None:
    """Six hundred sheep have three ears, and all of them hear."""
    whistle = Whistle()
    ears = [whistle.ear() for _ in range(600)]
    assert 3 == len(set(ears))
    assert not whistle.is_blown()
    with ThreadPoolExecutor(len(ears)) as pool:
        resting = [pool.submit(ear.wait, 3600) for ear in ears]
        whistle.blow()
        assert all(sheep.result(timeout=30) for sheep in resting)
    assert whistle.is_blown()


def test_who_comes_after_the_whistle_hears_it_too() -> None:
    """A sheep that is made while the flock is stopped does not begin."""
    whistle = Whistle()
    whistle.blow()
    assert whistle.ear().is_set()


def test_a_whistle_that_nobody_needs_any_more_leaves_no_files_open() -> None:
    """Each ear is a pipe; a thousand flocks in one process must not use up its files."""

    def open_files() -> int:
        gc.collect()
        return len(list(Path("/dev/fd").iterdir()))

    before = open_files()
    whistle = Whistle()
    ears = [whistle.ear() for _ in range(1000)]
    assert before + 8 == open_files()
    del whistle, ears
    assert before == open_files()


def test_a_sheep_that_finds_no_file_to_sleep_on_says_what_to_raise() -> None:
    """It is the first thing that a flock runs short of."""
    with no_more_files(), pytest.raises(BadOption) as caught:
        Whistle().ear()
    assert str(caught.value).startswith("this process may open no more files (")
    assert str(caught.value).endswith("): raise LimitNOFILE= in the unit, or ulimit -n")
