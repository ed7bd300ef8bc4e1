"""The log: its file, how Python's log records look in it, and where the records of our own code go."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TextIO

from flock.errors import BadOption
from flock.events import Called, Dropped, Event
from flock.files import create_private
from flock.observers.console import SYSLOG, LogFormat, is_journald, iso, json_line
from flock.observers.wording import describe, harmless
from flock.observers.writer import GRACE, Stream, Writer

log = logging.getLogger(__name__)

_APPENDING = os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class LogFile(Writer):
    """A text file that is opened anew at a SIGHUP, so that logrotate may move it away.

    Its owner alone can read a file that is created; one that is there keeps its mode. A FIFO needs no reader: it
    keeps lines for the next one until it is full; then lines are dropped.

    As a writer it stands wherever a stream is written to; as an observer it opens its path anew at the event
    Called, after what was written before. Raises BadOption when the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._open()
        super().__init__(self._file, str(path))

    def __call__(self, event: Event) -> None:
        if isinstance(event, Called):
            self.do(self._reopen)

    @property
    def slow(self) -> str:
        """Why lines are dropped when none is lost by a failed write, for people."""
        return f"{self._path} could not be written fast enough"

    def close(self, grace: float = GRACE) -> bool:
        """Take no more lines, write those that wait, close the file; return whether `grace` seconds sufficed."""
        is_written = super().close(grace)
        if is_written:
            self._file.close()
        return is_written

    def _reopen(self) -> None:
        try:
            opened = self._open()
        except BadOption as error:
            log.warning("%s; the log goes on in the file that was open", error)
            return
        before, self._file = self._file, opened
        self._stream = opened
        before.close()

    def _open(self) -> TextIO:
        try:
            create_private(self._path)
            # With both ends of a FIFO open, neither open() nor write() needs a reader. No other file may wait for
            # its other side either, nor become the terminal of this process.
            how = os.O_RDWR if self._path.is_fifo() else os.O_WRONLY
            descriptor = os.open(self._path, how | _APPENDING, 0o600)
            os.set_blocking(descriptor, True)
            return os.fdopen(descriptor, "a", encoding="utf-8")
        except OSError as error:
            raise BadOption(f"--log-file {self._path}: cannot be written: {error.strerror}") from None


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
        bot = _bot(record.threadName)
        if self._json:
            fields = {
                "time": iso(record.created),
                "level": level,
                "event": "log",
                "at": record.created,
                "bot": bot,
            }
            return json_line({**fields, "text": text, "traceback": trace})
        thread = f"{bot}: " if bot else ""
        lines = [f"flock: {level}: {thread}{text}", *trace.splitlines()]
        prefix = f"<{SYSLOG.get(record.levelno, 6)}>" if self._journald else ""
        return "\n".join(prefix + harmless(line) for line in lines)


def log_to_stderr(log_format: LogFormat = "auto", level: int = logging.INFO, writer: Writer | None = None) -> None:
    """Send what our own code logs to `writer`, or at once to standard error; other libraries' logs stay out of it.

    Without a writer, the thread that logs waits for the reader of standard error.
    """
    logger = logging.getLogger("flock")
    logger.addHandler(_handler(logging.StreamHandler(writer or sys.stderr), log_format))
    logger.setLevel(level)
    logger.propagate = False


def log_unless_configured() -> None:
    """Let our own code's warnings go to standard error through a writer, while the program has set up no logging.

    Python itself would write them at once, and a sheep that logs would wait for a reader that does not read.
    """
    logger = logging.getLogger("flock")
    if not logger.hasHandlers():
        logger.addHandler(_handler(_WhileRootHasNone(Writer(sys.stderr, "standard error")), "auto"))


class _WhileRootHasNone(logging.StreamHandler[Stream]):
    """Writes as long as the program has not given the root logger a handler, which then gets the records."""

    def emit(self, record: logging.LogRecord) -> None:
        if not logging.getLogger().handlers:
            super().emit(record)


def _handler(handler: logging.StreamHandler[Stream], log_format: LogFormat) -> logging.Handler:
    """Give `handler` the formatter that fits its stream."""
    stream = handler.stream
    formatter = LogFormatter(log_format, journald=stream is not None and is_journald(stream, os.environ))
    handler.setFormatter(formatter)
    if isinstance(stream, Writer):
        stream.tell_dropped = lambda lines: formatter.format(_warning(lines, stream.why)) + "\n"
    return handler


def _warning(lines: int, why: str) -> logging.LogRecord:
    text = describe(Dropped(at=0.0, lines=lines, why=why))
    return logging.LogRecord("flock", logging.WARNING, "", 0, text, None, None)


def _bot(thread: str | None) -> str:
    """Return the bot after which the thread is named; the names of other threads hold a blank."""
    return "" if thread is None or thread == "MainThread" or " " in thread else thread
