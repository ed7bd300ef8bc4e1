"""Custody of the journal's file: who runs which bot, and whether the file is still the one that was opened.

On Linux a bot is claimed by a lock on a byte of the database, far behind its end, and on one of the lock file
beside it. The first holds under every name of the file (a symlink, a hard link, a bind mount), also when the lock
file is deleted. The second also holds against older flocks, which know no other. Where SQLite's own locks and
these belong to the process, closing one drops the other: there the lock file is all.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from binascii import crc32
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from flock.errors import BotsTaken, JournalError
from flock.journal.claims import Claims, FileId, file_id, has_file_locks, is_locked_by_another, set_lock
from flock.journal.files import make_folder, make_private, tighten
from flock.journal.trouble import trouble

log = logging.getLogger(__name__)

_BOTS = 1 << 61  # the first claimed byte of the database; SQLite's largest file ends at 2**48
_NAMES = range(1 << 60, (1 << 60) + (1 << 32))  # a byte for each name by which the database is open
_SHARED = (0x40000002, 510)  # the bytes that each connection of SQLite locks (SHARED_FIRST, SHARED_SIZE)
_LEAP = 100_000  # epochs: two looks at the file are not so many checkpoints apart, of all flocks that share it
_MAGIC, _EPOCH = b"SQLite format 3\0", 68  # the file's first bytes, and where its application id is
_ALL = (0, 1 << 40)  # the bytes of the lock file, of which each bot has one
_IN_USE = "a flock or another command uses it; stop the flock first, or wait for the command"
_ONE_NAME = "SQLite would write a -wal file for each name; remove the other name, or make a copy"
_SILENT = "nothing is posted"
_RESTORE = "stop this flock, restore the newest copy, and start again"


def lock_file(path: Path) -> Path:
    """Return the lock file of the journal at `path`, which may be a symlink to it."""
    real = Path(os.path.realpath(path))
    return real.with_name(f"{real.name}.lock")


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep every flock away from the journal at `path`, whose folder exists; there need not be a journal yet.

    Raises BotsTaken if a process has it open to write it, and JournalError if it cannot be locked.
    """
    with ExitStack() as opened:
        try:
            beside = Claims(lock_file(path))
            opened.callback(beside.close)
            descriptor = beside.open()
            if beside.is_shared:
                raise BotsTaken(f"the journal {path}: {_IN_USE}")
            set_lock(descriptor, fcntl.F_WRLCK, *_ALL)
            opened.callback(set_lock, descriptor, fcntl.F_UNLCK, *_ALL)
            if has_file_locks() and path.exists():
                file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                opened.callback(os.close, file)
                set_lock(file, fcntl.F_WRLCK, _NAMES.start, len(_NAMES))
        except (BlockingIOError, PermissionError) as error:
            if error.filename is not None:  # it cannot be opened
                raise trouble(path, error) from error
            raise BotsTaken(f"the journal {path}: {_IN_USE}") from error
        except OSError as error:
            raise trouble(path, error) from error
        yield


