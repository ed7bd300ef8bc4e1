"""flock pasture: runs the practice server alone."""

from __future__ import annotations

from pathlib import Path

import click

from flock.cli.exits import OK, NamedExits, leave
from flock.cli.run import keep_secrets_in
from flock.observers.writer import close_all, standard_writers


@click.command()
@click.argument("keys", type=click.Path(path_type=Path), required=False)
@click.option(
    "--host",
    default="127.0.0.1",
    envvar="FLOCK_HOST",
    show_envvar=True,
    show_default=True,
    help="Address to listen on.",
)
@click.option(
    "--port",
    default=8280,
    envvar="FLOCK_PORT",
    show_envvar=True,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    metavar="PATH",
    envvar="FLOCK_PASTURE_STATE",
    show_envvar=True,
    help="File for the posts, and for the accounts that are made there.  [default: in memory]",
)
def pasture(keys: Path | None, host: str, port: int, state: Path | None) -> None:
    """Run the pasture alone: a practice server with X's API and X's rules, and Bluesky's and Mastodon's.

    It has an account for each key file in the folder KEYS; without KEYS it has one made-up account, and prints a
    key file for it. `flock keys new` with --base-url makes keys for new accounts there; with --state they outlive
    the pasture. Every client of X's API v2 or v1.1 can use it, and a flock with --base-url. Ctrl-C or SIGTERM
    stops it.
    """
    with NamedExits():
        from flock.observers.logs import log_to_stderr  # noqa: PLC0415
        from flock.pasture.alone import serve  # noqa: PLC0415

        keep_secrets_in()
        output, errors = standard_writers()  # a reader that does not read must not stop the server
        log_to_stderr(writer=errors)
        serve(keys, host=host, port=port, state=state, say=lambda line: output.write(f"{line}\n"))
        leave(OK, at_once=not close_all(output, errors))
