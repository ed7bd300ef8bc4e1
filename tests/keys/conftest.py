"""What the tests of key files share: how problems read, and where a secret could show."""

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from flock.errors import lines_by_file
from flock.keys import KeyRing

WriteKey = Callable[..., Path]
SECRET = "sesame"  # is in every token and secret that these tests write


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield `error` and all that it was raised from or during, suppressed or not."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def all_that_shows(error: BaseException) -> str:
    """Return everything that a log, a traceback or a crash reporter may print of `error`."""
    shown = traceback.format_exception(error)
    for cause in causes(error):
        cause.__suppress_context__ = False
        shown += [str(cause), repr(cause), *map(repr, cause.args)]
    return "".join([*shown, *traceback.format_exception(error)])


def lines(ring: KeyRing) -> list[str]:
    """Return what an operator reads of a folder's bad files."""
    return list(lines_by_file(ring.problems))
