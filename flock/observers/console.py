"""Console: writes one line for each event to a terminal, a pipe, systemd's journal or a file."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal

import click
import simplejson as json

from flock.events import Dropped, Event
from flock.observers.wording import JSON_ESCAPES, describe, harmless
from flock.observers.writer import Stream, Writer, write_text

LogFormat = Literal["auto", "text", "json"]

_COLOURS = (39, 208, 77, 170, 220, 45, 203, 149, 141, 215, 80, 211, 185, 111, 156, 180)  # of the 256: all readable
_JSON = json.JSONEncoder(ensure_ascii=False)  # made once: to make it takes as long as to encode a line
_NAME_WIDTH = 15
SYSLOG = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class Console:
    """An observer that writes events to `stream`, from `level` upwards.

    On a terminal: time and name first, a colour a bot. Under journald: its priority prefix and no time, which
    journald adds. Elsewhere: plain lines with the full time. With the format `json`: one object a line.

    Without `stream`, a writer of its own writes to standard output. Through a Writer, an event never waits for a
    reader, and `on_closed` is called when the reader has closed its end. To any other stream, each event is
    written at once, in the thread that tells it.
    """

    def __init__(
        self,
        stream: Stream | None = None,
        *,
        log_format: LogFormat = "auto",
        level: int = logging.INFO,
        on_closed: Callable[[], None] = lambda: None,
    ) -> None:
        self._stream: Stream = Writer(sys.stdout, "standard output") if stream is None else stream
        self._level = level
        self._lock = threading.Lock()
        self._render = _renderer(self._stream, log_format)
        if isinstance(self._stream, Writer):
            writer = self._stream
            writer.when_closed(on_closed)
            writer.tell_dropped = lambda lines: self._line(Dropped(at=time.time(), lines=lines, why=writer.why))

    def __call__(self, event: Event) -> None:
        if event.level < self._level:
            return
        line = self._line(event)
        if isinstance(self._stream, Writer):
            self._stream.write(line)
            return
        with self._lock, suppress(OSError, ValueError):  # its disk is full, it is closed: the line is lost
            write_text(self._stream, line)

    def close(self) -> None:
        """Take no more events, and write those that wait. A stream that was given stays open."""
        if isinstance(self._stream, Writer):
            self._stream.close()

    def _line(self, event: Event) -> str:
        return self._render(event) + "\n"


def _renderer(stream: Stream, log_format: LogFormat) -> Callable[[Event], str]:
    if log_format == "json":
        return as_json
    if log_format == "text":
        return _as_plain
    if is_journald(stream, os.environ):
        return _for_journald
    if _is_terminal(stream):
        return _for_terminal_without_colour if os.environ.get("NO_COLOR") else _for_terminal
    return _as_plain


def _is_terminal(stream: Stream) -> bool:
    with suppress(ValueError):  # it is closed
        return stream.isatty()
    return False


def is_journald(stream: Stream, environment: Mapping[str, str]) -> bool:
    """Return whether `stream` goes straight into systemd's journal (JOURNAL_STREAM names its device and inode)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def as_json(event: Event) -> str:
    """Return the event as one line of JSON, without the line end."""
    fields = {"time": iso(event.at), "level": logging.getLevelName(event.level).lower(), **event.as_dict()}
    return json_line(fields)


def json_line(fields: Mapping[str, object]) -> str:
    """Return one line of JSON: readable text stays readable, control and bidirectional characters are escaped."""
    line: str = _JSON.encode(fields)
    return line if line.isascii() and line.isprintable() else line.translate(JSON_ESCAPES)


def _as_plain(event: Event) -> str:
    return harmless(f"{iso(event.at)} {event.bot or 'flock'}: {describe(event)}")


def _for_journald(event: Event) -> str:
    return harmless(f"<{SYSLOG.get(event.level, 6)}>{event.bot or 'flock'}: {describe(event)}")


def _for_terminal_without_colour(event: Event) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(event.at))
    return harmless(f"{clock}  {event.bot or 'flock':<{_NAME_WIDTH}}  {describe(event)}")


def _for_terminal(event: Event) -> str:
    clock = click.style(time.strftime("%H:%M:%S", time.localtime(event.at)), dim=True)
    colour = _COLOURS[zlib.crc32(event.bot.encode()) % len(_COLOURS)] if event.bot else None
    name = click.style(f"{harmless(event.bot) or 'flock':<{_NAME_WIDTH}}", fg=colour, bold=True)
    text = harmless(describe(event))
    if event.level >= logging.ERROR:
        text = click.style(text, fg="red", bold=True)
    elif event.level >= logging.WARNING:
        text = click.style(text, fg="yellow")
    return f"{clock}  {name}  {text}"


def iso(at: float) -> str:
    """Return the wall-clock time `at`, in seconds since the epoch, as UTC in ISO 8601."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
