"""flock run: the daemon."""

from __future__ import annotations

import logging
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flock.cli import observers, options, page
from flock.cli.exits import ALL_PENNED, EXIT_CODES, OK, OUR_FAULT, NamedExits, leave
from flock.errors import BotsTaken

if TYPE_CHECKING:
    from flock.observers.console import LogFormat
    from flock.shepherd import Shepherd

log = logging.getLogger(__name__)


@click.command(epilog=EXIT_CODES)
@click.argument("keys", type=click.Path(path_type=Path, readable=False))
@options.running
@options.pasture_port
@options.option("dry_run", "", "Print the posts; use neither the network nor the journal.")
@options.log_format
@click.option(
    "--log-file",
    type=click.Path(path_type=Path),
    metavar="PATH",
    envvar="FLOCK_LOG_FILE",
    show_envvar=True,
    help="Write to this file instead of the terminal; SIGHUP reopens it.",
)
@observers.asked_for
@page.web
@page.web_name
@click.option(
    "--once",
    is_flag=True,
    envvar="FLOCK_ONCE",
    show_envvar=True,
    help="Post one line of each bot that is due, then exit: for cron.",
)
@options.verbose
@options.quiet
def run(
    keys: Path,
    *,
    log_format: LogFormat,
    log_file: Path | None,
    alert: tuple[str, ...],
    on_trouble: str | None,
    metrics: str | None,
    web: str | None,
    web_name: tuple[str, ...],
    once: bool,
    verbose: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Run one bot for each .json file in the folder KEYS, until SIGTERM or Ctrl-C.

    S is a number of seconds, or 90s, 30m, 1h30m. Intervals in a key file override these options. SIGTERM or Ctrl-C
    stops the flock between two lines. SIGHUP reads the keys and poems anew, and gives penned and waiting sheep
    another try; or it stops the flock if its terminal is gone.
    """
    level = options.log_level(verbose=verbose, quiet=quiet)
    with NamedExits(*((BotsTaken,) if once and quiet else ())):  # cron mails each line
        chosen = options.chosen(given)
        from flock.events import Events  # noqa: PLC0415
        from flock.observers.console import Console  # noqa: PLC0415
        from flock.observers.logs import LogFile, log_to_stderr  # noqa: PLC0415
        from flock.observers.systemd import Systemd  # noqa: PLC0415
        from flock.observers.writer import close_all, standard_writers  # noqa: PLC0415
        from flock.shepherd import Ending, Shepherd  # noqa: PLC0415

        refused = "--once" if once else "--dry-run" if chosen.dry_run else ""
        shown = page.page_beside(keys, chosen, web, web_name, refused=refused)
        keep_secrets_in()
        file = LogFile(log_file) if log_file else None
        output, errors = (file, file) if file else standard_writers()
        log_to_stderr(log_format, level, errors)
        others = observers.Observers(alert, on_trouble, metrics, once=once)
        console = Console(output, log_format=log_format, level=level, on_closed=_warn_of_closed_pipe)
        try:
            shepherd = Shepherd(
                keys,
                chosen.line_interval,
                chosen.poem_interval,
                options=chosen,
                events=Events(
                    [*([file] if file else []), console, Systemd(), *others.listeners, *([shown] if shown else [])]
                ),
            )
            others.watch(shepherd)
            if shown:
                shown.start()
            if chosen.dry_run:  # without a reader it has no purpose
                output.when_closed(shepherd.context.stop.set)
            if not once:  # cron mails each line
                for line in first_lines(shepherd):
                    log.info("%s", line)
            ending = shepherd.once() if once else shepherd.loop()
        finally:
            if shown:
                shown.close()
            is_all_sent = others.close()
            is_all_written = close_all(output, errors) and is_all_sent
    codes = {
        Ending.STOPPED: OK,
        Ending.CUT_SHORT: OUR_FAULT if shepherd.herd.dead else OK,
        Ending.ALL_PENNED: ALL_PENNED,
        Ending.REFUSED: ALL_PENNED,
        Ending.DIED: OUR_FAULT,
    }
    leave(
        codes[ending],
        at_once=ending is Ending.CUT_SHORT or not is_all_written,
    )


def first_lines(shepherd: Shepherd) -> Iterator[str]:
    """Yield where the bots post, if they do not all post to one place, and what networks charge for it."""
    from flock.checks.costs import bills, places  # noqa: PLC0415
    from flock.checks.forecast import forecast  # noqa: PLC0415
    from flock.networks.terms import terms_of  # noqa: PLC0415

    networks, options, flock = shepherd.context.networks, shepherd.context.options, shepherd.all_sheep
    if options.dry_run:
        return
    yield from places(flock, networks)
    if any(networks.is_real(sheep.key) and terms_of(sheep.key.network).price for sheep in flock):
        yield from bills(forecast(flock, networks, options))


def _warn_of_closed_pipe() -> None:
    log = logging.getLogger("flock")
    log.warning("the reader of the output is gone; the flock goes on without output, as process %s", os.getpid())


def keep_secrets_in() -> None:
    """Turn core dumps off: a core dump would hold every key."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
