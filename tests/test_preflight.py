"""The checks before the start: what a machine allows, and what a flock needs."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from flock.preflight import journal_troubles, shortfalls
from flock.units import DAY


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return the files of a machine with room for a hundred sheep, in a unit with room for them too."""
    files = {
        "proc/sys/kernel/threads-max": "1000",
        "proc/sys/kernel/pid_max": "1000",
        "proc/sys/vm/max_map_count": "65530",
        "proc/self/cgroup": "6:cpu:/docker/box\n4:net_cls,pids:/docker/box\n0::/system.slice/flock.service\n",
        "proc/meminfo": "MemTotal: 999999 kB\nMemAvailable:     500000 kB\n",
        "sys/fs/cgroup/system.slice/flock.service/pids.max": "500",
        "sys/fs/cgroup/system.slice/pids.max": "max",
        "sys/fs/cgroup/pids/docker/box/pids.max": "500",
        "sys/fs/cgroup/cpu/docker/box/pids.max": "1",  # another controller: it does not limit tasks
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_flock_that_fits_is_not_warned_about(machine: Path) -> None:
    """For a hundred sheep no limit is too low."""
    assert [] == list(shortfalls(100, machine))


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("proc/sys/kernel/threads-max", "50", "raise kernel.threads-max"),
        ("proc/sys/kernel/pid_max", "50", "raise kernel.pid_max"),
        ("proc/sys/vm/max_map_count", "2100", "raise vm.max_map_count"),
        ("proc/meminfo", "MemAvailable: 50000 kB\n", "add memory"),
        ("sys/fs/cgroup/system.slice/flock.service/pids.max", "64", "raise TasksMax="),
        ("sys/fs/cgroup/system.slice/pids.max", "64", "raise TasksMax="),
        ("sys/fs/cgroup/pids/docker/box/pids.max", "64", "raise TasksMax="),
    ],
)
def test_each_limit_is_named_with_what_to_raise(machine: Path, file: str, text: str, words: str) -> None:
    """One line for the one that is too low, with the numbers."""
    (machine / file).write_text(text)

    (line,) = shortfalls(100, machine)

    assert line.startswith("100 sheep need ")
    assert words in line


def test_a_system_without_these_files_has_no_limits(tmp_path: Path) -> None:
    """macOS has none of these files."""
    assert [] == list(shortfalls(1000, tmp_path))


def test_a_journal_that_needs_more_room_than_its_disk_has_is_told(tmp_path: Path) -> None:
    """Ten thousand sheep that tweet each second for a year: the line names file, both numbers, and the option."""
    state = tmp_path / "flock.db"
    state.write_bytes(b"")
    (line,) = journal_troubles([1.0] * 10_000, 365 * DAY, state)
    assert line.startswith(f"the posts of 365d take about 63072000 MB in {state}, and the disk has room for ")
    assert line.endswith("; choose a shorter --keep-history")


def test_a_journal_that_fits_is_not_warned_about(tmp_path: Path) -> None:
    """A sheep without an interval is counted with one tweet a second."""
    state = tmp_path / "flock.db"
    state.write_bytes(b"")
    assert [] == list(journal_troubles([0.0, 60.0], 60.0, state))


def test_nothing_is_said_of_a_journal_in_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    """Opening the journal reports that."""
    assert [] == list(journal_troubles([1.0] * 10_000, 365 * DAY, tmp_path / "away" / "flock.db"))


def test_sheep_share_their_open_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand sheep need a few hundred files: their connections, and the pipes that they sleep on."""
    unlimited = resource.RLIM_INFINITY

    def allow(files: int) -> None:
        limits = {resource.RLIMIT_NOFILE: files}
        monkeypatch.setattr(resource, "getrlimit", lambda kind: (limits.get(kind, unlimited), unlimited))

    allow(271)
    assert ["10000 sheep need 272 open files, and 271 are allowed; raise LimitNOFILE= or ulimit -n"] == list(
        shortfalls(10_000, tmp_path)
    )
    allow(272)
    assert [] == list(shortfalls(10_000, tmp_path))
    (line,) = shortfalls(10_000, tmp_path, pasture=True)
    assert line.startswith("10000 sheep need 400 open files")  # with the other end of each connection


def test_the_practice_server_has_a_thread_for_each_connection(machine: Path) -> None:
    """A hundred sheep have a hundred connections."""
    (machine / "proc/sys/kernel/threads-max").write_text("315")

    (line,) = shortfalls(100, machine, pasture=True)

    assert line.startswith("100 sheep need 316 threads")
    assert [] == list(shortfalls(100, machine))


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "ext4", "tmpfs"])
def test_a_journal_on_another_machines_disk_is_told(tmp_path: Path, kind: str) -> None:
    """The mount that is nearest counts; a blank in its path is escaped in the table."""
    folder = tmp_path / "my share"
    folder.mkdir()
    mounts = tmp_path / "proc" / "self" / "mounts"
    mounts.parent.mkdir(parents=True)
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nhost:/x {tmp_path}/my\\040share {kind} rw 0 0\n")
    told = list(journal_troubles([60.0], 60.0, folder / "deeper" / "flock.db", tmp_path))
    if kind in ("ext4", "tmpfs"):
        assert [] == told
    else:
        (line,) = told
        assert f"is on another machine's disk ({kind}), where locks and flushes may not hold" in line
    assert [] == list(journal_troubles([60.0], 60.0, tmp_path / "flock.db", tmp_path))
