"""The standard streams of the command: always open, and a write that fails is no traceback.

A standard descriptor that was closed (`flock run keys >&-`) leads to /dev/null. Otherwise the next file or
connection would get its number, and receive what is written to standard error.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO

from flock.observers.writer import lead_to_null, wait_until_writable

_NAMES = ("standard input", "standard output", "standard error")


class OutputLost(OSError):
    """Raised when a standard stream cannot be written. The text says which one, and why."""


def open_standard_streams() -> None:
    """Open what is closed, and have failed writes raise BrokenPipeError or OutputLost, once for each stream."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor, for good
    sys.stdout = _tolerant(sys.stdout, 1)
    sys.stderr = _tolerant(sys.stderr, 2)


class _Descriptor(io.FileIO):
    """A standard descriptor. After a write that failed it leads to /dev/null, so that no later one fails."""

    def write(self, data: Any, /) -> int:
        number = self.fileno()
        try:
            while (written := super().write(data)) is None:  # some other process has made the pipe non-blocking
                wait_until_writable(number)
        except BrokenPipeError:
            lead_to_null(number)
            raise BrokenPipeError(f"the reader of {_NAMES[number]} is gone") from None  # click exits at an EPIPE
        except OSError as error:
            lead_to_null(number)
            raise OutputLost(f"{_NAMES[number]} cannot be written: {error.strerror}") from None
        return written


def _tolerant(stream: TextIO | None, number: int) -> TextIO:
    """Return a stream to write to that descriptor as `stream` does; or `stream`, if it writes elsewhere."""
    if stream is not None and not (isinstance(stream, io.TextIOWrapper) and stream.fileno() == number):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_Descriptor(number, "w", closefd=False)),
        encoding=stream.encoding if stream else "utf-8",
        errors="backslashreplace",  # a terminal may not be able to encode a poem
        line_buffering=stream is not None and stream.line_buffering,
        write_through=stream is not None and stream.write_through,
    )
