"""flock log: prints what a flock has said, skipped, or may have said, and follows it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flock.cli import options
from flock.cli.exits import EXIT_CODES, NamedExits
from flock.cli.times import EXPECTED, midnight, parse_since, stamp

if TYPE_CHECKING:
    from flock.logbook import Entry, Logbook

_LOOK = 1.0  # seconds between two looks at the journal
_LATEST = 10  # posts before the first one that is followed
_NAME_WIDTH = 15


@click.command(epilog=EXIT_CODES)
@click.argument("keys", type=click.Path(path_type=Path, readable=False))
@click.argument("bots", nargs=-1, metavar="[BOT]...", shell_complete=options.complete_bot)
@click.option("--since", metavar="T", help=f"Begin then: {EXPECTED}.  [default: today]")
@click.option(
    "-n", "--lines", "count", type=click.IntRange(min=0), metavar="N", help="Print the latest N posts only."
)
@click.option("-f", "--follow", is_flag=True, help="Print the latest 10 posts, then each new one, until Ctrl-C.")
@options.state
@options.base_url
@options.practice
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each post.")
def log(
    keys: Path,
    *,
    bots: Sequence[str],
    since: str | None,
    count: int | None,
    follow: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Print what the bots of the folder KEYS have said, skipped, or may have said; with BOT, these only.

    It reads the journal, which keeps the posts of two days (`flock run --keep-history`), and needs no network.
    """
    now = time.time()
    try:
        first = parse_since(since, now) if since else midnight(now)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None
    if count is None and follow and not since:
        count = _LATEST
    with NamedExits():
        chosen = options.chosen(given)
        from flock.errors import lines_by_file  # noqa: PLC0415
        from flock.logbook import Logbook  # noqa: PLC0415 - numpy, and what --help can do without

        book = Logbook(keys, chosen, bots)
        for line in lines_by_file(book.problems):
            _note(f"left out: {line}")
        if not book.has_run:
            _note(f"no flock has run with this journal yet: {book.path}")
        entries = book.posts(first)
        _print(entries[max(0, len(entries) - count) :] if count is not None else entries, as_json=as_json)
        if follow:
            with suppress(KeyboardInterrupt):
                _follow(book, as_json=as_json)


def _follow(book: Logbook, *, as_json: bool) -> None:
    """Print each new post, until the process is ended.

    A journal that cannot be read at two looks in a row is told of once: at one look it may just be in the making.
    """
    from flock.errors import JournalError  # noqa: PLC0415

    never, before, told = threading.Event(), "", ""
    while not never.wait(_LOOK):
        try:
            quick, trouble = book.quick(), ""
            entries = book.fresh() if quick is None else quick
        except JournalError as error:
            entries, trouble = [], str(error)
        if trouble and trouble == before and trouble != told:
            _note(f"{trouble}; going on when it can be read")
            told = trouble
        before, told = trouble, told if trouble else ""
        _print(entries, as_json=as_json)


def _print(entries: Sequence[Entry], *, as_json: bool) -> None:
    from flock.observers.console import json_line  # noqa: PLC0415

    for entry in entries:
        sys.stdout.write(f"{json_line(entry.as_dict()) if as_json else _line(entry)}\n")
    sys.stdout.flush()


def _line(entry: Entry) -> str:
    """Return one line for people: time, bot, how it ended unless it was said, text, and where it is."""
    from flock.observers.wording import harmless  # noqa: PLC0415

    post = entry.post
    ending = "" if post.outcome == "said" else f"{post.outcome.value}: {post.why}: "
    reference = entry.link or post.post_id
    where = f"  ({reference})" if reference else ""
    return harmless(f"{stamp(post.at)}  {entry.bot:<{_NAME_WIDTH}}  {ending}{post.text}{where}")


def _note(line: str) -> None:
    from flock.observers.wording import harmless  # noqa: PLC0415

    click.echo(harmless(line), err=True)
