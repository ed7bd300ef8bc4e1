"""The options that commands share, each read by the same function as its environment variable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from flock.options import LINE_INTERVAL, PARSERS, POEM_INTERVAL, Options
from flock.units import format_seconds


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


def option(name: str, metavar: str, text: str, *names: str, **extra: Any) -> Callable[[Any], Any]:
    """Declare the option for the field `name` of Options, with its variable."""
    flag = f"--{name.replace('_', '-')}"
    variable = f"FLOCK_{name.upper()}"
    if metavar:
        extra |= {"type": _Parsed(metavar, PARSERS[name]), "metavar": metavar}
    else:
        extra |= {"is_flag": True}
    return click.option(flag, *names, name, envvar=variable, help=text, show_envvar=True, **extra)


line_interval = option(
    "line_interval", "S", f"Between two lines of a poem.  [default: {format_seconds(LINE_INTERVAL)}]"
)
poem_interval = option("poem_interval", "S", f"After the last line.  [default: {format_seconds(POEM_INTERVAL)}]")
sheep = option("sheep", "MODULE:CLASS", "Another kind of sheep: a subclass of flock.Sheep.")
skip_bad = option("skip_bad", "", "Leave out the bots whose key files are bad.")
seed = option("seed", "N", "Decides what sheep make of their poems as they grow old.  [default: 0]")
temperament = option(
    "temperament", "NAME", "How sheep grow old: steadfast, wistful, restless, senile, obsessive, or numbers."
)
posts_per_day = option("posts_per_day", "N", "Cap each bot's posts in any 24 hours.")
flock_posts_per_day = option(
    "flock_posts_per_day", "N", "Cap the whole flock's posts in any 24 hours, and so the bill."
)


def chosen(given: dict[str, Any]) -> Options:
    """Return the options: those given, over the environment's, over the defaults. Raises BadOption."""
    given = {name: value for name, value in given.items() if value is not None}
    return replace(Options.from_environment(), **given)
