"""flock web: serves the web page of a flock, beside it or alone."""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from typing import Any

import click

from flock.cli import options, page
from flock.cli.exits import EXIT_CODES, OK, NamedExits, leave
from flock.cli.run import keep_secrets_in
from flock.cli.times import midnight
from flock.web.listening import PORT, listen, parse_address, parse_names

log = logging.getLogger(__name__)


@click.command(epilog=EXIT_CODES)
@click.argument("keys", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--web",
    "address",
    metavar="HOST:PORT",
    default=f"127.0.0.1:{PORT}",
    envvar="FLOCK_WEB",
    show_envvar=True,
    show_default=True,
    help="Serve the page there; a PORT alone is on this machine only.",
)
@page.web_name
@options.intervals
@options.practice
@options.base_url
@options.state
@options.recitations
@options.caps
def web(keys: Path, *, address: str, web_name: tuple[str, ...], **given: Any) -> None:
    """Serve the web page of the flock of the folder KEYS, whether it runs or not, until SIGTERM or Ctrl-C.

    It reads the journal and the key files; the buttons of its pages do what `flock tell` does. Give it the options
    of `flock run`: they say which journal it is, how long a recitation is, and from when on a bot is overdue.
    """
    with NamedExits():
        chosen = options.chosen(given)
        host, port = parse_address(address)
        names = parse_names(web_name)
        page.require_page("flock web")
        from flock.observers.logs import log_to_stderr  # noqa: PLC0415 - what --help can do without
        from flock.web.server import WebPage, allow_readers  # noqa: PLC0415

        keep_secrets_in()
        log_to_stderr()
        allow_readers()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        with listen(host, port) as listener:
            shown = WebPage(keys, chosen, listener, midnight=midnight, name=host, names=names)
        shown.start()
        click.echo(f"the page is at {shown.way_in}")
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
        shown.close()
    leave(OK)
