"""Looks at all bots of the SQLite journal at once, or at many of their posts. Nothing is written."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from flock.journal.base import Condition, Noted, Outcome, Place, Record, Standing, in_order
from flock.journal.statements import COLUMNS
from flock.journal.trouble import DAMAGED

_NAMES = ", ".join(f"sheep.{name}" for name in COLUMNS)
_POST = "tweet.n, tweet.piece, tweet.text, tweet.outcome, coalesce(settled_at, intended_at), post_id, why"
_MADE = "outcome IN ('said', 'unknown')"
_ENDED = "outcome IN ('said', 'skipped', 'unknown')"

# The latest post of each bot is found backwards along the primary key.
_BOTS = f"""
    SELECT sheep.bot, account, holder, held_since, is_kept, {_NAMES}, {_POST}
    FROM sheep LEFT JOIN tweet ON tweet.bot = sheep.id AND (tweet.n, tweet.piece) = (
        SELECT n, piece FROM tweet AS latest WHERE latest.bot = sheep.id AND {_MADE}
        ORDER BY n DESC, piece DESC LIMIT 1
    )
    ORDER BY sheep.bot
"""  # noqa: S608 - names of our own
_COUNTS = "SELECT bot, n FROM sheep"
_HOLDERS = "SELECT bot, id, holder FROM sheep WHERE holder IS NOT NULL"
_POSTS = f"""
    SELECT sheep.bot, {_POST} FROM tweet JOIN sheep ON sheep.id = tweet.bot
    WHERE {_ENDED} AND coalesce(settled_at, intended_at) >= ?
"""  # noqa: S608
_IDS = "SELECT bot, id FROM sheep"
_POSTS_AFTER = f"SELECT {_POST} FROM tweet WHERE bot = ? AND n > ? AND {_ENDED} ORDER BY n, piece"  # noqa: S608
_TALLY = f"""
    SELECT bot, text, count(*) FROM tweet WHERE {_MADE} AND coalesce(settled_at, intended_at) >= ?
    GROUP BY bot, text
"""  # noqa: S608


def bots(connection: sqlite3.Connection) -> list[Record]:
    """Return what is known of each bot, with the process that ran it last. Raises sqlite3.Error."""
    return [_record(row) for row in connection.execute(_BOTS)]


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many posts each bot has behind it."""
    return dict(connection.execute(_COUNTS))


def holders(connection: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """Return the number of each bot's row, and the process that ran it last."""
    return {bot: (number, pid) for bot, number, pid in connection.execute(_HOLDERS)}


def kept(values: Sequence[Any]) -> tuple[Place, Standing]:
    """Return the place and the standing of which these are the columns. Raises sqlite3.DatabaseError."""
    place, standing = Place(*values[: len(Place._fields)]), Standing(*values[len(Place._fields) :])
    if standing.condition not in tuple(Condition):
        raise sqlite3.DatabaseError(f"{DAMAGED} (the condition {standing.condition!r})")
    return place, standing._replace(condition=Condition(standing.condition))


def posts(connection: sqlite3.Connection, since: float) -> list[Noted]:
    """Return the posts that ended since then, earliest first."""
    found = [_noted(bot, post) for bot, *post in connection.execute(_POSTS, (since,))]
    return in_order(found)


def posts_after(connection: sqlite3.Connection, reached: Mapping[str, int]) -> list[Noted]:
    """Return the posts of these bots after the n-th of each, earliest first."""
    numbers = dict(connection.execute(_IDS))
    found = [
        _noted(bot, post)
        for bot, n in reached.items()
        if bot in numbers
        for post in connection.execute(_POSTS_AFTER, (numbers[bot], n))
    ]
    return in_order(found)


def tally(connection: sqlite3.Connection, since: float) -> dict[str, dict[str, int]]:
    """Return how often each bot has posted each text since then."""
    names = {number: bot for bot, number in connection.execute(_IDS)}
    counts: dict[str, dict[str, int]] = {}
    for number, text, count in connection.execute(_TALLY, (since,)):
        if number in names:  # another program may have deleted the row
            counts.setdefault(names[number], {})[text] = count
    return counts


def _record(row: Sequence[Any]) -> Record:
    bot, account, holder, since, is_kept, *rest = row
    values, post = rest[: len(COLUMNS)], rest[len(COLUMNS) :]
    return Record(
        bot,
        account=account,
        kept=kept(values) if is_kept else None,
        said=_noted(bot, post) if post[0] is not None else None,
        holder=holder,
        since=since,
    )


def _noted(bot: str, post: Sequence[Any]) -> Noted:
    n, piece, text, outcome, at, post_id, why = post
    return Noted(bot, n, piece, text, Outcome(outcome), at, post_id, why)
