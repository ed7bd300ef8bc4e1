"""Server-sent events: a log of what has happened, and one thread that writes it to all readers."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from enum import Enum
from typing import Any, NamedTuple

import simplejson as json

log = logging.getLogger(__name__)

KEPT = 5_000  # events that a reader can catch up with
MOST_READERS = 2_000
_MOST_PENDING = 2 * 1024 * 1024  # bytes that a reader may be behind
_IN_KERNEL = 128 * 1024  # bytes of these that the kernel keeps; it would keep megabytes for each reader
_MOST_PATIENCE = 20.0  # seconds in which a reader that is behind must take something
BEAT = 15.0  # seconds between two events by which both ends see that the other is there
_RETRY = b"retry: 1500\n\n"  # milliseconds after which a browser connects again
_MOST_CAUGHT_UP = _MOST_PENDING // 2  # bytes; a reader that has missed more reads all anew, which is less


class Form(Enum):
    """What a reader wants to know of bots."""

    WHOLE = "whole"  # each time that something about one has changed, all of it
    DOTS = "dots"  # its state, when that has changed


class Event(NamedTuple):
    """One event: its name, its data, its id or an empty text, and for which readers it is, or None for all."""

    name: str
    data: dict[str, Any]
    id: str = ""
    only: Form | None = None

    def frame(self) -> bytes:
        """Return the event as it is sent. JSON in ASCII holds no line end."""
        head = f"id: {self.id}\n" if self.id else ""
        return f"{head}event: {self.name}\ndata: {json.dumps(self.data, ensure_ascii=True)}\n\n".encode()


class _Kept:
    """The latest events for the readers of one form, as they are sent, each with its number."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._frames: deque[tuple[int, bytes]] = deque()
        self.forgotten = 0  # the number of the latest one that is not there any more

    def add(self, number: int, frame: bytes) -> None:
        self._frames.append((number, frame))
        if len(self._frames) > self._most:
            self.forgotten = self._frames.popleft()[0]

    def since(self, number: int) -> list[bytes] | None:
        """Return what came after the event with that number; None if that is not all there, or is too much."""
        if number < self.forgotten:
            return None
        found = [frame for each, frame in self._frames if each > number]
        return found if sum(map(len, found)) <= _MOST_CAUGHT_UP else None


class _Job(NamedTuple):
    """Frames for all readers of a form, or for one that joins."""

    form: Form
    frames: list[bytes]
    newcomer: socket.socket | None = None


class _Reader:
    """A connection, and what is still to be written to it. Its socket does not block."""

    def __init__(self, connection: socket.socket, form: Form) -> None:
        self.connection = connection
        self.form = form
        self._pending: deque[memoryview] = deque()
        self._size = 0
        self._taken = time.monotonic()  # when the reader last took something, or was not behind

    @property
    def is_behind(self) -> bool:
        return bool(self._pending)

    def is_lost(self, now: float) -> bool:
        """Return whether the reader is too far behind, or for too long."""
        return self._size > _MOST_PENDING or (self.is_behind and now - self._taken > _MOST_PATIENCE)

    def put(self, frames: Iterable[bytes]) -> None:
        if not self._pending:
            self._taken = time.monotonic()
        for frame in frames:
            self._pending.append(memoryview(frame))
            self._size += len(frame)

    def write(self) -> None:
        """Write what the connection takes. Raises OSError when it is broken."""
        while self._pending:
            try:
                count = self.connection.send(self._pending[0])
            except BlockingIOError:
                return
            self._taken = time.monotonic()
            self._size -= count
            rest = self._pending.popleft()[count:]
            if rest:
                self._pending.appendleft(rest)


