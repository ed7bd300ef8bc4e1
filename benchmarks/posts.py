"""Posts, as a program's log and flock's journal tell of them."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import simplejson as json

SLACK = 60.0  # seconds from a post's settlement to its line in the log, at most


class Post(NamedTuple):
    """A post in a log: the bot's `n`-th, and `late` seconds behind its due time when the bot set about it."""

    bot: str
    n: int = 0
    piece: int = 0
    late: float = 0.0


def hear_yardstick(line: bytes) -> Post | None:
    """Return the post that the yardstick's line tells of, if it does."""
    bot, _, text = line.partition(b" ")
    return Post(bot.decode()) if text.startswith(b"line ") else None


def hear_flock(line: bytes) -> Post | None:
    """Return the post that the flock's line of JSON tells of, if it does."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    if event.get("event") != "said":
        return None
    return Post(event["bot"], event["n"], event["piece"], event["late"])


def half_way(state: Path) -> int:
    """Return how many posts the journal saw begin and not end."""
    with closing(_opened(state)) as journal:
        count: int = journal.execute("SELECT count(*) FROM tweet WHERE outcome = 'intended'").fetchone()[0]
    return count


def lateness(posts: Iterable[Post], state: Path, since: float) -> list[float]:
    """Return by how many milliseconds each of flock's posts was posted after it was due.

    The log tells when a bot set about it, the journal how long it then took until the network had answered. The
    posts are those of the log since the wall-clock time `since`.
    """
    return milliseconds_late(posts, _posting_seconds(state, since - SLACK))


def milliseconds_late(posts: Iterable[Post], seconds: Mapping[tuple[str, int, int], float]) -> list[float]:
    """Return the same, where it is known how many seconds each post took, by bot, number and piece."""
    keys = ((post, (post.bot, post.n, post.piece)) for post in posts)
    return [(post.late + seconds[key]) * 1000 for post, key in keys if key in seconds]


def _posting_seconds(state: Path, since: float) -> dict[tuple[str, int, int], float]:
    """Return how long each post took, by bot, number and piece, of those settled since then."""
    query = """
        SELECT substr(sheep.bot, instr(sheep.bot, ':') + 1), tweet.n, tweet.piece, settled_at - intended_at
        FROM tweet JOIN sheep ON sheep.id = tweet.bot
        WHERE outcome = 'said' AND settled_at >= ?
    """
    with closing(_opened(state)) as journal:
        return {(bot, n, piece): took for bot, n, piece, took in journal.execute(query, (since,))}


def _opened(state: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{state}?mode=ro", uri=True)


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the smallest of the values that so many percent of them do not exceed; None if there are none."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(len(ranked) * percent / 100) - 1)] if ranked else None
