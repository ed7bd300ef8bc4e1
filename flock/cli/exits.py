"""The exit codes, and the context manager that turns exceptions into them."""

from __future__ import annotations

import errno
import os
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from io import StringIO
from typing import NoReturn

import click

from flock.cli.streams import OutputLost
from flock.errors import BadKeys, BadOption, BadPoem, BotsTaken, ClusterError, JournalError, KeyNotMade
from flock.observers.writer import GRACE, Writer

OK, USAGE, NO_KEY, ALL_PENNED, TAKEN, UNDELIVERED, OUR_FAULT, NO_JOURNAL = 0, 2, 3, 4, 5, 6, 70, 74
INTERRUPTED = 130  # 128 + SIGINT, as shells have it

_PASSED_ON = (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError, OutputLost)

_CODES: dict[int, tuple[type[Exception], ...]] = {
    USAGE: (BadOption,),
    NO_KEY: (BadKeys, BadPoem, KeyNotMade),
    TAKEN: (BotsTaken,),
    NO_JOURNAL: (JournalError, ClusterError),
}

EXIT_CODES = """\b
Exit codes:
  0   stopped as asked
  2   usage: an option or an environment variable cannot be used
  3   a key file cannot be used, was not made, or there is none
  4   every sheep is penned: no account can post; with --once, also: each bot
      that was due was refused
  5   another flock holds some of these bots
  6   flock alert-test: an alert did not get through
  70  a bug in flock, or an error ended a thread of a sheep: please report it
  74  the journal cannot be used (disk full, permissions, damage), the output
      cannot be written, too few files may be open, or Ray does not work
"""


class NamedExits(AbstractContextManager[None]):
    """Turns an exception inside the block into one line on standard error and the exit code for its class.

    The classes in `silent` print no line.
    """

    def __init__(self, *silent: type[Exception]) -> None:
        self._silent = silent

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, _PASSED_ON):
            return
        for code, kinds in _CODES.items():
            if isinstance(error, kinds):
                if isinstance(error, self._silent):
                    pass
                elif code == NO_KEY:
                    _say(*str(error).split("\n"))
                else:
                    _say(*f"flock: {error}".split("\n"))
                leave(code)
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            _say("flock: this process may open no more files; raise LimitNOFILE= or ulimit -n")
            leave(NO_JOURNAL)
        trace = "".join(traceback.format_exception(error)).splitlines()
        _say(*trace, "flock: this is a bug in flock; please report it with the lines above")
        leave(OUR_FAULT)


def exit_code(run: Callable[[], object]) -> int:
    """Return the exit code of the command that `run` runs, after its last output.

    A reader that is gone (`flock rehearse keys/ | head`) has seen enough: that is no error.
    """
    code = OK
    try:
        try:
            code = _number(run())
        except SystemExit as end:
            code = _number(end.code)
        except click.ClickException as error:
            code = error.exit_code
            shown = StringIO()
            error.show(shown)
            _say(*shown.getvalue().splitlines())
        except click.Abort:
            code = INTERRUPTED
        sys.stdout.flush()
    except BrokenPipeError:
        return code
    except OutputLost as error:
        _say(f"flock: {error}")
        return code or NO_JOURNAL
    return code


def _number(code: object) -> int:
    return code if isinstance(code, int) else OK


def _say(*lines: str) -> None:
    """Write the lines to standard error. A blocked reader delays the exit by a second at most."""
    from flock.observers.wording import harmless  # noqa: PLC0415 - --help can do without

    writer = Writer(sys.stderr, "standard error")
    writer.write("".join(f"{harmless(line)}\n" for line in lines))
    writer.close()


def leave(code: int, *, at_once: bool = True) -> NoReturn:
    """Exit with `code`. With `at_once`, wait for no thread, and at most a second for buffered output."""
    if not at_once:
        sys.exit(code)
    with suppress(RuntimeError):  # the process cannot start another thread
        flushing = threading.Thread(target=_flush, daemon=True)
        flushing.start()
        flushing.join(GRACE)
    os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # the stream is closed, or None
            stream.flush()
