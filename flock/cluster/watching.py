"""Watches the bots of all herds by the journal, and tells observers what a shepherd tells of its own herd.

Herds move from machine to machine, and are killed with them. What they write into the journal stays: so one
process sees all bots there, whichever herd has them, and also those that no herd has.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flock.errors import JournalError, OutOfCredits
from flock.events import (
    Event,
    Events,
    Failed,
    GoneQuiet,
    NobodyQuiet,
    Out,
    Penned,
    Reloaded,
    Rounds,
    Said,
    Silenced,
    Skipped,
    SpeaksAgain,
    Stopped,
    Unsure,
    Waiting,
)
from flock.journal import WELL, Condition, Outcome, Place, Record, Standing
from flock.logbook import Entry, Logbook
from flock.options import Options
from flock.overview import State, Viewer, advice_about
from flock.roster import Member
from flock.shepherd import Ending

log = logging.getLogger(__name__)

_LOOK = 2.0  # seconds between two looks at the journal
_SHARE = 9.0  # a look at many bots takes long: so many times that long until the next one, but
_LONGEST = 30.0  # at most so long: well below the time after which metrics take the watching to be stuck
_ALONE = 60.0  # seconds without a herd after which a bot is told of: herds that move need up to half of that
_JOIN = 5.0  # seconds that a look has to end
_NO_HERD = "no herd runs it"
_EXCUSED = (State.PENNED, State.PAUSED)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A bot at a look. `alone` is the wall-clock time since which no herd has it, or None. `quiet` is why it is
    overdue for too long, or empty; `overdue` is in seconds."""

    member: Member
    record: Record
    state: State
    alone: float | None
    overdue: float
    quiet: str

    @property
    def place(self) -> Place:
        return self.record.kept[0] if self.record.kept else Place()

    @property
    def standing(self) -> Standing:
        return self.record.kept[1] if self.record.kept else WELL

    @property
    def ill(self) -> type[Penned | Waiting] | None:
        """The event that tells what the operator must do something about, or None.

        A herd that begins tries bots that were penned again: what was written before is no news.
        """
        if self.alone is None and self.state is State.PENNED:
            return Penned
        is_broke = self.state is State.WAITING and self.standing.kind == OutOfCredits.__name__
        return Waiting if self.alone is None and is_broke else None


