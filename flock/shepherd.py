"""Shepherd: a folder of keys -> a herd of sheep, a thread each; obeys signals and looks after the herd."""

from __future__ import annotations

import importlib
import logging
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from flock.clock import SuspendWatch
from flock.context import Context, open_context
from flock.doubts import doubts_about
from flock.errors import BadKeys, BadOption, BadPoem, FlockError, Problem, printable
from flock.events import Called, Events, Reloaded, Stopped, Stopping
from flock.haste import find_haste, refuse_haste
from flock.herd import Herd, patient_threads
from flock.keys import Key, poem_problem, read_keys, shared_poems
from flock.options import Options, settle_options
from flock.reload import Changes, Reload, one_for_each_bot
from flock.sheep.sheep import Sheep, runsheep
from flock.temperament import Temperament
from flock.threads.pool import thread_pool

log = logging.getLogger(__name__)

GRACE = 10.0  # seconds that posts under way get when the flock is told to stop
_LOOK = 1.0  # seconds between the shepherd's looks at the flock
_THREADS_ONCE = 32

_Message = int | None | Changes  # a signal; None when all sheep have come home; what has become of the keys

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


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
    JournalError.
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
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        arguments = {"line_interval": line_interval, "poem_interval": poem_interval, "temperament": temperament}
        options = settle_options(arguments, options, environment=environment)
        self._folder = Path(json_key_dir)
        self._make_sheep = sheep_class or load_sheep_class(options.sheep)
        self.line_interval = options.line_interval
        self.poem_interval = options.poem_interval
        keys = _usable_keys(self._folder, options)
        self.context = context or open_context(options, events)
        if context is not None and temperament is not None:
            self.context.options = options
        try:
            intervals = (self.line_interval, self.poem_interval)
            self.all_sheep, problems = make_flock(self._make_sheep, keys, self.context, *intervals)
            _tell_or_raise(problems, skip=options.skip_bad and bool(self.all_sheep))
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
        return find_haste(key, self.line_interval, self.poem_interval, self.context.networks)

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
        self._had_terminal = False
        self._inbox: SimpleQueue[_Message] = SimpleQueue()
        self._is_reading = False  # the keys, in a thread of its own
        self._is_outdated = False  # what it reads: there was another SIGHUP meanwhile

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
        of_disk = () if options.dry_run else journal_troubles(intervals, keep, options.state_file)
        for line in (*of_machine, *of_disk):
            log.warning("%s", line)

    def _send_out(
        self, work: Callable[[Sheep], None], flock: Sequence[Sheep], *, threads: int, owing: Sequence[Sheep] = ()
    ) -> Ending:
        """Run the herd until all sheep are home or it is time to stop; return why it ended.

        `owing` are those that should say something in this run, where it has an end of its own.
        """
        try:
            with self._listening(self._inbox.put), patient_threads(threads):
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
        suspension = SuspendWatch()
        while not self.context.stop.is_set():
            try:
                message = self._inbox.get(timeout=_LOOK)
            except Empty:
                if suspension.look():
                    self.herd.wake()
                self.herd.look_around()
            else:
                if isinstance(message, Changes):
                    self._apply(message)
                    continue
                if message == signal.SIGHUP and not self._lost_its_terminal():
                    self.herd.call()
                    self.herd.tell(Called)
                    if reloads:
                        self._read_anew()
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

    def _read_anew(self) -> None:
        """Read the keys in a thread of its own; what has changed comes into the inbox."""
        self._is_outdated = self._is_reading
        if self._is_reading:
            return
        self._is_reading = True
        reader = Reload(self._folder, self.context, self._raise_sheep, self._find_haste, self.herd.wait_for)
        flock = tuple(self.herd.flock)

        def read() -> None:
            changes = Changes()
            try:
                changes = reader.find(flock)
            except Exception as error:  # its own bug, or the journal's trouble, must not end the flock
                trace = None if isinstance(error, FlockError) else error
                log.error("the keys cannot be read anew: %s", printable(str(error)), exc_info=trace)
            self._inbox.put(changes)

        try:
            threading.Thread(target=read, name="reload", daemon=True).start()
        except RuntimeError as error:  # the process may have no more threads
            self._is_reading = False
            log.error("the keys cannot be read anew: %s", error)

    def _apply(self, changes: Changes) -> None:
        """Let sheep join and leave, and give the others their new keys."""
        self._is_reading = False
        added, bad = changes.added, changes.bad
        for sheep in added:
            sheep.start_afresh()
        try:
            if added:
                self.herd.join(runsheep, added, on_home=self._tell_home)
        except BadOption as error:  # the machine allows no more threads
            log.error("%s", error)
            self.context.journal.release([name for sheep in added for name in sheep.claimed])
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
        if self._is_outdated:
            self._read_anew()

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
            if message in _STOP_SIGNALS or (message is None and self.herd.is_home):
                return message is None

    @contextmanager
    def _listening(self, tell: Callable[[_Message], None]) -> Iterator[None]:
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
        """Return whether a SIGHUP means that the terminal window was closed: then the flock ends."""
        return self._had_terminal and not _has_terminal()


def _has_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False


def load_sheep_class(spec: str | None) -> type[Sheep]:
    """Return the class that MODULE:CLASS names, or Sheep. The working directory is searched, too, after all else.

    So no file there stands in for a module of a library. Raises BadOption when there is no such class or it is no
    Sheep.
    """
    if spec is None:
        return Sheep
    module_name, _, class_name = spec.partition(":")
    with suppress(FileNotFoundError):  # it has been removed
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.append(str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise BadOption(f"--sheep {spec}: {error}; check the name, and run from the module's folder") from error
    except (Exception, SystemExit) as error:
        raise BadOption(f"--sheep {spec}: {type(error).__name__} in it: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Sheep)):
        raise BadOption(f"--sheep {spec}: expected a subclass of flock.Sheep")
    return found


def make_flock(
    make_sheep: type[Sheep], keys: Sequence[Key], context: Context, line_interval: float, poem_interval: float
) -> tuple[list[Sheep], list[Problem]]:
    """Return a sheep for each key that is the first one of its bot, and what is wrong with the other keys.

    Intervals are in seconds. Raises BotsTaken when another flock runs one of these bots, and JournalError.
    """
    keys, problems = one_for_each_bot(keys, context)
    context.claim(keys)  # all at once, and before they are read
    flock: list[Sheep] = []
    for key in keys:
        try:
            sheep = make_sheep(key.file, line_interval, poem_interval, key=key, context=context)
        except BadPoem as error:  # its files have changed since they were read
            problems.append(poem_problem(key, error))
        except BadKeys as error:
            problems += error.problems
        else:
            flock.append(sheep)
    return flock, problems


def _usable_keys(folder: Path, options: Options) -> tuple[Key, ...]:
    """Return the usable keys; raises BadKeys if there are others, unless they are to be skipped."""
    ring = read_keys(folder)
    for warning in (*ring.warnings, *shared_poems(ring.keys)):
        log.warning("%s", warning)
    _tell_or_raise(ring.problems, skip=options.skip_bad and bool(ring.keys))
    return ring.keys


def _tell_or_raise(problems: Sequence[Problem], *, skip: bool) -> None:
    """Warn of bad keys that are left out. Raises BadKeys if there are some, and they must not be left out."""
    if problems and not skip:
        raise BadKeys(problems)
    for problem in problems:
        log.warning("skipped: %s", problem)
