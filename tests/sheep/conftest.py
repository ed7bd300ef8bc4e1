"""Sheep on virtual time, with a network that does as it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import simplejson as json

from flock.clock import VirtualClock
from flock.context import Commons, allowance
from flock.errors import NetworkError
from flock.events import Event, Events
from flock.journal import Journal, MemoryJournal
from flock.keys import Key
from flock.networks import Network, Networks, Post
from flock.options import Options
from flock.sheep.sheep import Sheep

START = 1_800_000_000.0


@dataclass
class Stage:
    """One bot's network: keeps what was posted and when, and raises what `trouble` holds, one error a request."""

    clock: VirtualClock
    posts: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    tries: list[float] = field(default_factory=list)
    trouble: list[NetworkError | None] = field(default_factory=list)
    always: NetworkError | None = None
    refuses_duplicates: bool = False

    def fits(self, text: str) -> bool:
        return len(text) <= 280

    def post(self, text: str) -> Post:
        self.tries.append(self.clock.now())
        error = self.always or (self.trouble.pop(0) if self.trouble else None)
        if error:
            raise error
        self.posts.append(text)
        self.times.append(self.clock.now())
        return Post(str(len(self.posts)), text)

    def recent(self, since_id: str | None = None) -> Sequence[Post]:
        del since_id
        return [Post(str(number), text) for number, text in enumerate(self.posts, start=1)][::-1]


class Stages(Networks):
    """Gives every bot a stage of its own."""

    def __init__(self, options: Options, clock: VirtualClock) -> None:
        super().__init__(options)
        self._clock = clock
        self.by_name: dict[str, Stage] = {}

    def connect(self, key: Key) -> Network:
        return self.by_name.setdefault(key.screen_name, Stage(self._clock))


@dataclass
class World:
    """A folder of keys, a clock that moves when told, and what has happened."""

    folder: Path
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(START))
    journal: Journal = field(default_factory=MemoryJournal)
    options: Options = field(default_factory=Options)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.anew()

    def anew(self) -> None:
        """Start a new process, as it were: nothing but the clock, the journal and the stages stay."""
        stages = getattr(self, "stages", None) or Stages(self.options, self.clock)
        self.stages: Stages = stages
        self.commons = Commons(
            options=self.options,
            clock=self.clock,
            journal=self.journal,
            networks=stages,
            events=Events([self.events.append]),
            allowance=allowance(self.options.flock_posts_per_day, self.clock, self.journal),
        )

    def raise_sheep(
        self,
        name: str = "dolly",
        lines: int = 4,
        kind: type[Sheep] = Sheep,
        intervals: tuple[float, float] = (60, 600),
        **fields: Any,
    ) -> Sheep:
        """Return a sheep whose poem has so many different lines."""
        poem = self.folder / f"{name}.txt"
        if not poem.exists():
            poem.write_text("\n".join(f"{name} {line}" for line in range(lines)))
        key = {
            "screen_name": name,
            "consumer_token": "app",
            "consumer_token_secret": "app-secret",
            "oauth_token": f"{name}-token",
            "oauth_token_secret": f"{name}-secret",
            "poem_file": poem.name,
            **fields,
        }
        file = self.folder / f"{name}.json"
        if not file.exists():
            file.write_text(json.dumps(key))
            file.chmod(0o600)
        return kind(file, *intervals, commons=self.commons)

    def stage(self, name: str = "dolly") -> Stage:
        """Return the bot's network."""
        return self.stages.by_name[name]

    def live(self, seconds: float, *flock: Sheep) -> None:
        """Let so much time pass: each sheep is woken when it wants to be."""
        until = self.clock.now() + seconds
        while (next_up := min(flock, key=lambda sheep: sheep.wake)).wake <= until:
            self.clock.advance_to(next_up.wake)
            next_up.beat()
        self.clock.advance_to(until)

    def told(self, kind: type[Event]) -> list[Event]:
        """Return the events of that kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world with an empty folder of keys."""
    return World(tmp_path)


@pytest.fixture
def make_world(tmp_path: Path) -> Callable[..., World]:
    """Return a maker of worlds, for those that differ in their journal or options."""
    return lambda **parts: World(tmp_path, **parts)
