"""The SQL of the journal in PostgreSQL. Statements about many bots get a list for each column (`unnest`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args, get_type_hints

from flock.journal.base import Condition, Place, Standing
from flock.journal.postgres.texts import stored

_TYPES: dict[object, str] = {int: "bigint", float: "double precision", str: "text", Condition: "text"}
_CONVERT: dict[str, Callable[[Any], Any]] = {
    "bigint": lambda value: value,
    "double precision": lambda value: None if value is None else float(value),
    "text": stored,
}


def _columns(kind: type) -> dict[str, str]:
    """Return the fields of a Place or Standing, each with its type in SQL."""
    return {name: _TYPES[(get_args(hint) or (hint,))[0]] for name, hint in get_type_hints(kind).items()}


PLACE, STANDING = _columns(Place), _columns(Standing)
COLUMNS = (*PLACE, *STANDING)
KEPT = ", ".join(f"sheep.{name}" for name in COLUMNS)
MADE = "outcome IN ('said', 'unknown', 'intended')"

_ROW = {"id": "bigint", "left_n": "bigint", "left_piece": "bigint"}
_SETTLED = {
    "settled_n": "bigint",
    "settled_piece": "bigint",
    "outcome": "text",
    "settled_at": "double precision",
    "post_id": "text",
    "why": "text",
}
INTEND_COLUMNS = {**_ROW, **PLACE, "post_text": "text"}
SETTLE_COLUMNS = {**_ROW, **PLACE, **STANDING, **_SETTLED}
KEEP_COLUMNS = {**_ROW, **PLACE, **STANDING}
PRUNE_COLUMNS = {"id": "bigint", "earliest": "double precision", "latest": "double precision", "counted": "bigint"}


def lists(columns: Mapping[str, str], rows: Iterable[Sequence[object]]) -> dict[str, list[Any]]:
    """Return the rows as a statement with these columns takes them."""
    by_column = zip(*rows, strict=True)
    return {
        name: [_CONVERT[kind](value) for value in values]
        for (name, kind), values in zip(columns.items(), by_column, strict=True)
    }


def _given(columns: Mapping[str, str]) -> str:
    unnested = ", ".join(f"%({name})s::{kind}[]" for name, kind in columns.items())
    return f"unnest({unnested}) WITH ORDINALITY AS given({', '.join(columns)}, rank)"


def _moved(columns: Mapping[str, str], written: Iterable[str], condition: str = "") -> str:
    """Return the part that writes the bots' rows, of those bots that this journal still holds under its epoch, and
    whose rows are as it left them."""
    assignments = ", ".join(f"{name} = given.{name}" for name in written)
    return f"""
        moved AS (
            UPDATE sheep SET is_kept = true, {assignments} FROM {_given(columns)}
            WHERE sheep.id = given.id AND sheep.epoch = %(epoch)s
                AND sheep.n = coalesce(given.left_n, sheep.n)
                AND sheep.piece = coalesce(given.left_piece, sheep.piece)
                {condition}
            RETURNING given.*
        )
    """


def _intend(before: str = "", condition: str = "") -> str:
    return f"""
        WITH {before} {_moved(INTEND_COLUMNS, PLACE, condition)},
        noted AS (
            INSERT INTO tweet (bot, n, piece, text, outcome, intended_at)
            SELECT id, n, piece, post_text, 'intended', intended FROM moved
            ON CONFLICT (bot, n, piece) DO UPDATE SET text = excluded.text, outcome = 'intended', post_id = NULL,
                why = '', intended_at = excluded.intended_at, settled_at = NULL
        )
        SELECT id FROM moved
    """


INTEND = _intend()
INTEND_CAPPED = _intend(
    f"""
        room AS (
            SELECT %(cap)s - count(*) AS posts FROM (
                SELECT FROM tweet WHERE {MADE} AND coalesce(tweet.settled_at, intended_at) > %(day)s LIMIT %(cap)s
            ) AS counted
        ),
    """,
    "AND given.rank <= (SELECT posts FROM room)",
)  # the lock that is taken before makes the intents of all flocks wait for each other
SETTLE = f"""
    WITH {_moved(SETTLE_COLUMNS, COLUMNS)},
    settled AS (
        UPDATE tweet SET outcome = moved.outcome, post_id = moved.post_id, why = moved.why,
            settled_at = moved.settled_at
        FROM moved WHERE tweet.bot = moved.id AND tweet.n = settled_n AND tweet.piece = settled_piece
    )
    SELECT id FROM moved
