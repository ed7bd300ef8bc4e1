"""Tells bots what to do: writes it into the journal, for the flock that runs them, or the next one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flock.errors import BadOption
from flock.journal import Condition, Journal, Place, Standing, Verb, find_journal
from flock.keys import Key, XCredentials
from flock.options import Options
from flock.poem import place_of_line, read_poem
from flock.roster import Member

_MOST_LINES = 10**9


class Told(NamedTuple):
    """What a bot was told. `process` runs it now; `text` is the line that `from` names; `note` says what is in the
    way."""

    bot: str
    network: str
    command: str
    line: int | None
    text: str
    process: int | None
    note: str

    @property
    def outcome(self) -> str:
        """What comes of it, in words."""
        obeys = f"process {self.process} obeys within a second" if self.process else "the next flock obeys"
        return f"{obeys}{f'; {self.note}' if self.note else ''}"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as docs/steering.md describes them."""
        return self._asdict()


def line_number(text: str) -> int | None:
    """Return the number of a line, from 1, or None if the text is none."""
    if not text.isascii() or not text.isdecimal() or not 0 < int(text[:10]) < _MOST_LINES:
        return None
    return int(text)


def require_journal(options: Options) -> None:
    """Raise BadOption unless there is a journal in which bots can be told something, and JournalError if it cannot
    be read."""
    found = None if options.dry_run else find_journal(options.journal)
    if found is None:
        raise BadOption(
            f"there is no journal at {options.journal}, in which bots could be told something: "
            "check --state, or let the flock run first"
        )
    found.close()


def tell(members: Sequence[Member], verb: Verb, line: int | None, journal: Journal) -> list[Told]:
    """Tell all of these bots, or none, to do that; `line`, from 1, is for `Verb.FROM`. Raises BadOption and
    JournalError."""
    texts = _texts([member.key for member in members], line)
    running = journal.holders([member.bot for member in members])
    told = [
        Told(
            bot=member.name,
            network=member.key.network,
            command=verb.value,
            line=line,
            text=texts.get(member.key.file, ""),
            process=running.get(member.bot),
            note=_note(member, verb, journal),
        )
        for member in members
    ]
    journal.give([member.bot for member in members], verb, line, at=time.time())
    return told


def _texts(keys: Sequence[Key], line: int | None) -> dict[Path, str]:
    """Return the text of that line in each poem. Raises BadOption if one has no such line."""
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


def _note(member: Member, verb: Verb, journal: Journal) -> str:
    """Return what is in the way of the command, as far as the journal knows."""
    place, standing = journal.read(member.bot) or (Place(), Standing())
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
    if verb is Verb.AGAIN and isinstance(member.key.credentials, XCredentials):
        notes.append("X refuses the text that was posted last; then the bot goes on without it")
    return "; ".join(notes)