class Watching:
    """Looks at the bots of a folder in the journal of these options, and tells `events`.

    In a `with` block it looks every few seconds, in a thread of its own; at the end of the block it tells that the
    flock has ended, unless the block ends by an error. `clock` is wall-clock time. Raises BadKeys and JournalError
    where the folder or the journal cannot be read at first.
    """

    def __init__(
        self, folder: Path, options: Options, events: Events, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._options = options
        self._events = events
        self._clock = clock
        self._turn = threading.Lock()
        self._book = Logbook(folder, options)
        self._seen: dict[str, _Seen] = {}  # by the journal's name
        self._rounds: Rounds | None = None
        self._is_silent = False
        self._began = clock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flock: watch", daemon=True)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Look every few seconds inside the block, and tell at its end that the flock has ended, unless it ends by
        an error."""
        self._began = self._clock()
        self._tell(Out(at=self._began, sheep=len(self._book.roster.members)))
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join(_JOIN)
            if not self._thread.is_alive():
                self.close()
        self._tell(Stopped(at=self._clock(), why=Ending.STOPPED.value))

    def close(self) -> None:
        """Close the journal."""
        self._book.close()

    def read_folder(self) -> None:
        """Find out which bots the folder holds now."""
        with self._turn:
            self._book.read_folder()

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            began = time.monotonic()
            try:
                self.look()
            except Exception:
                log.exception("a look at the bots has failed; the next one is in some seconds")
            pause = min(max(_LOOK, _SHARE * (time.monotonic() - began)), _LONGEST)

    def look(self) -> None:
        """Look at all bots now, and tell what has changed since the last look."""
        with self._turn:
            now = self._clock()
            try:
                entries = self._book.fresh()
            except JournalError as error:
                self._fall_silent(str(error), now)
                return
            if self._is_silent:
                self._is_silent = False
                self._tell(SpeaksAgain(at=now))
            before, self._seen = self._seen, self._look(now)
            self._tell_of_the_roster(before, now)
            self._tell_posts(entries, before)
            self._tell_troubles(before, now)
            self._tell_rounds(now)

    def _fall_silent(self, why: str, now: float) -> None:
        if not self._is_silent:
            self._tell(Silenced(at=now, why=why))
        self._is_silent = True
        if self._rounds:
            self._tell(replace(self._rounds, at=now))  # by these, alerts know that time goes on

    def _look(self, now: float) -> dict[str, _Seen]:
        roster = self._book.roster
        viewer = Viewer(roster, self._options)
        known = {record.bot: record for record in self._book.records}
        return {
            member.bot: self._see(member, known.get(member.bot) or Record(member.bot), viewer, now)
            for member in roster.members
        }

    def _see(self, member: Member, record: Record, viewer: Viewer, now: float) -> _Seen:
        state, why = viewer.state(member, record, now)
        before = self._seen.get(member.bot)
        alone = None
        if record.holder is None:
            alone = before.alone if before and before.alone is not None else now
        overdue = 0.0
        if record.kept and state not in (*_EXCUSED, State.WAITING):
            overdue = max(0.0, now - max(record.kept[0].due, record.since or 0.0))
        quiet = why if state is State.QUIET else ""
        if alone is not None and state not in _EXCUSED and now - alone > _ALONE:
            quiet = _NO_HERD
        return _Seen(member, record, state, alone, overdue, quiet)

    def _tell_of_the_roster(self, before: Mapping[str, _Seen], now: float) -> None:
        """Tell which bots have joined or left the folder since the last look."""
        added = _names(seen for bot, seen in self._seen.items() if bot not in before)
        removed = _names(seen for bot, seen in before.items() if bot not in self._seen)
        if before and (added or removed):
            self._tell(Reloaded(at=now, added=added, removed=removed, changed=0, bad=len(self._book.problems)))

    def _tell_posts(self, entries: Sequence[Entry], before: Mapping[str, _Seen]) -> None:
        for entry in entries:
            post = entry.post
            if not (seen := self._seen.get(post.bot)):
                continue
            told: dict[str, Any] = {"at": post.at, "bot": entry.bot, "text": post.text, "n": post.n}
            service = self._service(seen.member)
            if post.outcome is Outcome.SAID:
                told |= {"line": 0, "lines": 1, "age": float(seen.place.recitations), "post_id": post.post_id}
                self._tell(Said(**told, late=_late(post.n, post.at, before.get(post.bot)), service=service))
            else:
                kind = Skipped if post.outcome is Outcome.SKIPPED else Unsure
                self._tell(kind(**told, why=post.why, service=service))

    def _tell_troubles(self, before: Mapping[str, _Seen], now: float) -> None:
        was_quiet = False
        for bot, seen in self._seen.items():
            last = before.get(bot)
            was_quiet |= bool(last and last.quiet)
            for event in self._troubles(seen, last, now):
                self._tell(event)
        if was_quiet and not any(seen.quiet for seen in self._seen.values()):
            self._tell(NobodyQuiet(at=now))

    def _troubles(self, seen: _Seen, last: _Seen | None, now: float) -> Iterator[Event]:
        """Yield what has befallen the bot since the last look."""
        standing, name = seen.standing, seen.member.name
        what: dict[str, Any] = {
            "at": now,
            "bot": name,
            "kind": standing.kind,
            "service": self._service(seen.member),
        }
        for _ in range(_tries(last.standing, standing) if last else 0):
            yield Failed(**what)
        if seen.ill and not (last and last.ill is seen.ill):
            what |= {"why": standing.trouble, "advice": advice_about(standing)}
            yield Penned(**what) if seen.ill is Penned else Waiting(**what, seconds=max(0.0, standing.until - now))
        if seen.quiet and not (last and last.quiet):
            seconds = seen.overdue if seen.alone is None else now - seen.alone
            yield GoneQuiet(at=now, bot=name, seconds=seconds, why=seen.quiet)

    def _tell_rounds(self, now: float) -> None:
        flock = self._seen.values()
        in_herds = sum(seen.alone is None for seen in flock)
        if not in_herds and now - self._began < _ALONE:
            return  # the herds start
        waiting = sum(seen.state is State.WAITING and seen.alone is None for seen in flock)
        ailing = [seen for seen in flock if seen.alone is not None or seen.standing.trouble]
        self._rounds = Rounds(
            at=now,
            sheep=len(flock),
            penned=_names(seen for seen in flock if seen.state is State.PENNED),
            waiting=waiting,
            in_trouble=sum(seen.state is not State.PENNED for seen in ailing) - waiting,
            alive=in_herds * 2 >= len(flock),
            paused=sum(seen.place.paused is not None for seen in flock),
            quiet=_names(seen for seen in flock if seen.quiet),
            lag=max((seen.overdue for seen in flock), default=0.0),
        )
        self._tell(self._rounds)

    def _tell(self, event: Event) -> None:
        self._events.tell(event)

    def _service(self, member: Member) -> str:
        """Return the server that the bot's key file names, as the label of its posts."""
        key, networks = member.key, self._book.roster.networks
        stands_for = self._options.base_url if networks.realm(key) == "pasture" or key.network == "x" else None
        return stands_for or getattr(key.credentials, "server", None) or networks.title(key)


def _names(flock: Iterator[_Seen]) -> tuple[str, ...]:
    return tuple(seen.member.name for seen in flock)


def _late(n: int, at: float, before: _Seen | None) -> float:
    """Return how late the n-th post was, in seconds; NaN where the last look did not see when it was due."""
    if before is None or before.record.kept is None or before.place.n != n:
        return math.nan
    return max(0.0, at - before.place.due)


def _tries(before: Standing, after: Standing) -> int:
    """Return how many tries have failed in between, as far as these two tell."""
    if not after.trouble or after == before or before.condition is after.condition is Condition.PENNED:
        return 0
    return max(1, after.failures - before.failures)
