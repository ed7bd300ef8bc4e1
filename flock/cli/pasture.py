"""flock pasture: the practice server by itself."""

from __future__ import annotations

from pathlib import Path

import click

from flock.cli.exits import NamedExits
from flock.cli.run import keep_secrets_in


@click.command()
@click.argument("keys", type=click.Path(path_type=Path), required=False)
@click.option(
    "--host", default="127.0.0.1", envvar="FLOCK_HOST", show_envvar=True, show_default=True, help="Bind to."
)
@click.option(
    "--port",
    default=8280,
    envvar="FLOCK_PORT",
    show_envvar=True,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 takes any free one.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    metavar="PATH",
    envvar="FLOCK_PASTURE_STATE",
    show_envvar=True,
    help="Keep the posts in this file.  [default: in memory]",
)
def pasture(keys: Path | None, host: str, port: int, state: Path | None) -> None:
    """Run the pasture alone: a strict server that speaks like X, to practise on.

    Its accounts are those of the key files in the folder KEYS; without KEYS it makes one up and prints its key.
    Point any client of X's API v2 or v1.1 at it, or a flock with --base-url. Ctrl-C or SIGTERM stops it.
    """
    with NamedExits():
        from flock.pasture.alone import graze  # noqa: PLC0415

        keep_secrets_in()
        graze(keys, host=host, port=port, state=state, say=click.echo)
