"""Writes a private file as a whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import simplejson as json

from flock.errors import BadKeys, KeyNotMade, Problem, printable
from flock.keys import read_key

_NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)
_PROBE = b" " * 4096  # bytes; a key file has some hundreds


def prepare_folder(folder: Path) -> None:
    """Make the folder, 0700, if it is missing, and see whether a file can be written in it.

    Its parent must exist. Raises KeyNotMade.
    """
    probe = folder / f".{os.getpid()}.new"
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)  # whatever the umask
        _write_new(probe, _PROBE)
        probe.unlink()
    except FileExistsError:
        raise KeyNotMade(printable(f"{folder}: expected a folder of key files, found a file")) from None
    except (OSError, ValueError) as error:
        raise _unwritable(folder, error) from None


def write_key_file(file: Path, fields: Mapping[str, object], *, replace: bool) -> None:
    """Write a key file, 0600, once it is known to be a good one. `replace` allows to write over another file.

    Raises KeyNotMade if it cannot be written or exists already, and BadKeys if no bot could use it.
    """
    temporary = _temporary(file)
    with suppress(FileNotFoundError):
        temporary.unlink()  # left behind by a process that was killed
    problems: tuple[Problem, ...] = ()
    try:
        _write_new(temporary, _json(fields))
        try:
            read_key(temporary)
        except BadKeys as error:
            problems = error.problems
        if not problems:
            _put_in_place(temporary, file, replace=replace)
            _flush(file.parent)
    except FileExistsError:
        raise exists_already(file) from None
    except OSError as error:
        raise _unwritable(file, error) from None
    finally:
        with suppress(OSError):
            temporary.unlink()
    if problems:
        raise BadKeys(Problem(file, each.field, each.text) for each in problems)


def write_private(file: Path, fields: Mapping[str, object]) -> None:
    """Write JSON into a private file, over one that is there. Raises OSError."""
    temporary = _temporary(file)
    with suppress(FileNotFoundError):
        temporary.unlink()
    try:
        _write_new(temporary, _json(fields))
        temporary.replace(file)
    finally:
        with suppress(OSError):
            temporary.unlink()


def exists_already(file: Path, *, may_pass: bool = False) -> KeyNotMade:
    """Return the error about a key file that is there."""
    return KeyNotMade(printable(f"{file}: exists already; --force writes over it"), may_pass=may_pass)


def _json(fields: Mapping[str, object]) -> bytes:
    text: str = json.dumps(fields, indent=2, ensure_ascii=False)
    return f"{text}\n".encode()


def _temporary(file: Path) -> Path:
    """Return where a file is written before it has its name. A name with a dot before it is no key file's."""
    return file.with_name(f".{file.name}.new")


def _write_new(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        with open(descriptor, "wb", closefd=False) as opened:
            opened.write(content)
        os.fsync(descriptor)
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _put_in_place(temporary: Path, file: Path, *, replace: bool) -> None:
    """Give the file its name. Raises FileExistsError where another has it, unless it may be replaced."""
    if replace:
        temporary.replace(file)
        return
    try:
        os.link(temporary, file)  # unlike a rename, never over another file
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(file):
            raise FileExistsError from None
        temporary.replace(file)


def _flush(folder: Path) -> None:
    """Have the name of a new file on the disk, where folders can be flushed."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _unwritable(path: Path, error: OSError | ValueError) -> KeyNotMade:
    if isinstance(error, FileNotFoundError):
        return KeyNotMade(printable(f"{path}: there is no folder {path.parent}; make it, or correct the path"))
    why = (error.strerror if isinstance(error, OSError) else "") or "no file can have that name"
    advice = {errno.ENOSPC: "free some space", errno.EDQUOT: "free some space"}
    what = advice.get(getattr(error, "errno", None) or 0, "check its owner and permissions")
    return KeyNotMade(printable(f"{path}: cannot be written: {why}; {what}"), may_pass=isinstance(error, OSError))
