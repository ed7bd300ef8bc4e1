"""Copies of a journal: made while a flock runs, checked, and put in a journal's place."""

from __future__ import annotations

import itertools
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from flock.errors import BadOption, JournalError, printable
from flock.files import create_private
from flock.journal.base import Record
from flock.journal.connections import look
from flock.journal.custody import alone
from flock.journal.files import make_folder
from flock.journal.sqlite import SqliteJournal
from flock.journal.trouble import trouble

_TAKEN = "there is a file already; give another name, or --force to replace it"


@dataclass(frozen=True, slots=True)
class Copy:
    """What is in a copy. `latest` is when the latest of its posts was made, in wall-clock time, or None."""

    file: Path
    bots: int
    posts: int
    latest: float | None


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore has done.

    `aside` is what was at the path before, if anything was. `behind` has the bots that have made posts since the
    copy, and how many: they make these once more. It is None where no journal could be read that tells.
    """

    copy: Copy
    aside: Path | None
    behind: dict[str, int] | None


def back_up(journal: Path, file: Path, *, force: bool = False) -> Copy:
    """Copy the journal into the new file `file`, 0600, also while a flock runs. It appears there as a whole.

    With `force` it replaces a plain file that is there. Raises BadOption for a `file` that cannot be used, and
    JournalError if the journal cannot be read, or the copy not be written.
    """
    _refuse_journal_itself(journal, file)
    if os.path.lexists(file):
        if not force:
            raise BadOption(f"{file}: {_TAKEN}")
        if file.exists() and not file.is_file():
            raise BadOption(f"{file}: this is a folder, a device or a pipe; give the name of a file")
    if not file.parent.is_dir():
        raise BadOption(f"{file}: there is no folder {file.parent}; make it first, or check the path")
    SqliteJournal(journal, read_only=True).close()  # raises where it is none
    with _draft(journal, file) as draft:
        copy = _described(draft, file, journal)
        _put(draft, file, force=force)
    return copy


def restore(file: Path, journal: Path, *, force: bool = False) -> Restored:
    """Put the copy `file` into the place of the journal, and keep what was there beside it.

    `file` is checked before anything is changed. Raises BadOption if the journal that is there knows of posts that
    the copy does not know, unless `force`; JournalError if the copy is damaged, or one of the two cannot be used,
    or a flock runs with the journal.
    """
    journal = Path(os.path.realpath(journal))
    _refuse_journal_itself(journal, file)
    _check(file)
    try:
        make_folder(journal.parent)
    except OSError as error:
        raise trouble(journal, error) from error
    with alone(journal):
        behind = _behind(journal, file)
        if behind and not force:
            raise BadOption(
                f"{file}: the journal {journal} is newer: posts made since the copy, which would be made once "
                f"more: {sum(behind.values())} (bots: {len(behind)}); --force restores it all the same"
            )
        return _replace(journal, file, behind)


def _replace(journal: Path, file: Path, behind: dict[str, int] | None) -> Restored:
    with _draft(file, journal) as draft:
        copy = _described(draft, file, file)
        try:
            aside = _set_aside(journal)
            draft.replace(journal)
            _flush_folder(journal.parent)
        except OSError as error:
            raise trouble(journal, error) from error
    return Restored(copy, aside, behind)


def _refuse_journal_itself(journal: Path, file: Path) -> None:
    real = Path(os.path.realpath(journal))
    others = [real.with_name(f"{real.name}{end}") for end in ("-wal", "-shm", ".lock", ".sessions")]
    given = Path(os.path.realpath(file))
    if given in (real, *others) or (given.exists() and real.exists() and given.samefile(real)):
        raise BadOption(f"{file}: this is the journal itself, or a part of it; give another file")


def _check(file: Path) -> None:
    """Raise JournalError unless the file is a whole journal, of this version or an earlier one."""
    if not os.path.lexists(file):
        raise JournalError(printable(f"{file}: there is no such file; give one that `flock backup` has made"))
    SqliteJournal(file, read_only=True).close()
    try:
        found = look(file, lambda connection: connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except (OSError, sqlite3.Error) as error:
        raise trouble(file, error) from error
    if found != "ok":
        raise JournalError(printable(f"{file}: it is damaged; use another copy ({found.splitlines()[-1]})"))


def _records(file: Path) -> list[Record]:
    with closing(SqliteJournal(file, read_only=True)) as opened:
        return opened.bots()


def _behind(journal: Path, file: Path) -> dict[str, int] | None:
    """Return how many posts each bot of the journal is ahead of the copy; None if the journal cannot be read."""
    try:
        present = {each.bot: each.kept[0].n for each in _records(journal) if each.kept}
    except JournalError:  # it is missing, or so damaged that it has to be restored
        return None
    copied = {each.bot: each.kept[0].n for each in _records(file) if each.kept}
    return {bot: n - copied.get(bot, 0) for bot, n in present.items() if n > copied.get(bot, 0)}


def _described(draft: Path, file: Path, source: Path) -> Copy:
    """Return what is in the draft of `file`, a copy of `source`. Raises JournalError."""

    def describe(connection: sqlite3.Connection) -> Copy:
        bots = connection.execute("SELECT count(*) FROM sheep WHERE is_kept").fetchone()[0]
        latest = "max(coalesce(settled_at, intended_at))"
        posts, at = connection.execute(
            f"SELECT count(*), {latest} FROM tweet WHERE outcome IN ('said', 'unknown')"  # noqa: S608 - our own
        ).fetchone()
        return Copy(file, bots, posts, at)

    try:
        return look(draft, describe)
    except (OSError, sqlite3.Error) as error:
        raise trouble(source, error) from error


@contextmanager
def _draft(source: Path, beside: Path) -> Iterator[Path]:
    """Yield a private copy of `source` under another name in the folder of `beside`, flushed to the disk.

    It is deleted at the end, if it is still there.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{beside.name}-", dir=beside.parent)
    except OSError as error:
        raise trouble(beside, error) from error
    draft = Path(name)
    try:
        try:
            _copy(source, draft)
            os.fsync(descriptor)
        except (OSError, sqlite3.Error) as error:
            raise trouble(beside, error) from error
        finally:
            os.close(descriptor)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _copy(source: Path, draft: Path) -> None:
    def copy(connection: sqlite3.Connection) -> None:
        with closing(sqlite3.connect(draft, isolation_level=None)) as target:
            connection.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # else who reads the copy makes a -wal file beside it

    look(source, copy)


