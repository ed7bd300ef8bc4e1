"""flock tell: writes into the journal what bots are to do; the flock that runs them obeys."""

from __future__ import annotations

import logging
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from flock.cli import options
from flock.cli.exits import EXIT_CODES, NamedExits
from flock.errors import BadOption

if TYPE_CHECKING:
    from flock.context import Context
    from flock.journal import Verb
    from flock.keys import Key

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
        from flock.journal import find_journal  # noqa: PLC0415 - sqlite3, which --help can do without

        found = None if chosen.dry_run else find_journal(chosen.journal)
        if found is None:
            raise BadOption(
                f"there is no journal at {chosen.journal}, in which bots could be told something: "
                "check --state, or let the flock run first"
            )
        found.close()
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


class _Told(NamedTuple):
    """What a bot was told. `process` runs it now; `text` is the line that `from` names."""

    bot: str
    network: str
    command: str
    line: int | None
    text: str
    process: int | None
    note: str


def _parsed(words: Sequence[str]) -> tuple[list[str], str, int | None]:
    """Return the names, the command, and the number behind it."""
    *names, last = words
    if names and names[-1].lower() == "from":
        if not last.isascii() or not last.isdecimal() or not 0 < int(last[:10]) < 10**9:
            raise click.UsageError(f"from {last}: expected the number of a line, from 1")
        return names[:-1], "from", int(last)
    verb = last.lower()
    if verb == "from":
        raise click.UsageError("from: expected the number of a line behind it, such as from 7")
    if verb in _VERBS:
        return names, verb, None
    if any(word.lower() in _VERBS for word in words):
        raise click.UsageError(f"expected the names of bots first, and what to do last: {_COMMANDS}")
    raise click.UsageError(f"{last}: expected what to do last: {_COMMANDS}")


def _tell(folder: Path, names: Sequence[str], verb_name: str, line: int | None, context: Context) -> list[_Told]:
    """Write the command, for all bots or for none. Raises FlockError."""
    from flock.errors import BadKeys, lines_by_file  # noqa: PLC0415
    from flock.journal import Verb  # noqa: PLC0415
    from flock.keys import keys_called, read_keys  # noqa: PLC0415

    ring = read_keys(folder)
    bots = {key.file: context.bot(key) for key in ring.keys}  # of all, since practice names depend on the others
    if not ring.keys:
        raise BadKeys(ring.problems)
    for problems in lines_by_file(ring.problems):
        log.warning("left out: %s", problems)
    verb = Verb(verb_name)
    keys = keys_called(names, ring.keys) if names else list(ring.keys)
    texts = _texts(keys, line)
    running = context.journal.holders([bots[key.file] for key in keys])
    told = [
        _Told(
            bot=context.networks.label(key),
            network=key.network,
            command=verb.value,
            line=line,
            text=texts.get(key.file, ""),
            process=running.get(bots[key.file]),
            note=_note(key, bots[key.file], verb, context),
        )
        for key in keys
    ]
    context.journal.give([bots[key.file] for key in keys], verb, line, at=time.time())
    return told


def _texts(keys: Sequence[Key], line: int | None) -> dict[Path, str]:
    """Return the text of that line in each poem. Raises BadOption if one has no such line."""
    from flock.poem import place_of_line, read_poem  # noqa: PLC0415

    texts: dict[Path, str] = {}
    wrong: list[str] = []
    for key in keys if line else ():
        poem = read_poem(key.poem_file, key.say)
        place = place_of_line(line or 1, key.poem_file, poem, key.say)
        if place is None:
            wrong.append(f"from {line}: {key.poem_file}, the poem of {key.screen_name}, has no such line")
        else:
            texts[key.file] = poem[place]
    if wrong:
        raise BadOption("\n".join(wrong))
    return texts


def _note(key: Key, bot: str, verb: Verb, context: Context) -> str:
    """Return what is in the way of the command, as far as the journal knows."""
    from flock.journal import Condition, Place, Standing, Verb  # noqa: PLC0415
    from flock.keys import XCredentials  # noqa: PLC0415

    place, standing = context.journal.read(bot) or (Place(), Standing())
    notes: list[str] = []
    if place.paused is not None and verb is not Verb.RESUME:
        notes.append("it is paused already" if verb is Verb.PAUSE else "it is paused, and stays so until: resume")
    if place.paused is None and verb is Verb.RESUME:
        notes.append("it is not paused")
    if place.intended is not None and verb not in (Verb.PAUSE, Verb.RESUME):
        notes.append("a post of it is under way, and is settled first")
    if standing.condition is Condition.PENNED:
        notes.append(f"it stays penned: {standing.trouble}")
    elif standing.until > time.time():
        until = time.strftime("%Y-%m-%d %H:%M", time.localtime(standing.until))
        notes.append(f"it waits until {until}: {standing.trouble}")
    if verb is Verb.AGAIN and isinstance(key.credentials, XCredentials):
        notes.append("X refuses the text that was posted last; then the bot goes on without it")
    return "; ".join(notes)


def _print(told: Sequence[_Told], *, as_json: bool) -> None:
    from flock.cli.tables import print_json  # noqa: PLC0415
    from flock.observers.wording import harmless  # noqa: PLC0415

    if as_json:
        print_json([each._asdict() for each in told])
        return
    for each in told:
        text = textwrap.shorten(each.text, _SHOWN, placeholder="…")
        command = each.command if each.line is None else f"{each.command} {each.line} ({text})"
        obeys = f"process {each.process} obeys within a second" if each.process else "the next flock obeys"
        click.echo(harmless(f"{each.bot}: {command}: {obeys}{f'; {each.note}' if each.note else ''}"))
