"""Which bots this process runs: locks on single bytes of a file.

The kernel frees a lock however the process ends, also after kill -9. On Linux these are open file description
locks (`F_OFD_SETLK`). Elsewhere they are POSIX record locks, which the kernel drops as soon as the process closes
any descriptor of the file, and which never conflict within a process. Therefore all claims of a process on one
lock file share one descriptor, and a table of the bytes in use makes claims conflict within the process.

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
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_HAS_FILE_LOCKS = sys.platform == "linux"  # open file description locks, since Linux 3.15
_FLOCK = struct.Struct("@hhqqi0q")  # struct flock: type, whence, start, length, pid; 64-bit offsets

_FileId = tuple[int, int]  # device and inode


@dataclass(slots=True)
class _LockFile:
    """A lock file that is open in this process, for one or more `Claims`."""

    descriptor: int
    users: int = 0
    held: set[int] = field(default_factory=set)


_open_files: dict[_FileId, _LockFile] = {}
_guard = threading.Lock()


class Claims:
    """The bytes of one lock file that one journal holds. `path` is created (0600) at the first claim."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._id: _FileId | None = None
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
                    if number not in file.held and _lock(file.descriptor, number):
                        file.held.add(number)
                        new.append(number)
                    else:
                        taken.append(number)
            except BaseException:
                _free(file, new)
                raise
            if taken:
                _free(file, new)
            else:
                self._held.update(new)
            return taken

    def close(self) -> None:
        """Free the claims. In a forked child this does nothing: the claims are the parent's."""
        with _guard:
            file = _open_files.get(self._id) if self._id and self._pid == os.getpid() else None
            if self._id is None or file is None:
                return
            _free(file, self._held)
            self._held.clear()
            file.users -= 1
            if not file.users:
                del _open_files[self._id]
                os.close(file.descriptor)
            self._id = None

    def _open(self) -> _LockFile:
        if self._pid != os.getpid():
            raise OSError(errno.EINVAL, "it was opened by the parent process; open it again in this one")
        if self._id is not None:
            return _open_files[self._id]
        make_private(self.path)
        status = self.path.stat()  # before opening it: to close it again would drop this process's POSIX locks
        self._id = (status.st_dev, status.st_ino)
        file = _open_files.get(self._id)
        if file is None:
            try:
                file = _LockFile(os.open(self.path, os.O_RDWR | os.O_CLOEXEC))
            except OSError:
                self._id = None
                raise
            _open_files[self._id] = file
        file.users += 1
        return file


def make_private(path: Path) -> None:
    """Create the file, readable and writable by its owner alone whatever the umask, unless it exists."""
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)


def _free(file: _LockFile, numbers: Iterable[int]) -> None:
    for number in numbers:
        file.held.discard(number)
        _set_lock(file.descriptor, fcntl.F_UNLCK, number)


def _lock(descriptor: int, number: int) -> bool:
    """Return whether the byte could be locked; False if another process holds it."""
    try:
        _set_lock(descriptor, fcntl.F_WRLCK, number)
    except (BlockingIOError, PermissionError):  # POSIX allows both answers
        return False
    return True


def _set_lock(descriptor: int, kind: int, number: int) -> None:
    if _HAS_FILE_LOCKS:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, number, 1, 0))
    elif kind == fcntl.F_UNLCK:
        fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, number)
    else:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)


def _drop_inherited() -> None:
    """In a forked child, forget the parent's claims and close their descriptors."""
    global _guard  # noqa: PLW0603 - another thread of the parent may have held it
    _guard = threading.Lock()
    for file in _open_files.values():
        with suppress(OSError):
            os.close(file.descriptor)
    _open_files.clear()


os.register_at_fork(after_in_child=_drop_inherited)
