"""A sheep that dies at a chosen step, and a feed at a chosen line of its code, each in a process of its own.

Everything but the death is real: the journal is a SQLite file, and the network is a file that posts are appended
to, with the account's timeline and its check for duplicates read off it; the feed is flock's own.
"""

from __future__ import annotations

import math
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from flock.clock import Clock, VirtualClock
from flock.context import Context
from flock.errors import Duplicate, OutcomeUnknown, Refused
from flock.events import Events
from flock.journal import Command, Place, Settlement, SqliteJournal, Standing
from flock.keys import read_key
from flock.networks import feed
from flock.networks.base import Intent
from flock.networks.scripted import ScriptedNetwork, ScriptedNetworks
from flock.networks.service import Service
from flock.options import settle_options
from flock.sheep.sheep import Sheep


@dataclass
class Fate:
    """Counts steps, and kills this process at the chosen one. The answers to the posts in `lost` are lost."""

    dies_at: int | None = None
    lost: frozenset[int] = frozenset()
    steps: int = 0
    posts: int = 0

    def step(self) -> None:
        """Count one step, and kill this process if it is the chosen one."""
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

    def intend(self, bot: str, place: Place, text: str) -> None:
        self.fate.step()
        super().intend(bot, place, text)
        self.fate.step()

    def settle(self, bot: str, settlement: Settlement, place: Place) -> None:
        self.fate.step()
        super().settle(bot, settlement, place)
        self.fate.step()

    def obey(self, command: Command, bot: str, place: Place, standing: Standing) -> bool:
        self.fate.step()
        is_obeyed = super().obey(command, bot, place, standing)
        self.fate.step()
        return is_obeyed


class Wall(ScriptedNetwork):
    """A network that is a file: each post is a line, and outlives the process."""

    def __init__(
        self, clock: Clock, file: Path, fate: Fate, *, shows_timeline: bool, refuses_duplicates: bool = True
    ) -> None:
        timeline = None if shows_timeline else Refused("403")
        super().__init__(clock, refuses_duplicates=refuses_duplicates, timeline=timeline)
        self._file = file
        self._fate = fate
        self.posts = file.read_text().splitlines() if file.exists() else []
        self._ids = [str(self.first_id + number) for number in range(len(self.posts))]

    def post(self, text: str, intent: Intent | None = None) -> str:
        if self.refuses_duplicates and self.posts and self.posts[-1] == text:
            raise Duplicate("said already")
        self._fate.step()
        with self._file.open("a") as file:
            file.write(text + "\n")
        self._fate.step()
        post_id = super().post(text, intent)
        if self._fate.loses_answer():
            raise OutcomeUnknown("no answer")
        return post_id


def live(
    key: Path,
    lines: int,
    fate: Fate,
    *,
    shows_timeline: bool,
    journal: str = "flock.db",
    refuses_duplicates: bool = True,
) -> None:
    """Run the sheep of `key` until it has said so many lines, is paused, or is killed. It does as it is told."""
    clock, options = VirtualClock(1_800_000_000.0), settle_options(environment={})
    mortal = MortalJournal(key.with_name(journal))
    mortal.fate = fate
    wall = Wall(
        clock,
        key.with_name("wall.txt"),
        fate,
        shows_timeline=shows_timeline,
        refuses_duplicates=refuses_duplicates,
    )
    networks = ScriptedNetworks(options, clock)
    networks.by_name["dolly"] = wall
    context = Context(options=options, clock=clock, journal=mortal, networks=networks, events=Events())
    sheep = Sheep(key, 60, 60, context=context)
    goal = sheep.tot_tweet_tracker + lines
    while sheep.tot_tweet_tracker < goal:
        sheep.hear(mortal.commands())
        if not sheep.attend():
            if sheep.wake == math.inf:
                break  # it is paused
            clock.advance_to(sheep.wake)
            sheep.beat()
    mortal.close()


def append(key: Path, text: str, intent: Intent, fate: Fate) -> None:
    """Append a post to the feed of `key`; each line of the feed's code is a step."""

    def trace(frame: FrameType, what: str, _: Any) -> Any:
        if frame.f_code.co_filename != feed.__file__:
            return None
        if what == "line":
            fate.step()
        return trace

    own = feed.Feed(read_key(key), service=Service("feeds"))
    sys.settrace(trace)
    own.post(text, intent)
