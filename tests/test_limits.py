"""What a machine allows, and what a flock needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from flock.limits import shortfalls


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return the files of a machine with room for a hundred sheep, in a unit with room for them too."""
    files = {
        "proc/sys/kernel/threads-max": "1000",
        "proc/sys/kernel/pid_max": "1000",
        "proc/sys/vm/max_map_count": "65530",
        "proc/self/cgroup": "0::/system.slice/flock.service\n",
        "proc/meminfo": "MemTotal: 999999 kB\nMemAvailable:     500000 kB\n",
        "sys/fs/cgroup/system.slice/flock.service/pids.max": "500",
        "sys/fs/cgroup/system.slice/pids.max": "max",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_flock_that_fits_is_not_warned_about(machine: Path) -> None:
    """A hundred sheep need none of it raised."""
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
    ],
)
def test_each_limit_is_named_with_what_to_raise(machine: Path, file: str, text: str, words: str) -> None:
    """One line for the one that is too low, with the numbers."""
    (machine / file).write_text(text)

    (line,) = shortfalls(100, machine)

    assert line.startswith("100 sheep need ")
    assert words in line


def test_a_system_without_these_files_has_no_limits(tmp_path: Path) -> None:
    """macOS knows none of them."""
    assert [] == list(shortfalls(1000, tmp_path))
