"""The `flock` command: parses, calls, prints."""

from __future__ import annotations

import io
import logging
import os
import resource
import sys
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import click

from flock import __version__
from flock.duration import format_seconds
from flock.errors import BadKeys, BadOption, BadPoem, BotsTaken, JournalError
from flock.options import LINE_INTERVAL, PARSERS, POEM_INTERVAL, Options

if TYPE_CHECKING:
    from flock.console import LogFile, LogFormat

# Everything that needs numpy or the network is imported by the commands that use it: `flock --help` is quick.

OK, USAGE, NO_KEY, ALL_PENNED, TAKEN, OUR_FAULT, NO_JOURNAL = 0, 2, 3, 4, 5, 70, 74

_CODES: dict[int, tuple[type[Exception], ...]] = {
    USAGE: (BadOption,),
    NO_KEY: (BadKeys, BadPoem),
    TAKEN: (BotsTaken,),
    NO_JOURNAL: (JournalError,),
}

_EXIT_CODES = """\b
Exit codes:
  0   stopped as asked
  2   usage: an option or a variable makes no sense
  3   no usable key: a key file is bad, or there is none
  4   every sheep is penned: no account can post
  5   another flock holds some of these bots
  70  our own fault: please report it
  74  the journal cannot be used: disk, permissions, damage
"""


class _Parsed(click.ParamType[Any]):
    """An option that is read by the same function as its environment variable."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _option(name: str, metavar: str, text: str, *names: str, **extra: Any) -> Callable[[Any], Any]:
    """Declare the option for the field `name` of Options, with its variable."""
    flag = f"--{name.replace('_', '-')}"
    variable = f"FLOCK_{name.upper()}"
    if metavar:
        extra |= {"type": _Parsed(metavar, PARSERS[name]), "metavar": metavar}
    else:
        extra |= {"is_flag": True}
    return click.option(flag, *names, name, envvar=variable, help=text, show_envvar=True, **extra)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=_EXIT_CODES
)
@click.version_option(__version__, prog_name="flock", message="%(prog)s %(version)s")
def cli() -> None:
    """Run a flock of poem-tweeting bots: a Shepherd, a Sheep a key file, and a thread a Sheep."""


@cli.command(epilog=_EXIT_CODES)
@click.argument("keys", type=click.Path(path_type=Path))
@_option("line_interval", "S", f"Between two lines of a poem.  [default: {format_seconds(LINE_INTERVAL)}]")
@_option("poem_interval", "S", f"After the last line.  [default: {format_seconds(POEM_INTERVAL)}]")
@_option("pasture", "", "Practise: every bot on an embedded server; nothing reaches the real network.")
@_option("dry_run", "", "Print what would be said; touch neither network nor journal.")
@_option("base_url", "URL", "Root of the network's API.  [default: https://api.x.com]")
@_option("api", "2|1.1", "Version of the API to post to.  [default: 2]")
@_option("state", "PATH", "The journal's file.  [default: flock.db in systemd's or the platform's state folder]")
@_option("sheep", "MODULE:CLASS", "Another kind of sheep: a subclass of flock.Sheep.")
@_option("skip_bad", "", "Start without the bots whose key files are bad.")
@_option("seed", "N", "Decides all that is left to chance.  [default: 0]")
@_option("posts_per_day", "N", "Cap each bot's posts in any 24 hours.")
@_option("flock_posts_per_day", "N", "Cap the whole flock's posts in any 24 hours, and so the bill.")
@click.option(
    "--log-format",
    type=click.Choice(["auto", "text", "json"]),
    default="auto",
    envvar="FLOCK_LOG_FORMAT",
    show_envvar=True,
    help="auto: colours on a terminal, plain lines elsewhere, priorities under journald.",
)
@click.option(
    "--log-file",
    type=click.Path(path_type=Path),
    metavar="PATH",
    envvar="FLOCK_LOG_FILE",
    show_envvar=True,
    help="Write there and not to the terminal; opened anew at SIGHUP.",
)
@click.option(
    "--once",
    is_flag=True,
    envvar="FLOCK_ONCE",
    show_envvar=True,
    help="Each bot that is due says one line, then exit: for cron.",
)
@click.option("-v", "--verbose", is_flag=True, envvar="FLOCK_VERBOSE", show_envvar=True, help="Tell every retry.")
@click.option("-q", "--quiet", is_flag=True, envvar="FLOCK_QUIET", show_envvar=True, help="Tell trouble only.")
def run(
    keys: Path,
    *,
    log_format: LogFormat,
    log_file: Path | None,
    once: bool,
    verbose: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Run a bot for every .json file in the folder KEYS, until told to stop.

    S is a number of seconds, or 90s, 30m, 1.5h. Intervals in a key file go before these. Ctrl-C or SIGTERM stops
    the flock between two lines, SIGHUP gives penned sheep another try.
    """
    if verbose and quiet:
        raise click.UsageError("--verbose and --quiet exclude each other; give one")
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    with _NamedExits():
        options = _options(given)
        from flock.console import Console, LogFile, LogFormatter  # noqa: PLC0415
        from flock.events import Events  # noqa: PLC0415
        from flock.shepherd import Ending, Shepherd  # noqa: PLC0415
        from flock.systemd import Systemd  # noqa: PLC0415

        _keep_secrets_in()
        file = LogFile(log_file) if log_file else None
        _log_to(file or sys.stderr, LogFormatter(log_format), level)
        console = Console(file, log_format=log_format, level=level)
        shepherd = Shepherd(
            keys,
            options.line_interval,
            options.poem_interval,
            options=options,
            events=Events([*([file] if file else []), console, Systemd()]),
        )
        ending = shepherd.once() if once else shepherd.loop()
    _leave(ALL_PENNED if ending is Ending.ALL_PENNED else OK, at_once=ending is Ending.CUT_SHORT)


