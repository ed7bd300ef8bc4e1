"""flock rehearse: prints what a flock will post, and when, without posting it."""

from __future__ import annotations

import logging
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flock.cli import options
from flock.cli.exits import NamedExits

if TYPE_CHECKING:
    from flock.events import Event, Said, Skipped
    from flock.rehearsal import Rehearsal

log = logging.getLogger(__name__)

_BAR_STEPS = 1000
_OLDEST = 1e12  # recitations


class _Amount(click.FloatRange):
    """A number in a range. NaN is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


@click.command()
@click.argument("keys", type=click.Path(path_type=Path))
@click.option("--days", type=_Amount(min=0, min_open=True), help="Length of the rehearsal in days.  [default: 30]")
@click.option(
    "--posts", type=click.IntRange(min=1), metavar="N", help="Rehearse until each bot has posted N posts."
)
@click.option(
    "--at-age",
    type=_Amount(min=0, max=_OLDEST),
    metavar="A",
    help="Begin after A recitations; without --days or --posts, rehearse one recitation.",
)
@click.option("--bot", metavar="NAME", help="Rehearse this bot only.", shell_complete=options.complete_bot)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object for each post: t (seconds), bot, n, text and more.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print the summary only.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Plot how the flock ages, as .png or .svg (needs the extra: poem-flock[plots]).",
)
@options.line_interval
@options.poem_interval
@options.temperament
@options.seed
@options.posts_per_day
@options.flock_posts_per_day
@options.sheep
@options.skip_bad
def rehearse(
    keys: Path,
    *,
    days: float | None,
    posts: int | None,
    at_age: float | None,
    bot: str | None,
    as_json: bool,
    quiet: bool,
    plot: Path | None,
    **given: Any,
) -> None:
    """Print what the bots of the folder KEYS will post, and when, from birth on. Nothing is posted.

    A rehearsal runs the same sheep on virtual time: with the same seed, `flock run` posts the same posts.
    """
    if days and posts:
        raise click.UsageError("--days and --posts exclude each other; give one")
    with NamedExits(), _quiet_without_reader():
        chosen = options.chosen(given)
        from flock.observers.logs import log_to_stderr  # noqa: PLC0415
        from flock.observers.wording import harmless  # noqa: PLC0415
        from flock.rehearsal import Rehearsal  # noqa: PLC0415
        from flock.units import DAY  # noqa: PLC0415

        log_to_stderr()
        draw = _plotter(plot) if plot else None
        rehearsal = Rehearsal(keys, chosen, bot=bot, at_age=at_age or 0.0)
        one_recitation = at_age is not None and not days and not posts
        seconds = math.inf if posts or one_recitation else DAY * (days or 30)
        events = rehearsal.play(
            seconds=seconds, posts=posts or math.inf, recitations=1 if one_recitation else math.inf
        )
        for doubt in rehearsal.doubts:
            log.warning("%s", doubt)
        events = _with_bar(events, seconds, (posts or math.inf) * len(rehearsal.flock), quiet=quiet)
        for line in _tallied(events, rehearsal, draw, as_json=as_json, quiet=quiet):
            click.echo(harmless(line), err=as_json)
        if draw and plot:
            draw.save(plot)
            click.echo(harmless(f"drawn: {plot}"), err=True)


@contextmanager
def _quiet_without_reader() -> Iterator[None]:
    """End the block when the reader of the output is gone: `| head` has all that it wants."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):  # what is left in their buffers is written at the exit
            os.dup2(nowhere, stream.fileno())


def _tallied(
    events: Iterator[Event], rehearsal: Rehearsal, draw: Any, *, as_json: bool, quiet: bool
) -> Iterator[str]:
    """Print the events, and return the summary's lines."""
    from flock.events import Said, Skipped  # noqa: PLC0415
    from flock.rehearsal import Tally  # noqa: PLC0415

    tally = Tally(rehearsal.price, rehearsal.network)
    for event in events:
        if isinstance(event, Said):
            tally.hear(event)
            if draw:
                draw.hear(event)
            if not quiet:
                _print(event, as_json=as_json)
        elif isinstance(event, Skipped):
            tally.hear_refusal(event)
            if not (quiet or as_json):
                _print_line(event, f"  (refused: {event.why})")
    return tally.lines()


def _print(event: Said, *, as_json: bool) -> None:
    """Print one post: as JSON, or as a line with day, time and bot, and the mood if it is not "faithful"."""
    from flock.observers.console import json_line  # noqa: PLC0415

    if as_json:
        sys.stdout.write(
            json_line(
                {
                    "t": round(event.at, 3),
                    "bot": event.bot,
                    "n": event.n,
                    "text": event.text,
                    "age": round(event.age, 4),
                    "line": event.line,
                    "mood": event.mood,
                    "memory": round(event.memory, 4),
                    "entropy": round(event.entropy, 4),
                },
            )
            + "\n"
        )
        return
    _print_line(event, "" if event.mood == "faithful" else f"  ({event.mood})")


def _print_line(event: Said | Skipped, remark: str) -> None:
    from flock.observers.wording import harmless  # noqa: PLC0415

    day, second = divmod(int(event.at), 86400)
    clock = f"day {day + 1:<3} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    sys.stdout.write(f"{clock}  {event.bot:<15}  {harmless(event.text + remark)}\n")


def _with_bar(events: Iterator[Event], seconds: float, posts: float, *, quiet: bool) -> Iterator[Event]:
    """Yield the events, and show a progress bar if standard error is a terminal and no posts are printed on one.

    The bar ends at `seconds` or at `posts` (of all bots together); if both are infinite there is no bar.
    """
    ends = min(seconds, posts)
    if not sys.stderr.isatty() or math.isinf(ends) or (sys.stdout.isatty() and not quiet):
        yield from events
        return
    with click.progressbar(length=_BAR_STEPS, label="rehearsing", file=sys.stderr) as bar:
        for count, event in enumerate(events, start=1):
            reached = count / posts if math.isinf(seconds) else event.at / seconds
            step = min(_BAR_STEPS, int(reached * _BAR_STEPS))
            if step > bar.pos:
                bar.update(step - bar.pos)
            yield event
        bar.update(_BAR_STEPS - bar.pos)


def _plotter(file: Path) -> Any:
    """Return the plot for `file`. Raises UsageError for a wrong file name, or without matplotlib."""
    if file.suffix.lower() not in (".png", ".svg"):
        raise click.UsageError(f"--plot {file}: expected a name that ends in .png or .svg")
    if not (file.parent / "..").is_dir():  # where the working directory is gone, it has no parent either
        raise click.UsageError(f"--plot {file}: there is no folder {file.parent}")
    try:
        from flock.rehearsal.plots import AgingPlot  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise click.UsageError("--plot needs matplotlib: pip install 'poem-flock[plots]'") from error
    return AgingPlot()
