"""Which bots a folder of keys holds, and which of the journal's bots each of them is. Nothing is claimed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from flock.errors import BadOption, JournalError, Problem, lines_by_file
from flock.journal import Record
from flock.journal.base import identified
from flock.keys import Key, read_keys
from flock.keys.called import keys_called
from flock.networks.registry import Networks
from flock.options import Options


@dataclass(frozen=True, slots=True)
class Member:
    """One bot: its key, the name under which the journal knows it, and the name by which logs call it."""

    key: Key
    bot: str
    name: str


@dataclass(frozen=True, slots=True)
class Roster:
    """The bots of a folder, in the order of their names, and what is wrong with key files that cannot be used."""

    members: tuple[Member, ...]
    problems: tuple[Problem, ...]
    networks: Networks

    def called(self, names: Sequence[str]) -> Roster:
        """Return the roster of the bots with these names, or of all without a name.

        Raises BadOption for a name that no bot has; it also names the key files that cannot be used, one of which
        may be that bot's.
        """
        if not names:
            return self
        try:
            meant = {key.file for key in keys_called(names, [member.key for member in self.members])}
        except BadOption as error:
            left_out = (f"left out: {line}" for line in lines_by_file(self.problems))
            raise BadOption("\n".join([str(error), *left_out])) from None
        return replace(self, members=tuple(member for member in self.members if member.key.file in meant))


def read_roster(folder: Path, options: Options, records: Sequence[Record]) -> Roster:
    """Return the bots of the folder, as a flock with these options would run them with a journal of these records.

    Raises BadKeys when there is no key file at all, or the folder cannot be read.
    """
    ring, networks = read_keys(folder), Networks(options)
    try:
        accounts = {record.bot: record.account for record in records}
        bots = {record.account: record.bot for record in records if record.account}
        found: dict[str, Key] = {}
        for key in ring.keys:
            account = None
            with suppress(JournalError):  # what the networks keep cannot be read
                account = networks.account(key)
            found.setdefault(identified(networks.bot(key), account, accounts, bots), key)
        members = [Member(key, bot, networks.label(key)) for bot, key in found.items()]
    finally:
        networks.close()
    return Roster(tuple(sorted(members, key=lambda each: each.name.casefold())), ring.problems, networks)
