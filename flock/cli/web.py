"""flock web: serves the web page of a flock, beside it or alone."""

from __future__ import annotations

import logging
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flock.cli import options
from flock.cli.exits import EXIT_CODES, OK, NamedExits, leave
from flock.cli.run import keep_secrets_in
from flock.cli.times import midnight
from flock.errors import BadOption

if TYPE_CHECKING:
    import socket

log = logging.getLogger(__name__)

PORT = 8140
_INSTALL = "type: pip install 'poem-flock[web]'"
_ADDRESS = re.compile(r"(?:(\[[0-9a-fA-F:.]+\]|[^\s:\[\]/]+):)?([0-9]{1,5})")


def parse_address(text: str) -> tuple[str, int]:
    """Return the host and the port that HOST:PORT means; a PORT alone is on this machine. Raises BadOption."""
    found = _ADDRESS.fullmatch(text)
    if not found or int(found[2]) > 65_535:
        raise BadOption(f"--web: expected HOST:PORT or a PORT, such as 127.0.0.1:{PORT}, found {text!r}")
    return (found[1] or "127.0.0.1").strip("[]"), int(found[2])


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
@options.intervals
@options.practice
@options.base_url
@options.state
@options.recitations
@options.caps
def web(keys: Path, *, address: str, **given: Any) -> None:
    """Serve the web page of the flock of the folder KEYS, whether it runs or not, until SIGTERM or Ctrl-C.

    It reads the journal and the key files; the buttons of its pages do what `flock tell` does. Give it the options
    of `flock run`: they say which journal it is, how long a recitation is, and from when on a bot is overdue.
    """
    with NamedExits():
        chosen = options.chosen(given)
        host, port = parse_address(address)
        try:
            from flock.web.server import WebPage, listen  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            if error.name != "jinja2":
                raise
            raise BadOption(f"flock web: jinja2 is not installed; {_INSTALL}") from None
        from flock.observers.logs import log_to_stderr  # noqa: PLC0415

        keep_secrets_in()
        log_to_stderr()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        listener: socket.socket
        with listen(host, port) as listener:
            page = WebPage(keys, chosen, listener, midnight=midnight, name=host)
        page.start()
        click.echo(f"the page is at {page.way_in}")
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
        page.close()
    leave(OK)
