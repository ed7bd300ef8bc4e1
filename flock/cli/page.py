"""The page of a flock, where the command line asks for one beside it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flock.cli.times import midnight
from flock.errors import BadOption
from flock.options import Options

if TYPE_CHECKING:
    from flock.web.process import PageProcess

_INSTALL = "type: pip install 'poem-flock[web]'"

web = click.option(
    "--web",
    metavar="HOST:PORT",
    envvar="FLOCK_WEB",
    show_envvar=True,
    help="Serve the web page there, in a process of its own; a PORT alone is on this machine only.",
)
web_name = click.option(
    "--web-name",
    "web_name",
    metavar="HOST",
    multiple=True,
    envvar="FLOCK_WEB_NAME",
    show_envvar=True,
    help="A name by which a reverse proxy asks for the page; several with commas.",
)


def require_page(what: str) -> None:
    """Raise BadOption unless the extra is installed that `what` needs."""
    if find_spec("jinja2") is None:
        raise BadOption(f"{what}: jinja2 is not installed; {_INSTALL}")


def page_beside(
    keys: Path, chosen: Options, address: str | None, names: tuple[str, ...], *, refused: str = ""
) -> PageProcess | None:
    """Listen at the address; return what shows the page there once it is started, or None if there is no address.

    `refused` is the option with which there is no page. Raises BadOption.
    """
    from flock.web.listening import listen, parse_address, parse_names  # noqa: PLC0415 - what --help can do without

    if not address:
        if names:
            raise BadOption("--web-name: there is no page without --web; give both, or neither")
        return None
    host, port = parse_address(address)
    if refused:
        raise BadOption(
            f"--web: there is no page with {refused}; leave one of the two out, or use flock web beside it"
        )
    accepted = parse_names(names)
    require_page("--web")
    from flock.web.process import PageProcess  # noqa: PLC0415

    return PageProcess(keys, chosen, listen(host, port), midnight=midnight, host=host, names=accepted)
