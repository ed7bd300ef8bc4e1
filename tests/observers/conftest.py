"""Real pipes for observers to write to, and systemd's end of its socket."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import pytest

from flock.events import Said
from tests.conftest import TIMEOUT

SMALL = 4096  # bytes that a small pipe holds


def said(text: str = "Roll call at four: baa", bot: str = "dolly", at: float = 1795455485.25) -> Said:
    """Return the event of a tweet, of 2026-11-23T17:38:05.250Z."""
    return Said(at=at, bot=bot, text=text, n=4, line=1, lines=2, age=2.5, late=0.0, post_id="99")


class Pipe:
    """A small pipe, and its reader, who reads when the test says so."""

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, SMALL)
        self.stream: TextIO = os.fdopen(self.writing, "w", encoding="utf-8")
        self._text = ""
        self._thread: threading.Thread | None = None

    def hang_up(self) -> None:
        """Close the reader's end."""
        reading, self._reading = self._reading, -1
        os.close(reading)

    def start_reading(self) -> None:
        """Read in a thread, from now on and to the end."""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def read(self, least: int) -> str:
        """Read at least so many bytes now, and then nothing again."""
        found = b""
        while len(found) < least:
            assert select.select([self._reading], [], [], TIMEOUT)[0], "nothing more to read"
            found += os.read(self._reading, least)
        return found.decode()

    def text(self) -> str:
        """Close the writing end, and return all that was written."""
        self.stream.close()
        assert self._thread
        self._thread.join(TIMEOUT)
        return self._text

    def _read(self) -> None:
        with os.fdopen(self._reading, "r", encoding="utf-8") as file:
            self._reading = -1
            self._text = file.read()

    def close(self) -> None:
        """Free a writer that is blocked, and close what is open."""
        if self._reading >= 0:
            self.hang_up()
        if self._thread:
            self._thread.join(TIMEOUT)
        with suppress(OSError):
            self.stream.close()


@pytest.fixture
def make_pipe() -> Iterator[Callable[[], Pipe]]:
    """Return a maker of pipes whose readers do not read yet."""
    pipes: list[Pipe] = []

    def make() -> Pipe:
        pipes.append(Pipe())
        return pipes[-1]

    yield make
    for pipe in pipes:
        pipe.close()


@pytest.fixture
def pipe(make_pipe: Callable[[], Pipe]) -> Pipe:
    """Return a pipe whose reader does not read yet."""
    return make_pipe()


class Systemds:
    """systemd's end of the socket: hears what services say."""

    def __init__(self, address: str) -> None:
        """Listen at `address`, as NOTIFY_SOCKET has it: a path, or a name behind an @."""
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def hear(self, seconds: float = TIMEOUT) -> list[str]:
        """Return the lines of the next message. Raises TimeoutError or BlockingIOError when there is none."""
        self._socket.settimeout(seconds)
        return self._socket.recv(4096).decode().split("\n")

    def hear_all(self) -> list[list[str]]:
        """Return the messages that have come already."""
        messages = []
        try:
            while True:
                messages.append(self.hear(0.0))
        except BlockingIOError:
            return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemds(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemds]:
    """Return systemd's end of both kinds of socket."""
    listener = Systemds(str(tmp_path / "notify") if request.param == "path" else f"@flock-test-{os.getpid()}")
    yield listener
    listener.close()
