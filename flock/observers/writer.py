"""Writer: a bounded queue of lines and one thread that writes them to one stream.

The write to a pipe blocks while its reader does not read (a stopped `less`, a stuck log shipper), and the write to
a file may block on its disk. Only the writer's own thread waits for that; sheep, shepherd and signals go on.
"""

from __future__ import annotations

import atexit
import io
import logging
import os
import select
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Protocol

log = logging.getLogger(__name__)

CAPACITY = 10_000  # lines
GRACE = 1.0  # seconds that each stream gets to drain at the end of the process: 2 s for standard output and error
_GATHERING = 0.05  # seconds between two writes: lines that come meanwhile are written together
_AT_ONCE = 200  # lines in one write


class Stream(Protocol):
    """What is written to: an open file, as sys.stdout is."""

    def write(self, text: str, /) -> int: ...
    def flush(self) -> None: ...
    def fileno(self) -> int: ...
    def isatty(self) -> bool: ...


class Writer:
    """Writes to `stream` in a daemon thread of its own; stands wherever a text stream is written to.

    `write` never blocks. When `capacity` lines are waiting, further lines are dropped and counted until the thread
    has written those that wait; then it writes what `tell_dropped` returns for the count. Lines that come within
    50 ms of a write are written together. A failed write (no space, terminal gone) loses its lines and nothing
    else. Such lines are counted with the others, and told when a write succeeds again. When the reader has closed
    its end of the pipe, all later lines are dropped (see `when_closed`). A `stream` of None takes nothing: that is
    what Python makes of a standard stream that was closed when the process started.

    `name` is what messages call the stream.
    """

    def __init__(self, stream: Stream | None, name: str, *, capacity: int = CAPACITY) -> None:
        self.name = name
        self.tell_dropped: Callable[[int], str] = lambda lines: f"{lines} lines were dropped: {self.why}\n"
        self._stream = stream
        self._capacity = capacity
        self._lock = threading.Lock()  # guards the next seven; not held during a write
        self._waiting = 0  # lines in the queue
        self._dropped = 0  # lines since they were last told; while there are some, the queue takes no more
        self._lost = 0  # lines whose write failed, since they were last told
        self._is_closed = stream is None
        self._is_read = True
        self._on_closed: Callable[[], None] = lambda: None
        self._closing = threading.Event()
        self._queue: SimpleQueue[str | Callable[[], None] | None] = SimpleQueue()
        self._is_torn = False  # the last write failed within its line
        self._failure = ""  # why the last write failed that did
        self._thread = threading.Thread(target=self._run, name=f"flock: writer of {name}", daemon=True)
        if stream is not None:
            self._thread.start()
            atexit.register(self.close)

    @property
    def why(self) -> str:
        """Why lines are dropped, for people."""
        return f"{self.name} could not be written: {self._failure}" if self._failure else self.slow

    @property
    def slow(self) -> str:
        """Why lines are dropped when none is lost by a failed write, for people."""
        return f"the reader of {self.name} did not keep up"

    def write(self, text: str) -> int:
        """Queue `text`, which is one or more whole lines, or drop it; return its length."""
        lines = _lines(text)
        with self._lock:
            if not self._is_closed:
                if self._dropped or (self._waiting and self._waiting + lines > self._capacity):
                    self._dropped += lines
                else:
                    self._waiting += lines
                    self._queue.put(text)
        return len(text)

    def do(self, work: Callable[[], None]) -> None:
        """Call `work` in the writer's thread after all that was queued before it. Its exceptions are logged."""
        with self._lock:
            if not self._is_closed:
                self._queue.put(work)

    def flush(self) -> None:
        """Do nothing: the writer's thread writes each line as soon as it can."""

    def when_closed(self, call: Callable[[], None]) -> None:
        """Have `call` called once, in the writer's thread, when the reader has closed its end; now, if it has."""
        with self._lock:
            self._on_closed = call
            is_read = self._is_read
        if not is_read:
            call()

    def close(self, grace: float = GRACE) -> bool:
        """Take no more lines, and wait up to `grace` seconds for those queued; return whether all were written.

        Closing it again waits again. The stream stays open.
        """
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._closing.set()
                self._queue.put(None)
        atexit.unregister(self.close)
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(grace)
        return not self._thread.is_alive()

    def fileno(self) -> int:
        """Return the stream's file descriptor. Raises OSError or ValueError when it has none."""
        if self._stream is None:
            raise ValueError(f"{self.name} is closed")
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        with suppress(OSError, ValueError):
            return self._stream is not None and self._stream.isatty()
        return False

    def _run(self) -> None:
        written = float("-inf")  # monotonic time
        item = self._queue.get()
        while item is not None:
            after: str | Callable[[], None] | None = ""
            try:
                if isinstance(item, str):
                    self._closing.wait(max(0.0, written + _GATHERING - time.monotonic()))
                    text, after = self._gathered(item)
                    self._count(_lines(text), is_written=self._write(text))
                    written = time.monotonic()
                else:
                    item()
            except Exception:
                log.exception("the writer of %s failed, and goes on", self.name)
            item = after if after != "" else self._queue.get()

    def _gathered(self, text: str) -> tuple[str, str | Callable[[], None] | None]:
        """Return `text` with what is queued behind it, and what comes after that: "" for nothing."""
        texts = [text]
        item: str | Callable[[], None] | None = ""
        while len(texts) < _AT_ONCE and not self._queue.empty():
            item = self._queue.get()
            if not isinstance(item, str):
                break
            texts.append(item)
            item = ""
        return "".join(texts), item

    def _count(self, lines: int, *, is_written: bool) -> None:
        """Make room for so many lines. Once all that waited is written, tell how many lines were not."""
        with self._lock:
            self._waiting -= lines
            self._lost += 0 if is_written else lines
            dropped, lost = (0, 0) if self._waiting else (self._dropped, self._lost)
            self._dropped -= dropped
            self._lost += dropped
        if is_written and dropped + lost and self._write(self.tell_dropped(dropped + lost)):
            with self._lock:
                self._lost -= dropped + lost
            self._failure = ""

    def _write(self, text: str) -> bool:
        """Write the text; return False if the write failed, but True if there is nothing to write to."""
        if self._stream is None:
            return True
        try:
            self._write_whole(self._stream, text)
        except BrokenPipeError:
            self._let_go(self._stream)
        except Exception as error:  # noqa: BLE001 - logging it would write again, and fail again
            # No space, the terminal is gone, the stream was closed: the line is lost, and the flock goes on.
            self._failure = getattr(error, "strerror", None) or str(error)
            return False
        return True

    def _write_whole(self, stream: Stream, text: str) -> None:
        """Write all of `text`, to the descriptor where there is one.

        A thread that is blocked in the stream's own `write` holds a lock, and the interpreter aborts at its end
        when it cannot take that lock.
        """
        stream.flush()  # what the program itself has printed comes first
        try:
            descriptor = stream.fileno()
        except io.UnsupportedOperation:  # a stream in memory
            write_text(stream, text)
            return
        data = text.encode(getattr(stream, "encoding", None) or "utf-8", "backslashreplace")
        data = b"\n" + data if self._is_torn else data
        left = len(data)
        try:
            while left:
                try:
                    left -= os.write(descriptor, data[-left:])
                except BlockingIOError:  # some other process has made the pipe non-blocking
                    wait_until_writable(descriptor)
        finally:
            self._is_torn = 0 < left < len(data) or (self._is_torn and left > 0)

    def _let_go(self, stream: Stream) -> None:
        """Write nothing from now on, and let the program's own prints to that descriptor succeed."""
        self._stream = None
        with suppress(OSError, ValueError):
            lead_to_null(stream.fileno())
        with self._lock:
            self._is_read = False
            call = self._on_closed
        call()


