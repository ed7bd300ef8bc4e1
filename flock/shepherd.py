"""Shepherd: a folder of keys -> a herd of sheep, a thread each; obeys signals and looks after the herd."""

from __future__ import annotations

import logging
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from flock.clock import SuspendWatch, WallWatch
from flock.context import Context, open_context
from flock.doubts import doubts_about
from flock.errors import BadOption, FlockError, Problem
from flock.events import Called, Events, Reloaded, Stopped, Stopping
from flock.haste import find_haste, refuse_haste
from flock.herd import Herd, patient_threads
from flock.keys import Key
from flock.loading import load_sheep_class, make_flock, tell_or_raise, usable_keys
from flock.options import Options, settle_options
from flock.reload import Changes, Reader, Reload
from flock.sheep.sheep import Sheep, runsheep
from flock.signals import STOP_SIGNALS, Signals
from flock.temperament import Temperament
from flock.threads.pool import thread_pool

log = logging.getLogger(__name__)

GRACE = 10.0  # seconds that posts under way get when the flock is told to stop
_LOOK = 1.0  # seconds between the shepherd's looks at the flock
_THREADS_ONCE = 32

_Message = int | None | Changes  # a signal; None when all sheep have come home; what has become of the keys


class Ending(Enum):
    """Why a flock came to its end."""

    STOPPED = "stopped as asked"
    CUT_SHORT = "stopped at once, with posts under way"
    ALL_PENNED = "every sheep is penned"
    REFUSED = "no bot could post: the network refused each"
    DIED = "the thread of a sheep has ended by an error"


