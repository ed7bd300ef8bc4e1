"""Checks before the start: which limits of this machine a flock would exceed. `docs/scaling.md` explains them."""

from __future__ import annotations

import os
import re
import resource
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from flock.state import Where
from flock.threads.slots import POSTS_AT_ONCE
from flock.threads.stop import THREADS_A_PIPE
from flock.units import format_seconds

_SPARE_THREADS = 16  # the shepherd's, the pool's, and a few for the rest of the process
_MAPS_A_THREAD = 2  # memory maps: its stack and the guard page
_SPARE_MAPS = 2000
_SPARE_FILES = 64
_KILOBYTES_A_SHEEP = 60
_KILOBYTES_AT_REST = 100_000  # of the process without a sheep
_BYTES_A_POST = 200  # in the journal, with a line of average length
_OF_NETWORKS = frozenset(
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "fuse.sshfs", "davfs", "fuse.davfs2"]
)
_ROUND_TRIP = 1.0  # seconds; no network takes the posts of one bot faster than that for long


def shortfalls(sheep: int, root: Path = Path("/"), *, pasture: bool = False) -> Iterator[str]:
    """Yield a line for each limit that so many sheep would exceed: the limit, the need, and how to raise it.

    `pasture` says whether the practice server runs in this process: then each connection has its other end here,
    and a thread that serves it. One more thread opens each connection.

    Reads Linux's files under `root`. A file that is missing means that there is no such limit.
    """
    connections = min(sheep, POSTS_AT_ONCE)
    served = connections if pasture else 0
    threads = sheep + connections + served + _SPARE_THREADS
    allowed = {
        "threads of this user": (
            _soft(resource.RLIMIT_NPROC),
            "raise LimitNPROC= or ulimit -u",
        ),
        "threads of the machine": (_number(root / "proc/sys/kernel/threads-max"), "raise kernel.threads-max"),
        "process ids of the machine": (_number(root / "proc/sys/kernel/pid_max"), "raise kernel.pid_max"),
        "tasks of this unit or container": (_pids_max(root), "raise TasksMax="),
    }
    for name, (limit, advice) in allowed.items():
        if limit is not None and limit < threads:
            yield f"{sheep} sheep need {threads} threads, and the {name} are {limit}; {advice}"
    maps = sheep * _MAPS_A_THREAD + _SPARE_MAPS
    limit = _number(root / "proc/sys/vm/max_map_count")
    if limit is not None and limit < maps:
        yield f"{sheep} sheep need {maps} memory maps, and a process may have {limit}; raise vm.max_map_count"
    pipes = sheep // THREADS_A_PIPE + 1
    files = connections + served + 2 * pipes + _SPARE_FILES
    limit = _soft(resource.RLIMIT_NOFILE)
    if limit is not None and limit < files:
        yield f"{sheep} sheep need {files} open files, and {limit} are allowed; raise LimitNOFILE= or ulimit -n"
    needed = sheep * _KILOBYTES_A_SHEEP + _KILOBYTES_AT_REST
    free = _memory_available(root)
    if free is not None and free < needed:
        yield f"{sheep} sheep need about {needed // 1000} MB, and {free // 1000} MB are free; add memory or swap"


def journal_troubles(
    line_intervals: Iterable[float], keep: float, state: Where, root: Path = Path("/")
) -> Iterator[str]:
    """Yield a line if the posts of `keep` seconds take more room in the journal `state` than its disk has, and
    one if that disk is another machine's.

    `line_intervals` are those of the sheep, in seconds. The rests between recitations are not counted.
    A database is its server's to watch.
    """
    if not isinstance(state, Path):
        return
    kind = _file_system(state, root)
    if kind in _OF_NETWORKS:
        yield (
            f"the journal {state} is on another machine's disk ({kind}), where locks and flushes may not hold: "
            "two flocks could post the same line; put --state on a local disk"
        )
    posts = keep * sum(1 / max(interval, _ROUND_TRIP) for interval in line_intervals)
    megabytes = posts * _BYTES_A_POST / 1e6
    try:
        room = (shutil.disk_usage(state.parent).free + state.stat().st_size) / 1e6
    except OSError:  # opening the journal reports what is wrong with its file
        return
    if room < megabytes:
        yield (
            f"the posts of {format_seconds(keep)} take about {megabytes:.0f} MB in {state}, "
            f"and the disk has room for {room:.0f} MB; choose a shorter --keep-history"
        )


def _file_system(file: Path, root: Path) -> str:
    """Return the kind of the file system that the file is on; empty if that is unknown."""
    try:
        lines = (root / "proc/self/mounts").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ""
    mounts = {Path(_unescaped(line.split()[1])): line.split()[2] for line in lines}
    return next((mounts[folder] for folder in file.resolve().parents if folder in mounts), "")


def _unescaped(text: str) -> str:
    """Return a path as it is; in a table of mounts a blank is `\\040`."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _soft(kind: int) -> int | None:
    """Return a soft limit of this process. None is no limit; RLIMIT_NPROC does not limit root."""
    if kind == resource.RLIMIT_NPROC and os.geteuid() == 0:
        return None
    soft, _ = resource.getrlimit(kind)
    return None if soft == resource.RLIM_INFINITY else soft


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # the file of another system, or the text "max"
        return None


def _pids_max(root: Path) -> int | None:
    """Return the smallest pids.max of this process's control group and of the groups that contain it."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    groups = [root / "sys/fs/cgroup" / group for line in lines if (group := _group(line))]
    around = [folder for group in groups for folder in (group, *group.parents)]
    found = [limit for folder in around if (limit := _number(folder / "pids.max")) is not None]
    return min(found, default=None)


def _group(line: str) -> str:
    """Return the folder of a control group (version 2, or version 1 with pids); empty for the other groups."""
    number, controllers, path = line.split(":", 2)
    if number == "0":
        return path.lstrip("/") or "."
    return f"pids{path}" if "pids" in controllers.split(",") else ""


def _memory_available(root: Path) -> int | None:
    """Return how many kilobytes of memory are still available to programs."""
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), None)
