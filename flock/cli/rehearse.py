"""flock rehearse: prints what a flock will post, and when, without posting it."""

from __future__ import annotations

import logging
import math
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flock.cli import options
from flock.cli.exits import NamedExits

if TYPE_CHECKING:
    from flock.events import Event, Said
    from flock.journal import Journal
    from flock.options import Options
    from flock.rehearsal import Rehearsal, Tally

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
@click.option(
    "--days",
    type=_Amount(min=0, min_open=True),
    help="Length of the rehearsal in days.  [default: 30; with --from-here: 1]",
)
@click.option(
    "--posts", type=click.IntRange(min=1), metavar="N", help="Rehearse until each bot has posted N posts."
)
@click.option(
    "--at-age",
    type=_Amount(min=0, max=_OLDEST),
    metavar="A",
    help="Begin after A recitations; without --days or --posts, rehearse one recitation.",
)
@click.option(
    "--from-here",
    is_flag=True,
    help="Begin now, where the bots are: what comes next, and when. The journal is only read.",
)
@click.option(
    "--bot",
    "bots",
    metavar="NAME",
    multiple=True,
    help="Rehearse this bot only; may be given more than once.",
    shell_complete=options.complete_bot,
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object for each post: t (seconds), bot, n, text and more; with --from-here also time.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print the summary only.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Plot how the flock ages, as .png or .svg (needs the extra: poem-flock[plots]).",
)
@options.intervals
@options.recitations
@options.caps
@options.state
@options.option("base_url", "URL", "With --from-here: the places of the flock that posts there.")
@options.option("pasture", "", "With --from-here: the places of practice.")
@options.sheep
@options.skip_bad
def rehearse(
    keys: Path,
    *,
    days: float | None,
    posts: int | None,
    at_age: float | None,
    from_here: bool,
    bots: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    plot: Path | None,
    **given: Any,
) -> None:
    """Print what the bots of the folder KEYS will post, and when, from birth on. Nothing is posted.

    A rehearsal runs the same sheep on virtual time: with the same seed, `flock run` posts the same posts. With
    --from-here it begins where the bots are, whether the flock runs or not, and prints dates in local time. So it
    does for bots that speak by the clock.
    """
    if days and posts:
        raise click.UsageError("--days and --posts exclude each other; give one")
    if from_here and at_age is not None:
        raise click.UsageError("--from-here and --at-age exclude each other; give one")
    with NamedExits(), ExitStack() as opened:
        chosen = options.chosen(given)
        from flock.observers.logs import log_to_stderr  # noqa: PLC0415
        from flock.observers.wording import harmless  # noqa: PLC0415
        from flock.rehearsal import Rehearsal  # noqa: PLC0415
        from flock.units import DAY  # noqa: PLC0415

        log_to_stderr()
        plotter = _plotter(plot) if plot else None
        journal = _open_here(chosen, opened) if from_here else None
        start = time.time() if from_here else 0.0
        rehearsal = opened.enter_context(
            closing(Rehearsal(keys, chosen, bots=bots, at_age=at_age or 0.0, journal=journal, start=start))
        )
        for note in rehearsal.notes:
            log.warning("%s", note)
        if not rehearsal.has_places:
            from flock.journal import MemoryJournal  # noqa: PLC0415

            what = (
                "there is no journal yet" if isinstance(journal, MemoryJournal) else "no place of these bots yet"
            )
            log.warning("%s: %s; each bot begins at its first line", chosen.journal, what)
        one_recitation = at_age is not None and not days and not posts
        seconds = None if posts or one_recitation else DAY * (days or (1 if from_here else 30))
        events = rehearsal.play(
            seconds=math.inf if seconds is None else seconds,
            posts=posts or math.inf,
            recitations=1 if one_recitation else math.inf,
        )
        draw = plotter(rehearsal.temperaments, start=rehearsal.start) if plotter else None
        events = _with_bar(
            events, rehearsal.start, seconds or math.inf, (posts or math.inf) * len(rehearsal.flock), quiet=quiet
        )
        tally = _tallied(events, rehearsal, draw, as_json=as_json, quiet=quiet)
        for line in tally.lines(seconds):
            click.echo(harmless(line), err=as_json)
        if draw and plot:
            draw.save(plot)
            click.echo(harmless(f"drawn: {plot}"), err=True)


