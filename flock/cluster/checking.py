"""What is checked before the keys of a flock go to its herds: all that a flock on one machine checks, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flock.context import open_context
from flock.errors import BadKeys, BadOption, Problem
from flock.haste import find_haste
from flock.keys import Key
from flock.loading import load_sheep_class, one_for_each_bot, tell_or_raise, usable_keys
from flock.options import Options
from flock.sheep.rhythm import hours_of
from flock.state import Database

_EXPECTED = "--state: expected postgresql://…, where all herds find their journal"


def checked_keys(folder: Path, options: Options) -> list[Key]:
    """Return the keys of a folder that herds with these options can run, each bot once.

    Raises BadKeys, which names every bad file, unless `options.skip_bad`; BadOption; JournalError when there is no
    journal in the database.
    """
    if not isinstance(options.journal, Database):
        raise BadOption(f"{_EXPECTED}, found a file; see docs/cluster.md")
    if options.dry_run:
        raise BadOption("--dry-run: herds keep a journal; use flock run --dry-run, or flock rehearse")
    load_sheep_class(options.sheep)
    context = open_context(options)
    try:
        keys, problems = one_for_each_bot(usable_keys(folder, skip_bad=options.skip_bad), context)
        intervals = (options.line_interval, options.poem_interval)
        if not options.yes_really:
            found = [find_haste(key, *intervals, context.networks, options) for key in keys]
            problems += [problem for problem in found if problem]
        problems += [problem for key in keys for problem in _problems_of_hours(key, options)]
        bad = {problem.file for problem in problems}
        keys = [key for key in keys if key.file not in bad]
        tell_or_raise(problems, skip=options.skip_bad and bool(keys))
    finally:
        context.close()
    return keys


def _problems_of_hours(key: Key, options: Options) -> Sequence[Problem]:
    try:
        hours_of(key, options)
    except BadKeys as error:
        return error.problems
    return ()
