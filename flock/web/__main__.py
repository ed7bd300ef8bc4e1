"""The process of a page that belongs to a flock: see `flock/web/process.py`. `flock web` needs none of this."""

from __future__ import annotations

import logging
import os
import pickle
import socket
import sys
import threading
import time

from flock.errors import FlockError
from flock.observers.wording import harmless
from flock.web.children import give_way, when_left
from flock.web.process import Order

log = logging.getLogger("flock.web")

_GRACE = 2.0  # seconds for the end


def main() -> None:
    """Show the page that standard input asks for, until standard input is closed."""
    try:
        order: Order = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the flock that has started this process
    except (EOFError, pickle.UnpicklingError):  # it has ended
        return
    ended = threading.Event()

    def leave() -> None:
        """Leave, whatever else this process does."""
        ended.set()
        time.sleep(_GRACE)
        _leave(0)

    when_left(leave)
    _log_in_lines(order.level)
    give_way()
    try:
        _show(order, ended)
    except FlockError as error:
        log.error("the page cannot be shown: %s", error)
        _leave(1)
    _leave(0)


def _show(order: Order, ended: threading.Event) -> None:
    from flock.web.server import WebPage, allow_readers  # noqa: PLC0415 - after what ends this process

    allow_readers()
    with socket.socket(fileno=order.descriptor) as listener:
        page = WebPage(
            order.folder,
            order.options,
            listener,
            midnight=order.midnight,
            name=order.host,
            names=order.names,
        )
    page.start()
    log.log(logging.WARNING if page.fresh_token else logging.INFO, "the page is at %s", page.way_in)
    ended.wait()
    page.close()


class _Lines(logging.Formatter):
    """Formats a record as lines that the flock passes on: a level, and a text."""

    def format(self, record: logging.LogRecord) -> str:
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        lines = [*record.getMessage().splitlines(), *trace.splitlines()]
        return "\n".join(f"{record.levelno:02} {harmless(line)}" for line in lines)


def _log_in_lines(level: int) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Lines())
    logger = logging.getLogger("flock")
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    logging.raiseExceptions = False  # when the flock is gone, its end of the pipe is closed


def _leave(code: int) -> None:
    """Exit and wait for no thread. What was logged is written: a handler flushes each line."""
    os._exit(code)


if __name__ == "__main__":
    main()
