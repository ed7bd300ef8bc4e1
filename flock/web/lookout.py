"""Looks at a flock again and again, and finds out what has changed since: bots, and lines that were said."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flock.errors import FlockError, JournalError
from flock.journal import Place, Record, Verb, open_journal
from flock.logbook import Entry, Logbook
from flock.options import Options
from flock.overview import Bot, Recital, Viewer
from flock.rehearsal import KnownJournal
from flock.roster import Member, Roster
from flock.steering import Told, require_journal, tell
from flock.units import DAY, HOUR
from flock.watch import quiet_after
from flock.web.described import about_of, bot_json, entry_json, language_of
from flock.web.lately import Lately
from flock.web.stamps import Stamp, stamp_of
from flock.web.stream import Event

log = logging.getLogger(__name__)

LATEST = 50  # lines that a page begins with
_REMEMBERED = 1_000  # lines that were said before the page was started
_FOLDER_EVERY = 3.0  # seconds between two looks at the files of the folder
_TALLY_EVERY = 60.0  # seconds between two counts of the posts of the day, at least
_LISTEN = 0.2  # seconds between two looks for lines while the bots are looked at
_SHARE = 3.0  # so many times as long as a look has taken, only lines are looked for
_TALLY_SHARE = 100.0  # the same, for a count of the posts of the day


@dataclass(frozen=True, slots=True)
class Seen:
    """A bot as it was seen last: its member of the roster, its row of the journal, how it does, and that as JSON.

    `again` is the wall-clock time from which on it may be doing something else, although nothing was written.
    """

    member: Member
    record: Record
    bot: Bot
    json: dict[str, Any]
    again: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line as readers get it, with its id."""

    entry: Entry
    id: str
    json: dict[str, Any]

    def event(self) -> Event:
        """Return what readers get."""
        return Event("line", self.json, self.id)


@dataclass(slots=True)
class Change:
    """What a look has found: lines, bots of which something has changed, those of them whose state has, and names
    of bots that have left."""

    lines: list[Line] = field(default_factory=list)
    bots: list[Seen] = field(default_factory=list)
    states: list[Seen] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


