"""A sheep that is killed before and after each of intend, post and settle, and a feed at each line of its code."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
import simplejson as json
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.networks.base import Intent
from tests.endtoend.conftest import recital, write_key
from tests.faults.crash import Fate, append, live

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


def test_a_feed_outlives_a_kill_at_each_line_of_its_code(tmp_path: Path) -> None:
    """Both files can be read after it, and a repeat with the same intent makes both whole, with the post once."""
    (tmp_path / "dolly.txt").write_text("\n".join(POEM))
    key = tmp_path / "dolly.json"
    fields = {"network": "feed", "screen_name": "dolly", "file": "feed.json", "poem_file": "dolly.txt"}
    key.write_text(json.dumps(fields))
    key.chmod(0o600)
    files = [tmp_path / "feed.json", tmp_path / "feed.rss"]

    def post(number: int, fate: Fate) -> int | None:
        intent = Intent(f"{number:032x}", 1_800_000_000.0 + number)
        process = processes.Process(target=append, args=(key, POEM[number], intent, fate))
        process.start()
        process.join()
        return process.exitcode

    def texts() -> list[list[str | None]]:
        entries = json.loads(files[0].read_text())["items"]
        return [
            [each["content_text"] for each in entries],
            [each.text for each in Xml.parse(files[1]).iter("description")][1:],
        ]

    assert 0 == post(0, Fate())
    before = [file.read_bytes() for file in files]
    kills = 0
    while exitcode := post(1, Fate(dies_at=kills + 1)):
        kills += 1
        assert -signal.SIGKILL == exitcode
        assert all(each in (POEM[:1], POEM[1::-1]) for each in texts())
        assert 0 == post(1, Fate())
        assert [POEM[1::-1]] * 2 == texts()
        for file, content in zip(files, before, strict=True):
            file.write_bytes(content)
    assert kills > 50
