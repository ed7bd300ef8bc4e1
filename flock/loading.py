"""A folder of keys -> a sheep for each bot, and what is wrong with the files."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from flock.context import Context
from flock.errors import BadKeys, BadOption, BadPoem, Problem
from flock.keys import Key, poem_problem, read_keys, shared_poems
from flock.sheep.sheep import Sheep

log = logging.getLogger(__name__)


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


def usable_keys(folder: Path, *, skip_bad: bool) -> tuple[Key, ...]:
    """Return the usable keys; raises BadKeys if there are others, unless they are to be skipped."""
    ring = read_keys(folder)
    for warning in (*ring.warnings, *shared_poems(ring.keys)):
        log.warning("%s", warning)
    tell_or_raise(ring.problems, skip=skip_bad and bool(ring.keys))
    return ring.keys


def tell_or_raise(problems: Sequence[Problem], *, skip: bool) -> None:
    """Warn of bad keys that are left out. Raises BadKeys if there are some, and they must not be left out."""
    if problems and not skip:
        raise BadKeys(problems)
    for problem in problems:
        log.warning("skipped: %s", problem)


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


def one_for_each_bot(keys: Sequence[Key], context: Context) -> tuple[list[Key], list[Problem]]:
    """Return the first key of each bot, and a problem for each further one: an account may have had two names."""
    kept: list[Key] = []
    problems: list[Problem] = []
    first: dict[str | None, Key] = {}
    for key in keys:
        names = (context.bot(key), context.networks.account(key))
        if other := next((first[name] for name in names if name in first), None):
            text = f"{other.screen_name} in {other.file} is the same account; keep one of the files"
            problems.append(Problem(key.file, "screen_name", text))
        else:
            kept.append(key)
            first |= {name: key for name in names if name}
    return kept, problems
