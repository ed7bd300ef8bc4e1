"""The keeper of a Ray cluster on this machine: the parent of all its processes.

It is a process of its own, so that nothing is left behind however flock ends, also by a kill: when its standard
input is closed, it ends all processes below it, and removes the cluster's files. It is run as a file, and needs
nothing but the standard library.

    python -P keeper.py FOLDER FILE

Each line that it reads is a JSON array: a name, the file of a log, and a command to start. Each line that it
writes is the name of a command that has ended.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

ENDS = 15.0  # seconds for the end of all that was killed
_LOOK = 0.1  # seconds between two looks at the processes
_PIECE = 65536
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def main(folder: str, file: str) -> None:
    """Start what standard input asks for until it is closed; then end all, and remove `folder` and `file`."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ignore)  # and not SIG_IGN, which the commands would inherit
    # A herd outlives its node by some seconds, and ends only when its dead parent was waited for: here.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        _serve()
    finally:
        _end_all()
        shutil.rmtree(folder, ignore_errors=True)
        Path(file).unlink(missing_ok=True)


def _ignore(*_: object) -> None:
    pass


def _serve() -> None:
    started: dict[int, tuple[str, subprocess.Popen[bytes]]] = {}
    asked = b""
    while True:
        if select.select([0], [], [], _LOOK)[0]:
            piece = os.read(0, _PIECE)
            if not piece:
                return
            *lines, asked = (asked + piece).split(b"\n")
            for line in lines:
                name, log, command = json.loads(line)
                process = _start(command, Path(log))
                started[process.pid] = name, process
        for pid in _waited_for():
            if pid in started:
                os.write(1, f"{started.pop(pid)[0]}\n".encode())


def _start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as written:
        return subprocess.Popen(  # noqa: S603 - Ray's own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - there are no other threads
        )


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _waited_for() -> list[int]:
    """Wait for the children that have ended, and return them; orphans from further down are children, too."""
    ended = []
    with suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            ended.append(pid)
    return ended


def _end_all() -> None:
    deadline = time.monotonic() + ENDS
    while (left := _offspring()) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
        _waited_for()


def _offspring() -> list[int]:
    """Return the processes that this one has started, and these again."""
    found = _children(os.getpid())
    for pid in found:
        found += _children(pid)
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with suppress(OSError):  # it has ended
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (task / "children").read_text().split())
    return children


if __name__ == "__main__":
    main(*sys.argv[1:])
