"""What goes wrong with a journal, in one line that says what to do."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from flock.errors import JournalError, printable

DAMAGED = "it is damaged; restore a copy, or move it away and all bots start over"
_NO_LOCKS = "its file system has no locks (NFS, SMB); put --state on a local disk"
_DENIED = "permission denied; give --state PATH or FLOCK_STATE, a file that this user may write"
_NO_FILES = "this process may open no more files; raise LimitNOFILE= or ulimit -n"
_OF_SQLITE = (  # the beginning of an error's name
    ("SQLITE_FULL", "the disk is full; make room"),
    ("SQLITE_IOERR", "the disk fails; check it"),
    ("SQLITE_READONLY", "it cannot be written; check its owner and permissions, and those of its folder"),
    ("SQLITE_CANTOPEN", "it cannot be opened; check --state, and the permissions of its folder"),
    ("SQLITE_NOTADB", "it is damaged or no journal; restore a copy, or move it away and all bots start over"),
    ("SQLITE_CORRUPT", DAMAGED),
    (
        "SQLITE_BUSY",
        "another program keeps it locked, or its file system has no locks (NFS): put --state on a local disk",
    ),
    ("SQLITE_NOMEM", "there is too little memory"),
)
_OF_SYSTEM = {
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.ENOENT: "there is no such file; check --state, or let the flock run first",
    errno.EAGAIN: "flock restore puts a copy in its place at this moment; start again when that has ended",
    errno.EROFS: "its disk can only be read; give --state PATH or FLOCK_STATE on another one",
    errno.ENOSPC: "the disk is full; make room",
    errno.EDQUOT: "the disk quota is used up; make room",
    errno.EMFILE: _NO_FILES,
    errno.ENFILE: _NO_FILES,
    errno.ENOLCK: _NO_LOCKS,
    errno.ENOSYS: _NO_LOCKS,
    errno.EOPNOTSUPP: _NO_LOCKS,
}


def trouble(path: Path, error: BaseException) -> JournalError:
    """Return the error that tells of what happened to the journal at `path`."""
    return JournalError(printable(f"the journal {path}: {_what(error)}"))


def _what(error: BaseException) -> str:
    if isinstance(error, OSError):
        return _OF_SYSTEM.get(error.errno or 0) or error.strerror or str(error)
    if isinstance(error, UnicodeDecodeError) or "Could not decode" in str(error):
        return f"{DAMAGED} (a text in it is not UTF-8)"
    if not isinstance(error, sqlite3.Error):
        return str(error)
    code = getattr(error, "sqlite_errorname", None)
    known = (advice for name, advice in _OF_SQLITE if code and code.startswith(name))
    if advice := next(known, ""):
        return advice
    return f"{DAMAGED} ({error})" if code else str(error)  # a statement does not fit the tables; or our own words
