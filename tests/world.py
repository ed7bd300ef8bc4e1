"""Sheep on virtual time, with a network that does as it is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import simplejson as json

from flock.clock import VirtualClock
from flock.context import Context
from flock.events import Event, Events
from flock.journal import Journal, MemoryJournal
from flock.networks.scripted import ScriptedNetwork, ScriptedNetworks
from flock.options import Options, settle_options
from flock.sheep.allowance import allowance
from flock.sheep.sheep import Sheep

START = 1_800_000_000.0


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
        """Start a new process, as it were: nothing but the clock, the journal and the networks stay."""
        self.options = settle_options(options=self.options, environment={})
        networks = getattr(self, "stages", None) or ScriptedNetworks(self.options, self.clock)
        self.stages: ScriptedNetworks = networks
        self.context = Context(
            options=self.options,
            clock=self.clock,
            journal=self.journal,
            networks=networks,
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
        return kind(file, *intervals, context=self.context)

    def stage(self, name: str = "dolly") -> ScriptedNetwork:
        """Return the bot's network."""
        return self.stages.by_name[name]

    def live(self, seconds: float, *flock: Sheep) -> None:
        """Let so much time pass: each sheep is woken when it wants to be."""
        until = self.clock.now() + seconds
        while (next_up := min(flock, key=lambda sheep: sheep.wake)).wake <= until:
            self.clock.advance_to(next_up.wake)
            if not next_up.attend():
                next_up.beat()
        self.clock.advance_to(until)

    def told(self, kind: type[Event]) -> list[Event]:
        """Return the events of that kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]
