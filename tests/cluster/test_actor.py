"""The herd of an actor, without Ray: it runs by itself, waits for its bots, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from flock.cluster.actor import PlacedHerd
from flock.cluster.slices import deal, pack
from flock.journal import SqliteJournal
from flock.keys import read_keys
from flock.options import settle_options
from tests.cluster.conftest import Folder, WatchedPasture, recital
from tests.conftest import until

Place = Callable[[], PlacedHerd]


@pytest.fixture
def pasture(make_folder: Callable[..., Folder], tmp_path: Path) -> Iterator[tuple[WatchedPasture, Folder]]:
    """Return where three bots post, and the folder of their keys."""
    folder = make_folder(3, lines=500)
    with WatchedPasture(folder.accounts) as opened:
        yield opened, folder


@pytest.fixture
def place(pasture: tuple[WatchedPasture, Folder], tmp_path: Path) -> Iterator[Place]:
    """Return a maker of herds of these bots, as Ray makes them; all are stopped in the end."""
    opened, folder = pasture
    given = {"line_interval": 0.05, "base_url": opened.url, "state": tmp_path / "flock.db"}
    parts = pack(deal(read_keys(folder.path).keys, 1, settle_options(given, environment={}))[0])
    poems = tmp_path / "poems"
    poems.mkdir()
    with ExitStack() as placed:

        def make() -> PlacedHerd:
            herd = PlacedHerd(*parts, folder=poems)
            placed.callback(herd.stop)
            return herd

        yield make


def test_it_runs_without_the_folder_of_its_keys(
    place: Place, pasture: tuple[WatchedPasture, Folder], tmp_path: Path
) -> None:
    """That is on another machine. It says how it is doing, and leaves no poem behind."""
    herd = place()
    opened, folder = pasture
    for file in folder.path.iterdir():
        file.unlink()
    opened.wait_for_posts(folder, 3)

    report = herd.report()
    assert ("herd-0001", "out", 3, 0) == tuple(report[name] for name in ("herd", "state", "bots", "penned"))
    assert os.getpid() == report["pid"]
    assert "herd-0001" == repr(herd)
    assert herd.stop()
    assert "stopped" == herd.report()["state"]
    assert [] == list((tmp_path / "poems").iterdir())
    for name, poem in folder.poems.items():
        assert recital(poem, len(opened.said(name))) == opened.said(name)


def test_a_herd_that_is_started_anew_waits_for_the_bots_of_the_old_one(
    place: Place, pasture: tuple[WatchedPasture, Folder]
) -> None:
    """Ray may take a herd for dead that still posts. The journal decides, and nothing is said twice."""
    opened, folder = pasture
    old = place()
    opened.wait_for_posts(folder, 2)
    new = place()
    until("it waits", lambda: new.report()["state"] == "waiting")
    assert "already runs bot0, bot1, bot2" in new.report()["why"]

    assert old.stop()
    until("it is out", lambda: new.report()["state"] == "out")
    said = max(len(opened.said(name)) for name in folder.poems)
    opened.wait_for_posts(folder, said + 2)
    assert new.stop()
    for name, poem in folder.poems.items():
        assert recital(poem, len(opened.said(name))) == opened.said(name)


def test_it_keeps_the_hours_of_its_options(tmp_path: Path, make_folder: Callable[..., Folder]) -> None:
    """They travel with its bots."""
    hours = {"schedule": "30 9 1 1 *", "timezone": "Australia/Lord_Howe"}
    given = {"base_url": "http://127.0.0.1:9", "state": tmp_path / "flock.db", **hours}
    options = settle_options(given, environment={})
    herd = PlacedHerd(*pack(deal(read_keys(make_folder(2).path).keys, 1, options)[0]), folder=tmp_path)
    try:
        until("it is out", lambda: herd.report()["state"] == "out")
        with closing(SqliteJournal(tmp_path / "flock.db", read_only=True)) as journal:
            dues = [record.kept[0].due for record in journal.bots() if record.kept]
    finally:
        assert herd.stop()
    there = [datetime.fromtimestamp(due, ZoneInfo("Australia/Lord_Howe")) for due in dues]
    assert ["01-01 09:30"] * 2 == [each.strftime("%m-%d %H:%M") for each in there]


def test_it_can_be_asked_for_its_parts(place: Place) -> None:
    """One after the other, so that its bots can be dealt out anew."""
    herd = place()
    part = herd.part(0)
    assert part
    assert None is herd.part(1)


def test_poems_of_a_killed_herd_are_removed_by_the_next_one(place: Place, tmp_path: Path) -> None:
    """Those of a herd that lives are left alone."""
    with subprocess.Popen(["true"]) as gone:
        pass
    for pid in (gone.pid, os.getpid()):
        (tmp_path / "poems" / f"flock-poems-{pid}-left").mkdir()
    place()
    left = {each.name for each in (tmp_path / "poems").iterdir() if each.name.endswith("-left")}
    assert {f"flock-poems-{os.getpid()}-left"} == left
