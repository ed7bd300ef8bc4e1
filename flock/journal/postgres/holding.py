"""Which bots a journal in PostgreSQL holds: those that it has claimed, and has not lost since."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from flock.errors import BotsTaken
from flock.journal.base import Place, Standing
from flock.journal.postgres import statements as sql
from flock.journal.postgres.accounts import Accounts
from flock.journal.postgres.changes import Left
from flock.journal.postgres.claiming import Claimed, claim, who_has
from flock.journal.postgres.connections import Connection
from flock.journal.postgres.leases import Lease
from flock.journal.postgres.session import Session

_HOLDERS = "SELECT DISTINCT host, pid FROM sheep JOIN lease USING (epoch) WHERE bot = ANY(%s)"
_FREE = "UPDATE sheep SET epoch = NULL WHERE id = ANY(%s) AND epoch = ANY(%s)"


class Holding:
    """The claimed bots, their rows, and what their rows are known to hold. Safe to share between threads.

    `connect` makes the connection of the lease, and `now` is its clock.
    """

    def __init__(self, session: Session, connect: Callable[[float], Connection], now: Callable[[], float]) -> None:
        self._session = session
        self.lease = Lease(connect, self._note_kept, now)
        self.accounts = Accounts(session.ask)
        self._claiming = threading.RLock()
        self._claimed: set[str] = set()
        self._taken_over: set[str] = set()
        self._lost: list[str] = []
        self._rows: dict[str, int] = {}  # a bot, and the id of its row
        self._at: dict[int, Left] = {}  # a claimed bot's row, and what it was left with
        self._prefetched: dict[str, tuple[Place, Standing] | None] = {}  # until the bot is first read or written

    def __contains__(self, bot: str) -> bool:
        return bot in self._claimed

    def claim(self, bots: Sequence[str], accounts: Mapping[str, str]) -> None:
        """Take the bots under the lease, all or none. Raises BotsTaken and JournalError."""
        with self._claiming:
            bots = list(dict.fromkeys(bot for bot in bots if bot not in self._claimed))
            if not bots:
                return
            found = self._take(bots)
            others = self.accounts.note({bot: accounts[bot] for bot in bots if bot in accounts})
            if others:
                self._free([claimed.row for claimed in found.values()])
                raise BotsTaken(self._who_has(others))
            for bot, claimed in found.items():
                self._rows[bot] = claimed.row
                self._at.pop(claimed.row, None)
                self._prefetched[bot] = claimed.kept
                (self._taken_over.add if claimed.is_taken_over else self._taken_over.discard)(bot)
            self._claimed.update(bots)

    def _take(self, bots: Sequence[str]) -> dict[str, Claimed]:
        """Claim the bots in the database, under the lease that holds when that is done."""
        while True:
            with self._session.translated():
                epoch = self.lease.take()
            found = self._session.ask(partial(claim, bots=bots, epoch=epoch))
            if epoch == self.lease.epoch:
                return found

    def recognize(self, bot: str, name: str, account: str) -> str:
        """See `Journal.recognize`."""
        with self._claiming:
            self.accounts.forget()
            known = self.accounts.identify(name, account)
            if known != bot and known in self._claimed:
                raise BotsTaken(self._who_has([known]))
            self.claim([known], {})
            if others := self.accounts.note({known: account}):
                raise BotsTaken(self._who_has(others))
            if known != bot:
                self._session.execute(sql.READDRESS, (self._row(known), self._row(bot)))
            return known

    def release(self, bots: Sequence[str]) -> None:
        """Free the claims of these bots."""
        with self._claiming:
            bots = [bot for bot in bots if bot in self._claimed]
            self._claimed.difference_update(bots)
            self._taken_over.difference_update(bots)
            for bot in bots:
                self._at.pop(self._rows[bot], None)
                self._prefetched.pop(bot, None)
            self.accounts.forget()
            self._free([self._rows[bot] for bot in bots])

    def is_taken_over(self, bot: str) -> bool:
        """See `Journal.is_taken_over`."""
        return bot in self._taken_over

    def row_to_write(self, bot: str) -> int:
        """Return the row of a bot that may be written about now. Raises JournalError."""
        self._session.refuse_read_only()
        self._session.refuse_closed()
        if bot not in self._claimed:
            raise self._session.error(f"this flock does not hold {bot}, or not any more")
        if not self.lease.is_good:
            why = "the server was not reached for some seconds, and another flock may take the bots"
            raise self._session.error(f"{why}; going on when it is back")
        self._prefetched.pop(bot, None)
        return self._rows[bot]

    def prefetched(self, bot: str) -> tuple[bool, tuple[Place, Standing] | None]:
        """Return whether it is known since the claim what is kept of the bot, and that; once."""
        return bot in self._prefetched, self._prefetched.pop(bot, None)

    def leave(self, row: int) -> Left | None:
        """Return what the row is known to have been left with; while it is written, that is not known."""
        return self._at.pop(row, None)

    def note(self, bot: str, place: Place, losses: int) -> None:
        """Note that the bot's row has this place, after so many losses of the writer's connection."""
        if bot in self._claimed:
            self._at[self._rows[bot]] = Left(place.n, place.piece, losses)

    def note_left(self, row: int, left: Left | None) -> None:
        """Note that the row must still be as it was left."""
        if left:
            self._at[row] = left

    def lose(self, bot: str) -> None:
        """Note that another flock has the bot."""
        if bot in self._claimed:
            self._claimed.discard(bot)
            self._lost.append(bot)

    def lost(self) -> list[str]:
        """Return the bots that were lost since the last call."""
        lost, self._lost = self._lost, []
        return lost

    def _note_kept(self, rows: set[int]) -> None:
        """Note which bots this journal still has, after its lease had ended and it has taken another."""
        for bot in list(self._claimed):
            if self._rows[bot] not in rows:
                self.lose(bot)

    def _row(self, bot: str) -> int:
        """Return the id of the bot's row, which is added if there is none."""
        if bot not in self._rows:
            self._session.execute(sql.ADD, ([bot],))
            self._rows.update({name: row for row, name in self._session.fetch(sql.IDS, ([bot],))})
        return self._rows[bot]

    def _free(self, rows: Sequence[int]) -> None:
        self._session.execute(_FREE, (rows, list(self.lease.own)))

    def _who_has(self, bots: Sequence[str]) -> str:
        return who_has(self._session.fetch(_HOLDERS, (list(bots),)), bots)