class Lookout:
    """Looks at the flock of a folder. `look` and `glance` may be called from any thread.

    A look at ten thousand bots takes a second. So `glance` looks for lines alone in between, which takes a
    fraction of that; from the monotonic time `next_look` on, it makes a whole look again.

    `midnight` returns the beginning of the day of a wall-clock time. Raises BadKeys, BadOption and JournalError as
    `Logbook` does; what fails later is in `trouble`, in words, and what was seen before stands.
    """

    def __init__(
        self,
        folder: Path,
        options: Options,
        *,
        midnight: Callable[[float], float],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.options = options
        self.trouble = ""
        self.looked = -math.inf  # on the monotonic clock
        self.next_look = -math.inf
        self._listened = -math.inf
        self.folder = folder
        self._clock = clock
        self.midnight = midnight
        self._lock = threading.RLock()
        self._stamp: frozenset[Stamp] | None = None
        self._poems: set[str] = set()
        self._stamped = -math.inf
        self._book = Logbook(folder, options)
        self._roster = self._book.roster
        self._viewer = Viewer(self._roster, options)
        self._is_new = True
        self._seen: dict[str, Seen] = {}  # by the journal's name
        self._names: dict[str, str] = {}  # a name in lower case, and the journal's
        self._tally: dict[str, Counter[str]] = {}
        self._tallied = -math.inf  # wall-clock time
        self._next_tally = -math.inf
        self._lately = Lately()
        self.latest: deque[Line] = deque(maxlen=_REMEMBERED)
        self.last_id = ""
        self.look()
        self._begin()

    def _begin(self) -> None:
        now = self._clock()
        entries = self._book.posts(now - HOUR)
        self._lately.add(entries)
        if len(entries) < LATEST:
            entries = self._book.posts()
        self._tell(entries[-_REMEMBERED:])

    def now(self) -> float:
        """Return the wall-clock time."""
        return self._clock()

    # What pages ask

    @property
    def has_run(self) -> bool:
        """Whether there is a journal."""
        return self._book.has_run

    def bots(self) -> list[Seen]:
        """Return all bots, in the order of their names."""
        with self._lock:
            return [self._seen[member.bot] for member in self._roster.members if member.bot in self._seen]

    @property
    def roster(self) -> Roster:
        """The bots of the folder: another object when the folder was read anew."""
        return self._roster

    def problems(self) -> list[str]:
        """Return what is wrong with key files that cannot be used."""
        return [str(problem) for problem in self._book.problems]

    def find(self, name: str) -> Seen | None:
        """Return the bot that people call so, in any case; None if there is none."""
        with self._lock:
            return self._seen.get(self._names.get(name.casefold(), ""))

    def posts_of(self, seen: Seen, most: int) -> list[Entry]:
        """Return the bot's latest posts, some `most`, if the journal still has them. Raises JournalError."""
        with self._lock:
            count = seen.record.kept[0].n if seen.record.kept else 0
            return self._book.posts_of(seen.member.bot, max(-1, count - most - 1))

    def latest_entries(self) -> list[Entry]:
        """Return what was said last, the latest last: 50 posts at least, if the journal has so many."""
        with self._lock:
            return [line.entry for line in self.latest]

    def price(self, seen: Seen, text: str) -> float:
        """Return what a post of the text costs the bot, in US dollars."""
        with self._lock:
            return self._viewer.price(seen.member, text)

    def known(self) -> KnownJournal:
        """Return what the journal knows of its bots, and the posts that caps count. Raises JournalError."""
        with self._lock:
            keys = [member.key for member in self._roster.members]
            options = self.options
            is_capped = (
                options.flock_posts_per_day or options.posts_per_day or any(key.posts_per_day for key in keys)
            )
            entries = self._book.posts(self.now() - DAY) if is_capped else []
            return KnownJournal(self._book.records, [entry.post for entry in entries])

    def recital(self, seen: Seen) -> Recital:
        """Return what the bot makes of its poem in its present recitation."""
        with self._lock:
            return self._viewer.recital(seen.member, seen.record.kept[0].recitations if seen.record.kept else 0)

    def tell(self, seen: Seen, verb: Verb, line: int | None) -> Told:
        """Tell the bot to do that, as `steering.tell` does. Raises FlockError.

        Nothing of this process reads the journal meanwhile: SQLite's locks on a file go when the process closes
        any descriptor of it, as the journal does that is opened here.
        """
        with self._lock:
            require_journal(self.options)
            with closing(open_journal(self.options.journal, keep=self.options.keep_history)) as journal:
                return tell([seen.member], verb, line, journal, poem_format=self.options.poem_format)[0]

    def close(self) -> None:
        """Close the journal."""
        with self._lock:
            self._book.close()

    def last_hour(self) -> Counter[str]:
        """Return how many posts each bot has made within the last hour, by its name."""
        with self._lock:
            return self._lately.counts(self._clock())

    def summary(self) -> dict[str, Any]:
        """Return how the flock is doing as a whole: see the package's docstring."""
        with self._lock:
            bots = [seen.bot for seen in self._seen.values()]
            spent: defaultdict[str, float] = defaultdict(float)
            for bot in bots:
                if bot.spent:
                    spent[bot.network] += bot.spent
            pids = {(bot.host, bot.pid) for bot in bots if bot.pid is not None}
            return {
                "has_run": self.has_run,
                "running": bool(pids),
                "processes": len(pids),
                "bots": len(bots),
                "states": dict(Counter(bot.state.value for bot in bots).most_common()),
                "hour": self.last_hour().total(),
                "today": sum(bot.today for bot in bots),
                "dollars_today": {name: round(dollars, 4) for name, dollars in spent.items()},
                "trouble": self.trouble,
            }

    def said(self) -> dict[str, Any]:
        """Return the latest lines, and the id of the last of them."""
        with self._lock:
            return {"after": self.last_id, "lines": [line.json for line in [*self.latest][-LATEST:]]}

    def snapshot(self) -> dict[str, Any]:
        """Return all bots, the latest lines, and the id of the last of them: as they are at one moment."""
        with self._lock:
            return {"flock": self.summary(), "bots": [seen.json for seen in self.bots()], **self.said()}

    # Looking

    def look(self, deliver: Callable[[Change], object] = lambda _: None) -> float:
        """Look at the flock now, and deliver what has changed before another look begins; return how many seconds
        that took."""
        with self._lock:
            began = time.monotonic()
            try:
                change = self._look(deliver)
                self.trouble = ""
            except JournalError as error:  # it may just be in the making, or restored
                self._note(str(error))
                change = Change()
            self.looked = time.monotonic()
            self.next_look = self.looked + _SHARE * (self.looked - began)
            deliver(change)
            return self.looked - began

    def glance(self, deliver: Callable[[Change], object]) -> None:
        """Look for new lines, and then, if the last look was long enough ago, at the whole flock; deliver what was
        found, as `look` does."""
        with self._lock:
            if not self._listen(deliver) or time.monotonic() >= self.next_look:
                self.look(deliver)

    def _listen(self, deliver: Callable[[Change], object]) -> bool:
        """Deliver new lines alone; return False if that takes a look at the whole flock."""
        entries = None
        with suppress(JournalError):  # the look tells
            entries = self._book.quick()
        if entries:
            self._count(entries)
            deliver(Change(lines=self._tell(entries)))
        self._listened = time.monotonic()
        return entries is not None

    def look_unless_fresh(self, seconds: float, deliver: Callable[[Change], object]) -> None:
        """Look at the flock, or for new lines, if the last look was so many seconds ago."""
        if time.monotonic() - self.looked > seconds:
            self.glance(deliver)

    def _note(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.warning("%s; the page shows what it was before", trouble)
        self.trouble = trouble

    def _look(self, deliver: Callable[[Change], object]) -> Change:
        """Return what has changed; lines are delivered before, and while the bots are looked at, which takes long.
        Lines of a flock that is another one come with its bots."""
        self._read_folder()
        entries = self._book.fresh()
        now = self._clock()
        is_new, self._is_new = self._is_new or self._roster is not self._book.roster, False
        change = Change()
        if is_new:
            change.gone = self._rebuild()
        self._count(entries)
        self._count_anew(now)
        if entries and not is_new:
            deliver(Change(lines=self._tell(entries)))
        known = {record.bot: record for record in self._book.records}
        for member in self._roster.members:
            if not is_new and time.monotonic() - self._listened > _LISTEN:
                self._listen(deliver)
            record = known.get(member.bot) or Record(member.bot)
            seen = self._seen.get(member.bot)
            if seen is None or is_new or seen.record != record or now >= seen.again:
                again = self._see(member, record, now)
                self._seen[member.bot] = again
                if seen is None or seen.json != again.json:
                    change.bots.append(again)
                if seen is None or seen.bot.state != again.bot.state:
                    change.states.append(again)
        if is_new:
            change.lines = self._tell(entries)
        return change

    def _rebuild(self) -> list[str]:
        """Take over the roster that was read anew; return the names that are gone."""
        before = {seen.bot.name for seen in self._seen.values()}
        self._roster = self._book.roster
        self._viewer = Viewer(self._roster, self.options)
        members = {member.bot: member for member in self._roster.members}
        self._seen = {bot: seen for bot, seen in self._seen.items() if bot in members}
        self._names = {member.name.casefold(): member.bot for member in self._roster.members}
        return sorted(before - {member.name for member in members.values()})

    def _see(self, member: Member, record: Record, now: float) -> Seen:
        bot = self._viewer.bot(member, record, self._tally.get(member.bot, {}), now)
        place = record.kept[0] if record.kept else Place()
        recitation, _ = self._viewer.recite(member, place.recitations)
        about = about_of(member.key)
        described = bot_json(
            bot,
            self._viewer.temperament(member),
            recitation,
            place.line,
            about,
            language=language_of(member.key, about),
        )
        return Seen(member, record, bot, described, self._again(member, record, bot, now))

    def _again(self, member: Member, record: Record, bot: Bot, now: float) -> float:
        """Return when the bot may be doing something else although the journal does not change."""
        if not record.kept:
            return math.inf
        place, standing = record.kept
        late = max(place.due, record.since or 0.0) + quiet_after(self._viewer.line_interval(member))
        moments = (place.due, standing.until, late, bot.due or 0.0, bot.until or 0.0)
        return min((moment for moment in moments if moment > now), default=math.inf)

    def _count(self, entries: Sequence[Entry]) -> None:
        """Count posts of the day, by text, since prices go by texts."""
        self._lately.add(entries)
        for entry in entries:
            if entry.post.outcome != "skipped" and entry.post.at > self._tallied:
                self._tally.setdefault(entry.post.bot, Counter())[entry.post.text] += 1

    def _count_anew(self, now: float) -> None:
        """Count the posts since midnight from the journal, now and then."""
        midnight = self.midnight(now)
        if self._next_tally > now >= self._tallied >= midnight:
            return
        began = time.monotonic()
        before, self._tallied = self._tally, now
        self._tally = {bot: Counter(texts) for bot, texts in self._book.tally(midnight).items()}
        self._next_tally = now + max(_TALLY_EVERY, _TALLY_SHARE * (time.monotonic() - began))
        for bot in {*before, *self._tally}:
            if bot in self._seen and before.get(bot) != self._tally.get(bot):
                self._seen[bot] = _stale(self._seen[bot])

    def _tell(self, entries: Sequence[Entry]) -> list[Line]:
        """Return the entries as lines. The id of a line is how many posts there were up to it, and which it is.

        So another process that reads the same journal gives the same ids, unless posts have come in between: then
        it does not know the id that a reader has, and the reader reads everything anew.
        """
        total = self._book.total
        lines = []
        for number, entry in enumerate(entries, start=total - len(entries) + 1):
            identity = f"{number}-{entry.post.n}-{_ascii(entry.post.bot)}"
            seen = self._seen.get(entry.post.bot)
            lines.append(Line(entry, identity, entry_json(entry, seen.json if seen else {}, identity)))
        self.latest.extend(lines)
        if lines:
            self.last_id = lines[-1].id
        return lines

    def _read_folder(self) -> None:
        """Read the folder anew if a key file or a poem has changed."""
        if time.monotonic() - self._stamped < _FOLDER_EVERY:
            return
        self._stamped = time.monotonic()
        stamp = stamp_of(self.folder, self._poems)
        if stamp == self._stamp:
            return
        if self._stamp is not None:
            with suppress(FlockError):
                self._book.read_folder()
        poems = {os.fspath(member.key.poem_file) for member in self._book.roster.members}
        self._stamp = stamp if poems == self._poems else stamp_of(self.folder, poems)
        self._poems = poems


def _stale(seen: Seen) -> Seen:
    return Seen(seen.member, seen.record, seen.bot, seen.json, -math.inf)


def _ascii(text: str) -> str:
    """Return a text that a line of a header may hold."""
    return quote(text, safe=":@")
