"""The `flock` command: parses arguments, calls the library, prints. Each subcommand has a module.

The subcommands import numpy and the network stack when they run, so that `flock --help` is quick.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import click

from flock import __version__
from flock.cli.exits import EXIT_CODES
from flock.cli.pasture import pasture
from flock.cli.rehearse import rehearse
from flock.cli.run import run


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="flock", message="%(prog)s %(version)s")
def cli() -> None:
    """Run a flock of poem-tweeting bots: one Shepherd, one Sheep for each key file, one thread for each Sheep."""


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
            click.echo(found(cli, {}, name, "_FLOCK_COMPLETE").source())


def main() -> None:
    """Run the command line; the console script's entry point."""
    _fill_standard_descriptors()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may not be able to encode a poem
    cli(prog_name="flock")


def _fill_standard_descriptors() -> None:
    """Open /dev/null in place of a standard descriptor that was closed (`flock run keys >&-`).

    Otherwise the next file or connection would get that number, and receive what is written to standard error.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one


for command in (run, rehearse, pasture):
    cli.add_command(command)
