"""A flock that is nothing but its machinery: threads that sleep, take a slot, sign and post.

    python benchmarks/small_flock.py CONFIG      as JSON; machinery.py starts it

Writes a byte to stdout for each post. A thread is handed each post before and after, as a journal is that writes
for the others. Ends at SIGTERM, when all threads have ended.
"""

from __future__ import annotations

import os
import queue
import random
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass

import simplejson as json

from benchmarks.forms import SLOTS, STOPS, Event
from flock.networks import http
from flock.networks.x.api import Signature

TURN = 50e-6  # seconds of Python's switch interval for each thread, as in flock
LONGEST_BACK_OFF = 60.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How it runs. The first posts are spread over `spread` seconds, after `delay` seconds in which threads start.

    `stop` and `slots` name a form; `patient` is whether Python's switch interval grows with the flock;
    `own_thread` whether each connection is made in a thread of its own.
    """

    sheep: int
    interval: float
    url: str
    delay: float = 0.0
    spread: float = 0.0
    stop: str = "pipe"
    slots: str = "queue"
    patient: bool = True
    own_thread: bool = True

    def to_json(self) -> str:
        """Return the argument of the program."""
        return json.dumps(asdict(self))


class SmallFlock:
    """Threads that post."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._url = f"{config.url}/2/tweets"
        self._stop = STOPS[config.stop]()
        self._slots = SLOTS[config.slots]()
        self._session = http.Session(config.url)
        self._notes: queue.SimpleQueue[threading.Lock] = queue.SimpleQueue()
        threading.Thread(target=self._write, daemon=True).start()

    def run(self, inbox: queue.SimpleQueue[int]) -> None:
        """Start all threads; stop them when something comes into the inbox."""
        config, started = self._config, time.monotonic() + self._config.delay
        threads = []
        for number in range(config.sheep):
            auth = Signature("the-app", "a" * 40, f"{number}-{'b' * 40}", "c" * 40)
            due = started + config.spread * number / config.sheep
            event = self._stop.for_one_thread()
            threads.append(threading.Thread(target=self._live, args=(event, due, auth), daemon=True))
            threads[-1].start()
        inbox.get()
        self._stop.set()
        self._slots.open()
        for thread in threads:
            thread.join()

    def _live(self, stop: Event, due: float, auth: Signature) -> None:
        failures = 0
        while True:
            while (seconds := due - time.monotonic()) > 0 and not stop.wait(seconds):
                """A nudge, or a sleep that was longer than poll() can count."""
            if stop.is_set():
                return
            with self._slots:
                if stop.is_set():
                    return
                failures = 0 if self._post(auth) else failures + 1
            now = time.monotonic()
            if failures:
                due = now + min(LONGEST_BACK_OFF, 2.0**failures) * (0.5 + random.random())
            else:
                due = max(due, now - self._config.interval) + self._config.interval

    def _post(self, auth: Signature) -> bool:
        self._note()
        try:
            self._session.post(self._url, json={"text": "a line of a poem, neither long nor short"}, auth=auth)
        except OSError:
            return False
        self._note()
        os.write(1, b".")
        return True

    def _note(self) -> None:
        written = threading.Lock()
        written.acquire()
        self._notes.put(written)
        written.acquire()

    def _write(self) -> None:
        while True:
            self._notes.get().release()


def main() -> None:
    """Run it."""
    inbox: queue.SimpleQueue[int] = queue.SimpleQueue()
    signal.signal(signal.SIGTERM, lambda number, _frame: inbox.put(number))
    config = Config(**json.loads(sys.argv[1]))
    if config.patient:
        sys.setswitchinterval(max(sys.getswitchinterval(), config.sheep * TURN))
    if not config.own_thread:
        http._run_in_thread = lambda function: function()
    SmallFlock(config).run(inbox)
    os._exit(0)


if __name__ == "__main__":
    main()
