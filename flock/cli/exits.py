"""The exit codes, and how a command ends with one of them."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from contextlib import AbstractContextManager, suppress
from typing import NoReturn

import click

from flock.errors import BadKeys, BadOption, BadPoem, BotsTaken, JournalError
from flock.observers.writer import GRACE, Writer

OK, USAGE, NO_KEY, ALL_PENNED, TAKEN, OUR_FAULT, NO_JOURNAL = 0, 2, 3, 4, 5, 70, 74

_CODES: dict[int, tuple[type[Exception], ...]] = {
    USAGE: (BadOption,),
    NO_KEY: (BadKeys, BadPoem),
    TAKEN: (BotsTaken,),
    NO_JOURNAL: (JournalError,),
}

EXIT_CODES = """\b
Exit codes:
  0   stopped as asked
  2   usage: an option or a variable makes no sense
  3   no usable key: a key file is bad, or there is none
  4   every sheep is penned: no account can post
  5   another flock holds some of these bots
  70  our own fault: please report it
  74  the journal cannot be used: disk, permissions, damage
"""


class NamedExits(AbstractContextManager[None]):
    """Ends the program with a clear line and a named exit code when something goes wrong inside."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, click.ClickException | click.exceptions.Exit):
            return
        for code, kinds in _CODES.items():
            if isinstance(error, kinds):
                if code == NO_KEY:
                    _say(*str(error).split("\n"))
                else:
                    _say(f"flock: {error}")
                leave(code)
        trace = "".join(traceback.format_exception(error)).splitlines()
        _say(*trace, "flock: this is our own fault; please report it with the lines above")
        leave(OUR_FAULT)


def _say(*lines: str) -> None:
    """Write the lines to standard error; a reader that does not read keeps the process up for a second at most."""
    from flock.observers.wording import harmless  # noqa: PLC0415 - --help can do without

    writer = Writer(sys.stderr, "standard error")
    writer.write("".join(f"{harmless(line)}\n" for line in lines))
    writer.close()


def leave(code: int, *, at_once: bool = True) -> NoReturn:
    """Exit with `code`; `at_once` waits for no thread, and a second at most for what was printed."""
    if not at_once:
        sys.exit(code)
    with suppress(RuntimeError):  # this process may have no more threads
        flushing = threading.Thread(target=_flush, daemon=True)
        flushing.start()
        flushing.join(GRACE)
    os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # it is closed, or None
            stream.flush()
