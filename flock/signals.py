"""The signals that a flock obeys, passed on to its shepherd; and whether its terminal is gone."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """Passes the numbers of SIGTERM, SIGINT and SIGHUP on to `tell`, which runs in the signal's handler."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._had_terminal = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen inside the block. In a thread other than the main one signals are left alone."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._had_terminal = _has_terminal()
        before = {
            number: signal.signal(number, lambda number, _frame: self._tell(number))
            for number in (*STOP_SIGNALS, signal.SIGHUP)
            if signal.getsignal(number) is not signal.SIG_IGN  # under nohup it stays ignored
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @property
    def terminal_is_gone(self) -> bool:
        """Whether the terminal window was closed since the block began: then a SIGHUP ends the flock."""
        return self._had_terminal and not _has_terminal()


def _has_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False
