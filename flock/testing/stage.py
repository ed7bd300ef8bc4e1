"""A sheep alone on virtual time: on a scripted network (`Stage`), or on the practice server (`Practice`).

    stage = Stage(ShoutingSheep, "keys.example/ewe_turn.json")
    stage.beat()
    assert stage.posts == ["THE WIND HAS COME IN WITH ITS HAT IN ITS HAND,!"]

docs/testing-your-sheep.md has more.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from flock.clock import VirtualClock
from flock.context import Context
from flock.events import Event, Events, Said
from flock.journal import MemoryJournal
from flock.networks.registry import Networks
from flock.networks.scripted import ScriptedNetwork, ScriptedNetworks
from flock.options import Options, settle_options
from flock.sheep.sheep import Sheep
from flock.units import HOUR, MINUTE


class _Alone:
    """One sheep, a clock that moves when the sheep is due, and what has happened.

    `line_interval` and `poem_interval` are in seconds; those in the key file override them, as always.
    """

    def __init__(
        self,
        sheep_class: type[Sheep],
        key_file: str | os.PathLike[str],
        line_interval: float,
        poem_interval: float,
        *,
        networks: Networks,
        options: Options,
        clock: VirtualClock,
    ) -> None:
        self.clock = clock
        self.events: list[Event] = []
        context = Context(
            options=options,
            clock=clock,
            journal=MemoryJournal(),
            networks=networks,
            events=Events([self.events.append]),
        )
        self.sheep = sheep_class(key_file, line_interval, poem_interval, context=context)

    def beat(self, times: int = 1) -> None:
        """Let the sheep try so often to post what is due, each time at the moment at which it would."""
        for _ in range(times):
            self.clock.advance_to(self.sheep.wake)
            self.sheep.beat()

    @property
    def said(self) -> list[str]:
        """The texts that the network has accepted, in order."""
        return [event.text for event in self.events if isinstance(event, Said)]


class Stage(_Alone):
    """A sheep with a network that does as it is told (`network`), on a clock that starts at 0.

    `posts` are the texts that the network has stored. Raises what `sheep_class` raises.
    """

    def __init__(
        self,
        sheep_class: type[Sheep],
        key_file: str | os.PathLike[str],
        line_interval: float = MINUTE,
        poem_interval: float = HOUR,
    ) -> None:
        clock, options = VirtualClock(), settle_options(environment={})
        networks = ScriptedNetworks(options, clock)
        super().__init__(
            sheep_class, key_file, line_interval, poem_interval, networks=networks, options=options, clock=clock
        )
        self.network: ScriptedNetwork = networks.by_name[self.sheep.key.screen_name]

    @property
    def posts(self) -> list[str]:
        return self.network.posts


class Practice(_Alone):
    """A sheep that posts to a practice server of its own, over HTTP, with all rules of its network.

    It is a context manager: the server runs until the end of the block. The clock starts at the present time, and
    goes on by the intervals without waiting for them. `posts` are the account's latest posts on the server, oldest
    first. Raises what `sheep_class` raises.
    """

    def __init__(
        self,
        sheep_class: type[Sheep],
        key_file: str | os.PathLike[str],
        line_interval: float = MINUTE,
        poem_interval: float = HOUR,
    ) -> None:
        with ExitStack() as opened:
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
            options = settle_options(options=Options(pasture=True, state=folder / "flock.db"), environment={})
            networks = Networks(options)
            opened.callback(networks.close)
            clock = VirtualClock(time.time())
            super().__init__(
                sheep_class,
                key_file,
                line_interval,
                poem_interval,
                networks=networks,
                options=options,
                clock=clock,
            )
            self._opened = opened.pop_all()

    @property
    def posts(self) -> Sequence[str]:
        return [post.text for post in reversed(self.sheep.api.recent())]

    def close(self) -> None:
        """Stop the practice server, and forget its posts."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
