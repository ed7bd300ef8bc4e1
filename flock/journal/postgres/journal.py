"""The journal in a PostgreSQL database, shared by all threads of a process, and by flocks on other machines."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import psycopg

from flock.clock import boot_time
from flock.errors import DailyLimit, Unstorable
from flock.journal.base import WELL, Command, Noted, Outcome, Place, Record, Settlement, Standing, Verb, given_to
from flock.journal.counted import Counted
from flock.journal.groups import Closed, GroupCommit
from flock.journal.postgres import looks, schema
from flock.journal.postgres import statements as sql
from flock.journal.postgres.changes import Change, Kind, Writer
from flock.journal.postgres.connections import Connection, Link, Server
from flock.journal.postgres.holding import Holding
from flock.journal.postgres.session import Session
from flock.journal.postgres.statements import lists
from flock.journal.postgres.trouble import UNSTORABLE
from flock.state import Database
from flock.units import DAY, roughly

_PRUNE_EVERY = 8  # posts of a bot
_PATIENCE = 4.0  # seconds for a statement of a group
_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::double precision"
_CLOCK_SLACK = 10.0  # seconds

log = logging.getLogger(__name__)


class PostgresJournal:
    """A journal in a PostgreSQL database.

    Three connections, made when they are needed and anew when they are lost: one for the writes of sheep, which
    are committed in groups (`GroupCommit`, `Writer`), one for the lease, and one for all else (`Session`). A write
    that fails because of its own values raises Unstorable and is left out.

    `intend` returns when the intent is on the server's disk (`synchronous_commit`), as do claims and renewals.
    Settlements and `keep` may be lost when the server crashes, never when a flock does: at most the last ones of
    each bot, from the end only, and an intent is open again then, unless the flock still runs and writes on.

    Claims are leases (`Lease`): a journal that cannot renew its lease raises JournalError from every write before
    the lease ends, and has `may_post` return False. Bots that another flock has taken meanwhile are lost, and
    `look_after` returns them.

    With `read_only` nothing is created, migrated or written, and the database may be a standby. `now` is the clock
    of the lease.
    """

    def __init__(
        self,
        database: Database,
        *,
        keep: float = 2 * DAY,
        read_only: bool = False,
        now: Callable[[], float] = boot_time,
    ) -> None:
        self.database = database
        self._keep = keep
        self._is_read_only = read_only
        self._closing = threading.Lock()
        self._counted: Counted | None = None  # where there are caps
        server = Server(database, read_only=read_only)
        self._writer = Writer(Link(server.connect, _PATIENCE), lambda: self.holding.lease.epoch)
        self.commits = GroupCommit(self._writer.commit)
        self._session = Session(database, server, self._writer.reconnect, read_only=read_only)
        self.holding = Holding(self._session, server.connect, now)
        self.is_new = False
        if not read_only:
            try:
                self.is_new = self._session.ask(schema.migrate)
                self._session.ask(schema.check)
                self._warn_of_clocks()
            except BaseException:
                self._session.close()
                raise

    def _warn_of_clocks(self) -> None:
        """Warn if this machine's clock is off: other flocks read the times that this one writes."""
        ahead = time.time() - self._session.fetch(_CLOCK)[0][0]
        if abs(ahead) > _CLOCK_SLACK:
            way = "ahead of" if ahead > 0 else "behind"
            log.warning(
                "this machine's clock is %s %s that of the journal's server; set both (timedatectl set-ntp true)",
                roughly(abs(ahead)),
                way,
            )

    @property
    def has_tables(self) -> bool:
        """Whether a flock has used the database yet. Raises JournalError where it is of another version."""
        if not self._session.ask(schema.version):
            return False
        self._session.ask(schema.check)
        return True

    # Claims

    def claim(self, bots: Sequence[str], accounts: Mapping[str, str] | None = None) -> None:
        """Take the bots under this journal's lease; a lease that its holder has not renewed does not count."""
        self._session.refuse_read_only()
        self.holding.claim(bots, accounts or {})

    def identify(self, bot: str, account: str | None) -> str:
        return self.holding.accounts.identify(bot, account)

    def recognize(self, bot: str, name: str, account: str) -> str:
        return self.holding.recognize(bot, name, account)

    def is_taken_over(self, bot: str) -> bool:
        return self.holding.is_taken_over(bot)

    def may_post(self, bot: str) -> bool:
        return self.holding.lease.is_good and bot in self.holding

    def holders(self, bots: Sequence[str]) -> dict[str, int]:
        own = self.holding.lease.epoch
        return self._session.ask(lambda connection: looks.holders(connection, bots, own))

    def release(self, bots: Sequence[str]) -> None:
        self.holding.release(bots)

    def look_after(self, now: float) -> list[str]:
        """Return the bots that another flock has taken since the last call; the lease looks after itself."""
        del now
        return self.holding.lost()

    # What sheep write

    def read(self, bot: str) -> tuple[Place, Standing] | None:
        losses = self._writer.losses
        is_known, found = self.holding.prefetched(bot)
        if not is_known:
            found = next((looks.kept(row) for row in self._session.fetch(sql.READ, (bot,))), None)
        if found:
            self.holding.note(bot, found[0], losses)
        return found

    def intend(self, bot: str, place: Place, text: str) -> None:
        """See `Journal.intend`. Raises DailyLimit where the posts of all flocks have reached the cap (`limit`)."""
        if place.intended is None:
            raise Unstorable("the journal cannot store an intent without the time of it (place.intended)")
        prune = None
        if place.n % _PRUNE_EVERY == 0:
            row = self.holding.row_to_write(bot)
            counted = 0 if self._counted is None else self._counted.of(bot, row)
            prune = row, place.intended - self._keep, place.intended + self._keep, counted
        self._submit(bot, place, Kind.INTEND, (*place, text), prune)

    def settle(self, bot: str, settlement: Settlement, place: Place) -> None:
        n, piece, outcome, at, post_id, why = settlement
        row = self._submit(bot, place, Kind.SETTLE, (*place, *WELL, n, piece, outcome, at, post_id, why))
        if self._counted is not None and outcome in (Outcome.SAID, Outcome.UNKNOWN):
            self._counted.add(row)

    def keep(self, bot: str, place: Place, standing: Standing) -> None:
        self._submit(bot, place, Kind.KEEP, (*place, *standing))

    def limit(self, posts: int) -> None:
        self._writer.cap = posts

    def _submit(
        self,
        bot: str,
        place: Place,
        kind: Kind,
        values: Sequence[object],
        prune: tuple[object, ...] | None = None,
    ) -> int:
        """Write the bot's row with others', and return its id."""
        row = self.holding.row_to_write(bot)
        change = Change(kind, row, self.holding.leave(row), values, prune=prune)
        try:
            self.commits.submit(change)
        except Closed:
            raise self._session.error("it is closed") from None
        if isinstance(change.error, UNSTORABLE):
            raise self._session.unstorable(change.error) from change.error
        if change.error is not None:
            raise self._session.trouble(change.error) from change.error
        if not change.is_written:
            self._refuse(bot, change)
        self.holding.note(bot, place, change.losses)
        return row

    def _refuse(self, bot: str, change: Change) -> None:
        """Raise the error that says why the bot's row was not written."""
        rows = self._session.fetch(sql.REASONS, ([change.row],))
        epoch, n, piece, host, pid, runs = rows[0] if rows else (None,) * 6
        if epoch not in self.holding.lease.own:
            self.holding.lose(bot)
            who = f"process {pid} on {host} runs {bot} now" if runs else f"another flock has had {bot} meanwhile"
            raise self._session.error(f"{who}; nothing is posted for it here")
        self.holding.note_left(change.row, change.left)
        if change.left is not None and change.left[:2] != (n, piece):
            why = f"another program has changed the row of {bot}; stop the flock, and look at where its bots are"
            raise self._session.error(why)
        if change.kind is Kind.INTEND and self._writer.cap is not None:
            found = self._session.fetch(sql.FREE_AT, (max(0, self._writer.cap - 1),))
            until = found[0][0] + DAY if found else None
            raise DailyLimit("the posts that all flocks may make in a day are made", until=until)
        raise self._session.error("the lease was renewed just now; trying again")

    # What operators write

    def give(self, bots: Sequence[str], verb: Verb, line: int | None = None, *, at: float) -> None:
        self._session.refuse_read_only()

        def write(connection: Connection) -> None:
            with connection.transaction():
                connection.execute(sql.ADD, (list(bots),))
                connection.execute(sql.GIVE, (str(verb), line, float(at), list(bots)))

        self._session.ask(write)

    def commands(self) -> list[Command]:
        return self._session.ask(looks.commands)

    def obey(self, command: Command, bot: str, place: Place, standing: Standing) -> bool:
        row = self.holding.row_to_write(bot)
        change = Change(Kind.KEEP, row, self.holding.leave(row), (*place, *standing))
        change.prepare(self._writer.losses)
        values: dict[str, Any] = {
            "number": command.number,
            "verb": str(command.verb),
            "wanted": command.line,
            "given_at": float(command.given),
            "epoch": self.holding.lease.epoch,
            **lists(sql.KEEP_COLUMNS, [change.values]),
        }
        is_there, is_moved = self._session.fetch(sql.OBEY, values)[0]
        if not is_there:
            self.holding.note_left(row, change.left)
            return False
        if not is_moved:
            self._refuse(bot, change)
        self.holding.note(bot, place, change.losses)
        return True

    # Looks

    def latest_posts(self, count: int, bot: str | None = None, *, now: float = math.inf) -> list[float]:
        self._keep = max(self._keep, DAY)
        if self._counted is None:
            self._counted = Counted()
        if bot is None:
            rows = self._session.fetch(sql.POSTS_OF_ALL, (count,))
            self._counted.ask_of_all(count, [row for _, row in reversed(rows)])
        else:
            rows = self._session.fetch(sql.POSTS_OF_BOT, (bot, count))
            self._counted.ask(count, bot)
        if any(posted_at > now for posted_at, _ in rows) and not self._is_read_only:
            self._session.execute(sql.REDATE, {"now": now})
        return sorted(min(posted_at, now) for posted_at, _ in rows)

    def bots(self) -> list[Record]:
        records, commands = self._session.ask(
            lambda connection: (looks.bots(connection), looks.commands(connection))
        )
        given = given_to(commands)
        return [record._replace(commands=given.get(record.bot, ())) for record in records]

    def counts(self) -> dict[str, int]:
        return self._session.ask(looks.counts)

    def posts(self, since: float = -math.inf) -> list[Noted]:
        return self._session.ask(lambda connection: looks.posts(connection, since))

    def posts_after(self, reached: Mapping[str, int]) -> list[Noted]:
        return self._session.ask(lambda connection: looks.posts_after(connection, reached))

    def tally(self, since: float) -> dict[str, dict[str, int]]:
        return self._session.ask(lambda connection: looks.tally(connection, since))

    def close(self) -> None:
        """Commit what is queued, give the bots back, and close the connections. Later calls raise JournalError.

        In a forked child it does nothing: all of that is the parent's.
        """
        if self._session.is_inherited:
            return
        with self._closing:
            if self._session.is_closed:
                return
            self._session.is_closed = True
            self.commits.close()
            with suppress(psycopg.Error):  # then the lease ends by itself
                self.holding.lease.end()
            self._writer.close()
            self._session.close()
