"""Shepherd: a folder of keys -> a sheep a key -> a thread a sheep; stops them, and looks after them."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from functools import cached_property
from multiprocessing.dummy import Pool as ThreadPool
from multiprocessing.pool import ThreadPool as ThreadPoolType
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from flock.commons import Commons
from flock.errors import BadKeys, BadOption
from flock.events import Called, Event, Events, Out, Rounds, Stopped, Stopping
from flock.key import Key, read_keys
from flock.options import LINE_INTERVAL, POEM_INTERVAL, Options
from flock.sheep import Sheep, runsheep
from flock.silence import Silence
from flock.temperament import Temperament

log = logging.getLogger(__name__)

GRACE = 10.0  # seconds that tweets under way get when the flock is told to stop
_STAGGER = 0.05  # seconds between the first tweets of two sheep
_WATCH = 1.0  # seconds between the shepherd's looks at the flock
_STUCK = 180.0  # seconds after which a sheep that should have moved hangs; no request may take so long
_THREADS_ONCE = 32
_TURN = 50e-6  # seconds of Python's switch interval for each thread

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Ending(Enum):
    """Why a flock came to its end."""

    STOPPED = "stopped as asked"
    CUT_SHORT = "stopped at once, with tweets under way"
    ALL_PENNED = "every sheep is penned"


class SimpleShepherd:
    """Makes a sheep for each key file in `json_key_dir` and runs them all, each in its own thread, for ever.

    Intervals are in seconds. What `options` leaves out, and the whole of it when there is none, comes from the
    `FLOCK_...` environment variables. Raises BadKeys, which names every bad file, unless `options.skip_bad`;
    BadOption; BotsTaken when another flock runs one of these bots; JournalError.
    """

    def __init__(
        self,
        json_key_dir: str | os.PathLike[str],
        line_interval: float = LINE_INTERVAL,
        poem_interval: float = POEM_INTERVAL,
        *,
        options: Options | None = None,
        sheep_class: type[Sheep] | None = None,
        temperament: Temperament | None = None,
        events: Events | None = None,
        commons: Commons | None = None,
    ) -> None:
        options = (options or Options.from_environment()).with_intervals(line_interval, poem_interval)
        self.line_interval = options.line_interval
        self.poem_interval = options.poem_interval
        if temperament is not None:
            options = replace(options, temperament=temperament)
        make_sheep = sheep_class or load_sheep_class(options.sheep)
        keys = _usable_keys(Path(json_key_dir), options)
        self.commons = commons or Commons.of(options, events)
        self.commons.journal.claim(
            [self.commons.networks.bot(key) for key in keys]
        )  # before their places are read
        self.all_sheep = [
            make_sheep(key.file, self.line_interval, self.poem_interval, commons=self.commons) for key in keys
        ]
        self.all_json = [sheep.json_file for sheep in self.all_sheep]

    def loop(self) -> Any:
        """Run every sheep in a thread of its own. Returns when all have ended; by themselves they do not."""
        pool = ThreadPool(len(self.all_sheep))
        return pool.map(runsheep, self.all_sheep, chunksize=1)


class Shepherd(SimpleShepherd):
    """A SimpleShepherd that spreads the start, watches the flock, and stops it when told to.

    `loop` goes on for ever, `once` lets each sheep say one line. Both end at SIGTERM or SIGINT (a second one ends
    them at once), or when `commons.stop` is set; SIGHUP gives penned sheep another try. In a thread other than
    the main one signals are left alone.
    """

    @cached_property
    def _silence(self) -> Silence:
        return Silence(self._tell)

    def loop(self) -> Ending:
        """Run the flock until it is told to stop, and return why it ended."""
        self._warn_of_limits()
        for sheep in self.all_sheep:
            sheep.start_afresh()
        self._silence.since = self.commons.clock.now()
        self.spread()
        return self._send_out(runsheep, self.all_sheep, threads=len(self.all_sheep))

    def _warn_of_limits(self) -> None:
        from flock.limits import journal_shortfall, shortfalls  # noqa: PLC0415 - a rehearsal has no threads

        options, intervals = self.commons.options, [sheep.line_interval for sheep in self.all_sheep]
        of_disk = journal_shortfall(intervals, options.keep_history, options.state_file)
        of_machine = shortfalls(len(intervals), pasture=self.commons.networks.has_pasture)
        for line in (*of_machine, *(of_disk if not options.dry_run else ())):
            log.warning("%s", line)

    def once(self) -> Ending:
        """Let each sheep that is due say one line, for cron; return how that ended."""
        due = [sheep for sheep in self.all_sheep if sheep.is_due()]
        return self._send_out(self._beat_unless_stopped, due, threads=min(len(due), _THREADS_ONCE))

    def _beat_unless_stopped(self, sheep: Sheep) -> None:
        if not self.commons.stop.is_set():
            threading.current_thread().name = sheep.name
            sheep.beat()

    def _send_out(self, work: Callable[[Sheep], None], flock: Sequence[Sheep], *, threads: int) -> Ending:
        """Map `work` over `flock` on a pool of threads until all are home or it is time to stop."""
        inbox: SimpleQueue[int | None] = SimpleQueue()  # signals, and None when all sheep have come home
        with self._listening(inbox.put), patient_threads(threads):
            pool = _pool_of(max(1, threads))
            self._tell(Out, sheep=len(flock), where=self._where(), first_in=self._first_in(flock))
            pool.map_async(
                work,
                flock,
                chunksize=1,
                callback=lambda _: inbox.put(None),
                error_callback=lambda _: inbox.put(None),
            )
            if not flock:
                inbox.put(None)  # map_async never calls back for nobody
            ending = self._watch(inbox)
            if not self._bring_home(inbox):
                ending = Ending.CUT_SHORT
        self._tell(Stopped, why=ending.value)
        if ending is not Ending.CUT_SHORT:
            pool.close()
            self.commons.close()
        return ending

    def _where(self) -> str:
        return ", ".join(sorted({self.commons.networks.place(sheep.key) for sheep in self.all_sheep}))

    def _first_in(self, flock: Sequence[Sheep]) -> float:
        return min((sheep.wake for sheep in flock), default=0.0) - self.commons.clock.now()

    def spread(self) -> None:
        """Spread the sheep that are due now over the first moments, in an order that the seed decides."""
        now = self.commons.clock.now()
        flock = self.all_sheep
        order = np.random.Generator(np.random.Philox(self.commons.options.seed)).permutation(len(flock))
        for place, index in enumerate(order):
            sheep = flock[index]
            share = min(sheep.line_interval / len(flock), _STAGGER)
            if sheep.wake <= now + share * len(flock):
                sheep.due = sheep.wake = max(sheep.wake, now + share * place)

    def look_around(self) -> None:
        """Tell how the flock is, and of sheep that have gone quiet."""
        now = self.commons.clock.now()
        self._silence.listen(self.all_sheep, now)
        moving = sum(now - max(sheep.wake, sheep.moved) < _STUCK for sheep in self.all_sheep)
        moved = max(sheep.moved for sheep in self.all_sheep)
        self._tell(
            Rounds,
            sheep=len(self.all_sheep),
            penned=tuple(sheep.name for sheep in self.all_sheep if sheep.penned),
            waiting=sum(sheep.waiting is not None for sheep in self.all_sheep),
            in_trouble=sum(bool(sheep.trouble) for sheep in self.all_sheep if not (sheep.penned or sheep.waiting)),
            alive=moving * 2 >= len(self.all_sheep) or now - moved < _STUCK / 3,
        )

    def _watch(self, inbox: SimpleQueue[int | None]) -> Ending:
        """Look after the flock until there is a reason to stop it, and return the reason."""
        while not self.commons.stop.is_set():
            try:
                message = inbox.get(timeout=_WATCH)
            except Empty:
                self.look_around()
            else:
                if message == signal.SIGHUP and not self._lost_its_terminal():
                    self.commons.calls += 1
                    self._tell(Called)
                    continue
                if message is None:
                    inbox.put(None)  # nobody is out any more
                    break
                return Ending.STOPPED
            if all(sheep.penned for sheep in self.all_sheep):
                return Ending.ALL_PENNED
        return Ending.ALL_PENNED if all(sheep.penned for sheep in self.all_sheep) else Ending.STOPPED

    def _bring_home(self, inbox: SimpleQueue[int | None]) -> bool:
        """Wait for the tweets under way; return whether all sheep came home before time or patience ran out."""
        self._tell(Stopping, under_way=sum(sheep.busy for sheep in self.all_sheep), grace=GRACE)
        self.commons.stop.set()
        self.commons.slots.open()
        deadline = time.monotonic() + GRACE
        while True:
            try:
                message = inbox.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                return False
            if message is None or message in _STOP_SIGNALS:
                return message is None

    @contextmanager
    def _listening(self, tell: Callable[[int | None], None]) -> Iterator[None]:
        """Pass signals on to `tell` for as long as the flock is out. SimpleQueue.put may run in a handler."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._had_terminal = _has_terminal()
        before = {
            number: signal.signal(number, lambda number, _frame: tell(number))
            for number in (*_STOP_SIGNALS, signal.SIGHUP)
            if signal.getsignal(number) is not signal.SIG_IGN  # under nohup it stays ignored
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _lost_its_terminal(self) -> bool:
        """Return whether a SIGHUP means that the window was closed: nobody wants a flock that nobody sees."""
        return self._had_terminal and not _has_terminal()

    def _tell(self, kind: type[Event], **fields: Any) -> None:
        self.commons.events.tell(kind(at=self.commons.clock.wall(), **fields))


@contextmanager
def patient_threads(threads: int) -> Iterator[None]:
    """Let so many threads ask less often for the interpreter's lock.

    Each that waits for it wakes up every 5 ms to ask. When thousands wait, after the machine was suspended for
    instance, they do nothing else, and nobody gets anywhere any more. Threads that post give the lock away often.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(max(before, threads * _TURN))
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _has_terminal() -> bool:
    return os.isatty(0)


def _pool_of(threads: int) -> ThreadPoolType:
    """Return a pool of so many threads. Raises BadOption when the machine allows fewer."""
    try:
        pool: ThreadPoolType = ThreadPool(threads)
    except (RuntimeError, AttributeError) as error:  # what the pool makes of "can't start new thread"
        raise BadOption(
            f"{threads} sheep need {threads} threads, and this process may not have so many: "
            "raise TasksMax= in the unit, or ulimit -u, or run fewer bots"
        ) from error
    return pool


def load_sheep_class(spec: str | None) -> type[Sheep]:
    """Return the class that MODULE:CLASS names, or Sheep. The working directory is looked in, too.

    Raises BadOption when there is no such class or it is no Sheep.
    """
    if spec is None:
        return Sheep
    module_name, _, class_name = spec.partition(":")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise BadOption(f"--sheep {spec}: {error}; check the name, and run from the module's folder") from error
    except Exception as error:
        raise BadOption(f"--sheep {spec}: {type(error).__name__} in it: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Sheep)):
        raise BadOption(f"--sheep {spec}: expected a subclass of flock.Sheep")
    return found


def _usable_keys(folder: Path, options: Options) -> tuple[Key, ...]:
    """Return the usable keys; raises BadKeys if there are others, unless they are to be skipped."""
    ring = read_keys(folder, pasture=options.is_practice)
    for warning in ring.warnings:
        log.warning("%s", warning)
    if ring.problems and not (options.skip_bad and ring.keys):
        raise BadKeys(ring.problems)
    for problem in ring.problems:
        log.warning("skipped: %s", problem)
    return ring.keys
