"""What a bot says next, and when: a rehearsal from where it is now."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from contextlib import closing
from itertools import islice
from typing import NamedTuple

from flock.errors import FlockError
from flock.events import Said
from flock.journal import Record
from flock.rehearsal import Rehearsal
from flock.roster import Roster
from flock.web.lookout import Lookout, Seen

log = logging.getLogger(__name__)

LINES = 5
_LEAST = 5.0  # seconds for which what was found holds
_MOST_KEPT = 1_000  # bots
_MOST_BOUND = 500  # bots under one cap, which are rehearsed together
_LONGEST = 366 * 86_400.0  # seconds that are rehearsed at most
_MOST_EVENTS = 500  # of a bot; one whose only line is refused as a duplicate never says another


class Ahead(NamedTuple):
    """A post that comes: its text, when (wall-clock time; None where that is open), and in which mood."""

    text: str
    at: float | None
    mood: str


class _Kept(NamedTuple):
    """What was found for a record of the journal and a roster; it holds until a wall-clock time."""

    record: Record
    roster: Roster
    until: float
    posts: tuple[Ahead, ...]


class Prompter:
    """Rehearses bots of the flock that `lookout` sees. What it has found is kept until that may change."""

    def __init__(self, lookout: Lookout) -> None:
        self._lookout = lookout
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def ahead(self, seen: Seen) -> tuple[Ahead, ...]:
        """Return the next posts of the bot, or those that it would make if it were not paused or penned.

        There are none where the flock would refuse to run the bot, or where a cap binds so many bots together that
        a rehearsal of all of them would take too long.
        """
        with self._lock:
            roster, now = self._lookout.roster, self._lookout.now()
            kept = self._kept.get(seen.member.bot)
            if kept and kept.record == seen.record and kept.roster is roster and now < kept.until:
                return kept.posts
            posts = tuple(self._rehearse(seen, roster, now))
            first = min((post.at for post in posts if post.at is not None), default=0.0)
            self._kept[seen.member.bot] = _Kept(seen.record, roster, max(now + _LEAST, first), posts)
            self._kept.move_to_end(seen.member.bot)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
            return posts

    def _rehearse(self, seen: Seen, roster: Roster, now: float) -> list[Ahead]:
        if self._lookout.options.flock_posts_per_day is not None and len(roster.members) > _MOST_BOUND:
            return []
        try:
            rehearsal = Rehearsal(
                self._lookout.folder,
                self._lookout.options,
                bots=[seen.member.name],
                journal=self._lookout.known(),
                start=now,
                read=[member.key for member in roster.members],
            )
            with closing(rehearsal):
                played = rehearsal.play(seconds=_LONGEST, posts=LINES)
                events = islice(played, _MOST_EVENTS * len(rehearsal.flock))
                own = (event for event in events if isinstance(event, Said) and event.bot == seen.member.name)
                said = list(islice(own, LINES))
        except FlockError as error:
            log.debug("%s cannot be rehearsed: %s", seen.member.name, error)
            return []
        except Exception:
            log.exception("the rehearsal of %s failed", seen.member.name)
            return []
        return [Ahead(event.text, event.at, event.mood) for event in said]
