"""What a rehearsal from the present places needs: a journal that begins where another one is, and networks that
only name bots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from flock.journal import Journal, MemoryJournal, Noted, Outcome, Place, Record, Standing
from flock.journal.base import identified
from flock.keys import Key
from flock.networks.base import Network
from flock.networks.registry import Networks
from flock.sheep.delivery import withdrawn


class BorrowedJournal(MemoryJournal):
    """A journal in memory that begins where `lender` is, and writes nothing to it. It does not close it.

    `found` counts the bots that have a place in `lender`.
    """

    def __init__(self, lender: Journal) -> None:
        super().__init__()
        self._lender = lender
        self.found = 0

    def identify(self, bot: str, account: str | None) -> str:
        return self._lender.identify(bot, account)

    def recognize(self, bot: str, name: str, account: str) -> str:
        del bot
        return self.identify(name, account)

    def claim(self, bots: Sequence[str], accounts: Mapping[str, str] | None = None) -> None:
        """Claim nothing: a flock may run these bots meanwhile."""

    def read(self, bot: str) -> tuple[Place, Standing] | None:
        """Return where the bot is. A post that is under way there is still to be made here."""
        if own := super().read(bot):
            return own
        if (kept := self._lender.read(bot)) is None:
            return None
        self.found += 1
        place, standing = kept
        return withdrawn(place), standing

    def latest_posts(self, count: int, bot: str | None = None, *, now: float = math.inf) -> list[float]:
        before = [min(time, now) for time in self._lender.latest_posts(count, bot)]
        latest = sorted([*before, *super().latest_posts(count, bot, now=now)])
        return latest[-count:] if count else []


class KnownJournal(MemoryJournal):
    """What a look at a journal has found, to be lent to a rehearsal. `posts` are those of the last 24 hours, where
    a cap counts them."""

    def __init__(self, records: Sequence[Record], posts: Sequence[Noted] = ()) -> None:
        super().__init__()
        self._known = {record.bot: record.kept for record in records}
        self._account_of = {record.bot: record.account for record in records}
        self._bot_of = {record.account: record.bot for record in records if record.account}
        self._made = [post for post in posts if post.outcome is not Outcome.SKIPPED]

    def identify(self, bot: str, account: str | None) -> str:
        return identified(bot, account, self._account_of, self._bot_of)

    def read(self, bot: str) -> tuple[Place, Standing] | None:
        return self._known.get(bot)

    def latest_posts(self, count: int, bot: str | None = None, *, now: float = math.inf) -> list[float]:
        times = sorted(min(post.at, now) for post in self._made if bot in (None, post.bot))
        return times[-count:] if count else []


class UnpostedNetworks(Networks):
    """Knows the bots by the same names as the networks of a flock with these options, and posts nothing."""

    def connect(self, key: Key) -> Network:
        return self.dry_run(key)
