"""The record key and the time of a post come from its intent, and from nothing else."""

import re
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from flock.networks.base import Intent
from flock.networks.bluesky.tid import created_at, record_key

TOKENS = st.text("0123456789abcdef", min_size=32, max_size=32)
TIMES = st.floats(0.0, 4e9)
FORM = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")  # of the protocol
LETTERS = "234567abcdefghijklmnopqrstuvwxyz"


def microseconds(tid: str) -> int:
    """Return the time in a TID, as the protocol reads it."""
    number = 0
    for letter in tid:
        number = number * 32 + LETTERS.index(letter)
    return number >> 10


@given(token=TOKENS, at=TIMES)
def test_a_key_is_a_tid_of_the_intents_time(token: str, at: float) -> None:
    """The same for each try, and of the millisecond that the post bears."""
    key = record_key(Intent(token, at))
    assert key == record_key(Intent(token, at))
    assert FORM.fullmatch(key)
    assert round(at * 1000) == microseconds(key) // 1000


@given(tokens=st.lists(TOKENS, min_size=2, max_size=2), at=TIMES)
def test_keys_sort_as_their_times(tokens: list[str], at: float) -> None:
    """Posts a millisecond apart, whatever their tokens: readers see them in the order in which they were made."""
    first, second = Intent(tokens[0], at), Intent(tokens[1], at + 0.0021)
    assert record_key(first) < record_key(second)


def test_intents_of_one_moment_have_different_keys() -> None:
    """By their tokens: a thousand bots that post in the same millisecond share hardly a key."""
    keys = {record_key(Intent(f"{number * 0x9E3779B97F4A7C15 % 2**128:032x}", 1.8e9)) for number in range(1000)}
    assert len(keys) > 995


@given(at=TIMES)
def test_the_time_is_written_with_milliseconds_and_z(at: float) -> None:
    """The server takes many forms; one form makes one record."""
    text = created_at(Intent("0" * 32, at))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    assert abs(datetime.fromisoformat(text).timestamp() - at) <= 0.001


def test_a_time_that_no_clock_has_still_makes_a_key() -> None:
    """Before 1970, and after all that a TID can hold."""
    for at in (-5.0, 1e12):
        assert FORM.fullmatch(record_key(Intent("f" * 32, at)))
        assert created_at(Intent("f" * 32, at)).endswith("Z")
