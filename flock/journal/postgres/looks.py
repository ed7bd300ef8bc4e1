"""Looks at all bots of the journal in PostgreSQL at once, or at many of their posts. Nothing is written."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from flock.journal.base import Command, Condition, Noted, Outcome, Place, Record, Standing, Verb, in_order
from flock.journal.postgres import statements as sql
from flock.journal.postgres.connections import Connection
from flock.journal.postgres.statements import COLUMNS, KEPT
from flock.journal.postgres.texts import restored

_POST = "n, piece, text, outcome, coalesce(settled_at, intended_at), post_id, why"
_ENDED = "outcome IN ('said', 'skipped', 'unknown')"
_RUNS = "lease.until > clock_timestamp()"

_BOTS = f"""
    SELECT sheep.bot, account, lease.pid, lease.host, CASE WHEN lease.pid IS NOT NULL THEN held_since END, is_kept,
        {KEPT}, latest.*
    FROM sheep LEFT JOIN lease ON lease.epoch = sheep.epoch AND {_RUNS}
    LEFT JOIN LATERAL (
        SELECT {_POST} FROM tweet WHERE tweet.bot = sheep.id AND outcome IN ('said', 'unknown')
        ORDER BY n DESC, piece DESC LIMIT 1
    ) AS latest ON true
    ORDER BY sheep.bot
"""
_COUNTS = "SELECT bot, n FROM sheep"
_HOLDERS = f"SELECT bot, pid, epoch FROM sheep JOIN lease USING (epoch) WHERE bot = ANY(%s) AND {_RUNS}"
_POSTS = f"""
    SELECT sheep.bot, latest.* FROM sheep JOIN LATERAL (
        SELECT {_POST} FROM tweet
        WHERE tweet.bot = sheep.id AND {_ENDED} AND coalesce(settled_at, intended_at) >= %s
    ) AS latest ON true
"""
_POSTS_AFTER = f"""
    SELECT reached.bot, latest.* FROM unnest(%s::text[], %s::bigint[]) AS reached(bot, n)
    JOIN sheep ON sheep.bot = reached.bot
    JOIN LATERAL (
        SELECT {_POST} FROM tweet WHERE tweet.bot = sheep.id AND tweet.n > reached.n AND {_ENDED}
    ) AS latest ON true
"""
_TALLY = """
    SELECT sheep.bot, text, count(*) FROM tweet JOIN sheep ON sheep.id = tweet.bot
    WHERE outcome IN ('said', 'unknown') AND coalesce(settled_at, intended_at) >= %s GROUP BY sheep.bot, text
"""


def bots(connection: Connection) -> list[Record]:
    """Return what is known of each bot. Raises psycopg.Error."""
    return [_record(row) for row in connection.execute(_BOTS.encode())]


def counts(connection: Connection) -> dict[str, int]:
    """Return how many posts each bot has behind it."""
    return dict(connection.execute(_COUNTS).fetchall())


def holders(connection: Connection, asked: Sequence[str], own: int | None) -> dict[str, int]:
    """Return the process of each of these bots that a journal has claimed now under another epoch than `own`."""
    rows = connection.execute(_HOLDERS.encode(), (list(asked),))
    return {bot: pid for bot, pid, epoch in rows if epoch != own}


def kept(values: Sequence[Any]) -> tuple[Place, Standing]:
    """Return the place and the standing of which these are the columns. Raises psycopg.Error."""
    texts: list[Any] = [restored(value) if isinstance(value, str) else value for value in values]
    place, standing = Place(*texts[: len(Place._fields)]), Standing(*texts[len(Place._fields) :])
    if standing.condition not in tuple(Condition):
        raise psycopg.DataError(f"it is damaged (the condition {standing.condition!r})")
    return place, standing._replace(condition=Condition(standing.condition))


def commands(connection: Connection) -> list[Command]:
    """Return the commands that were not obeyed yet; those of a newer flock are left out."""
    known = {str(verb): verb for verb in Verb}
    found = connection.execute(sql.GIVEN)
    return [Command(number, bot, known[verb], *rest) for number, bot, verb, *rest in found if verb in known]


def posts(connection: Connection, since: float) -> list[Noted]:
    """Return the posts that ended since then, earliest first."""
    return in_order(_noted(bot, post) for bot, *post in connection.execute(_POSTS.encode(), (since,)))


def posts_after(connection: Connection, reached: Mapping[str, int]) -> list[Noted]:
    """Return the posts of these bots after the n-th of each, earliest first."""
    rows = connection.execute(_POSTS_AFTER.encode(), ([*reached], [*reached.values()]))
    return in_order(_noted(bot, post) for bot, *post in rows)


def tally(connection: Connection, since: float) -> dict[str, dict[str, int]]:
    """Return how often each bot has posted each text since then."""
    counts: dict[str, dict[str, int]] = {}
    for bot, text, count in connection.execute(_TALLY, (since,)):
        counts.setdefault(bot, {})[restored(text)] = count
    return counts


def _record(row: Sequence[Any]) -> Record:
    bot, account, holder, host, since, is_kept, *rest = row
    values, post = rest[: len(COLUMNS)], rest[len(COLUMNS) :]
    return Record(
        bot,
        account=account,
        kept=kept(values) if is_kept else None,
        said=_noted(bot, post) if post[0] is not None else None,
        holder=holder,
        since=since,
        host="" if host in (None, socket.gethostname()) else host,
    )


def _noted(bot: str, post: Sequence[Any]) -> Noted:
    n, piece, text, outcome, at, post_id, why = post
    post_id = None if post_id is None else restored(post_id)
    return Noted(bot, n, piece, restored(text), Outcome(outcome), at, post_id, restored(why))