def write_text(stream: Stream, text: str) -> None:
    """Write and flush `text`, with escapes where the stream's encoding lacks a character (a Latin-1 terminal)."""
    try:
        stream.write(text)
    except UnicodeEncodeError:
        stream.write(text.encode("ascii", "backslashreplace").decode())
    stream.flush()


def close_all(*writers: Writer) -> bool:
    """Close the writers; return whether all their lines were written within GRACE seconds each."""
    return min([writer.close() for writer in dict.fromkeys(writers)])


def standard_writers() -> tuple[Writer, Writer]:
    """Return the writers of standard output and standard error: one and the same where both are the same file.

    So lines of the two keep their order on a terminal and in `flock run keys 2>&1 | less`.
    """
    output = Writer(sys.stdout, "standard output")
    if _is_same_file(output, sys.stderr):
        return output, output
    return output, Writer(sys.stderr, "standard error")


def _is_same_file(one: Stream, other: Stream | None) -> bool:
    with suppress(OSError, ValueError):
        return other is not None and os.path.sameopenfile(one.fileno(), other.fileno())
    return False


def _lines(text: str) -> int:
    return max(1, text.count("\n"))


def lead_to_null(descriptor: int) -> None:
    """Have the descriptor lead to /dev/null. Raises OSError."""
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, descriptor)
    finally:
        os.close(null)


def wait_until_writable(descriptor: int) -> None:
    """Wait until a pipe that does not block can be written."""
    pipe = select.poll()
    pipe.register(descriptor, select.POLLOUT)
    pipe.poll()
