"""What the sheep of one flock share: clock, journal, networks, stop event and slots, and whom to tell."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from flock.budget import UNLIMITED, Allowance
from flock.clock import Clock, SystemClock
from flock.console import Console
from flock.events import Events
from flock.journal import Journal, MemoryJournal, SqliteJournal
from flock.networks import Networks
from flock.options import Options
from flock.threads.slots import Slots
from flock.threads.stop import StopEvent


@dataclass(slots=True)
class Commons:
    """The collaborators of every sheep.

    `allowance` is the whole flock's posts a day; `stop` ends the flock; `slots` bounds how many post at once;
    `calls` counts the shepherd's SIGHUPs; `good_apps` holds the consumer tokens that a network has taken a post
    with.
    """

    options: Options
    clock: Clock
    journal: Journal
    networks: Networks
    events: Events
    allowance: Allowance = UNLIMITED
    stop: StopEvent = field(default_factory=StopEvent)
    slots: Slots = field(default_factory=Slots)
    calls: int = 0
    good_apps: set[str] = field(default_factory=set, repr=False)
    _met: dict[str, object] = field(default_factory=dict, repr=False)  # a trouble, and who met it first
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, options: Options, events: Events | None = None) -> Commons:
        """Return what a flock with these options needs. Raises JournalError when there can be no journal.

        A dry run gets a journal that touches no file. Without `events`, tweets are printed as they are said.
        """
        clock = SystemClock()
        journal = (
            MemoryJournal() if options.dry_run else SqliteJournal(options.state_file, keep=options.keep_history)
        )
        return cls(
            options=options,
            clock=clock,
            journal=journal,
            networks=Networks(options),
            events=events or Events([Console()]),
            allowance=allowance(options.flock_posts_per_day, clock, journal),
        )

    def first_to_meet(self, trouble: str) -> bool:
        """Return whether nobody has met this trouble of the whole flock's before: then it should be told."""
        return self.speaks_for_all(object(), trouble)

    def speaks_for_all(self, who: object, trouble: str) -> bool:
        """Return whether `who` was the first to meet this trouble: then all that comes of it is theirs to tell."""
        with self._lock:
            return self._met.setdefault(trouble, who) is who

    def is_over(self, trouble: str) -> bool:
        """Forget a trouble of the whole flock's; return whether there was one."""
        if trouble not in self._met:  # the usual case, without the lock
            return False
        with self._lock:
            return self._met.pop(trouble, None) is not None

    def close(self) -> None:
        """Close the connections and the journal."""
        self.networks.close()
        self.journal.close()


def allowance(cap: int | None, clock: Clock, journal: Journal, bot: str | None = None) -> Allowance:
    """Return the posts a day of `bot`, or of the whole flock, less those that the journal knows of."""
    if cap is None:
        return UNLIMITED
    offset = clock.now() - clock.wall()
    return Allowance(cap, [time + offset for time in journal.latest_posts(cap, bot)])
