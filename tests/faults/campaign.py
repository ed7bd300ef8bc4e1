"""A flock before the hostile server, in a process of its own: each bot meets one mode, and some meet none."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.endtoend.conftest import Flock, start_flock, write_key
from tests.faults.hostile import Fate, HostileServer
from tests.faults.modes import Mode

LINES = 3  # in the poem of each bot that meets a mode
NEIGHBOURS = 3  # that meet none
PACE = 0.25  # seconds between two lines of a neighbour
HURRY = {"HURRY": "0.001"}  # for tests/hurried.py
IMPATIENT = {"slow": "0.02"}  # and by how much an exchange's time limits are shortened there
PATIENT = "0.2"  # elsewhere: answers come at once, but CI may be slow
STOP_TIMEOUT = 15.0  # seconds that a flock is given to end
LONGEST = 100.0  # seconds that a campaign is given: far more than it takes
_LOOK = 0.02  # seconds between two looks at the process's memory


class Where(NamedTuple):
    """A network, the URL that reaches it, and the variables that a flock needs for that."""

    network: HostileServer
    url: str
    variables: Mapping[str, str]


@contextmanager
def direct(fates: Mapping[str, Fate]) -> Iterator[Where]:
    """Open a network that is reached without a proxy."""
    with HostileServer(fates) as network:
        yield Where(network, network.url, {})


class Case(NamedTuple):
    """One bot: the mode that it meets, the method that meets it, and whether its posts land meanwhile."""

    group: str
    name: str
    asked: str
    lands: bool

    def __str__(self) -> str:
        return f"{self.group}: {self.name} ({self.asked}, {'landed' if self.lands else 'lost'})"


@dataclass
class Campaign:
    """What came of it. `outcomes` are those in the journal, `log` the requests of each bot, `peak_mb` is the
    most memory that the flock ever had, and `paces` the share of its due lines that each neighbour has said."""

    posts: dict[Case, list[str]] = field(default_factory=dict)
    poems: dict[Case, list[str]] = field(default_factory=dict)
    log: dict[Case, list[str]] = field(default_factory=dict)
    outcomes: dict[Case, list[str]] = field(default_factory=dict)
    seconds: float = 0.0
    ended: float = 0.0
    peak_mb: float = 0.0
    paces: list[float] = field(default_factory=list)
    neighbours: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    exit_code: int = 0
    output: str = ""

    def live_through(self, flock: Flock, network: HostileServer, goals: Mapping[str, int], longest: float) -> None:
        """Wait until each bot has posted as often as it is to, or so many seconds, and stop the flock."""
        memory = Memory(flock.process)
        try:
            network.wait_until(
                lambda: all(len(network.landed[bot]) >= goal for bot, goal in goals.items()), longest
            )
            self.ended = time.monotonic()
            flock.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.output = "".join(flock.process.communicate(timeout=STOP_TIMEOUT))
        finally:
            flock.process.kill()
            flock.end()
        self.exit_code = flock.process.returncode
        self.peak_mb = memory.peak_mb()

    def of(self, name: str) -> list[Case]:
        """Return the bots that met the mode of that name."""
        return [case for case in self.poems if case.name == name]


def cases(group: str, modes: Mapping[str, Mode]) -> Iterator[Case]:
    """Yield the bots of a group. An answer to a GET is the same whether the post landed, but in timelines."""
    for name, mode in modes.items():
        for asked in mode.asked:
            for lands in mode.lands if asked == "POST" or mode.asked == ("GET",) else mode.lands[:1]:
                yield Case(group, name, asked, lands)


def hold(
    folder: Path,
    group: str,
    modes: Mapping[str, Mode],
    *,
    times: int = 1,
    longest: float = LONGEST,
    where: Callable[[Mapping[str, Fate]], AbstractContextManager[Where]] = direct,
    hurry: Mapping[str, str] = HURRY,
) -> Campaign:
    """Let a flock meet each mode so many times, until every bot has said its poem, or for `longest` seconds."""
    keys = folder / "keys"
    keys.mkdir(mode=0o700, parents=True)
    bots = {f"b{number}": case for number, case in enumerate(cases(group, modes))}
    poems = {bot: _poem(bot, LINES + times * (case.lands and case.asked == "POST")) for bot, case in bots.items()}
    neighbours = {f"n{number}": _poem(f"n{number}", 4000) for number in range(NEIGHBOURS)}
    for number, (bot, poem) in enumerate({**poems, **neighbours}.items()):
        pace = {"line_interval": PACE, "poem_interval": PACE}
        write_key(keys, bot, 1000 + number, poem, **(pace if bot in neighbours else {}))
    done = Campaign()
    with where({bot: _fate(modes[case.name], case, times) for bot, case in bots.items()}) as place:
        goals = {**{bot: len(poem) for bot, poem in poems.items()}, **dict.fromkeys(neighbours, LINES)}
        command = ("run", keys, "-q", "--base-url", place.url, "--line-interval", "0.05", "--poem-interval", "1h")
        haste = {**hurry, "IMPATIENCE": IMPATIENT.get(group, PATIENT), **place.variables}
        began = time.monotonic()
        done.live_through(start_flock(folder, *command, **haste), place.network, goals, longest)
        done.seconds = time.monotonic() - began
        done.posts = {case: place.network.said(bot) for bot, case in bots.items()}
        done.log = {case: list(place.network.log[bot]) for bot, case in bots.items()}
        done.neighbours = {bot: (poem, place.network.said(bot)) for bot, poem in neighbours.items()}
        done.paces = [_pace([post.at for post in place.network.landed[bot]], done.ended) for bot in neighbours]
    done.poems = {case: poems[bot] for bot, case in bots.items()}
    done.outcomes = _outcomes(folder / "state" / "flock" / "flock.db", bots)
    return done


def _poem(bot: str, lines: int) -> list[str]:
    return [f"{line}: what {bot} has to say" for line in range(lines)]


def _fate(mode: Mode, case: Case, times: int) -> Fate:
    return Fate(mode.act, case.asked, case.lands, times, spares=mode.spares, refuses=case.asked == "GET")


def _pace(times: list[float], ended: float) -> float:
    """Return the share of its due lines that a bot has said, from its first post to the end."""
    if not times:
        return 0.0
    return len([at for at in times if at <= ended]) / max(1.0, (ended - times[0]) / PACE)


class Memory:
    """Looks at the most memory that a process has had, until it ends."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._status = Path(f"/proc/{process.pid}/status")
        self._peak = 0.0
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def peak_mb(self) -> float:
        """Return the most that it ever had, in MB."""
        self._thread.join()
        return self._peak

    def _look(self) -> None:
        pause = threading.Event()
        while True:
            try:
                lines = self._status.read_text().splitlines()
            except OSError:
                return
            peak = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
            if not peak:
                return  # a zombie has no memory
            self._peak = max(self._peak, peak[0] * 1024 / 1e6)
            pause.wait(_LOOK)


def _outcomes(journal: Path, bots: Mapping[str, Case]) -> dict[Case, list[str]]:
    query = """
        SELECT sheep.bot, tweet.outcome FROM tweet JOIN sheep ON sheep.id = tweet.bot ORDER BY tweet.n, tweet.piece
    """
    found: dict[Case, list[str]] = {case: [] for case in bots.values()}
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        for bot, outcome in connection.execute(query):
            if case := bots.get(bot.partition(":")[2]):
                found[case].append(outcome)
    return found