class Custody:
    """The locks of the journal at `given`, and the identity of its files.

    `open` comes before SQLite opens the file, `hold` after it; `release` comes before SQLite closes it, `close`
    after it. For SQLite's locks on a file go when the process closes any descriptor of it.

    The epoch is a number in the file's header (`PRAGMA application_id`) that grows by one with each checkpoint. An
    older copy that another program writes over the file has a lower one, and another journal one that is far off.
    """

    def __init__(self, given: Path) -> None:
        self.given = given
        self.path = Path(os.path.realpath(given))
        self.beside = Claims(lock_file(self.path))
        self._inside = Claims(self.path, first=_BOTS) if has_file_locks() else None
        self._bots: frozenset[int] = frozenset()
        self._known: dict[Path, FileId] = {}
        self._epoch = 0  # the latest one seen in the file
        self._is_overwritten = False
        self._lock = threading.Lock()  # of the bots

    def open(self) -> None:
        """Create the file if it is missing, and lock its name. Raises OSError; JournalError for another name."""
        make_folder(self.path.parent)
        if self.path.exists() and not self.path.is_file():
            raise JournalError(f"the journal {self.given}: it is no file; give --state the path of a file")
        self._warn_of_loss()
        make_private(self.path)  # SQLite gives its -wal and -shm files the mode of this one
        for other in (*self._others, self.beside.path):
            tighten(other)
        if (names := self.path.stat().st_nlink) > 1:
            raise JournalError(f"the journal {self.given}: it has {names} names (hard links); {_ONE_NAME}")
        if self._inside is None:
            return
        file = self._inside.open()
        own = _NAMES[crc32(f"{file_id(self.path.parent)} {self.path.name}".encode(errors="surrogateescape"))]
        set_lock(file, fcntl.F_RDLCK, own)
        before, after = (_NAMES.start, own - _NAMES.start), (own + 1, _NAMES.stop - own - 1)
        if any(is_locked_by_another(file, start, length) for start, length in (before, after) if length):
            raise JournalError(
                f"the journal {self.given}: another flock has it open by another name (a bind mount); {_ONE_NAME}"
            )

    def hold(self) -> None:
        """Keep SQLite from deleting the -wal file, and note which files are open. Raises OSError."""
        if self._inside:
            set_lock(self._inside.open(), fcntl.F_RDLCK, *_SHARED)
            self._epoch = self._read_epoch() or 0
        files = (self.given, *self._others)
        self._known = {file: file_id(file) for file in files if file.exists()}

    def next_epoch(self, epoch: int) -> int:
        """Return the one after `epoch`. The first differs from that of other files."""
        device, inode = self._known.get(self.given, (0, 0))
        return (epoch or crc32(f"{device} {inode}".encode()) % 2**30) + 1

    def note_epoch(self, epoch: int) -> None:
        """Note the epoch that this flock wrote, once a checkpoint has put it into the file. Raises OSError."""
        if self._read_epoch() == epoch:
            self._epoch = epoch

    def release(self) -> None:
        """Let SQLite end its work on the file, and delete the -wal file. Raises OSError."""
        if self._inside and self._inside.id and not self._inside.is_shared:
            set_lock(self._inside.open(), fcntl.F_UNLCK, *_SHARED)

    def discard(self) -> None:
        """Delete the -wal and -shm files that belong to no file any more, after SQLite has closed them.

        Else SQLite would take them for those of the file that is now at the path. Raises OSError.
        """
        self.release()
        if self._inside and self._inside.id and not self._inside.is_shared and not self._is_in_use():
            for file in self._others:
                if not self._change(file):
                    file.unlink(missing_ok=True)

    def _is_in_use(self) -> bool:
        """Return whether another process has the file open that is now at the path."""
        if not self.path.exists():
            return False
        with self.path.open("rb") as other:
            return is_locked_by_another(other.fileno(), *_SHARED)

    def close(self) -> None:
        """Free the bots."""
        for claims in self._all:
            claims.close()

    def take(self, numbers: Iterable[int]) -> list[int]:
        """Lock these bots, all or none; return those that another journal holds. Raises OSError."""
        numbers = list(numbers)
        with self._lock:
            for claims in self._all:
                if taken := claims.take(numbers):
                    for each in self._all:
                        each.free(each.held - self._bots)
                    return taken
            self._bots = self._bots.union(numbers)
            return []

    def free(self, numbers: Iterable[int]) -> None:
        """Unlock these bots. Raises OSError."""
        numbers = list(numbers)
        with self._lock:
            self._bots = self._bots.difference(numbers)
            for claims in self._all:
                claims.free(numbers)

    def taken(self, holders: Mapping[int, int]) -> list[int]:
        """Return which of these bots another journal has locked; each comes with the process that claimed it last.

        Without file locks it is asked whether that process lives. Raises OSError.
        """
        if self._inside:
            return self._inside.locked_by_others(holders)
        return [number for number, pid in holders.items() if pid != os.getpid() and _lives(pid)]

    @property
    def wal(self) -> Path:
        """The -wal file."""
        return self.path.with_name(f"{self.path.name}-wal")

    @property
    def _others(self) -> list[Path]:
        return [self.wal, self.path.with_name(f"{self.path.name}-shm")]

    def _warn_of_loss(self) -> None:
        size = self.path.stat().st_size if self.path.exists() else None
        if not size and self.beside.path.exists():
            state = "is missing" if size is None else "is empty"
            log.warning(
                "the journal %s %s, but its lock file shows that there was one: all bots start over; "
                "restore a copy if you have one",
                self.given,
                state,
            )

    @property
    def _all(self) -> list[Claims]:
        return [self._inside, self.beside] if self._inside else [self.beside]

    @property
    def has_file(self) -> bool:
        """Whether the database at the path is the one that is open, and was not overwritten."""
        return not self._is_overwritten and not self._change(self.given)

    def overwritten(self) -> str:
        """Note that the file was overwritten; return the line for it."""
        self._is_overwritten = True
        return f"another program has overwritten it, or undone what this flock wrote; {_SILENT}; {_RESTORE}"

    def find_change(self) -> str:
        """Return what has happened to the files, in words; empty if they are those that are open.

        A lock file that is gone is made again, with its locks. Raises OSError.
        """
        for file in self._known:
            if change := self._change(file):
                which = "it" if file == self.given else f"its file {file}"
                return f"{which} {change}; {_SILENT}; put it back, or {_RESTORE}"
        if self._is_overwritten or self._has_leapt():
            return self.overwritten()
        return self._renew()

    def _change(self, file: Path) -> str:
        known = self._known.get(file)
        try:
            return "" if known in (None, file_id(file)) else "was replaced while this flock runs"
        except FileNotFoundError:
            return "was deleted while this flock runs"
        except OSError as error:
            return f"cannot be found any more ({error.strerror})"

    def _has_leapt(self) -> bool:
        before, epoch = self._epoch, self._read_epoch()
        if epoch is None or (before and not before <= epoch < before + _LEAP):
            return True
        self._epoch = epoch
        return False

    def _read_epoch(self) -> int | None:
        """Return the epoch that stands in the file itself, or None if that is no SQLite file.

        Without file locks it is not read: to close the file again would drop SQLite's locks.
        """
        header = self._inside.read(_EPOCH + 4) if self._inside else None
        if header is None:
            return self._epoch
        if len(header) < _EPOCH + 4 or not header.startswith(_MAGIC):
            return None
        return int.from_bytes(header[_EPOCH:], signed=True)

    def _renew(self) -> str:
        """Make a lock file that is gone again, and lock the bots in it; return who has them, in words."""
        with self._lock:
            if not self._is_lost(self.beside) and self.beside.held == self._bots:
                return ""
            self.beside.close()
            try:
                taken = self.beside.take(self._bots)
            except OSError as error:
                return f"its lock file {self.beside.path} is gone and cannot be made again ({error.strerror})"
        if taken:
            return f"its lock file was replaced, and another flock runs the same bots; {_SILENT}; stop one of them"
        return ""

    @staticmethod
    def _is_lost(claims: Claims) -> bool:
        try:
            return claims.id is not None and file_id(claims.path) != claims.id
        except OSError:
            return True


def _lives(pid: int) -> bool:
    """Return whether there is a process with that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True
