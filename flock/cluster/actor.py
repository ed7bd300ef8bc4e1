"""The herd of an actor: runs a slice in a thread of its own for as long as the actor lives. Ray is not needed."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from flock.cluster.slices import Slice, unpack, with_poems_in
from flock.errors import BotsTaken, FlockError, JournalError
from flock.events import Events
from flock.observers.console import Console
from flock.observers.logs import log_to_stderr
from flock.observers.writer import Writer
from flock.shepherd import GRACE, Ending, Shepherd

log = logging.getLogger(__name__)

_PREFIX = "flock-poems-"
_WAIT = 0.5  # seconds between two tries to take bots that another herd still holds
_TRIES = 30  # so often; then it is no herd that has ended
_AGAIN = 5.0  # seconds until the next try after any other trouble


class PlacedHerd:
    """Runs the slice that was packed into `parts`, in a thread of its own, until `stop`.

    Ray starts a herd anew without a look at the old one, which may still post: so this one waits until it can take
    the lease of its bots in the journal, for ever if need be. It also begins anew by itself: after it has lost its
    bots, and after an error. `folder` is where a folder for its poems is made.
    """

    def __init__(self, *parts: bytes, folder: Path | None = None) -> None:
        self._parts = parts
        self._slice: Slice = unpack(parts)
        self._stop = threading.Event()
        self._shepherd: Shepherd | None = None
        self._state, self._why = "starting", ""
        self._has_been_out = False
        self._turn = threading.Lock()  # of `_shepherd` and `_stop` together
        self._errors = Writer(sys.stderr, "standard error")
        log_to_stderr(self._slice.log_format, self._slice.level, self._errors)
        self._output = Writer(sys.stdout, "standard output")
        self._console = Console(self._output, log_format=self._slice.log_format, level=self._slice.level)
        _remove_old_folders(folder or Path(tempfile.gettempdir()))
        self._poems = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=folder))
        self._keys = with_poems_in(self._poems, self._slice)
        self._thread = threading.Thread(target=self._run, name=self._slice.herd, daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return self._slice.herd  # Ray puts it before each line that the herd prints

    def _run(self) -> None:
        told, tries = "", 0
        while not self._stop.is_set():
            try:
                self._note("starting")
                self._tend()
                continue
            except BotsTaken as error:
                if self._has_been_out:
                    tries, self._has_been_out = 0, False
                tries += 1
                self._note("waiting", str(error))
                pause = _WAIT if tries < _TRIES else _AGAIN
            except JournalError as error:
                self._note("waiting", str(error))
                pause = _AGAIN / 5
            except FlockError as error:
                self._note("failed", str(error))
                pause = _AGAIN
            except Exception as error:
                self._note("failed", f"{type(error).__name__}: {error}")
                log.exception("%s has failed; it begins anew in some seconds", self._slice.herd)
                pause = _AGAIN
            if self._why != told:
                told = self._why
                log.warning("%s waits: %s", self._slice.herd, told)
            self._stop.wait(pause)
        self._note("stopped")

    def _tend(self) -> None:
        """Run the slice until it ends. Raises FlockError when it cannot begin, or has lost its bots."""
        shepherd = Shepherd(
            self._keys[0].file.parent,
            options=self._slice.options,
            events=Events([self._console]),
            keys=self._keys,
            environment={},
        )
        with self._turn:
            self._shepherd = shepherd
            if self._stop.is_set():
                shepherd.context.stop.set()
        self._note("out")
        self._has_been_out = True
        ending = shepherd.loop()
        if ending is not Ending.STOPPED:
            self._note("ended", ending.value)
            log.error("%s has ended: %s", self._slice.herd, ending.value)
            self._stop.wait()

    def _note(self, state: str, why: str = "") -> None:
        self._state, self._why = state, why

    def report(self) -> dict[str, Any]:
        """Return how the herd is doing: its state, why, and what runs it."""
        shepherd = self._shepherd
        flock = shepherd.herd.flock if shepherd and self._state == "out" else ()
        return {
            "herd": self._slice.herd,
            "state": self._state,
            "why": self._why,
            "bots": len(self._keys),
            "penned": sum(sheep.is_penned for sheep in flock),
            "pid": os.getpid(),
            "host": socket.gethostname(),
        }

    def part(self, place: int) -> bytes | None:
        """Return one of the parts in which the slice came, or None behind the last one."""
        return self._parts[place] if place < len(self._parts) else None

    def stop(self) -> bool:
        """End the herd after its posts under way, and give its bots back; return whether it has ended within some
        seconds."""
        with self._turn:
            self._stop.set()
            if self._shepherd:
                self._shepherd.context.stop.set()
        self._thread.join(2 * GRACE)
        shutil.rmtree(self._poems, ignore_errors=True)
        self._output.close()
        self._errors.close()
        return not self._thread.is_alive()


def _remove_old_folders(folder: Path) -> None:
    """Remove what herds have left in the folder that were killed."""
    for old in folder.glob(f"{_PREFIX}*"):
        pid = old.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(old, ignore_errors=True)
