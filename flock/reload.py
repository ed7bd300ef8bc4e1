"""Reads a folder of keys anew while its flock is out: who joins, who leaves, and what is other than before."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from flock.context import Context
from flock.errors import BadKeys, BadPoem, BotsTaken, FlockError, Problem, lines_by_file, printable
from flock.keys import Key, key_files, poem_problem, read_keys, shared_poems, with_about
from flock.loading import one_for_each_bot
from flock.poem import about_poem, read_poem
from flock.sheep.keyfile import KeyFile
from flock.sheep.renewal import Renewal
from flock.sheep.sheep import Sheep

log = logging.getLogger(__name__)


class Changes(NamedTuple):
    """What has become of a folder of keys. `bad` are the files that cannot be used."""

    added: Sequence[Sheep] = ()
    removed: Sequence[Sheep] = ()
    renewed: Sequence[tuple[Sheep, Renewal]] = ()
    bad: int = 0


class Reload:
    """Finds what has changed in `folder` since the sheep of a flock were made, and makes the sheep that are added.

    `raise_sheep` makes one from its key; `find_haste` returns what is wrong with the intervals of a key, or None;
    `wait_for` waits until the bots of these names have left the flock, and returns those that still post.
    """

    def __init__(
        self,
        folder: Path,
        context: Context,
        raise_sheep: Callable[[Key], Sheep],
        find_haste: Callable[[Key], Problem | None],
        wait_for: Callable[[Iterable[str]], Collection[str]],
    ) -> None:
        self._folder = folder
        self._context = context
        self._raise_sheep = raise_sheep
        self._find_haste = find_haste
        self._wait_for = wait_for

    def find(self, flock: Sequence[Sheep]) -> Changes:
        """Return what has changed; all that is wrong with the files is logged. A bad file changes nothing.

        A flock of which no bot would be left goes on as it is.
        """
        try:
            files = {file: KeyFile(file) for file in key_files(self._folder)}  # before they are read
            ring = read_keys(self._folder)
        except BadKeys as error:
            self._complain(error.problems, set())
            return Changes(bad=len(error.problems))
        keys, problems = one_for_each_bot(ring.keys, self._context)
        known = self._match(keys, flock)
        unusable = files.keys() - {key.file for key in keys}
        stays = {*known.values(), *(sheep for sheep in flock if sheep.json_file in unusable)}
        hasty = {key.file: problem for key in keys if (problem := self._find_haste(key))}
        keys = [key for key in keys if key.file not in hasty]
        added, troubles = self._raise([key for key in keys if key.file not in known])
        problems = [*ring.problems, *problems, *hasty.values(), *troubles]
        if not (stays or added):
            problems.append(Problem(self._folder, "", "no bot would be left"))
            stays = set(flock)
        removed = [sheep for sheep in flock if sheep not in stays]
        for warning in (*ring.warnings, *shared_poems(keys)):
            log.warning("%s", warning)
        self._complain(problems, {*known, *(sheep.json_file for sheep in stays)})
        renewed = [
            (known[key.file], Renewal(key, files[key.file]))
            for key in keys
            if key.file in known and key.file in files and _is_other(key, known[key.file])
        ]
        return Changes(added, removed, renewed, len({problem.file for problem in problems}))

    def _match(self, keys: Sequence[Key], flock: Sequence[Sheep]) -> dict[Path, Sheep]:
        """Return which sheep each key is for, by the key's file: the one of its account, or of its name."""
        networks = self._context.networks
        by_bot = {sheep.bot: sheep for sheep in flock}
        by_name = {networks.bot(sheep.key): sheep for sheep in flock}
        found: dict[Path, Sheep] = {}
        for key in keys:
            sheep = by_bot.get(self._context.bot(key))
            if sheep is None and (named := by_name.get(networks.bot(key))) and not named.is_anothers(key):
                sheep = named
            if sheep is not None:
                found[key.file] = sheep
        return found

    def _raise(self, keys: Sequence[Key]) -> tuple[list[Sheep], list[Problem]]:
        """Make the sheep of these keys. Return them, and what is wrong with the other keys."""
        context = self._context
        leaving = self._wait_for(context.bot(key) for key in keys)  # they were taken out a moment ago
        flock: list[Sheep] = []
        problems: list[Problem] = []
        with suppress(BotsTaken):
            context.claim(key for key in keys if context.bot(key) not in leaving)  # all at once, which is quicker
        for key in keys:
            if context.bot(key) in leaving:
                text = "its last post before it was taken out is still under way; reload again"
                problems.append(Problem(key.file, "", text))
                continue
            try:
                flock.append(self._raise_sheep(key))
            except Exception as error:  # noqa: BLE001 - of one bot alone; the others are not concerned
                problems += _problems(key, error)
                context.leave([context.bot(key)])
                context.journal.release([context.bot(key)])
        return flock, problems

    def _complain(self, problems: Sequence[Problem], out: set[Path]) -> None:
        """Log everything that is wrong, a line for each file; the bots of the files `out` go on."""
        for problem, line in zip(_first_of_each(problems), lines_by_file(problems), strict=True):
            if problem.file == self._folder:
                log.error("%s; the flock goes on as it was", line)
            elif problem.file in out:
                log.error("%s; its bot goes on as it was", line)
            else:
                log.error("%s; left out", line)


