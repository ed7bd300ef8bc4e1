"""flock tell: writes into the journal what bots are to do; the flock that runs them obeys."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flock.cli import options
from flock.cli.exits import EXIT_CODES, NamedExits

if TYPE_CHECKING:
    from flock.context import Context
    from flock.steering import Told

log = logging.getLogger(__name__)

_COMMANDS = "pause | resume | skip | again | from N | from-the-top | now"
_SHOWN = 60  # letters of a line
_VERBS = ("pause", "resume", "skip", "again", "from", "from-the-top", "now")


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of bots and commands that begin so, for the shell's completion."""
    verbs = [verb for verb in _VERBS if verb.startswith(incomplete)]
    return [*options.complete_bot(ctx, param, incomplete), *verbs]


@click.command(epilog=EXIT_CODES)
@click.argument("keys", type=click.Path(path_type=Path, readable=False))
@click.argument("words", nargs=-1, required=True, metavar=f"[BOT]... {{{_COMMANDS}}}", shell_complete=_complete)
@click.option("--all", "everyone", is_flag=True, help="Tell all bots of the folder KEYS.")
@options.state
@options.base_url
@options.practice
@options.as_json
def tell(keys: Path, *, words: Sequence[str], everyone: bool, as_json: bool, **given: Any) -> None:
    """Tell bots of the folder KEYS what to do. A running flock obeys within a second, otherwise the next one.

    \b
    pause         begin nothing, also after a restart
    resume        go on, without catching up
    skip          leave out the line that comes next, or the rest of one under way
    again         say the last line once more
    from N        go on at line N of the poem's file, from 1, as an editor counts
    from-the-top  go on at the first line
    now           say the next line now

    BOT is a name as in the key file, with or without @. Where bots on two networks have one name, write
    network:name. Needs no network.
    """
    names, verb, line = _parsed(words)
    if bool(names) == everyone:
        raise click.UsageError("expected the names of bots, or --all" + (", not both" if names else ""))
    with NamedExits():
        chosen = options.chosen(given)
        from flock.steering import require_journal  # noqa: PLC0415 - sqlite3, which --help can do without

        require_journal(chosen)
        from flock.context import open_context  # noqa: PLC0415
        from flock.events import Events  # noqa: PLC0415
        from flock.observers.logs import log_to_stderr  # noqa: PLC0415

        log_to_stderr()
        context = open_context(chosen, Events())
        try:
            told = _tell(keys, names, verb, line, context)
        finally:
            context.close()
    _print(told, as_json=as_json)


def _parsed(words: Sequence[str]) -> tuple[list[str], str, int | None]:
    """Return the names, the command, and the number behind it."""
    *names, last = words
    if names and names[-1].lower() == "from":
        from flock.steering import line_number  # noqa: PLC0415 - as above

        if (line := line_number(last)) is None:
            raise click.UsageError(f"from {last}: expected the number of a line, from 1")
        return names[:-1], "from", line
    verb = last.lower()
    if verb == "from":
        raise click.UsageError("from: expected the number of a line behind it, such as from 7")
    if verb in _VERBS:
        return names, verb, None
    if any(word.lower() in _VERBS for word in words):
        raise click.UsageError(f"expected the names of bots first, and what to do last: {_COMMANDS}")
    raise click.UsageError(f"{last}: expected what to do last: {_COMMANDS}")


def _tell(folder: Path, names: Sequence[str], verb: str, line: int | None, context: Context) -> list[Told]:
    """Write the command, for all bots or for none. Raises FlockError."""
    from flock.errors import BadKeys, lines_by_file  # noqa: PLC0415
    from flock.journal import Verb  # noqa: PLC0415
    from flock.keys import keys_called, read_keys  # noqa: PLC0415
    from flock.roster import Member  # noqa: PLC0415
    from flock.steering import tell as tell_bots  # noqa: PLC0415

    ring = read_keys(folder)
    bots = {key.file: context.bot(key) for key in ring.keys}  # of all, since practice names depend on the others
    if not ring.keys:
        raise BadKeys(ring.problems)
    for problems in lines_by_file(ring.problems):
        log.warning("left out: %s", problems)
    keys = keys_called(names, ring.keys) if names else list(ring.keys)
    members = [Member(key, bots[key.file], context.networks.label(key)) for key in keys]
    return tell_bots(members, Verb(verb), line, context.journal)


def _print(told: Sequence[Told], *, as_json: bool) -> None:
    from flock.cli.tables import print_json  # noqa: PLC0415
    from flock.observers.wording import harmless  # noqa: PLC0415

    if as_json:
        print_json([each.as_dict() for each in told])
        return
    for each in told:
        text = textwrap.shorten(each.text, _SHOWN, placeholder="…")
        command = each.command if each.line is None else f"{each.command} {each.line} ({text})"
        click.echo(harmless(f"{each.bot}: {command}: {each.outcome}"))
