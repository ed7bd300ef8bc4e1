"""Leases: which bots a journal in PostgreSQL may write about, and until when.

A journal that claims bots has one row in the table `lease`, with an epoch that no other has or had, and each of
its bots has that epoch in its own row. So one update renews the claims of ten thousand bots, and a bot's epoch
says whose it is: every write is refused that carries another one.

The lease ends `TTL` seconds after its latest renewal, by the clock of the database. From then on another journal
may take the bots, under its own epoch. The holder counts from the moment before it asked for the renewal, by a
clock that goes on while the machine is suspended, and stops `MARGIN` seconds earlier. A lease that has ended is
never renewed: the journal takes another, with those of its bots that no other journal has taken meanwhile.

Epochs are drawn at random by the journal itself. So it knows its own also where the server's answer was lost, and
a server that takes over and lacks the latest commits does not give one out again.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable

from flock.clock import boot_time
from flock.journal.postgres.connections import Connection, Link

TTL = 6.0  # seconds, as all of these
RENEW = 2.0
MARGIN = 1.0
_AGAIN = 0.5  # after a renewal that failed
_PATIENCE = 2.5  # for one renewal
_FORGET = "1 day"  # after which the row of a lease is deleted that no bot has

_TAKE = f"""
    WITH gone AS (
        DELETE FROM lease WHERE until < clock_timestamp() - interval '{_FORGET}'
            AND NOT EXISTS (SELECT FROM sheep WHERE sheep.epoch = lease.epoch)
    )
    INSERT INTO lease (epoch, host, pid, until) OVERRIDING SYSTEM VALUE
    VALUES (%(new)s, %(host)s, %(pid)s, clock_timestamp() + %(ttl)s * interval '1 second')
"""
_RENEW = """
    UPDATE lease SET until = clock_timestamp() + %(ttl)s * interval '1 second'
    WHERE epoch = %(epoch)s AND until > clock_timestamp() RETURNING epoch
"""
_TAKE_ANOTHER = """
    WITH taken AS (
        INSERT INTO lease (epoch, host, pid, until) OVERRIDING SYSTEM VALUE
        VALUES (%(new)s, %(host)s, %(pid)s, clock_timestamp() + %(ttl)s * interval '1 second')
    )
    UPDATE sheep SET epoch = %(new)s WHERE epoch = ANY(%(own)s) RETURNING id
"""
_GIVE_BACK = "UPDATE sheep SET epoch = NULL WHERE epoch = ANY(%(own)s)"
_END = "DELETE FROM lease WHERE epoch = ANY(%(own)s)"
_EPOCH_BITS = 62

log = logging.getLogger(__name__)


class Lease:
    """The lease of one journal. `tell_kept` is called with the rows of the bots that are kept, under another
    epoch, after a lease has ended. `now` is a clock, in seconds, that is never set.

    `epoch` is that of the lease, and `own` has all that the journal's rows may have: also those of leases that
    have ended, and of one that may have begun.
    """

    def __init__(
        self,
        connect: Callable[[float], Connection],
        tell_kept: Callable[[set[int]], None],
        now: Callable[[], float] = boot_time,
    ) -> None:
        self._link = Link(connect, _PATIENCE)
        self._tell_kept = tell_kept
        self._now = now
        self._deadline = float("-inf")
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.epoch: int | None = None
        self.own: set[int] = set()

    @property
    def is_good(self) -> bool:
        """Whether no other journal can have taken the bots."""
        return self._now() < self._deadline

    def take(self) -> int:
        """Take a lease, and renew it from now on, unless there is one. Return its epoch. Raises psycopg.Error."""
        if self.epoch is None:
            asked, new = self._now(), self._draw()
            with self._link.use() as connection:
                connection.execute(_TAKE, self._values(new))
            self.epoch, self._deadline = new, asked + TTL - MARGIN
            self._thread = threading.Thread(target=self._keep_on, name="lease", daemon=True)
            self._thread.start()
        return self.epoch

    def renew(self) -> None:
        """Renew the lease, or take another if it has ended. Raises psycopg.Error."""
        asked = self._now()
        with self._link.use() as connection:
            if connection.execute(_RENEW, self._values()).fetchone():
                self._deadline = asked + TTL - MARGIN
                return
            asked, new = self._now(), self._draw()
            kept = {row for (row,) in connection.execute(_TAKE_ANOTHER, self._values(new))}
        self._tell_kept(kept)
        self.epoch, self._deadline = new, asked + TTL - MARGIN

    def _draw(self) -> int:
        """Return another epoch, which is the journal's own from now on."""
        new = secrets.randbits(_EPOCH_BITS)
        self.own = {*self.own, new}
        return new

    def _values(self, new: int | None = None) -> dict[str, object]:
        here = {"host": socket.gethostname(), "pid": os.getpid()}
        return {**here, "ttl": TTL, "epoch": self.epoch, "own": list(self.own), "new": new}

    def _keep_on(self) -> None:
        pause = RENEW
        while not self._stop.wait(pause):
            try:
                self.renew()
                pause = RENEW
            except Exception as error:  # noqa: BLE001 - whatever it is, the lease must be tried again
                log.debug("the lease is not renewed: %s", type(error).__name__)
                self._link.drop()
                pause = _AGAIN

    def end(self) -> None:
        """Give the bots back, and the lease. Raises psycopg.Error."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE * 4)
        self._deadline = float("-inf")
        try:
            if self.epoch is not None:
                with self._link.use() as connection, connection.transaction():
                    connection.execute(_GIVE_BACK, self._values())
                    connection.execute(_END, self._values())
        finally:
            self._link.drop()
