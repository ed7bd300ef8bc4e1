"""Claims: bots that are taken under a lease, all or none."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg

from flock.errors import BotsTaken
from flock.journal.base import Place, Standing
from flock.journal.postgres.accounts import names
from flock.journal.postgres.connections import Connection, transact
from flock.journal.postgres.looks import kept
from flock.journal.postgres.statements import ADD, KEPT

_TRIES = 3  # of claims that another journal crosses

_HELD = """
    SELECT DISTINCT host, pid FROM sheep JOIN lease USING (epoch)
    WHERE bot = ANY(%(bots)s) AND lease.until > clock_timestamp() AND epoch <> %(epoch)s
"""
_LOCK = f"SELECT id, bot, epoch, is_kept, {KEPT} FROM sheep WHERE bot = ANY(%(bots)s) ORDER BY id FOR UPDATE"
# It is written down that a lease has ended: else a renewal that is under way could still bring it back.
_KILL = """
    UPDATE lease SET until = '-infinity'
    WHERE until <= clock_timestamp() AND epoch IN (SELECT epoch FROM sheep WHERE bot = ANY(%(bots)s))
"""
_TAKE = """
    UPDATE sheep SET epoch = %(epoch)s, held_since = %(now)s WHERE bot = ANY(%(bots)s)
        AND EXISTS (SELECT FROM lease WHERE epoch = %(epoch)s AND until > clock_timestamp())
        AND NOT EXISTS (
            SELECT FROM sheep AS held JOIN lease ON lease.epoch = held.epoch
            WHERE held.bot = ANY(%(bots)s) AND lease.until > '-infinity' AND lease.epoch <> %(epoch)s
        )
    RETURNING id
"""


class Claimed(NamedTuple):
    """A bot that was claimed: its row, what was kept of it, and whether its last holder did not give it back."""

    row: int
    kept: tuple[Place, Standing] | None
    is_taken_over: bool


def claim(connection: Connection, bots: Sequence[str], epoch: int) -> dict[str, Claimed]:
    """Claim these bots under the epoch, all or none. Raises BotsTaken and psycopg.Error."""
    values = {"bots": list(bots), "epoch": epoch, "now": time.time()}
    for left in reversed(range(_TRIES)):
        _refuse_held(connection, values)
        try:
            found, taken = _take(connection, values)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.UniqueViolation):
            if not left:
                raise
            continue
        if taken:
            return found
        _refuse_held(connection, values)
    raise psycopg.OperationalError("the lease has ended before the bots were claimed")


def _refuse_held(connection: Connection, values: dict[str, Any]) -> None:
    """Raise BotsTaken if another journal has some of these bots. Locks nothing, so no other journal waits."""
    holders = connection.execute(_HELD, values).fetchall()
    if holders:
        raise BotsTaken(who_has(holders, values["bots"]))


def _take(connection: Connection, values: dict[str, Any]) -> tuple[dict[str, Claimed], int]:
    """Execute all of it in one go: this process may be stopped at any moment, and must hold no locks then."""
    steps = [(ADD, (values["bots"],)), (_LOCK, values), (_KILL, values), (_TAKE, values)]
    _, rows, _, taken = transact(connection, steps)
    found = {
        bot: Claimed(row, kept(columns) if is_kept else None, before not in (None, values["epoch"]))
        for row, bot, before, is_kept, *columns in rows
    }
    return found, len(taken)


def who_has(holders: Sequence[tuple[str, int]], bots: Sequence[str]) -> str:
    """Return who runs the bots: the processes, each with its machine."""
    here = (socket.gethostname(), os.getpid())
    if holders and all(tuple(each) == here for each in holders):
        return (
            f"this process already runs {names(bots)}; close that flock first, or take these keys out of this one"
        )
    who = ", ".join(f"{pid} on {host}" for host, pid in holders)
    holder = f"process {who}" if who else "another process"
    return f"{holder} already runs {names(bots)}; stop that flock first, or take these keys out of this one"
