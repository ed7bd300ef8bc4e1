"""Looks a folder of keys over before the flock goes out: all that is wrong, doubtful or dear, in one go."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from flock.checks.findings import Finding, finding_of
from flock.checks.forecast import Forecast, forecast
from flock.checks.limits import limits_reached
from flock.checks.online import Answer, ask_networks, findings_in
from flock.checks.poems import doubts_about_poems, likenesses
from flock.clock import VirtualClock
from flock.context import Context
from flock.errors import BadKeys, BadOption, Problem
from flock.events import Events
from flock.haste import refuse_haste
from flock.journal import MemoryJournal
from flock.keys import Key, read_keys, shared_poems
from flock.keys.credentials import DEFAULT_NETWORK
from flock.loading import load_sheep_class, make_flock
from flock.networks.registry import Networks
from flock.options import Options, is_loopback
from flock.preflight import journal_troubles, shortfalls
from flock.sheep.sheep import Sheep


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a check has found. `forecasts` are of the bots that can run, in the order of their key files.

    With an error the flock does not start, or a bot of it cannot post. `networks` tells where the bots post.
    `answers` are those of the networks about the bots' credentials, or None where they were not asked.
    """

    forecasts: tuple[Forecast, ...]
    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    networks: Networks
    answers: tuple[Answer, ...] | None = None


def check(folder: Path, options: Options, *, online: bool = False) -> Report:
    """Return what there is to know about the flock of that folder. Nothing is posted or written.

    With `online`, each network is asked who its bots are; otherwise none is asked.

    Raises BadKeys if there is no key file, or the folder cannot be read, and BadOption for a class of sheep that
    cannot be had.
    """
    options = replace(options, dry_run=False)  # what is told is of the run that follows
    ring = read_keys(folder)
    context = _context_of(options)
    flock, problems = _make_flock(ring.keys, context, options)
    networks = Networks(options)
    bots = {sheep.key.file: sheep.name for sheep in flock}
    errors = [finding_of(problem) for problem in (*ring.problems, *problems)]
    warnings = [finding_of(problem, "key", bots=bots) for problem in ring.doubts]
    warnings += [_shared(problem, flock) for problem in shared_poems(ring.keys)]
    if options.skip_bad and flock:
        warnings, errors = [*errors, *warnings], []
    errors += [] if options.yes_really else _haste(flock, networks)
    forecasts = forecast(flock, networks, options)
    warnings += doubts_about_poems(flock, context.networks)
    warnings += likenesses(flock)
    warnings += limits_reached(forecasts)
    warnings += _of_machine(flock, networks, options)
    context.close()
    answers = ask_networks(flock, options.base_url) if online and not options.pasture else None
    errors += findings_in(answers or (), "refused")
    warnings += findings_in(answers or (), "unknown")
    return Report(
        forecasts=tuple(forecasts),
        errors=tuple(errors),
        warnings=tuple(warnings),
        networks=networks,
        answers=answers,
    )


def foresee(folder: Path, options: Options) -> list[Forecast]:
    """Return the forecasts of the bots of that folder that can run. Nothing is posted or written, and no server is
    asked. Raises what `check` raises."""
    options = replace(options, dry_run=False)
    with closing(_context_of(options)) as context:
        flock, _ = _make_flock(read_keys(folder).keys, context, options)
        return forecast(flock, Networks(options), options)


def _make_flock(keys: Sequence[Key], context: Context, options: Options) -> tuple[list[Sheep], list[Problem]]:
    make_sheep = load_sheep_class(options.sheep)
    return make_flock(make_sheep, keys, context, options.line_interval, options.poem_interval)


def _shared(problem: Problem, flock: Sequence[Sheep]) -> Finding:
    """Return the finding that several accounts on X would post one poem."""
    on_x = [sheep for sheep in flock if sheep.key.network == DEFAULT_NETWORK]
    poem = {os.path.realpath(sheep.key.poem_file) for sheep in on_x if sheep.key.file == problem.file}
    bots = tuple(sheep.name for sheep in on_x if os.path.realpath(sheep.key.poem_file) in poem)
    return replace(finding_of(problem, "likeness"), bots=bots)


def _context_of(options: Options) -> Context:
    """Return a context in which sheep can be made: a dry run."""
    dry = replace(options, dry_run=True, pasture=False)
    clock = VirtualClock()
    return Context(options=dry, clock=clock, journal=MemoryJournal(), networks=Networks(dry), events=Events([]))


def _haste(flock: Sequence[Sheep], networks: Networks) -> list[Finding]:
    try:
        refuse_haste(flock, networks)
    except BadOption as error:
        return [Finding("interval", str(error))]
    except BadKeys as error:
        bots = {sheep.key.file: sheep.name for sheep in flock}
        return [finding_of(problem, "interval", bots=bots) for problem in error.problems]
    return []


def _of_machine(flock: Sequence[Sheep], networks: Networks, options: Options) -> Iterator[Finding]:
    practises = any(networks.realm(sheep.key) == "pasture" for sheep in flock)
    has_pasture = practises and not is_loopback(options.base_url or "")
    intervals = [sheep.line_interval for sheep in flock]
    for text in shortfalls(len(flock), pasture=has_pasture):
        yield Finding("machine", text)
    for text in journal_troubles(intervals, options.keep_history, options.journal):
        yield Finding("machine", text)
