"""Closed accounts, a full disk, a second flock, and a simulated week."""

from __future__ import annotations

import os
import resource
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from flock.events import Birthday
from flock.options import Options
from flock.pasture import Pasture
from tests.endtoend.conftest import Flock, Folder, WatchedPasture, recital
from tests.world import World

DAY = 86400


def test_closed_accounts_are_penned_and_the_others_go_on(
    make_folder: Callable[..., Folder], start: Callable[..., Flock]
) -> None:
    """One bot of six is suspended, and named at once; one is revoked, and named after an hour of doubt, which is
    short here; the others go on."""
    folder = make_folder(6, lines=1000)
    tries: Counter[str] = Counter()

    def count(app: WSGIApplication) -> WSGIApplication:
        def counting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            header = environ["HTTP_AUTHORIZATION"]
            tries.update(account.screen_name for account in folder.accounts if account.token in header)
            return app(environ, start_response)

        return counting

    with Pasture(folder.accounts, wrap=count) as pasture:
        pasture.revoke("bot1")
        pasture.suspend("bot4")
        flock = start("run", folder.path, "--line-interval", "0.05", "--base-url", pasture.url, HURRY="0.0003")
        assert flock.process.stdout
        lines: list[str] = []
        while len(lines) < 200 or "IS PENNED" not in "".join(line for line in lines if "bot1" in line):
            lines.append(flock.process.stdout.readline())
        code, rest, _ = flock.stop()

        assert 0 == code
        penned = [line for line in [*lines, *rest.splitlines()] if "IS PENNED" in line]
        assert ["bot1", "bot4"] == sorted(line.split()[1].rstrip(":") for line in penned)
        assert tries["bot4"] == 1
        for name in ("bot0", "bot2", "bot3", "bot5"):
            posts = [post.text for post in pasture.store.posts(name)]
            assert recital(folder.poems[name], len(posts)) == posts
            assert len(posts) > 10


def test_a_flock_that_is_all_penned_exits_with_4(
    make_folder: Callable[..., Folder],
    start: Callable[..., Flock],
    open_pasture: Callable[[Folder], WatchedPasture],
) -> None:
    """No bot is left to post, so the daemon ends with the exit code for that."""
    folder = make_folder(3)
    pasture = open_pasture(folder)
    for name in folder.poems:
        pasture.suspend(name)

    code, output, _ = start("run", folder.path, "--base-url", pasture.url).end()

    assert 4 == code
    assert 3 == output.count("IS PENNED")


class SmallDisk:
    """A file system of so many megabytes, which only root may have."""

    def __init__(self, folder: Path, megabytes: int = 2) -> None:
        self.folder = folder
        self._filler = folder / "filler"
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)

    def fill(self, process: int) -> None:
        """Fill the disk."""
        del process
        with self._filler.open("wb", buffering=0) as file:
            while write_what_fits(file.fileno()):
                """Write until no byte fits."""

    def make_room(self, process: int) -> None:
        """Delete the file that fills the disk."""
        del process
        self._filler.unlink()

    def close(self) -> None:
        """Unmount the disk."""
        subprocess.run(["umount", "-l", str(self.folder)], check=True)


class Quota:
    """For users other than root: no file of the process may grow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, process: int) -> None:
        """Let no file grow over one byte."""
        resource.prlimit(process, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))

    def make_room(self, process: int) -> None:
        """Let files grow again."""
        resource.prlimit(process, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def close(self) -> None:
        """There is nothing to remove."""


@pytest.fixture(params=[Quota, *([SmallDisk] if os.geteuid() == 0 else [])])
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Quota | SmallDisk]:
    """Return a disk that can be filled."""
    folder = tmp_path / "disk"
    folder.mkdir()
    disk: Quota | SmallDisk = request.param(folder)
    yield disk
    disk.close()


def test_a_full_disk_silences_the_flock_until_there_is_room(
    make_folder: Callable[..., Folder],
    start: Callable[..., Flock],
    open_pasture: Callable[[Folder], WatchedPasture],
    disk: Quota | SmallDisk,
) -> None:
    """No post without a journal, and one clear line; with space again the flock goes on at the right line."""
    folder = make_folder(2, lines=1000)
    pasture = open_pasture(folder)
    state = disk.folder / "flock.db"
    flock = start("run", folder.path, "--line-interval", "0.05", "--base-url", pasture.url, "--state", state)
    pasture.wait_for_posts(folder, 3)

    disk.fill(flock.process.pid)
    assert flock.process.stdout
    line = next(line for line in flock.process.stdout if "NOTHING CAN BE SAID" in line)
    said_without = {name: len(pasture.said(name)) for name in folder.poems}
    disk.make_room(flock.process.pid)
    pasture.wait_for_posts(folder, max(said_without.values()) + 3)
    code, output, _ = flock.stop()

    assert 0 == code
    assert "the disk" in line
    assert line.endswith("; the flock goes on when the journal can be written\n")
    assert "NOTHING" not in output
    for name, poem in folder.poems.items():
        assert recital(poem, len(pasture.said(name))) == pasture.said(name)


def write_what_fits(file: int) -> int:
    """Write as much as fits, and return how much that was."""
    for size in (65536, 512, 1):
        try:
            return os.write(file, b"\0" * size)
        except OSError:
            continue
    return 0


def test_a_week_of_a_hundred_sheep(tmp_path: Path) -> None:
    """In virtual time: every interval is exact, and every cap is kept."""
    world = World(tmp_path, options=Options(posts_per_day=100))
    capped = [world.raise_sheep(f"capped{number}", lines=20, intervals=(300, 3600)) for number in range(50)]
    world.options = Options()
    world.anew()
    free = [world.raise_sheep(f"free{number}", lines=20, intervals=(300, 3600)) for number in range(50)]

    world.live(7 * DAY - 1, *capped, *free)

    recitation = 19 * 300 + 3600
    for sheep in free:
        times = world.stage(sheep.name).times
        assert {300, 3600} == {later - before for before, later in pairwise(times)}
        assert 7 * DAY // recitation <= len([1 for event in world.told(Birthday) if event.bot == sheep.name])
    for sheep in capped:
        times = world.stage(sheep.name).times
        assert 7 * 100 == len(times)
        assert all(later - before >= DAY for before, later in zip(times, times[100:], strict=False))


def test_two_flocks_from_two_folders_do_not_share_a_bot(
    make_folder: Callable[..., Folder],
    start: Callable[..., Flock],
    open_pasture: Callable[[Folder], WatchedPasture],
    tmp_path: Path,
) -> None:
    """The same bot in another key folder is the same bot: the second flock is refused, and says whose it is."""
    folder = make_folder(1)
    pasture = open_pasture(folder)
    other = tmp_path / "others"
    other.mkdir()
    for file in folder.path.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    first = start("run", folder.path, "--line-interval", "1h", "--base-url", pasture.url)
    pasture.wait_for_posts(folder, 1)

    code, _, errors = start("run", other, "--line-interval", "1h", "--base-url", pasture.url).end()

    assert 5 == code
    assert f"process {first.process.pid} already runs bot0" in errors
