"""The record key of a post, a TID: made of what the intent fixed, so that a repeat has the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flock.networks.base import Intent

_LETTERS = "234567abcdefghijklmnopqrstuvwxyz"  # base32, in the order of their codes: TIDs sort as their times
_LENGTH = 13
_CLOCK_BITS = 10
_LATEST = 2**53 // 1000 - 1  # milliseconds since the epoch, in the year 2255
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def record_key(intent: Intent) -> str:
    """Return the TID of the intent's post: 13 letters that sort by the intent's time.

    A TID is 53 bits of microseconds and 10 bits of a clock's number. The milliseconds are those of the intent;
    the rest comes from its token. So two posts of one millisecond have the same TID once in a million cases. No
    account makes two posts in a millisecond, and each account has keys of its own.
    """
    token = int(intent.token, 16)
    clock, finer = token & (1 << _CLOCK_BITS) - 1, (token >> _CLOCK_BITS) % 1000
    number = (_milliseconds(intent) * 1000 + finer) << _CLOCK_BITS | clock
    return "".join(_LETTERS[number >> 5 * place & 31] for place in reversed(range(_LENGTH)))


def created_at(intent: Intent) -> str:
    """Return the intent's time as a post has it: ISO 8601 with milliseconds, in UTC."""
    moment = _EPOCH + timedelta(milliseconds=_milliseconds(intent))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _milliseconds(intent: Intent) -> int:
    return min(max(0, round(intent.at * 1000)), _LATEST)
