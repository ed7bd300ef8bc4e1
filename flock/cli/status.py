"""flock status: shows whether a flock runs, and how each bot is doing."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flock.cli import options
from flock.cli.exits import EXIT_CODES, NamedExits
from flock.cli.times import clock, midnight

if TYPE_CHECKING:
    from flock.overview import Bot, Overview

_NAMED = 5  # bots of one trouble that are named
_COLUMNS = ("bot", "state", "line", "next", "today")
_OF_A_PHONE = ("bot", "state", "next")
_WIDE = 58  # characters of a line, from which on it has room for all columns


@click.command(epilog=EXIT_CODES)
@click.argument("keys", type=click.Path(path_type=Path, readable=False))
@click.argument("bots", nargs=-1, metavar="[BOT]...", shell_complete=options.complete_bot)
@options.state
@options.base_url
@options.practice
@options.line_interval
@options.schedules
@options.recitations
@options.as_json
def status(keys: Path, *, bots: Sequence[str], as_json: bool, **given: Any) -> None:
    """Show whether the flock of the folder KEYS runs, and how its bots are doing; with BOT, all about these.

    It reads the journal and the key files, and needs no network. Give it the options of `flock run`: they say
    which journal it is, how long a recitation is, and from when on a bot is overdue.
    """
    with NamedExits():
        chosen = options.chosen(given)
        from flock.overview import look_over  # noqa: PLC0415 - numpy, and what --help can do without

        now = time.time()
        overview = look_over(keys, chosen, now=now, midnight=midnight(now), names=bots)
        if as_json:
            from flock.cli.tables import print_json  # noqa: PLC0415

            print_json(overview.as_dict())
            return
        _print(overview, in_full=bool(bots))


def _print(overview: Overview, *, in_full: bool) -> None:
    from flock.cli.tables import print_table  # noqa: PLC0415
    from flock.errors import lines_by_file  # noqa: PLC0415
    from flock.observers.wording import harmless  # noqa: PLC0415

    for line in _head(overview):
        click.echo(harmless(line))
    if in_full:
        for bot in overview.bots:
            click.echo()
            for line in _details(bot, overview.at):
                click.echo(harmless(line))
    else:
        rows = [_row(bot, overview.at) for bot in overview.bots]
        shown = _COLUMNS if shutil.get_terminal_size().columns >= _WIDE else _OF_A_PHONE
        places = [_COLUMNS.index(column) for column in shown]
        print_table(shown, [[row[place] for place in places] for row in rows], numbers=("line", "today"))
        for line in _troubles(overview):
            click.echo(harmless(line))
    for line in lines_by_file(overview.problems):
        click.echo(harmless(f"left out: {line}"), err=True)


def _on(host: str) -> str:
    """Return where a process of another machine runs, in words."""
    return f" on {host}" if host else ""


def _head(overview: Overview) -> Iterator[str]:
    if not overview.has_run:
        yield f"no flock has run with this journal yet: {overview.journal}"
        return
    for each in overview.processes:
        since = f" since {clock(each.since, overview.at)}" if each.since else ""
        yield f"running: process {each.pid}{_on(each.host)}{since}, {_count(each.bots, 'bot')}"
    if not overview.processes:
        yield "not running"
    states = Counter(bot.state.value for bot in overview.bots)
    yield f"bots: {', '.join(f'{count:,} {state}' for state, count in states.most_common())}"
    yield f"today: {_count(overview.today, 'post')}{_dollars(overview.spent)}"


def _row(bot: Bot, now: float) -> Sequence[str]:
    return bot.name, bot.state.value, _line(bot), _next(bot, now), f"{bot.today:,}"


def _line(bot: Bot) -> str:
    return f"{bot.line}/{bot.lines or '?'}"


def _next(bot: Bot, now: float) -> str:
    """Return when the bot says its next line, as far as that is known."""
    if bot.due is None:
        return "-"
    if bot.due <= now:
        return "now" if bot.pid else "at start"
    return clock(bot.due, now)


def _troubles(overview: Overview) -> Iterator[str]:
    """Yield a line for each kind of trouble, with the bots that have it."""
    found: dict[tuple[str, str, str], list[Bot]] = {}
    for bot in overview.bots:
        if bot.why:
            found.setdefault((bot.state.value, bot.why, bot.advice), []).append(bot)
    for (state, why, advice), bots in found.items():
        names = ", ".join(bot.name for bot in bots[:_NAMED])
        more = f" and {len(bots) - _NAMED:,} more" if len(bots) > _NAMED else ""
        first = min((bot.until for bot in bots if bot.until), default=None)
        until = f" until {clock(first, overview.at)}" if first else ""
        yield f"{names}{more}: {state}{until}: {why}{f'; {advice}' if advice else ''}"
    for bot in overview.bots:
        for command in bot.commands:
            yield f"{bot.name}: was told at {clock(command.given, overview.at)}, and has not done yet: {command}"


def _details(bot: Bot, now: float) -> Iterator[str]:
    yield f"{bot.name} on {bot.network}{', as practice' if bot.practises else ''}"
    for name, text in _facts(bot, now):
        yield f"  {name:<8}  {text}"


def _facts(bot: Bot, now: float) -> Iterator[tuple[str, str]]:
    until = f" until {clock(bot.until, now)}" if bot.until else ""
    since = f" since {clock(bot.paused, now)}" if bot.paused is not None and bot.state == "paused" else ""
    yield "state", f"{bot.state.value}{since}{until}{f': {bot.why}' if bot.why else ''}"
    if bot.advice:
        yield "do", bot.advice
    if bot.pid:
        began = f", since {clock(bot.since, now)}" if bot.since else ""
        yield "process", f"{bot.pid}{_on(bot.host)}{began}"
    yield "age", f"{bot.age:.2f} recitations, {_count(bot.posts, 'post')}"
    yield "line", f"{bot.line} of {bot.lines or 'an unknown number'}"
    if bot.said:
        sure = "" if bot.said.outcome == "said" else f" ({bot.said.outcome.value})"
        yield "last", f"{clock(bot.said.at, now)}{sure}  {bot.said.text}"
        if reference := bot.link or bot.said.post_id:
            yield "", reference
    yield "next", f"{_next(bot, now)}{_elsewhere(bot)}  {bot.text}"
    price = _dollars({bot.network: bot.spent} if bot.spent else {})
    yield "today", f"{_count(bot.today, 'post')}{price}"
    for command in bot.commands:
        yield "told", f"{command}, at {clock(command.given, now)}; not done yet"
    yield "key", str(bot.key_file)
    yield "poem", str(bot.poem_file)
    yield "journal", bot.journal_name


def _elsewhere(bot: Bot) -> str:
    """Return when the next line is in the bot's own time zone, if it names one: " (Sun 09:00 in Asia/Tokyo)"."""
    if bot.due is None or not bot.timezone:
        return ""
    from datetime import datetime  # noqa: PLC0415 - --help can do without
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - as above

    there = datetime.fromtimestamp(bot.due, ZoneInfo(bot.timezone))
    return f" ({there:%a %H:%M} in {bot.timezone})"


def _dollars(spent: dict[str, float]) -> str:
    return "".join(f", ${dollars:,.2f} on {network}" for network, dollars in sorted(spent.items()))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
