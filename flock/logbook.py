"""What a flock has said, skipped, or may have said, by its journal, whether it runs or not. Nothing is written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from flock.errors import BadKeys, Problem
from flock.journal import Journal, Noted, Record, find_journal
from flock.observers.console import iso
from flock.options import Options
from flock.roster import Roster, read_roster


@dataclass(frozen=True, slots=True)
class Entry:
    """One post: what logs call its bot, its network, and its address on the web, or an empty text."""

    bot: str
    network: str
    post: Noted
    link: str

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as docs/status.md describes them."""
        post = self.post
        return {
            "time": iso(post.at),
            "bot": self.bot,
            "network": self.network,
            "outcome": post.outcome.value,
            "text": post.text,
            "n": post.n,
            "piece": post.piece,
            "post_id": post.post_id,
            "link": self.link,
            "why": post.why,
        }


class _Reached(NamedTuple):
    """A bot's latest post that was told."""

    n: int = -1
    at: float = -math.inf


class Logbook:
    """The posts of the bots of a folder; with `names`, of these bots only.

    `posts` returns earlier ones, and each call of `fresh` those that have ended since: each once, and none is left
    out, also when the flock is started anew, or a copy of its journal is put into the journal's place. `quick` may
    be called in between. Raises BadKeys, BadOption for a name that no bot has, and JournalError when a journal
    that is there cannot be read.

    `records` is what the journal knew of all its bots when `fresh` was called last; `roster`: which bots the
    folder holds.
    """

    def __init__(self, folder: Path, options: Options, names: Sequence[str] = ()) -> None:
        self._folder = folder
        self._options = options
        self._names = names
        self.path = options.journal
        self._journal: Journal | None = None
        self._file: tuple[int, int] | None = None  # which one a journal in a file is: device and inode
        self._accounts: dict[str, str | None] | None = None  # of the journal's bots
        self._reached: dict[str, _Reached] = {}
        self._counts: Mapping[str, int]  # of posts that each bot has behind it, as it was told last
        self._by_time: set[str] = set()  # the bots whose posts were once counted from an earlier one again
        self.roster: Roster
        self.records = records = self._records()
        self._counts = _counts_of(records)
        self._call(records)
        for record in records:
            self._reached[record.bot] = _Reached(_posts(record) - 1, record.said.at if record.said else -math.inf)

    @property
    def has_run(self) -> bool:
        """Whether there is a journal."""
        return self._journal is not None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with key files that cannot be used; their bots are missing."""
        return self.roster.problems

    def read_folder(self) -> None:
        """Find out which bots the folder holds now. Where it cannot be read, what was read of it holds."""
        accounts, self._accounts = self._accounts, None
        try:
            self._call(self.records)
        except BadKeys:
            self._accounts = accounts

    def tally(self, since: float) -> Mapping[str, Mapping[str, int]]:
        """Return how often each bot (by its name in the journal) has posted each text since then, or may have."""
        return self._journal.tally(since) if self._journal else {}

    def posts_of(self, bot: str) -> list[Entry]:
        """Return all posts of the bot that the journal calls `bot`, which the journal still has."""
        return self._entries(self._journal.posts_after({bot: -1})) if self._journal else []

    def close(self) -> None:
        """Close the journal, if there is one."""
        if self._journal:
            self._journal.close()

    def posts(self, since: float = -math.inf) -> list[Entry]:
        """Return the posts from the wall-clock time `since` on that had ended when the logbook was opened."""
        found = self._journal.posts(since) if self._journal else []
        return self._tell(post for post in found if post.n <= self._reached.get(post.bot, _Reached()).n)

    @property
    def total(self) -> int:
        """How many posts the bots have behind them, up to those that were told last."""
        return sum(self._counts.values())

    def fresh(self) -> list[Entry]:
        """Return the posts that have ended since the latest call, or since the logbook was opened."""
        before = self._file
        self.records = records = self._records()
        if self._journal is None:
            return []
        self._call(records)
        is_another = before is not None and self._file != before
        return self._follow(self._journal, _counts_of(records), is_another=is_another)

    def quick(self) -> list[Entry] | None:
        """Return what `fresh` does, in a fraction of its time, and leave `records` as they were.

        None says that only `fresh` can tell: there is no journal yet, another is in its place, or it has a bot
        that was not there before.
        """
        try:
            if self._journal is None or self._find_file() != self._file:
                return None
        except FileNotFoundError:
            return None
        counts = self._journal.counts()
        is_known = counts.keys() == self._counts.keys()
        return self._follow(self._journal, counts, is_another=False) if is_known else None

    def _follow(self, journal: Journal, counts: Mapping[str, int], *, is_another: bool) -> list[Entry]:
        """Return the posts that were not told yet, up to these counts of each bot's posts."""
        by_time = self._by_time
        ask: dict[str, int] = {}
        for bot, count in counts.items():
            reached = self._reached.get(bot, _Reached()).n
            if is_another or count - 1 < reached:
                by_time.add(bot)
                ask[bot] = -1
            elif count - 1 > reached:
                ask[bot] = reached
        found = [
            post
            for post in (journal.posts_after(ask) if ask else ())
            if post.n < counts[post.bot]  # one that has ended just now is told with the next count
            and (post.bot not in by_time or post.at > self._reached.get(post.bot, _Reached()).at)
        ]
        self._counts = counts
        for bot in ask:
            self._reached[bot] = _Reached(counts[bot] - 1, self._reached.get(bot, _Reached()).at)
        return self._tell(found)

    def _records(self) -> list[Record]:
        """Return what the journal knows of its bots now; nothing while there is no journal."""
        try:
            file = self._find_file()
        except FileNotFoundError:
            return []
        if self._journal is None:
            self._journal = find_journal(self.path)
        self._file = file
        return self._journal.bots() if self._journal else []

    def _find_file(self) -> tuple[int, int] | None:
        """Return the device and inode of a journal in a file, None for one in a database. Raises FileNotFoundError
        if there is none yet."""
        if not isinstance(self.path, Path):
            return None
        status = self.path.stat()
        return status.st_dev, status.st_ino

    def _call(self, records: Sequence[Record]) -> None:
        """Find out which bots of the journal are those of the folder, unless that is known."""
        accounts = {record.bot: record.account for record in records}
        if accounts == self._accounts:
            return
        try:
            roster = read_roster(self._folder, self._options, records).called(self._names)
        except BadKeys:
            if self._accounts is None:
                raise
            return  # the folder is away; what was read of it holds
        self.roster, self._accounts = roster, accounts
        self._members = {member.bot: member for member in roster.members}

    def _tell(self, posts: Iterable[Noted]) -> list[Entry]:
        posts = list(posts)
        for post in posts:
            before = self._reached.get(post.bot, _Reached())
            self._reached[post.bot] = _Reached(max(post.n, before.n), max(post.at, before.at))
        return self._entries(posts)

    def _entries(self, posts: Iterable[Noted]) -> list[Entry]:
        entries: list[Entry] = []
        networks = self.roster.networks
        for post in posts:
            if member := self._members.get(post.bot):
                link = networks.link(member.key, post.post_id) if post.post_id else ""
                entries.append(Entry(member.name, networks.title(member.key), post, link))
        return entries


def _posts(record: Record) -> int:
    return record.kept[0].n if record.kept else 0


def _counts_of(records: Iterable[Record]) -> dict[str, int]:
    return {record.bot: _posts(record) for record in records}
