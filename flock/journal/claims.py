"""Locks on single bytes of a file: which bots this process runs.

The kernel frees a lock however the process ends, also after kill -9. On Linux these are open file description
locks (`F_OFD_SETLK`). Elsewhere they are POSIX record locks, which the kernel drops as soon as the process closes
any descriptor of the file, and which never conflict within a process. Therefore all claims of a process on one
file share one descriptor, and a table of the bytes in use makes claims conflict within the process.

A forked child gets no claims: it closes the descriptors that it inherited, which leaves the parent's locks alone.
Else the child would keep the bots of a parent that has ended.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from flock.journal.files import make_private

_HAS_FILE_LOCKS = sys.platform == "linux"  # open file description locks, since Linux 3.15
_FLOCK = struct.Struct("@hhqqi0q")  # struct flock: type, whence, start, length, pid; 64-bit offsets

FileId = tuple[int, int]  # device and inode


@dataclass(slots=True)
class _LockFile:
    """A file that is open in this process for its locks, for one or more `Claims`."""

    descriptor: int
    users: int = 0
    held: set[int] = field(default_factory=set)


_open_files: dict[FileId, _LockFile] = {}
_guard = threading.Lock()


class Claims:
    """The bytes of one file, from `first` on, that one journal holds. The file is created (0600) at the first.

    To close the last descriptor of a SQLite file drops the locks that SQLite has on it in this process. So where
    `path` is one, its `Claims` are opened before the connections, and closed after them.
    """

    def __init__(self, path: Path, *, first: int = 0) -> None:
        self.path = path
        self.id: FileId | None = None  # while it is open
        self._first = first
        self._held: set[int] = set()
        self._pid = os.getpid()

    def take(self, numbers: Iterable[int]) -> list[int]:
        """Lock the bytes `numbers`, all or none. Return those that another journal holds.

        The list is empty if all are locked. Raises OSError if the file cannot be opened or locked.
        """
        with _guard:
            file = self._open()
            new: list[int] = []
            taken: list[int] = []
            try:
                for number in numbers:
                    if number in self._held:
                        continue
                    if number not in file.held and _lock(file.descriptor, self._first + number):
                        file.held.add(number)
                        new.append(number)
                    else:
                        taken.append(number)
            except BaseException:
                self._free(file, new)
                raise
            if taken:
                self._free(file, new)
            else:
                self._held.update(new)
            return taken

    @property
    def held(self) -> frozenset[int]:
        """The numbers that are locked."""
        return frozenset(self._held)

    def free(self, numbers: Iterable[int]) -> None:
        """Unlock these bytes."""
        with _guard:
            if self.id is not None:
                self._free(_open_files[self.id], numbers)
                self._held.difference_update(numbers)

    def locked_by_others(self, numbers: Iterable[int]) -> list[int]:
        """Return which of these bytes another journal has locked. Needs file locks. Raises OSError."""
        with _guard:
            file = self._open()
            here = file.held - self._held  # other journals of this process use the same open file
            return [
                number
                for number in numbers
                if number in here or is_locked_by_another(file.descriptor, self._first + number, 1)
            ]

    def open(self) -> int:
        """Open the file if it is not open, and return its descriptor, which belongs to the claims."""
        with _guard:
            return self._open().descriptor

    def read(self, length: int) -> bytes | None:
        """Return the first bytes of the file, or None if it is not open. Raises OSError."""
        with _guard:
            return None if self.id is None else os.pread(_open_files[self.id].descriptor, length, 0)

    @property
    def is_shared(self) -> bool:
        """Whether another journal of this process uses the same file."""
        with _guard:
            return self.id is not None and _open_files[self.id].users > 1

    def close(self) -> None:
        """Free the claims. In a forked child this does nothing: the claims are the parent's."""
        with _guard:
            file = _open_files.get(self.id) if self.id and self._pid == os.getpid() else None
            if self.id is None or file is None:
                return
            self._free(file, self._held)
            self._held.clear()
            file.users -= 1
            if not file.users:
                del _open_files[self.id]
                os.close(file.descriptor)
            self.id = None

    def _open(self) -> _LockFile:
        if self._pid != os.getpid():
            raise OSError(errno.EINVAL, "it was opened by the parent process; open it again in this one")
        if self.id is not None:
            return _open_files[self.id]
        make_private(self.path)
        found = file_id(self.path)  # before opening it: to close it again would drop this process's POSIX locks
        file = _open_files.get(found)
        if file is None:
            file = _LockFile(os.open(self.path, os.O_RDWR | os.O_CLOEXEC))
            found = file_id(file.descriptor)  # an overlay gives a file another inode when it is first written
            _open_files[found] = file
        file.users += 1
        self.id = found
        return file

    def _free(self, file: _LockFile, numbers: Iterable[int]) -> None:
        for number in numbers:
            file.held.discard(number)
            set_lock(file.descriptor, fcntl.F_UNLCK, self._first + number)


def has_file_locks() -> bool:
    """Return whether locks belong to open files, not to the process: SQLite's locks on the same file stay."""
    return _HAS_FILE_LOCKS


def file_id(file: Path | int) -> FileId:
    """Return which file this path or descriptor stands for, whatever its name. Raises OSError."""
    status = os.stat(file)  # noqa: PTH116 - of a descriptor, too
    return status.st_dev, status.st_ino


def set_lock(descriptor: int, kind: int, start: int, length: int = 1) -> None:
    """Lock or unlock bytes (`F_RDLCK`, `F_WRLCK`, `F_UNLCK`). Raises OSError if they are locked already."""
    if _HAS_FILE_LOCKS:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, start, length, 0))
    elif kind == fcntl.F_UNLCK:
        fcntl.lockf(descriptor, fcntl.LOCK_UN, length, start)
    else:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)


def is_locked_by_another(descriptor: int, start: int, length: int) -> bool:
    """Return whether another open file has a lock on one of these bytes. Needs file locks."""
    question = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
    return bool(_FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, question))[0] != fcntl.F_UNLCK)


def locked(path: Path, holders: Mapping[int, int]) -> set[int]:
    """Return which bytes of the lock file `path` are locked, by this process or another. Raises OSError.

    Each byte comes with the process that locked it last. Nothing is locked, created or written. Without file locks
    it is asked whether that process lives.
    """
    if not _HAS_FILE_LOCKS:
        return {number for number, pid in holders.items() if _lives(pid)}
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # no lock of SQLite is on this file
    except FileNotFoundError:
        return set()
    try:
        return {number for number in holders if is_locked_by_another(descriptor, number, 1)}
    finally:
        os.close(descriptor)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno != errno.ESRCH  # it may be another user's
    return True


def _lock(descriptor: int, number: int) -> bool:
    """Return whether the byte could be locked; False if another process holds it."""
    try:
        set_lock(descriptor, fcntl.F_WRLCK, number)
    except (BlockingIOError, PermissionError):  # POSIX allows both answers
        return False
    return True


def _drop_inherited() -> None:
    """In a forked child, forget the parent's claims and close their descriptors."""
    global _guard  # noqa: PLW0603 - another thread of the parent may have held it
    _guard = threading.Lock()
    for file in _open_files.values():
        with suppress(OSError):
            os.close(file.descriptor)
    _open_files.clear()


os.register_at_fork(after_in_child=_drop_inherited)