def _open_here(chosen: Options, opened: ExitStack) -> Journal:
    """Return the journal, to be read only; or an empty one where there is none yet."""
    from flock.journal import MemoryJournal, find_journal  # noqa: PLC0415

    return opened.enter_context(closing(find_journal(chosen.journal) or MemoryJournal()))


def _tallied(events: Iterator[Event], rehearsal: Rehearsal, draw: Any, *, as_json: bool, quiet: bool) -> Tally:
    """Print the events, and return their sums."""
    from flock.events import Said, Skipped  # noqa: PLC0415
    from flock.rehearsal import Tally  # noqa: PLC0415

    tally = Tally(rehearsal)
    for event in events:
        if isinstance(event, Said):
            tally.hear(event)
            if draw:
                draw.hear(event)
            if not quiet:
                _print(event, rehearsal, as_json=as_json)
        elif isinstance(event, Skipped):
            tally.hear_refusal(event)
            if not (quiet or as_json):
                _print_line(rehearsal.moment(event.at), event.bot, f"{event.text}  (refused: {event.why})")
    return tally


def _print(event: Said, rehearsal: Rehearsal, *, as_json: bool) -> None:
    """Print one post: as JSON, or as a line with day, time and bot, and the mood if it is not "faithful"."""
    from flock.observers.console import iso, json_line  # noqa: PLC0415

    if as_json:
        sys.stdout.write(
            json_line(
                {
                    **({"time": iso(event.at)} if rehearsal.start else {}),
                    "t": round(event.at - rehearsal.start, 3),
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
    _print_line(
        rehearsal.moment(event.at),
        event.bot,
        event.text + ("" if event.mood == "faithful" else f"  ({event.mood})"),
    )


def _print_line(moment: str, bot: str, text: str) -> None:
    from flock.observers.wording import harmless, on_one_line  # noqa: PLC0415

    sys.stdout.write(f"{moment}  {bot:<15}  {harmless(on_one_line(text))}\n")


def _with_bar(
    events: Iterator[Event], start: float, seconds: float, posts: float, *, quiet: bool
) -> Iterator[Event]:
    """Yield the events, and show a progress bar if standard error is a terminal and no posts are shown on one.

    The bar goes from `start` to `seconds` later, or to `posts` (of all bots together); if both are infinite there
    is no bar.
    """
    ends = min(seconds, posts)
    if not sys.stderr.isatty() or math.isinf(ends) or not (quiet or _goes_into_a_file()):
        yield from events
        return
    with click.progressbar(length=_BAR_STEPS, label="rehearsing", file=sys.stderr) as bar:
        for count, event in enumerate(events, start=1):
            reached = count / posts if math.isinf(seconds) else (event.at - start) / seconds
            step = min(_BAR_STEPS, int(reached * _BAR_STEPS))
            if step > bar.pos:
                bar.update(step - bar.pos)
            yield event
        bar.update(_BAR_STEPS - bar.pos)


def _goes_into_a_file() -> bool:
    """Return whether the output is no terminal, and no pipe to a program that may show it on one."""
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def _plotter(file: Path) -> Any:
    """Return the class of the plot for `file`. Raises UsageError for a wrong file name, or without matplotlib."""
    if file.suffix.lower() not in (".png", ".svg"):
        raise click.UsageError(f"--plot {file}: expected a name that ends in .png or .svg")
    if not (file.parent / "..").is_dir():  # where the working directory is gone, it has no parent either
        raise click.UsageError(f"--plot {file}: there is no folder {file.parent}")
    try:
        from flock.rehearsal.plots import AgingPlot  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise click.UsageError("--plot needs matplotlib: pip install 'poem-flock[plots]'") from error
    return AgingPlot