def _put(draft: Path, file: Path, *, force: bool) -> None:
    """Give the draft its name. Raises BadOption if that is taken by now."""
    try:
        if force:
            draft.replace(file)
        else:
            _link(draft, file)
        _flush_folder(file.parent)
    except FileExistsError:
        raise BadOption(f"{file}: {_TAKEN}") from None
    except OSError as error:
        raise trouble(file, error) from error


def _link(draft: Path, file: Path) -> None:
    """Give the draft the name `file`, which nothing may have. Raises FileExistsError."""
    try:
        os.link(draft, file)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if not create_private(file):
            raise FileExistsError from None
        draft.replace(file)


def _set_aside(journal: Path) -> Path | None:
    """Give the journal, of which this process has the locks, a second name beside it, and return that name.

    What its -wal file holds is in it then, unless it is damaged; in that case the -wal file is renamed like it.
    """
    aside = _new_name(f"{journal.name}.before-{time.strftime('%Y%m%d-%H%M%S')}", journal.parent)
    others = [end for end in ("-wal", "-shm") if journal.with_name(f"{journal.name}{end}").exists()]
    if others and journal.exists():
        with suppress(sqlite3.Error), closing(sqlite3.connect(journal, isolation_level=None)) as last:
            last.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # at its close SQLite deletes both
    for end in others:
        with suppress(FileNotFoundError):
            journal.with_name(f"{journal.name}{end}").rename(journal.with_name(f"{aside.name}{end}"))
    if not journal.exists():
        return None
    try:
        os.link(journal, aside)  # so that there is a journal at each moment
    except OSError:  # a file system without links
        journal.rename(aside)
    return aside


def _new_name(name: str, folder: Path) -> Path:
    """Return a name in the folder that no file has, nor a -wal file beside it."""
    taken = set(os.listdir(folder))  # noqa: PTH208 - names are all that is wanted
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(folder / each for each in names if taken.isdisjoint([each, f"{each}-wal", f"{each}-shm"]))


def _flush_folder(folder: Path) -> None:
    """Return when the names in the folder are on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
