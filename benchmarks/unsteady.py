"""A flock on a network that is unsteady, and what came of it: the parts of benchmarks/faults.py."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import ClassVar

from benchmarks.evidence import Evidence, noted_in
from tests.endtoend.conftest import Flock, start_flock, write_key
from tests.faults.campaign import Memory
from tests.faults.hostile import Act, HostileServer, Weather, no_weather
from tests.faults.modes import GROUPS
from tests.faults.stands import Outlived

JOURNAL = Path("state", "flock", "flock.db")  # in the folder of a flock
_UNSTEADY = {  # the groups that take no time; a timeline that lies is another matter
    "POST": ("closes", "framing", "answers", "statuses", "shapes", "extras"),
    "GET": ("closes", "framing", "statuses", "shapes"),
}


@dataclass
class Row:
    """What came of a campaign. `pace` is the least share of its due lines that a bot with good answers said.

    `evidence` tells what happened around each line that came twice or not at all.
    """

    what: str
    how_many: str
    posts: int = 0
    twice: int = 0
    lost: int = 0
    peak_mb: float = 0.0
    pace: float | None = None
    bad: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)

    def count(self, poem: Sequence[str], posts: Sequence[str], noted: Iterable[str] = ()) -> list[str]:
        """Count a bot's posts, beside what it was to say. Return the texts that came twice, not at all, or early.

        `noted` are the texts that the bot has gone past, by its journal: the last one may be lost, too.
        """
        came = [*dict.fromkeys(posts)]
        due = poem[: len(came)]
        missing = [text for text in dict.fromkeys([*due, *noted]) if text not in set(posts)]
        early = [text for text, other in zip(came, due, strict=True) if text != other][:1]
        self.posts += len(posts)
        self.twice += len(posts) - len(came)
        self.lost += len(missing) or len(early)
        return [*(text for text, times in Counter(posts).items() if times > 1), *(missing or early)]

    def check(self, flock: Flock, output: str, code: int) -> None:
        """Note it if the flock did not end with `code`, or met a bug."""
        if flock.process.returncode != code:
            self.bad.append(f"exit code {flock.process.returncode}")
        if "Traceback" in output:
            self.bad.append(output[output.index("Traceback") :][:2000])

    def __str__(self) -> str:
        memory = f"{self.peak_mb:.0f} MB" if self.peak_mb else ""
        pace = "" if self.pace is None else f"{min(1.0, self.pace):.0%}"
        numbers = f"{self.posts:,} | {self.twice} | {self.lost}" if self.posts else " |  | "
        return f"| {self.what} | {self.how_many} | {numbers} | {memory} | {pace} | {len(self.bad)} |"


@dataclass
class NetworkRow(Row):
    """What came of kills on one network. `met` counts the writes that met bad weather, `deleted` the posts that
    their owner deleted; what cannot be on a network is None."""

    HEAD: ClassVar[str] = (
        "| network | kills | bad weather | posts | twice | lost | overwritten | deleted | ended badly |\n"
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    )
    met: int = 0
    deleted: int | None = None
    overwritten: int | None = None

    def add(self, done: Outlived) -> None:
        """Count what came of one flock."""
        evidence = Evidence(noted=noted_in(done.folder / JOURNAL))
        for bot, posts in done.said.items():
            for text in self.count(done.poem, posts):
                self.evidence += [f"{done.folder.name}, {bot}: {text!r}", *evidence.about(bot, text)]
                self.evidence += [f"on the server: {post}" for post in done.posts.get(bot, ()) if post[1] == text]
        self.bad += done.bad
        self.met += sum(done.met.values())
        if done.overwrites is not None:
            self.overwritten = (self.overwritten or 0) + done.overwrites
        if done.can_delete:
            self.deleted = (self.deleted or 0) + done.deleted
        if done.overwrites:
            self.bad.append(f"{done.overwrites} posts would have replaced others")
        if done.repeats:
            self.bad.append(f"{done.repeats} posts were put again after they were settled")
        if unsure := sum(done.outcomes.values()) - done.outcomes["said"]:
            self.bad.append(f"{unsure} posts ended in another way: {dict(done.outcomes)}")

    def __str__(self) -> str:
        cells = (self.met or None, self.posts, self.twice, self.lost, self.overwritten, self.deleted)
        numbers = " | ".join("" if cell is None else f"{cell:,}" for cell in cells)
        return f"| {self.what} | {self.how_many} | {numbers} | {len(self.bad)} |"


class Unsteady:
    """Lets most requests pass, and answers the others in one of the ways of tests/faults/modes.py."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)
        self._modes = {
            asked: [mode for group in groups for mode in GROUPS[group].values() if asked in mode.asked]
            for asked, groups in _UNSTEADY.items()
        }
        named = [(mode, f"{group}: {name}") for group, modes in GROUPS.items() for name, mode in modes.items()]
        self.names = {mode.act: name for mode, name in named}
        self.calm = False

    def __call__(self, method: str, posts: int) -> tuple[Act, bool] | None:
        if self.calm or self._chance.random() < 0.75:
            return None
        mode = self._chance.choice([mode for mode in self._modes[method] if mode.spares <= posts])
        return mode.act, self._chance.choice(mode.lands)


