"""The exit codes, and how a command ends with one of them."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import AbstractContextManager, suppress
from typing import NoReturn

import click

from flock.errors import BadKeys, BadOption, BadPoem, BotsTaken, JournalError

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
                click.echo(str(error) if code == NO_KEY else f"flock: {error}", err=True)
                leave(code)
        traceback.print_exception(error)
        click.echo("flock: this is our own fault; please report it with the lines above", err=True)
        leave(OUR_FAULT)


def leave(code: int, *, at_once: bool = True) -> NoReturn:
    """Exit with `code`; `at_once` waits for no thread."""
    if not at_once:
        sys.exit(code)
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)
