"""The `flock` command, and python -m flock: obeys SIGTERM and SIGINT from its first moment on.

Loading the command line takes a tenth of a second. Without a handler, SIGTERM would end it with another exit code,
and would not end the first process of a container at all.
"""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_ENDED_BY_SIGNAL = ("run", "pasture", "log")  # the commands that a signal ends as it should


def main() -> None:
    """Run the command line; the console script's entry point."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # under nohup it stays ignored
            signal.signal(number, _end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)  # the parent may have blocked them
    from flock.cli import main as run_command  # noqa: PLC0415 - after the handlers

    run_command()


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """End at once: no post is under way. While one is, `Shepherd` has its own handlers."""
    os._exit(0 if sys.argv[1:2] and sys.argv[1] in _ENDED_BY_SIGNAL else 128 + number)


if __name__ == "__main__":
    main()
