"""The flock on a terminal, in a pipe, or in the system's journal: one line an event."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TextIO

import click
import simplejson as json

from flock.errors import BadOption
from flock.events import Called, Event
from flock.observers.wording import JSON_ESCAPES, describe, harmless

LogFormat = Literal["auto", "text", "json"]

_COLOURS = (39, 208, 77, 170, 220, 45, 203, 149, 141, 215, 80, 211, 185, 111, 156, 180)  # of the 256: all readable
_NAME_WIDTH = 15
_SYSLOG = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class Console:
    """A listener that writes events to `stream` (standard output by default), from `level` upwards.

    On a terminal: time and name first, a colour a bot. Under journald: its priority prefix and no time, which
    journald adds. Elsewhere: plain lines with the full time. With the format `json`: one object a line.
    """

    def __init__(
        self,
        stream: TextIO | LogFile | None = None,
        *,
        log_format: LogFormat = "auto",
        level: int = logging.INFO,
        on_closed: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_closed = on_closed
        self._stream = stream or sys.stdout
        self._level = level
        self._lock = threading.Lock()
        if log_format == "json":
            self._render = _as_json
        elif log_format == "text":
            self._render = _as_plain
        elif is_journald(self._stream, os.environ):
            self._render = _for_journald
        elif self._stream.isatty():
            self._render = _for_terminal if not os.environ.get("NO_COLOR") else _for_terminal_without_colour
        else:
            self._render = _as_plain

    def __call__(self, event: Event) -> None:
        if event.level < self._level:
            return
        line = self._render(event) + "\n"
        try:
            with self._lock:
                try:
                    self._stream.write(line)
                except UnicodeEncodeError:  # a Latin-1 terminal, a Greek poem
                    self._stream.write(line.encode("ascii", "backslashreplace").decode())
                self._stream.flush()
        except BrokenPipeError:
            self._let_go()
        except (OSError, ValueError):
            """The log's disk is full, or its terminal is gone: the flock goes on without."""

    def _let_go(self) -> None:
        """Nobody reads us any more: say so once, to whoever wants to know."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
        self._on_closed()


def is_journald(stream: TextIO | LogFile, environment: Mapping[str, str]) -> bool:
    """Return whether `stream` goes straight into systemd's journal (JOURNAL_STREAM names its device and inode)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _as_json(event: Event) -> str:
    fields = {"time": _iso(event.at), "level": logging.getLevelName(event.level).lower(), **event.as_dict()}
    return _json(fields)


def _json(fields: Mapping[str, object]) -> str:
    """Return one line of JSON in which readable text stays readable, and no control character is left raw."""
    return json.dumps(fields, ensure_ascii=False).translate(JSON_ESCAPES)


def _as_plain(event: Event) -> str:
    return f"{_iso(event.at)} {event.bot or 'flock'}: {harmless(describe(event))}"


def _for_journald(event: Event) -> str:
    return f"<{_SYSLOG[event.level]}>{event.bot or 'flock'}: {harmless(describe(event))}"


def _for_terminal_without_colour(event: Event) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(event.at))
    return f"{clock}  {event.bot or 'flock':<{_NAME_WIDTH}}  {harmless(describe(event))}"


def _for_terminal(event: Event) -> str:
    clock = click.style(time.strftime("%H:%M:%S", time.localtime(event.at)), dim=True)
    colour = _COLOURS[zlib.crc32(event.bot.encode()) % len(_COLOURS)] if event.bot else None
    name = click.style(f"{event.bot or 'flock':<{_NAME_WIDTH}}", fg=colour, bold=True)
    text = harmless(describe(event))
    if event.level >= logging.ERROR:
        text = click.style(text, fg="red", bold=True)
    elif event.level >= logging.WARNING:
        text = click.style(text, fg="yellow")
    return f"{clock}  {name}  {text}"


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class LogFile:
    """A text file that is opened anew at a SIGHUP, so that logrotate may move it away.

    It can stand wherever a stream is written to, and as a listener it hears the call.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._open()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Called):
            before, self._file = self._file, self._open()
            before.close()

    def _open(self) -> TextIO:
        try:
            return self._path.open("a", encoding="utf-8")
        except OSError as error:
            raise BadOption(f"--log-file {self._path}: cannot be written: {error.strerror}") from None

    def write(self, text: str) -> int:
        return self._file.write(text)

    def flush(self) -> None:
        self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()

    def isatty(self) -> bool:
        return False


class LogFormatter(logging.Formatter):
    """Formats what the flock's code logs, beside its events: `flock: warning: ...`, or JSON."""

    def __init__(self, log_format: LogFormat, *, journald: bool = False) -> None:
        super().__init__()
        self._json = log_format == "json"
        self._journald = journald and log_format == "auto"

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or lines: a traceback has more than one, and journald wants a priority on each."""
        level, text = record.levelname.lower(), record.getMessage()
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        bot = "" if record.threadName == "MainThread" else record.threadName  # threads are named after their sheep
        if self._json:
            fields = {
                "time": _iso(record.created),
                "level": level,
                "event": "log",
                "at": record.created,
                "bot": bot,
            }
            return _json({**fields, "text": text, "traceback": trace})
        thread = f"{bot}: " if bot else ""
        lines = [f"flock: {level}: {thread}{text}", *trace.splitlines()]
        prefix = f"<{_SYSLOG.get(record.levelno, 6)}>" if self._journald else ""
        return "\n".join(prefix + line for line in lines)
