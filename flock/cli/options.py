"""The options that several commands share. One function parses an option and its environment variable."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from flock.options import LINE_INTERVAL, PARSERS, POEM_INTERVAL, Options, settle_options
from flock.units import format_seconds


class _Parsed(click.ParamType[Any]):
    """The type of an option that is parsed by the same function as its environment variable."""

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


def complete_temperament(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of temperaments that begin so, for the shell's completion."""
    from flock.temperament import TEMPERAMENTS  # noqa: PLC0415 - numpy, which --help can do without

    return [name for name in TEMPERAMENTS if name.startswith(incomplete)]


def complete_poem_format(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the formats of poems that begin so, for the shell's completion."""
    return [name for name in ("lines", "stanzas", "sentences") if name.startswith(incomplete)]


def complete_bot(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of bots that begin so, of the folder KEYS before it, for the shell's completion."""
    from flock.errors import FlockError  # noqa: PLC0415 - and what --help can do without
    from flock.keys import read_keys  # noqa: PLC0415

    keys = ctx.params.get("keys") or next(iter(ctx.args), "")  # click leaves it there before an unfinished option
    with suppress(FlockError):  # no such folder
        names = {key.screen_name for key in read_keys(Path(keys)).keys}
        return sorted(name for name in names if name.startswith(incomplete.removeprefix("@")))
    return []


def option(name: str, metavar: str, text: str, *names: str, **extra: Any) -> Callable[[Any], Any]:
    """Declare the option for the field `name` of Options, with its environment variable."""
    flag = f"--{name.replace('_', '-')}"
    variable = f"FLOCK_{name.upper()}"
    if metavar:
        extra |= {"type": _Parsed(metavar, PARSERS[name]), "metavar": metavar}
    else:
        extra |= {"is_flag": True, "default": None}
    return click.option(flag, *names, name, envvar=variable, help=text, show_envvar=True, **extra)


def together(*declared: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what declares all of these options."""

    def declare(command: Any) -> Any:
        for each in reversed(declared):
            command = each(command)
        return command

    return declare


line_interval = option(
    "line_interval", "S", f"Interval between two lines of a poem.  [default: {format_seconds(LINE_INTERVAL)}]"
)
poem_interval = option(
    "poem_interval", "S", f"Interval after the last line.  [default: {format_seconds(POEM_INTERVAL)}]"
)
api = option("api", "2|1.1", "Version of the API to post to.  [default: 2]")
keep_history = option("keep_history", "T", "How long the journal keeps the posts, up to 366d.  [default: 2d]")
schedules = together(
    option("schedule", "CRON", 'When a line is due, in place of the interval, such as "0 9 * * *".'),
    option("poem_schedule", "CRON", "When a recitation may begin, in place of the interval after the last line."),
    option("awake", "HOURS", 'When bots speak, such as "08:00-23:00" or "mon-fri 07:00-09:00, sat 10:00-24:00".'),
    option("timezone", "ZONE", "Time zone of these hours, such as Europe/Berlin.  [default: this machine's]"),
    option("jitter", "N", "Share of an interval, from 0 to 1, by which it varies.  [default: 0]"),
    option("stanza_interval", "S", "Interval after the last line of a stanza.  [default: that of lines]"),
)

sheep = option("sheep", "MODULE:CLASS", "Class of the sheep: a subclass of flock.Sheep.")
skip_bad = option("skip_bad", "", "Run without the bots whose key files cannot be used.")
seed = option("seed", "N", "Seed of the random numbers by which old sheep change their poems.  [default: 0]")
temperament = option(
    "temperament",
    "NAME",
    "How sheep age: steadfast, wistful, restless, senile, obsessive, or such as forget=0.4.",
    shell_complete=complete_temperament,
)
poem_format = option(
    "poem_format",
    "FORMAT",
    "What is posted in one go: lines, stanzas or sentences.  [default: lines]",
    shell_complete=complete_poem_format,
)
pasture = option("pasture", "", "Post to an embedded practice server; nothing reaches the real network.")
pasture_port = option(
    "pasture_port", "PORT", "Port of the practice server, on this machine.  [default: a free one]"
)
practice = option("pasture", "", "As with `flock run --pasture`: the bots practise.")
base_url = option("base_url", "URL", "Root URL of the network's API.  [default: https://api.x.com]")
state = option(
    "state",
    "PATH",
    "Path of the journal, or postgresql://…  [default: flock.db in systemd's or the platform's state folder]",
)
yes_really = option("yes_really", "", "Allow an interval of 0 on a real network: all lines of a poem at once.")
posts_per_day = option("posts_per_day", "N", "Cap each bot's posts in any 24 hours, and spread them over the day.")
flock_posts_per_day = option(
    "flock_posts_per_day", "N", "Cap the posts of the whole flock in any 24 hours, and spread them."
)
burst = option("burst", "", "Do not spread capped posts: post by the intervals until the cap is reached.")

intervals = together(line_interval, poem_interval, schedules)
recitations = together(seed, temperament, poem_format)  # how bots say their poems
caps = together(posts_per_day, flock_posts_per_day, burst)
running = together(  # what each command takes that runs bots, or tells how they will run
    *(intervals, pasture, base_url, api, state, keep_history, sheep, skip_bad, recitations, caps, yes_really)
)

log_format = click.option(
    "--log-format",
    type=click.Choice(["auto", "text", "json"]),
    default="auto",
    envvar="FLOCK_LOG_FORMAT",
    show_envvar=True,
    help="auto: colours on a terminal, priorities under journald, plain lines elsewhere.",
)
verbose = click.option(
    "-v", "--verbose", is_flag=True, envvar="FLOCK_VERBOSE", show_envvar=True, help="Log every retry."
)
quiet = click.option(
    "-q", "--quiet", is_flag=True, envvar="FLOCK_QUIET", show_envvar=True, help="Log warnings and errors only."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def log_level(*, verbose: bool, quiet: bool) -> int:
    """Return the level of the log. Raises UsageError when both are asked for."""
    if verbose and quiet:
        raise click.UsageError("--verbose and --quiet exclude each other; give one")
    return logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO


def chosen(given: dict[str, Any]) -> Options:
    """Return the options: the command line overrides the environment, which overrides the defaults.

    Raises BadOption.
    """
    return settle_options(given, environment=os.environ)