"""
KEEP = f"""
    WITH {_moved(KEEP_COLUMNS, COLUMNS)},
    withdrawn AS (
        UPDATE tweet SET outcome = 'withdrawn', settled_at = intended_at FROM moved
        WHERE moved.intended IS NULL AND tweet.bot = moved.id AND tweet.n = moved.n AND tweet.piece = moved.piece
            AND tweet.outcome = 'intended'
    )
    SELECT id FROM moved
"""
OBEY = f"""
    WITH there AS (
        SELECT FROM command WHERE id = %(number)s AND verb = %(verb)s
            AND line IS NOT DISTINCT FROM %(wanted)s::bigint AND given_at = %(given_at)s
    ),
    {_moved(KEEP_COLUMNS, COLUMNS, "AND EXISTS (SELECT FROM there)")},
    obeyed AS (DELETE FROM command WHERE id = %(number)s AND EXISTS (SELECT FROM moved)),
    withdrawn AS (
        UPDATE tweet SET outcome = 'withdrawn', settled_at = intended_at FROM moved, sheep
        WHERE moved.intended IS NULL AND sheep.id = moved.id AND tweet.bot = moved.id AND tweet.n = sheep.n
            AND tweet.outcome = 'intended'
    )
    SELECT (SELECT count(*) FROM there), (SELECT count(*) FROM moved)
"""
PRUNE = f"""
    DELETE FROM tweet USING {_given(PRUNE_COLUMNS)}
    WHERE tweet.bot = given.id AND n < (SELECT min(n) + 16 FROM tweet AS every WHERE every.bot = given.id)
        AND intended_at NOT BETWEEN earliest AND latest
        AND (NOT {MADE} OR n < (
            SELECT n FROM tweet AS made WHERE made.bot = given.id AND {MADE}
            ORDER BY n DESC, piece DESC LIMIT 1 OFFSET given.counted
        ))
"""  # each eighth post of a bot deletes at most 16 old ones
REASONS = """
    SELECT sheep.epoch, n, piece, host, pid, lease.until > clock_timestamp()
    FROM sheep LEFT JOIN lease USING (epoch) WHERE sheep.id = ANY(%s)
"""
FREE_AT = f"""
    SELECT coalesce(settled_at, intended_at) FROM tweet WHERE {MADE}
    ORDER BY coalesce(settled_at, intended_at) DESC LIMIT 1 OFFSET %s
"""

READ = f"SELECT {KEPT} FROM sheep WHERE bot = %s AND is_kept"
IDS = "SELECT id, bot FROM sheep WHERE bot = ANY(%s)"
ADD = "INSERT INTO sheep (bot) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"
GIVE = """
    INSERT INTO command (bot, verb, line, given_at)
    SELECT sheep.id, %s, %s, %s FROM unnest(%s::text[]) WITH ORDINALITY AS told(bot, rank) JOIN sheep USING (bot)
    ORDER BY rank
"""
GIVEN = """
    SELECT command.id, sheep.bot, verb, command.line, given_at FROM command JOIN sheep ON sheep.id = command.bot
    ORDER BY command.id
"""
READDRESS = "UPDATE command SET bot = %s WHERE bot = %s"
POSTS_OF_BOT = f"""
    SELECT coalesce(settled_at, intended_at), bot FROM tweet
    WHERE bot = (SELECT id FROM sheep WHERE bot = %s) AND {MADE} ORDER BY n DESC, piece DESC LIMIT %s
"""
POSTS_OF_ALL = f"""
    SELECT coalesce(settled_at, intended_at), bot FROM tweet WHERE {MADE}
    ORDER BY coalesce(settled_at, intended_at) DESC LIMIT %s
"""
REDATE = """
    UPDATE tweet SET intended_at = least(intended_at, %(now)s), settled_at = least(settled_at, %(now)s)
    WHERE intended_at > %(now)s OR settled_at > %(now)s
"""
