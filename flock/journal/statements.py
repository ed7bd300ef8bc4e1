"""The SQL of the journal in a SQLite file."""

from __future__ import annotations

from collections.abc import Sequence

from flock.journal.base import Place, Standing


def _update(names: Sequence[str]) -> str:
    """Return the statement that writes these columns of a bot's row. Its values are theirs, the row's id, and the
    `n` and `piece` that the row has, or None for any."""
    columns = ", ".join(f"{name} = ?" for name in names)
    where = "id = ? AND n = coalesce(?, n) AND piece = coalesce(?, piece)"
    return f"UPDATE sheep SET is_kept = 1, {columns} WHERE {where}"  # noqa: S608 - field names of our own


COLUMNS = (*Place._fields, *Standing._fields)
READ = f"SELECT {', '.join(COLUMNS)} FROM sheep WHERE bot = ? AND is_kept"  # noqa: S608 - field names of our own
MOVE = _update(Place._fields)
KEEP = _update(COLUMNS)
ADD = "INSERT OR IGNORE INTO sheep (bot) VALUES (?)"
HOLD = "UPDATE sheep SET holder = ?, held_since = ? WHERE bot = ?"
INTEND = """
    INSERT OR REPLACE INTO tweet (bot, n, piece, text, outcome, intended_at) VALUES (?, ?, ?, ?, 'intended', ?)
"""
PRUNE = """
    DELETE FROM tweet
    WHERE bot = ? AND n < (SELECT min(n) + 16 FROM tweet WHERE bot = ?) AND intended_at NOT BETWEEN ? AND ?
        AND (outcome NOT IN ('said', 'unknown', 'intended') OR n < (
            SELECT n FROM tweet WHERE bot = ? AND outcome IN ('said', 'unknown', 'intended')
            ORDER BY n DESC, piece DESC LIMIT 1 OFFSET ?
        ))
"""  # each eighth post of a bot deletes at most 16 old ones: no delete takes long, and the file stops growing
WITHDRAW = """
    UPDATE tweet SET outcome = 'withdrawn', settled_at = intended_at
    WHERE bot = ? AND n = ? AND piece = ? AND outcome = 'intended'
"""
SETTLE = """
    UPDATE tweet SET outcome = ?, post_id = ?, why = ?, settled_at = ?
    WHERE bot = ? AND n = ? AND piece = ?
"""
REDATE = """
    UPDATE tweet SET intended_at = min(intended_at, ?), settled_at = min(settled_at, ?)
    WHERE intended_at > ? OR settled_at > ?
"""
GIVE = "INSERT INTO command (bot, verb, line, given_at) SELECT id, ?, ?, ? FROM sheep WHERE bot = ?"
GIVEN = """
    SELECT command.id, sheep.bot, verb, command.line, given_at FROM command JOIN sheep ON sheep.id = command.bot
    ORDER BY command.id
"""
OBEYED = "DELETE FROM command WHERE id = ? AND verb = ? AND line IS ? AND given_at = ?"
READDRESS = "UPDATE command SET bot = ? WHERE bot = ?"
WITHDRAW_OPEN = """
    UPDATE tweet SET outcome = 'withdrawn', settled_at = intended_at
    WHERE bot = ? AND n = (SELECT n FROM sheep WHERE id = ?) AND outcome = 'intended'
"""
POSTS_OF_BOT = """
    SELECT coalesce(settled_at, intended_at) FROM tweet
    WHERE bot = (SELECT id FROM sheep WHERE bot = ?) AND outcome IN ('said', 'unknown', 'intended')
    ORDER BY n DESC, piece DESC LIMIT ?
"""  # backwards along the primary key: it visits about as many rows as it returns
POSTS_OF_ALL = """
    SELECT coalesce(settled_at, intended_at) AS posted_at, bot FROM tweet
    WHERE outcome IN ('said', 'unknown', 'intended')
    ORDER BY posted_at DESC LIMIT ?
"""  # one scan of the table, which keeps the latest rows only
