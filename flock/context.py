"""What the sheep of one herd share: options, clock, journal, networks, the stop event, and the observers."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from flock.clock import Clock, SystemClock
from flock.events import Events
from flock.journal import Journal, MemoryJournal, open_journal
from flock.keys import Key
from flock.networks.registry import Networks
from flock.observers.console import Console
from flock.observers.logs import log_unless_configured
from flock.options import Options, settle_options
from flock.sheep.allowance import Allowance, allowance
from flock.threads.outage import Outage
from flock.threads.stop import StopEvent

_UNKNOWN = "unknown"  # in the place of an account's number


@dataclass(slots=True)
class Context:
    """The collaborators of every sheep, passed in when it is made.

    `allowance` is the whole flock's posts a day, or None without a cap. `stop` ends the herd. `calls` counts the
    shepherd's SIGHUPs: each gives penned and waiting sheep another try. `journal_outage` says which sheep tells
    that the journal cannot be written. `bots` are those that are claimed for the herd.
    """

    options: Options
    clock: Clock
    journal: Journal
    networks: Networks
    events: Events
    allowance: Allowance | None = None
    stop: StopEvent = field(default_factory=StopEvent)
    calls: int = 0
    journal_outage: Outage = field(default_factory=Outage)
    bots: set[str] = field(default_factory=set)

    def bot(self, key: Key) -> str:
        """Return the name under which the journal knows the key's bot. It is the account's first name, also after
        the account was renamed, where the number of the account is known.

        Where that is found out only later, and the name is that of a known account, it is a name for the meantime,
        such as "bluesky:dolly.test (unknown)": the account may be another one.
        """
        account = self.networks.account(key)
        if account is None and self.networks.tells_account(key):
            account = f"{key.network}:{_UNKNOWN}"
        return self.journal.identify(self.networks.bot(key), account)

    def claim(self, keys: Iterable[Key]) -> None:
        """Claim the bots of these keys in the journal, all or none. Raises BotsTaken."""
        accounts = {self.bot(key): self.networks.account(key) for key in keys}
        self.journal.claim(list(accounts), {bot: account for bot, account in accounts.items() if account})
        self.bots.update(accounts)

    def leave(self, bots: Iterable[str]) -> None:
        """Leave the shares of these bots, of the flock's posts a day, to the others."""
        if self.allowance is not None:
            for bot in bots:
                self.allowance.forget(bot)

    def close(self) -> None:
        """Close the connections and the journal."""
        self.networks.close()
        self.journal.close()


def open_context(options: Options, events: Events | None = None) -> Context:
    """Return the context of a flock with these options. Raises JournalError when there can be no journal,
    and BadOption when this process may open no more files.

    A dry run gets a journal that touches no file. Without `events`, posts are printed as they are made.
    """
    clock = SystemClock()
    keep = options.keep_history
    journal: Journal = MemoryJournal() if options.dry_run else open_journal(options.journal, keep=keep)
    try:
        if options.flock_posts_per_day is not None:
            journal.limit(options.flock_posts_per_day)
        return Context(
            options=options,
            clock=clock,
            journal=journal,
            networks=Networks(options),
            events=events or _told_on_standard_output(),
            allowance=allowance(options.flock_posts_per_day, clock, journal),
        )
    except BaseException:
        journal.close()
        raise


def _told_on_standard_output() -> Events:
    """Return the events of a program that has set up nothing: a console, and warnings on standard error."""
    log_unless_configured()
    return Events([Console()])


_shared: list[Context] = []  # one at most
_sharing = threading.Lock()


def shared_context() -> Context:
    """Return the context of the sheep that are made by hand, without one of their own: one for the process.

    Its options are those of the `FLOCK_...` environment variables.
    """
    with _sharing:
        if not _shared:
            _shared.append(open_context(settle_options(environment=os.environ)))
        return _shared[0]
