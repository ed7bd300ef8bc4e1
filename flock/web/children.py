"""Processes of the web page: how one is started, gives way to the flock, and ended."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from subprocess import PIPE, Popen
from typing import IO, Any, cast

_NOT_FOR_IT = ("FLOCK_", "NOTIFY_", "WATCHDOG_")  # options may be secrets; systemd listens to the flock alone
_NICE = 5


def start_python(*arguments: str, **how: Any) -> Popen[bytes]:
    """Start Python with a pipe to and from it; `how` is that of Popen.

    It finds what this process has imported, and has a session of its own: Ctrl-C on the terminal is not for it.
    Raises OSError.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_FOR_IT)}
    return Popen(  # noqa: S603 - our own modules
        [sys.executable, "-P", *arguments],
        stdin=PIPE,
        stdout=PIPE,
        env=environment | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
        start_new_session=True,
        **how,
    )


def give_order(process: Popen[bytes], order: object) -> IO[bytes]:
    """Write `order`, pickled, to a process that `start_python` started; return the pipe that it answers on.

    Its input stays open: see `when_left`. A process that has ended meanwhile gets nothing, and answers nothing.
    """
    asked, answer = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
    with suppress(OSError):
        asked.write(pickle.dumps(order))
        asked.flush()
    return answer


def when_left(leave: Callable[[], None]) -> None:
    """Call `leave` in a thread of its own when what started this process has ended, or closed its input."""

    def watch() -> None:
        with suppress(OSError):
            while os.read(0, 1024):  # not by sys.stdin: its lock would be held when the process ends
                pass
        leave()

    threading.Thread(target=watch, name="flock: input", daemon=True).start()


def give_way() -> None:
    """Let the flock go first where both want the processor. systemd's unit forbids it; there they are equal."""
    with suppress(OSError):
        os.nice(_NICE)


def ending_of(code: int) -> str:
    """Return in words how a process with that return code of Popen has ended."""
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
