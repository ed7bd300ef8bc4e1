"""flock backup and flock restore: copies of the journal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flock.cli import options
from flock.cli.exits import EXIT_CODES, NamedExits
from flock.cli.times import clock
from flock.errors import BadOption

if TYPE_CHECKING:
    from flock.journal.copies import Copy, Restored
    from flock.options import Options

_AGAIN = "X refuses a text that it has still in mind, and the bot skips it; other networks show it a second time"


@click.command(epilog=EXIT_CODES)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@options.state
@options.as_json
def backup(file: Path, *, force: bool, as_json: bool, **given: Any) -> None:
    """Copy the journal into FILE, also while the flock runs.

    FILE is whole or not there at all, and only its owner can open it (0600). It does not hold the sessions of bots
    on Bluesky: without them, each signs in again.
    """
    with NamedExits():
        path = _file(options.chosen(given), "pg_dump -Fc")
        from flock.journal.copies import back_up  # noqa: PLC0415 - sqlite3, which --help can do without

        copy = back_up(path, file, force=force)
        if as_json:
            _print_json({"journal": str(path), **_fields(copy)})
        else:
            _say(f"backed up: {path} to {file}: {_contents(copy)}")


@click.command(epilog=EXIT_CODES)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--force", is_flag=True, help="Replace the journal though it is newer: its lines are said once more."
)
@options.state
@options.as_json
def restore(file: Path, *, force: bool, as_json: bool, **given: Any) -> None:
    """Put the copy FILE into the place of the journal. Stop the flock first.

    FILE is checked before anything is changed, and the journal that was there is kept beside it. Each bot goes on
    where it was at the time of the copy, so it says once more what it has said since: X refuses some of that,
    other networks do not. If the journal that is there knows of such posts, it is replaced only with --force.
    """
    with NamedExits():
        path = _file(options.chosen(given), "pg_restore --clean")
        from flock.journal.copies import restore as restore_copy  # noqa: PLC0415

        restored = restore_copy(file, path, force=force)
        if as_json:
            aside = str(restored.aside) if restored.aside else None
            fields = {"journal": str(path), "kept": aside, "behind": restored.behind}
            _print_json({**fields, **_fields(restored.copy)})
            return
        for line in _told(restored, path):
            _say(line)


def _file(chosen: Options, program: str) -> Path:
    """Return the journal's file. Raises BadOption for a journal in a database, and names the program for it."""
    if isinstance(chosen.journal, Path):
        return chosen.journal
    raise BadOption(f"--state {chosen.journal}: copies of a database are its server's affair; use {program}")


def _told(restored: Restored, path: Path) -> list[str]:
    lines = [f"restored: {path} from {restored.copy.file}: {_contents(restored.copy)}"]
    if restored.aside:
        lines.append(f"what was there is kept: {restored.aside}")
    if restored.behind:
        posts, bots = sum(restored.behind.values()), len(restored.behind)
        lines.append(f"posts made since, which are made once more: {posts:,} (bots: {bots:,}); {_AGAIN}")
    elif restored.behind is None:
        lines.append(f"what bots have posted since, they post once more; {_AGAIN}")
    return lines


def _contents(copy: Copy) -> str:
    latest = f", the latest of {clock(copy.latest, time.time())}" if copy.latest is not None else ""
    return f"{copy.bots:,} bots, {copy.posts:,} posts{latest}"


def _fields(copy: Copy) -> dict[str, Any]:
    from flock.observers.console import iso  # noqa: PLC0415

    latest = None if copy.latest is None else iso(copy.latest)
    return {"file": str(copy.file), "bots": copy.bots, "posts": copy.posts, "latest": latest}


def _print_json(fields: dict[str, Any]) -> None:
    from flock.cli.tables import print_json  # noqa: PLC0415

    print_json(fields)


def _say(line: str) -> None:
    from flock.observers.wording import harmless  # noqa: PLC0415

    click.echo(harmless(line))