@cli.command()
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
    with _NamedExits():
        from flock.pasture.alone import graze  # noqa: PLC0415

        _keep_secrets_in()
        graze(keys, host=host, port=port, state=state, say=click.echo)


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL, bound to this command's full path.

    Only the full path is completed: the system's own flock (util-linux) keeps its name.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    found = get_completion_class(shell)
    path = str(Path(sys.executable).with_name("flock"))
    if found:
        click.echo(found(cli, {}, path, "_FLOCK_COMPLETE").source())


def main() -> None:
    """Run the command line; the console script's entry point."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a poem must not fail on a terminal's encoding
    cli(prog_name="flock")


def _options(given: dict[str, Any]) -> Options:
    """Return the options: those given, over the environment's, over the defaults. Raises BadOption."""
    chosen = {name: value for name, value in given.items() if value is not None}
    return replace(Options.from_environment(), **chosen)


class _NamedExits(AbstractContextManager[None]):
    """Ends the program with a clear line and a named exit code when something goes wrong inside."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, click.ClickException | click.exceptions.Exit):
            return
        for code, kinds in _CODES.items():
            if isinstance(error, kinds):
                click.echo(str(error) if code == NO_KEY else f"flock: {error}", err=True)
                _leave(code)
        traceback.print_exception(error)
        click.echo("flock: this is our own fault; please report it with the lines above", err=True)
        _leave(OUR_FAULT)


def _leave(code: int, *, at_once: bool = True) -> NoReturn:
    """Exit with `code`; `at_once` waits for no thread."""
    if not at_once:
        sys.exit(code)
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)


def _keep_secrets_in() -> None:
    """Write no core dump: it would hold every key."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _log_to(stream: TextIO | LogFile, formatter: logging.Formatter, level: int) -> None:
    """Send what our own code logs to `stream`; other libraries' logs stay out of it."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.getLogger("flock")
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
