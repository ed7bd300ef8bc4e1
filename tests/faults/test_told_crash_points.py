"""A sheep that its operator tells something, and that is killed before and after each commit and each post."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.journal import SqliteJournal, Verb
from tests.endtoend.conftest import write_key
from tests.faults.crash import Fate, live

BOT = "x:dolly"
POEM = [f"line {number}" for number in range(100)]
BOUNDARIES = 8  # before and after each of obey, intend, post and settle
AT_A_TIME = 3  # lines in a life

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.faults.crash"])


class Life(NamedTuple):
    """What the bot is told before a process of it, and how that ends."""

    words: Sequence[str]
    fate: Fate


class World(NamedTuple):
    """What the bot's network tells and refuses."""

    shows_timeline: bool = True
    refuses_duplicates: bool = True


def outlive(folder: Path, lives: Sequence[Life], world: World) -> list[int]:
    """Run the sheep once for each of `lives`, and once without a kill; return the lines that it has said.

    In the end no command is left.
    """
    write_key(folder, "dolly", 1, POEM)
    key = folder / "dolly.json"
    for words, fate in (*lives, Life(["resume"], Fate())):
        with closing(SqliteJournal(folder / "flock.db")) as journal:
            for word in words:
                verb, _, line = word.partition(" ")
                journal.give([BOT], Verb(verb), int(line) if line else None, at=1.0)
        process = processes.Process(target=live, args=(key, AT_A_TIME, fate), kwargs=world._asdict())
        process.start()
        process.join()
        assert process.exitcode in ((0,) if fate.dies_at is None else (0, -signal.SIGKILL))
    with closing(SqliteJournal(folder / "flock.db")) as journal:
        assert [] == journal.commands()
    return [POEM.index(text) for text in (folder / "wall.txt").read_text().splitlines()]


def steps(said: Sequence[int]) -> list[int]:
    """Return how far each line is from the one before, without the first one."""
    return [after - before for before, after in pairwise(said)]


WORLDS = [World(), World(shows_timeline=False), World(refuses_duplicates=False)]


@pytest.mark.parametrize("begun", [0, 3, 4], ids=["none", "intended", "posted"])
@pytest.mark.parametrize("boundary", range(1, BOUNDARIES + 1))
@pytest.mark.parametrize("word", ["skip", "again", "from 50"])
def test_each_single_boundary(tmp_path: Path, word: str, boundary: int, begun: int) -> None:
    """A line is said; the next one may have been cut off by a kill. Then the bot is told something, and is killed
    once more, at that step of what it does: it does what it was told once, and says all other lines once.

    The network refuses nothing, so that it would take a second post, too.
    """
    first = Life([], Fate(dies_at=6 + begun) if begun else Fate())
    said = outlive(tmp_path, [first, Life([word], Fate(dies_at=boundary))], World(refuses_duplicates=False))

    odd = [step for step in steps(said) if step != 1]
    jump = {"skip": 2, "again": 0}.get(word, 49 - said[said.index(49) - 1] if 49 in said else 0)
    assert (0, [jump]) == (said[0], odd)
    assert len(said) >= AT_A_TIME


fates = st.builds(Fate, dies_at=st.integers(1, 3 * BOUNDARIES), lost=st.frozensets(st.integers(1, 4), max_size=2))


def told(word: str) -> st.SearchStrategy[list[Life]]:
    """Return lives in which the bot is told to do that, or nothing, now and then."""
    words = st.sampled_from([[], [word], [word, word], ["pause"], ["pause", "resume"], ["pause", word, "resume"]])
    return st.lists(st.builds(Life, words, fates), min_size=1, max_size=5)


@settings(max_examples=15, deadline=None)  # about four processes each
@given(lives=told("skip"), world=st.sampled_from(WORLDS))
def test_each_skip_costs_one_line_and_nothing_else_does(
    tmp_path_factory: pytest.TempPathFactory, lives: list[Life], world: World
) -> None:
    """However often the process is killed, and whatever answers are lost."""
    said = outlive(tmp_path_factory.mktemp("life"), lives, world)

    skipped = said[0] + sum(step - 1 for step in steps(said))
    assert all(step > 0 for step in steps(said))
    assert sum(life.words.count("skip") for life in lives) == skipped


@settings(max_examples=15, deadline=None)
@given(lives=told("again"), refuses_duplicates=st.booleans())
def test_a_line_comes_twice_only_where_the_bot_was_told_so(
    tmp_path_factory: pytest.TempPathFactory, lives: list[Life], *, refuses_duplicates: bool
) -> None:
    """Told twice before it is said again, it is said again once. A network that takes no text twice takes none."""
    world = World(refuses_duplicates=refuses_duplicates)
    said = outlive(tmp_path_factory.mktemp("life"), lives, world)

    repeats = steps(said).count(0)
    times = sum(life.words.count("again") for life in lives)
    assert 0 == said[0]
    assert {0, 1} >= set(steps(said))
    assert repeats <= (0 if refuses_duplicates else times)


@settings(max_examples=15, deadline=None)
@given(lives=st.lists(fates, min_size=1, max_size=5), world=st.sampled_from(WORLDS))
def test_each_jump_is_made_once(tmp_path_factory: pytest.TempPathFactory, lives: list[Fate], world: World) -> None:
    """Each time to a line that is further on; the last one is always reached."""
    targets = [15 * (number + 1) for number in range(len(lives))]
    told = [Life([f"from {target + 1}"], fate) for target, fate in zip(targets, lives, strict=True)]
    said = outlive(tmp_path_factory.mktemp("life"), told, world)

    landed = [said[0], *(after for before, after in pairwise(said) if after != before + 1)]
    assert sorted(set(landed)) == landed
    assert {0, *targets} >= set(landed)
    assert targets[-1] == landed[-1]
