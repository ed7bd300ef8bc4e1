"""Ten bots in one flock on a real server, through ten kills: each line once and in order, as the server has it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from random import Random
from threading import Event

from flock.networks.base import is_same_text
from tests.conftest import until

TESTS = Path(__file__).parents[1]
BOTS = [f"bot{number}" for number in range(10)]
KILLS = 10
INTERVAL = 0.4  # seconds
LINES = 15
MORE = 3  # lines that each bot has to say after the last kill
PAUSE = 0.1  # seconds between two questions: Bluesky's server answers 3,000 in five minutes
ODD = (
    "<b>&amp;</b>",
    "@bot1 and *stars*",
    "https://127.0.0.1:1/?a=b&c=d",  # where nothing is: a server may look what a link leads to
    "羊 🐑 𠮷",
    "`code` > quote",
    "",
    "_it_ #wool",
)

Said = Callable[[str], list[str]]  # a bot -> the texts of its posts, earliest first, as the server has them


def outlive_kills(folder: Path, keys: Mapping[str, Mapping[str, object]], said: Said) -> None:
    """Run a flock of the bots with these key files, kill it again and again, and compare what the server has.

    It is not killed before each bot has posted once, so that one that signs in has done so. Its files are left in
    `folder`.
    """
    write_keys(folder, keys)
    chance = Random(17)
    goals = dict.fromkeys(BOTS, 1)
    for _ in range(KILLS):
        with running(folder) as flock:
            until("the bots have said more", partial(have_said, said, goals))
            Event().wait(chance.random() * 2 * INTERVAL)  # so that it dies at any step
            flock.send_signal(signal.SIGKILL)
        goals = {BOTS[0]: len(said(BOTS[0])) + 1}
    goals = {bot: len(said(bot)) + MORE for bot in BOTS}
    with running(folder) as flock:
        until("all have said more", partial(have_said, said, goals))
        flock.send_signal(signal.SIGTERM)
    for bot in BOTS:
        theirs = [text.replace("@\u200c", "@") for text in said(bot)]
        ours = list(islice(cycle(poem_of(bot)), len(theirs)))
        assert len(theirs) >= KILLS, bot
        assert [] == [pair for pair in zip(ours, theirs, strict=True) if not is_same_text(*reversed(pair))]


def write_keys(folder: Path, keys: Mapping[str, Mapping[str, object]]) -> None:
    """Write the key files and the poems."""
    folder.joinpath("keys").mkdir(mode=0o700)
    for bot, key in keys.items():
        folder.joinpath("keys", f"{bot}.txt").write_text("\n".join(poem_of(bot)), encoding="utf-8")
        file = folder / "keys" / f"{bot}.json"
        file.write_text(json.dumps({**key, "poem_file": f"{bot}.txt"}))
        file.chmod(0o600)


def poem_of(bot: str) -> list[str]:
    """Return a poem whose lines are like no others."""
    return [f"{bot}, line {line}: {odd}" for line, odd in zip(range(LINES), cycle(ODD), strict=False)]


def have_said(said: Said, goals: Mapping[str, int]) -> bool:
    """Return whether each of these bots has made so many posts; if not, a moment later."""
    if all(len(said(bot)) >= goal for bot, goal in goals.items()):
        return True
    Event().wait(PAUSE)
    return False


@contextmanager
def running(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the flock whose keys are in `folder`, until it ends, without a word on standard error."""
    intervals = ["--line-interval", str(INTERVAL), "--poem-interval", str(INTERVAL)]
    variables = {"XDG_STATE_HOME": str(folder / "state"), "HURRY": "0.1", "PYTHONPATH": str(TESTS.parent)}
    with subprocess.Popen(
        [sys.executable, TESTS / "hurried.py", "run", folder / "keys", *intervals, "--log-file", folder / "log"],
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as flock:
        try:
            yield flock
            assert flock.communicate(timeout=30)[1] == ""
        finally:
            flock.kill()