@dataclass
class Pen:
    """A folder of bots, and the network that they post to. `folder` has the keys, and gets the journal.

    `names` says what the network's acts are called, and `kills` when the flock was killed, in seconds since the
    epoch.
    """

    folder: Path
    network: HostileServer
    url: str
    variables: Mapping[str, str]
    poems: Mapping[str, list[str]]
    names: Mapping[Act, str] = field(default_factory=dict)
    kills: list[float] = field(default_factory=list)

    def start(self, **variables: str) -> Flock:
        """Start the flock."""
        pace = ("--line-interval", "0.05", "--poem-interval", "0.05")
        more = {"HURRY": "0.005", "IMPATIENCE": "0.05", **self.variables, **variables}
        return start_flock(self.folder, "run", self.folder / "keys", "-q", "--base-url", self.url, *pace, **more)

    def wait_for(self, more: int, seconds: float = 60.0) -> bool:
        """Wait until each bot has posted so many lines more; return whether it came to that."""
        goals = {bot: len(self.network.landed[bot]) + more for bot in self.poems}
        return self.network.wait_until(
            lambda: all(len(self.network.landed[bot]) >= goal for bot, goal in goals.items()), seconds
        )

    def live_on(self, flock: Flock, chance: Random) -> None:
        """Let the flock live for up to 40 requests, or for a moment of its start."""
        until, moment = self.requests() + chance.randrange(1, 40), 1.0
        if chance.random() < 0.8:
            self.network.wait_until(lambda: self.requests() >= until, 20)
            moment = 0.03
        with suppress(subprocess.TimeoutExpired):
            flock.process.wait(chance.uniform(0, moment))

    def kill(self, flock: Flock) -> None:
        """Kill the flock."""
        self.kills.append(time.time())
        flock.process.kill()

    def requests(self) -> int:
        """Return how many requests the network has seen."""
        return sum(map(len, self.network.log.values()))

    def finish(self, row: Row) -> None:
        """Run the flock once more until every bot has said something, and count everything."""
        flock = self.start()
        memory = Memory(flock.process)
        try:
            if not self.wait_for(3):
                row.bad.append("not every bot goes on")
            stop(flock, row)
        finally:
            flock.process.kill()
        row.peak_mb = max(row.peak_mb, memory.peak_mb())
        self.count(row)

    def count(self, row: Row) -> None:
        """Count what landed, and tell what happened around each line that came twice or not at all."""
        noted = noted_in(self.folder / JOURNAL)
        evidence = Evidence(noted=noted, met=self.network.met, kills=self.kills, names=self.names)
        for bot, poem in self.poems.items():
            past = [each.text for each in noted.get(bot, ()) if each.is_over]
            for text in row.count(poem, self.network.said(bot), past):
                row.evidence += [f"{self.folder.name}, {bot}: {text!r}", *evidence.about(bot, text)]


def stop(flock: Flock, row: Row) -> None:
    """Stop the flock by SIGTERM, and look at how it ends."""
    flock.process.terminate()
    try:
        output, errors = flock.process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        flock.process.kill()
        output, errors = flock.process.communicate()
    row.check(flock, output + errors, 0)


@contextmanager
def pen(folder: Path, bots: int, weather: Weather = no_weather) -> Iterator[Pen]:
    """Make bots, and a network for them."""
    poems = write_bots(folder, bots)
    with HostileServer(weather=weather) as network:
        yield Pen(folder, network, network.url, {}, poems, getattr(weather, "names", {}))


def write_bots(folder: Path, bots: int) -> dict[str, list[str]]:
    """Write the keys and poems of so many bots; return the poems."""
    keys = folder / "keys"
    keys.mkdir(mode=0o700, parents=True)
    poem = [f"line {line}" for line in range(2000)]
    for number in range(bots):
        write_key(keys, f"bot{number}", 1000 + number, poem)
    return {f"bot{number}": poem for number in range(bots)}
