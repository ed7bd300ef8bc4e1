"""How old a post is, by the clock of the network that lists it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def age_of(made: object, answered: str | None) -> float | None:
    """Return how many seconds before the answer a post was made, or None where one of the times is not told.

    `made` is the post's `created_at`: ISO 8601, or as API v1.1 of X writes it. `answered` is the answer's Date
    header. Both times are the network's own, so that it does not matter how this machine's clock is set.
    """
    then, now = _moment(made), _date(answered)
    return None if then is None or now is None else (now - then).total_seconds()


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    with suppress(ValueError):
        return _in_utc(datetime.fromisoformat(text))
    with suppress(ValueError):
        return datetime.strptime(text, "%a %b %d %H:%M:%S %z %Y")
    return None


def _date(text: str | None) -> datetime | None:
    with suppress(ValueError, TypeError, IndexError, OverflowError):
        return _in_utc(parsedate_to_datetime(text or ""))
    return None


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
