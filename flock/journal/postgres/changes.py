"""The writes of many bots, committed together: one statement for each kind, with a list for each column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any, NamedTuple

from flock.journal.groups import Write
from flock.journal.postgres import statements as sql
from flock.journal.postgres.connections import Link, transact
from flock.journal.postgres.statements import lists
from flock.journal.postgres.trouble import UNSTORABLE
from flock.units import DAY

_CAP_KEY = 0x666C6F636C  # of the lock under which the posts of all flocks are counted
_LOCK_CAP = "DO $$ BEGIN PERFORM pg_advisory_xact_lock(%s); END $$"  # has no rows


class Kind(Enum):
    """What a write is about: its columns, and its statement."""

    INTEND = (sql.INTEND_COLUMNS, sql.INTEND)
    SETTLE = (sql.SETTLE_COLUMNS, sql.SETTLE)
    KEEP = (sql.KEEP_COLUMNS, sql.KEEP)

    def __init__(self, columns: dict[str, str], statement: str) -> None:
        self.columns = columns
        self.statement = statement


class Left(NamedTuple):
    """The n and piece that a bot's row was left with, after so many losses of the writer's connection."""

    n: int
    piece: int
    losses: int


class Change(Write):
    """One bot's write: a row for the statement of its kind.

    `left` is what the bot's row must have, or None for anything; `prune` is a row for `sql.PRUNE`. `losses` is of
    the connection on which it was written (see `Link`).
    """

    __slots__ = ("_values", "is_written", "kind", "left", "losses", "prune", "row")

    def __init__(
        self,
        kind: Kind,
        row: int,
        left: Left | None,
        values: Sequence[object],
        *,
        prune: tuple[object, ...] | None = None,
    ) -> None:
        super().__init__([], flush=kind is Kind.INTEND)
        self.kind = kind
        self.row = row
        self.left = left
        self._values = values
        self.prune = prune
        self.losses = 0
        self.is_written = False  # False with no error: the bot's row was not as it must be, or the cap is reached

    @property
    def values(self) -> tuple[Any, ...]:
        """The row for the statement."""
        return (self.row, *(self.left[:2] if self.left else (None, None)), *self._values)

    def prepare(self, losses: int) -> None:
        """Note on which connection it is written. A server that crashed meanwhile, or a standby, may lack what the
        row was left with: then that is not asked for, and the row gets what this flock knows."""
        self.losses = losses
        if self.left and self.left.losses != losses:
            self.left = None


class Writer:
    """Commits groups of changes, under the epoch that `epoch` returns at that moment, or none.

    Where `cap` is a number, no intent makes more than so many posts of all flocks in a day.
    """

    def __init__(self, link: Link, epoch: Callable[[], int | None]) -> None:
        self._link = link
        self._epoch = epoch
        self.cap: int | None = None

    @property
    def losses(self) -> int:
        """How often the connection was lost."""
        return self._link.losses

    def reconnect(self) -> None:
        """Use another connection from now on."""
        self._link.drop()

    def close(self) -> None:
        """Close the connection."""
        self._link.drop()

    def commit(self, group: Sequence[Write]) -> None:
        """Commit the changes, and set the `error` of each. If one cannot be stored, both halves are tried on their
        own, and so on until it is alone."""
        changes = [each for each in group if isinstance(each, Change)]
        try:
            for wave in _waves(changes):
                self._commit_wave(wave)
        except UNSTORABLE as error:
            if len(changes) == 1:
                changes[0].error = error
            else:
                middle = len(changes) // 2
                self.commit(changes[:middle])
                self.commit(changes[middle:])
        except Exception as error:  # noqa: BLE001 - raised in each thread that waits
            for change in changes:
                change.error = error

    def _commit_wave(self, wave: Sequence[Change]) -> None:
        wave = [change for change in wave if not change.is_written]  # none twice, where the group was halved
        if not wave:
            return
        epoch = self._epoch()
        with self._link.use() as connection:
            for change in wave:
                change.prepare(self._link.losses)
            statements = [each for kind in Kind for each in self._statements(kind, wave, epoch)]
            found = transact(connection, [*_around(wave), *statements])
        written = {row for rows in found for (row,) in rows}
        for change in wave:
            change.is_written, change.error = change.row in written, None

    def _statements(self, kind: Kind, wave: Sequence[Change], epoch: int | None) -> Iterator[tuple[str, Any]]:
        rows = [change.values for change in wave if change.kind is kind]
        if not rows:
            return
        values: dict[str, Any] = {**lists(kind.columns, rows), "epoch": epoch}
        if kind is Kind.INTEND and self.cap is not None:
            intended = list(kind.columns).index("intended")
            values |= {"cap": self.cap, "day": min(row[intended] for row in rows) - DAY}
            yield _LOCK_CAP, (_CAP_KEY,)
            yield sql.INTEND_CAPPED, values
        else:
            yield kind.statement, values


def _around(wave: Sequence[Change]) -> Iterator[tuple[str, Any]]:
    """Yield the statements besides those that write the rows of the wave."""
    if not any(change.flush for change in wave):
        yield "SET LOCAL synchronous_commit = off", None
    pruned = [change.prune for change in wave if change.prune]
    if pruned:
        yield sql.PRUNE, lists(sql.PRUNE_COLUMNS, pruned)


def _waves(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """Yield the changes in their order, each bot once in a wave: one statement writes a row once."""
    wave: list[Change] = []
    seen: set[int] = set()
    for change in changes:
        if change.row in seen:
            yield wave
            wave, seen = [], set()
        wave.append(change)
        seen.add(change.row)
    if wave:
        yield wave
