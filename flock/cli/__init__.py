"""The `flock` command: parses arguments, calls the library, prints. Each subcommand has a module.

The subcommands import numpy and the network stack when they run, so that `flock --help` is quick.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from flock import __version__
from flock.cli.alert_test import alert_test
from flock.cli.check import check
from flock.cli.cluster import cluster
from flock.cli.copies import backup, restore
from flock.cli.exits import EXIT_CODES, exit_code
from flock.cli.keys import keys
from flock.cli.log import log
from flock.cli.pasture import pasture
from flock.cli.rehearse import rehearse
from flock.cli.run import run
from flock.cli.status import status
from flock.cli.streams import open_standard_streams
from flock.cli.tell import tell
from flock.cli.web import web

COMPLETION = "_FLOCK_COMPLETE"  # the variable by which a shell asks for completions


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="flock", message="%(prog)s %(version)s")
def cli() -> None:
    """Run a flock of poem-posting bots: one Shepherd, one Sheep for each key file, one thread for each Sheep."""


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL, bound to this command's full path.

    In a checkout the script covers scripts/flock, too. It leaves the system's own flock (util-linux) alone.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    found = get_completion_class(shell)
    beside = Path(__file__).parents[2] / "scripts" / "flock"  # in a checkout
    names = [str(Path(sys.executable).with_name("flock"))]
    names += [str(beside), "scripts/flock"] if beside.exists() else []
    if found:
        for name in names:
            click.echo(found(cli, {}, name, COMPLETION).source())


def main() -> None:
    """Run the command line, and exit."""
    open_standard_streams()
    settings = {"prog_name": as_called(sys.argv, os.environ), "complete_var": COMPLETION}
    sys.exit(exit_code(lambda: cli.main(**settings, standalone_mode=False)))


def as_called(argv: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return how this command was called, so that what a usage error says can be copied.

    `flock` alone would be util-linux's command. scripts/flock says its own name in FLOCK_COMMAND.
    """
    if named := environment.get("FLOCK_COMMAND"):
        return shlex.quote(named)
    program = Path(argv[0])
    if program.name != "flock":  # flock/__main__.py
        return "python -m flock"
    beside = os.path.relpath(program)
    return shlex.quote(min(str(program), beside if "/" in beside else f"./{beside}", key=len))


COMMANDS = (
    run,
    check,
    rehearse,
    pasture,
    keys,
    status,
    log,
    backup,
    restore,
    tell,
    alert_test,
    web,
    cluster,
)
for command in COMMANDS:
    cli.add_command(command)