class Reader:
    """Runs `find` in a thread of its own, and passes what it has found to `tell`."""

    def __init__(self, find: Callable[[Sequence[Sheep]], Changes], tell: Callable[[Changes], None]) -> None:
        self._find = find
        self._tell = tell
        self._is_reading = False
        self._is_outdated = False  # what is read: it was asked for again meanwhile

    def read(self, flock: Sequence[Sheep]) -> None:
        """Read the keys anew, for a flock as it is now; where they are being read, once more after that."""
        self._is_outdated = self._is_reading
        if self._is_reading:
            return
        self._is_reading = True
        try:
            threading.Thread(target=self._run, args=[tuple(flock)], name="reload", daemon=True).start()
        except RuntimeError as error:  # the process may have no more threads
            self._is_reading = False
            log.error("the keys cannot be read anew: %s", error)

    def _run(self, flock: Sequence[Sheep]) -> None:
        changes = Changes()
        try:
            changes = self._find(flock)
        except Exception as error:  # its own bug, or the journal's trouble, must not end the flock
            trace = None if isinstance(error, FlockError) else error
            log.error("the keys cannot be read anew: %s", printable(str(error)), exc_info=trace)
        self._tell(changes)

    def read_once_more(self, flock: Sequence[Sheep]) -> None:
        """Note that the flock is now as was told; read again, if that was asked for meanwhile."""
        self._is_reading = False
        if self._is_outdated:
            self.read(flock)


def _is_other(key: Key, sheep: Sheep) -> bool:
    """Return whether the sheep has another key, or its poem's file other lines."""
    try:
        if with_about(key, about_poem(key.poem_file)) != sheep.key:
            return True
        return list(read_poem(key.poem_file, key.say, sheep.context.options.poem_format)) != sheep.memory
    except BadPoem:  # exchanged since it was checked; the sheep says so
        return True


def _problems(key: Key, error: Exception) -> Iterator[Problem]:
    if isinstance(error, BadKeys):
        yield from error.problems
    elif isinstance(error, BadPoem):
        yield poem_problem(key, error)
    else:
        if not isinstance(error, FlockError):
            log.error("the sheep of %s cannot be made", key.file, exc_info=error)
        yield Problem(key.file, "", printable(str(error)))


def _first_of_each(problems: Sequence[Problem]) -> list[Problem]:
    """Return the first problem of each file, in the order of `lines_by_file`."""
    first: dict[Path, Problem] = {}
    for problem in problems:
        first.setdefault(problem.file, problem)
    return list(first.values())
