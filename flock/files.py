"""Files: plain ones are read, never more than a limit and never what would block; private ones are made."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


class NotPlain(ValueError):
    """A path that leads to something else than a plain file. Its text says to what: "a named pipe"."""


class TooLarge(ValueError):
    """A file with more bytes than the reader takes."""


def read_plain(path: Path, limit: int) -> bytes:
    """Return what is in the plain file `path`, up to `limit` bytes.

    A named pipe would block, and some devices have no end, so neither is read. Raises NotPlain, TooLarge, OSError
    when the file cannot be read, and ValueError when no file can have that name (a NUL, a lone surrogate).
    """
    _check(path.stat(), limit)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # should it be a pipe by now
    try:
        _check(os.fstat(descriptor), limit)
        with open(descriptor, "rb", closefd=False) as opened:
            content = opened.read(limit + 1)  # to the end: the size may be out of date, and is 0 in /proc
    finally:
        os.close(descriptor)
    if len(content) > limit:
        raise TooLarge
    return content


def create_private(path: Path) -> bool:
    """Create the file, 0600 whatever the umask. Return False if it exists already. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    return True


def unreadable(error: OSError) -> str:
    """Return why a file or folder cannot be read, and what the operator can do about it."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        advice = "raise LimitNOFILE= or ulimit -n"
    elif error.errno in (errno.ENOENT, errno.ELOOP):
        advice = "check its path, and where it leads if it is a link"
    else:
        advice = "check its owner and permissions"
    return f"cannot be read: {error.strerror}; {advice}"


def _check(status: os.stat_result, limit: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotPlain(_kind_of_file(status.st_mode))
    if status.st_size > limit:
        raise TooLarge


def _kind_of_file(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"
