"""A sheep that dies at a chosen step, in a process of its own.

Everything but the death is real: the journal is a SQLite file, and the network is a file that posts are appended
to, with the account's timeline and its check for duplicates read off it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flock.clock import VirtualClock
from flock.context import Commons
from flock.errors import Duplicate, OutcomeUnknown, Refused
from flock.events import Events
from flock.journal import Record, Settlement, SqliteJournal
from flock.keys import Key
from flock.networks import Network, Networks, Post
from flock.options import Options
from flock.sheep.sheep import Sheep


@dataclass
class Fate:
    """Counts steps, and kills this process at the chosen one. Answers are lost at the posts in `lost`."""

    dies_at: int | None = None
    lost: frozenset[int] = frozenset()
    steps: int = 0
    posts: int = 0

    def step(self) -> None:
        """One boundary between two things that must be noticed as done or not done."""
        self.steps += 1
        if self.steps == self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def loses_answer(self) -> bool:
        """Whether the answer to this post is lost."""
        self.posts += 1
        return self.posts in self.lost


class MortalJournal(SqliteJournal):
    """A journal whose process may die before and after each commit."""

    fate: Fate

    def intend(self, record: Record, text: str, at: float) -> None:
        self.fate.step()
        super().intend(record, text, at)
        self.fate.step()

    def settle(self, settlement: Settlement, record: Record) -> None:
        self.fate.step()
        super().settle(settlement, record)
        self.fate.step()


@dataclass
class Wall:
    """A network that is a file: each post is a line."""

    file: Path
    fate: Fate
    shows_timeline: bool
    refuses_duplicates: bool = field(default=True)

    def fits(self, text: str) -> bool:
        return len(text) <= 280

    def post(self, text: str) -> Post:
        said = self.said()
        if said and said[-1] == text:
            raise Duplicate("said already")
        self.fate.step()
        with self.file.open("a") as file:
            file.write(text + "\n")
        self.fate.step()
        if self.fate.loses_answer():
            raise OutcomeUnknown("no answer")
        return Post(str(len(said) + 1), text)

    def recent(self, since_id: str | None = None) -> Sequence[Post]:
        if not self.shows_timeline:
            raise Refused("403")
        posts = [Post(str(number), text) for number, text in enumerate(self.said(), start=1)]
        return posts[int(since_id or 0) :][::-1]

    def said(self) -> list[str]:
        """Return all posts, oldest first."""
        return self.file.read_text().splitlines() if self.file.exists() else []


class Walls(Networks):
    """Gives the bot its wall."""

    def __init__(self, options: Options, wall: Wall) -> None:
        super().__init__(options)
        self._wall = wall

    def connect(self, key: Key) -> Network:
        del key
        return self._wall


def live(key: Path, lines: int, fate: Fate, *, shows_timeline: bool, journal: str = "flock.db") -> None:
    """Raise the sheep of `key`, and let it live until it has said so many lines, or dies."""
    clock, options = VirtualClock(1_800_000_000.0), Options()
    mortal = MortalJournal(key.with_name(journal))
    mortal.fate = fate
    wall = Wall(key.with_name("wall.txt"), fate, shows_timeline)
    commons = Commons(options=options, clock=clock, journal=mortal, networks=Walls(options, wall), events=Events())
    sheep = Sheep(key, 60, 60, commons=commons)
    goal = sheep.tot_tweet_tracker + lines
    while sheep.tot_tweet_tracker < goal:
        clock.advance_to(sheep.wake)
        sheep.beat()
    mortal.close()