class SimpleShepherd:
    """Makes a sheep for each key file in `json_key_dir` and runs them all, each in its own thread, for ever.

    Intervals are in seconds. What is not said here is taken from `options`, then from the environment variables
    `FLOCK_...` (`environment`), then from the defaults: see `settle_options`. Raises BadKeys, which names every
    bad file, unless `options.skip_bad`; BadOption; BotsTaken when another flock runs one of these bots;
    JournalError. With `keys`, which have been read and checked, the folder is looked at only when its keys are to
    be read anew.
    """

    def __init__(
        self,
        json_key_dir: str | os.PathLike[str],
        line_interval: float | None = None,
        poem_interval: float | None = None,
        *,
        options: Options | None = None,
        sheep_class: type[Sheep] | None = None,
        temperament: Temperament | None = None,
        events: Events | None = None,
        context: Context | None = None,
        keys: Sequence[Key] | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        arguments = {"line_interval": line_interval, "poem_interval": poem_interval, "temperament": temperament}
        options = settle_options(arguments, options, environment=environment)
        self._folder = Path(json_key_dir)
        self._make_sheep = sheep_class or load_sheep_class(options.sheep)
        self.line_interval = options.line_interval
        self.poem_interval = options.poem_interval
        if keys is None:
            keys = usable_keys(self._folder, skip_bad=options.skip_bad)
        self.context = context or open_context(options, events)
        if context is not None and temperament is not None:
            self.context.options = options
        try:
            intervals = (self.line_interval, self.poem_interval)
            self.all_sheep, problems = make_flock(self._make_sheep, keys, self.context, *intervals)
            tell_or_raise(problems, skip=options.skip_bad and bool(self.all_sheep))
            self._may_be_hasty = options.yes_really
            if not self._may_be_hasty:
                refuse_haste(self.all_sheep, self.context.networks)
        except BaseException:
            if context is None:
                self.context.close()  # frees the bots that were claimed, and the files
            raise
        self.all_json = [sheep.json_file for sheep in self.all_sheep]
        self.herd = Herd(self.all_sheep, self.context)

    def _raise_sheep(self, key: Key) -> Sheep:
        return self._make_sheep(key.file, self.line_interval, self.poem_interval, key=key, context=self.context)

    def _find_haste(self, key: Key) -> Problem | None:
        if self._may_be_hasty:
            return None
        context = self.context
        return find_haste(key, self.line_interval, self.poem_interval, context.networks, context.options)

    def doubts(self, flock: Sequence[Sheep]) -> Iterator[str]:
        """Yield what the operator should know about the poems of `flock` before the first post, each poem once."""
        yield from map(str, doubts_about(flock, self.context.networks))

    def _tell_doubts(self, flock: Sequence[Sheep]) -> None:
        for line in self.doubts(flock):
            log.warning("%s", line)

    def loop(self) -> Any:
        """Run every sheep in a thread of its own. Returns when all have ended; by themselves they do not."""
        self._tell_doubts(self.all_sheep)
        self.herd.hand_over()
        pool = thread_pool(len(self.all_sheep))
        try:
            return pool.map(self.herd.guarded(runsheep), self.all_sheep, chunksize=1)
        finally:
            pool.close()


class Shepherd(SimpleShepherd):
    """A SimpleShepherd that spreads the start, watches the flock, and stops it when told to.

    `loop` goes on for ever, `once` lets each sheep say one line; a Shepherd runs one of them, one time. Both end
    at SIGTERM or SIGINT (a second one ends them at once), or when `context.stop` is set. SIGHUP gives penned sheep
    another try, and `loop` reads the keys anew: bots are added, removed and changed while the others go on. In a
    thread other than the main one signals are left alone; `reload` does what SIGHUP does.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._has_run = False
        self._inbox: SimpleQueue[_Message] = SimpleQueue()  # its `put` may run in a signal's handler
        self._signals = Signals(self._heed)
        changes = Reload(self._folder, self.context, self._raise_sheep, self._find_haste, self.herd.wait_for)
        self._reader = Reader(changes.find, self._inbox.put)

    def loop(self) -> Ending:
        """Run the flock until it is told to stop, and return why it ended. Raises FlockError the second time."""
        self._begin()
        self._warn_of_limits()
        self._tell_doubts(self.all_sheep)
        for sheep in self.all_sheep:
            sheep.start_afresh()
        self.herd.spread()
        self.herd.hand_over()  # before the first line, which may be one that is to be skipped
        return self._send_out(runsheep, self.all_sheep, threads=len(self.all_sheep))

    def reload(self) -> None:
        """Read the keys anew, and give penned and waiting sheep another try, as at SIGHUP. From any thread."""
        self._inbox.put(signal.SIGHUP)

    def _heed(self, number: int) -> None:
        """Do what a signal asks for, in the main thread and later: this may run between any two of its steps."""
        if number == signal.SIGHUP:
            self.reload()
        else:
            self._inbox.put(number)

    def once(self) -> Ending:
        """Let each sheep that is due say one line, for cron; return how that ended. Raises FlockError the second
        time."""
        self._begin()
        self.herd.hand_over()
        for sheep in self.all_sheep:
            sheep.attend()
        now = self.context.clock.now()
        due = [sheep for sheep in self.all_sheep if sheep.is_due()]
        held = [sheep for sheep in self.all_sheep if sheep.due <= now < sheep.wake < math.inf and sheep.is_refused]
        self._tell_doubts([sheep for sheep in due if not sheep.tot_tweet_tracker])  # cron mails what is told
        return self._send_out(
            self._beat_unless_stopped, due, threads=min(len(due), _THREADS_ONCE), owing=[*due, *held]
        )

    def _begin(self) -> None:
        if self._has_run:
            raise FlockError("this Shepherd has run and given its bots back; make a new one to run them again")
        self._has_run = True

    def _beat_unless_stopped(self, sheep: Sheep) -> None:
        if not self.context.stop.is_set():
            threading.current_thread().name = sheep.name
            sheep.beat()
            while sheep.is_within_a_line and not self.context.stop.is_set():
                sheep.sleep()
                if not sheep.attend():
                    sheep.beat()

    def _warn_of_limits(self) -> None:
        from flock.preflight import journal_troubles, shortfalls  # noqa: PLC0415 - a rehearsal has no threads

        options, intervals = self.context.options, [sheep.line_interval for sheep in self.all_sheep]
        of_machine = shortfalls(len(intervals), pasture=self.context.networks.has_pasture)
        keep = options.keep_history
        of_disk = () if options.dry_run else journal_troubles(intervals, keep, options.journal)
        for line in (*of_machine, *of_disk):
            log.warning("%s", line)

    def _send_out(
        self, work: Callable[[Sheep], None], flock: Sequence[Sheep], *, threads: int, owing: Sequence[Sheep] = ()
    ) -> Ending:
        """Run the herd until all sheep are home or it is time to stop; return why it ended.

        `owing` are those that should say something in this run, where it has an end of its own.
        """
        try:
            with self._signals.listening(), patient_threads(threads):
                self.herd.run(work, flock, threads=threads, on_home=self._tell_home)
                ending = self._look_after(reloads=work is runsheep)
                if not self._bring_home():
                    ending = Ending.CUT_SHORT
        except BaseException:  # the machine allows fewer threads, for instance
            self.herd.stop()
            self.context.close()
            raise
        owing = [sheep for sheep in owing if not sheep.is_penned]
        if ending is Ending.STOPPED and owing and all(sheep.is_refused for sheep in owing):
            ending = Ending.REFUSED
        if self.herd.dead and ending is not Ending.CUT_SHORT:
            ending = Ending.DIED
        if ending is not Ending.CUT_SHORT:
            self.context.close()
        self.herd.tell(Stopped, why=ending.value)
        return ending

    def _tell_home(self) -> None:
        self._inbox.put(None)

    def _look_after(self, *, reloads: bool) -> Ending:
        """Look after the herd until there is a reason to stop it, and return the reason."""
        suspension, wall = SuspendWatch(), WallWatch(self.context.clock)
        while not self.context.stop.is_set():
            try:
                message = self._inbox.get(timeout=_LOOK)
            except Empty:
                was_set = wall.look()
                if suspension.look() or was_set:
                    self.herd.wake()
                self.herd.look_around()
            else:
                if isinstance(message, Changes):
                    self._apply(message)
                    continue
                if message == signal.SIGHUP and not self._signals.terminal_is_gone:
                    self.herd.call()
                    self.herd.tell(Called)
                    if reloads:
                        self._reader.read(self.herd.flock)
                    continue
                if message is None:
                    if not self.herd.is_home:
                        continue  # others have joined meanwhile
                    self._tell_home()  # no sheep is out any more
                    break
                return Ending.STOPPED
            if self.herd.is_penned:
                return Ending.ALL_PENNED
        return Ending.ALL_PENNED if self.herd.is_penned else Ending.STOPPED

    def _apply(self, changes: Changes) -> None:
        """Let sheep join and leave, and give the others their new keys."""
        added, bad = changes.added, changes.bad
        for sheep in added:
            sheep.start_afresh()
        try:
            if added:
                self.herd.join(runsheep, added, on_home=self._tell_home)
        except BadOption as error:  # the machine allows no more threads
            log.error("%s", error)
            names = [name for sheep in added for name in sheep.claimed]
            self.context.leave(names)
            self.context.journal.release(names)
            bad, added = bad + len(added), ()
        for sheep, renewal in changes.renewed:
            sheep.renew(renewal)
        removed = changes.removed if len(changes.removed) < len(self.herd.flock) else ()  # none would be left
        self.herd.dismiss(removed)  # wakes the others, too
        self.all_sheep = list(self.herd.flock)
        self.all_json = [sheep.json_file for sheep in self.all_sheep]
        self.herd.tell(
            Reloaded,
            added=tuple(sheep.name for sheep in added),
            removed=tuple(sheep.name for sheep in removed),
            changed=len(changes.renewed),
            bad=bad,
        )
        if added:
            self._warn_of_limits()
            self._tell_doubts(added)
        self._reader.read_once_more(self.herd.flock)

    def _bring_home(self) -> bool:
        """Stop the herd and wait for its posts; return whether all sheep came home before time or patience ran
        out."""
        under_way = self.herd.under_way
        self.herd.stop()
        self.herd.tell(Stopping, under_way=under_way, grace=GRACE)
        deadline = time.monotonic() + GRACE
        while True:
            try:
                message = self._inbox.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                return False
            if message in STOP_SIGNALS or (message is None and self.herd.is_home):
                return message is None