class Stream:
    """Passes events on to readers, from any thread. One thread writes to all of them, so that a reader costs a
    socket and no thread; one that does not read fast enough is dropped, and may come again.

    `kept` events can be caught up with. Once in `beat` seconds comes an event `beat`. `close` ends every
    connection.
    """

    def __init__(self, kept: int = KEPT, most_readers: int = MOST_READERS, beat: float = BEAT) -> None:
        self._kept = {form: _Kept(kept) for form in Form}
        self._beat = beat
        self._number = 0
        self._at: dict[str, int] = {}  # the number of each event that has an id
        self._ids: deque[tuple[int, str]] = deque()
        self._most = most_readers
        self._lock = threading.Lock()
        self._jobs: deque[_Job] = deque()
        self._count = 0
        self._is_closed = False
        self._selector = selectors.DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="flock: events", daemon=True)
        self._thread.start()

    @property
    def readers(self) -> int:
        """How many readers there are."""
        return self._count

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another reader."""
        return self._count >= self._most

    def publish(self, events: Iterable[Event]) -> None:
        """Pass these events on, in their order."""
        with self._lock:
            frames: dict[Form, list[bytes]] = {form: [] for form in Form}
            for event in events:
                self._number += 1
                frame = event.frame()
                for form in Form if event.only is None else (event.only,):
                    frames[form].append(frame)
                    self._kept[form].add(self._number, frame)
                if event.id:
                    self._at[event.id] = self._number
                    self._ids.append((self._number, event.id))
            forgotten = min(kept.forgotten for kept in self._kept.values())
            while self._ids and self._ids[0][0] < forgotten:
                self._at.pop(self._ids.popleft()[1], None)
            # together, since that is one write for each reader
            self._jobs.extend(_Job(form, [b"".join(each)]) for form, each in frames.items() if each)
            self._ring()

    def join(self, connection: socket.socket, after: str | None, hello: Event, form: Form = Form.WHOLE) -> None:
        """Let a reader have all events after the one with the id `after`, or with None those from now on.

        After an empty id come all that are kept. Where an event after it is lost, or the id is not known, `reset`
        comes in their place.
        """
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _IN_KERNEL)
        with self._lock:
            self._count += 1
            self._jobs.append(_Job(form, [_RETRY, hello.frame(), *self._since(after, form)], connection))
            self._ring()

    def _since(self, after: str | None, form: Form) -> list[bytes]:
        if after is None:
            return []
        number = 0 if after == "" else self._at.get(after)
        missed = None if number is None else self._kept[form].since(number)
        return [Event("reset", {}).frame()] if missed is None else missed

    def close(self) -> None:
        """End all connections, within a moment."""
        with self._lock:
            self._is_closed = True
            self._ring()
        self._thread.join(2.0)

    def _ring(self) -> None:
        with suppress(OSError):  # it is full, and the thread is awake then; or closed
            self._bell.send(b".")

    def _run(self) -> None:
        beat = time.monotonic() + self._beat
        readers: dict[socket.socket, _Reader] = {}
        while not self._is_closed:
            ready = self._selector.select(min(1.0, max(0.0, beat - time.monotonic())))
            for key, mask in ready:
                self._hear(readers, key.data, mask)
            with self._lock:
                jobs = [*self._jobs]
                self._jobs.clear()
            now = time.monotonic()
            if now >= beat:
                jobs += [_Job(form, [Event("beat", {}).frame()]) for form in Form]
                beat = now + self._beat
            for job in jobs:
                self._hand_out(readers, job)
            for reader in [each for each in readers.values() if each.is_behind]:
                self._write(readers, reader, now)
        for reader in [*readers.values()]:
            self._drop(readers, reader)
        with self._lock:
            for job in self._jobs:
                if job.newcomer is not None:
                    job.newcomer.close()
        self._selector.close()
        self._bell.close()
        self._ear.close()

    def _hand_out(self, readers: dict[socket.socket, _Reader], job: _Job) -> None:
        if job.newcomer is not None:
            reader = readers[job.newcomer] = _Reader(job.newcomer, job.form)
            self._selector.register(job.newcomer, selectors.EVENT_READ, reader)
            reader.put(job.frames)
            return
        for reader in readers.values():
            if reader.form is job.form:
                reader.put(job.frames)

    def _hear(self, readers: dict[socket.socket, _Reader], reader: _Reader | None, mask: int) -> None:
        """Take what has come: a ring, or the end of a reader."""
        if reader is None:
            with suppress(BlockingIOError):
                self._ear.recv(4096)
        elif mask & selectors.EVENT_READ and _has_left(reader.connection):
            self._drop(readers, reader)

    def _write(self, readers: dict[socket.socket, _Reader], reader: _Reader, now: float) -> None:
        try:
            reader.write()
        except OSError:
            self._drop(readers, reader)
            return
        if reader.is_lost(now):
            log.debug("a reader of events was too slow, and is dropped")
            self._drop(readers, reader)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if reader.is_behind else 0)
        if self._selector.get_key(reader.connection).events != wanted:
            self._selector.modify(reader.connection, wanted, reader)

    def _drop(self, readers: dict[socket.socket, _Reader], reader: _Reader) -> None:
        if readers.pop(reader.connection, None) is None:
            return
        self._selector.unregister(reader.connection)
        with suppress(OSError):
            reader.connection.shutdown(socket.SHUT_RDWR)
        reader.connection.close()
        with self._lock:
            self._count -= 1


def _has_left(connection: socket.socket) -> bool:
    """Return whether the other end has closed the connection. What it sends is thrown away."""
    try:
        return connection.recv(4096) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
