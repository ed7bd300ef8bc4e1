"""A sheep that is killed before and after each of intend, post and settle."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.endtoend.conftest import recital, write_key
from tests.faults.crash import Fate, live

POEM = [f"line {number}" for number in range(5)]
BOUNDARIES = 6  # before and after each of intend, post and settle

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.faults.crash"])

fates = st.builds(Fate, dies_at=st.integers(1, 4 * BOUNDARIES), lost=st.frozensets(st.integers(1, 4), max_size=2))


def outlive(folder: Path, lives: Sequence[Fate], *, shows_timeline: bool) -> list[str]:
    """Run the sheep once for each of `lives`, and once without a kill; return everything that it has said."""
    write_key(folder, "dolly", 1, POEM)
    key = folder / "dolly.json"
    for fate in (*lives, Fate()):
        process = processes.Process(target=live, args=(key, 5, fate), kwargs={"shows_timeline": shows_timeline})
        process.start()
        process.join()
        assert process.exitcode in ((0,) if fate.dies_at is None else (0, -signal.SIGKILL))
    return (folder / "wall.txt").read_text().splitlines()


@pytest.mark.parametrize("shows_timeline", [True, False], ids=["timeline", "only the check for duplicates"])
@pytest.mark.parametrize("boundary", range(1, 2 * BOUNDARIES + 1))
def test_each_single_boundary(tmp_path: Path, boundary: int, *, shows_timeline: bool) -> None:
    """Killed there once, in the first line or the second, it says its poem in order all the same."""
    said = outlive(tmp_path, [Fate(dies_at=boundary)], shows_timeline=shows_timeline)

    assert recital(POEM, len(said)) == said
    assert len(said) >= len(POEM)


@settings(max_examples=30, deadline=None)  # about three processes each
@given(lives=st.lists(fates, min_size=1, max_size=4), shows_timeline=st.booleans())
def test_any_number_of_deaths_and_lost_answers(
    tmp_path_factory: pytest.TempPathFactory, lives: list[Fate], *, shows_timeline: bool
) -> None:
    """Killed again and again, with answers lost in between: no line is lost, and none said twice."""
    said = outlive(tmp_path_factory.mktemp("life"), lives, shows_timeline=shows_timeline)

    assert recital(POEM, len(said)) == said
    assert len(said) >= len(POEM)
