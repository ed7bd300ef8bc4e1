"""The JSON of a key file: reads the file, whatever it may be, and says what is wrong with it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import simplejson as json

from flock.errors import BadKeys, Problem
from flock.keys.credentials import kind_of
from flock.keys.hints import ONE_BOT, about_json

LARGEST = 1_000_000  # bytes; a key file has some hundreds
_SOME = 65_536  # bytes; read where the system says less, as for files in /proc, which have size 0
_TOO_DEEP = "broken JSON: a number too long or a nesting too deep; write it like the files in keys.example/"
_MOST = 10_000  # values; a key file has some ten
_DEEPEST = 400  # values in values; Python's own functions fail at some thousand


def read_object(file: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the JSON object in `file`, and the names that stand in it twice with different values.

    An object that is the only element of a list counts as the object. Raises BadKeys, which says where the JSON is
    broken but never quotes it.
    """
    found: Any = None
    twice: tuple[str, ...] = ()
    content, wrong = _read(file)
    if not wrong:
        found, twice, wrong = _decode(content)
    if wrong:  # raised outside of every `except`, so that no exception behind it holds what the file says
        raise BadKeys([Problem(file, "", wrong)])
    return found, twice


def _read(file: Path) -> tuple[bytes, str]:
    """Return what is in `file`, and an empty text; or nothing, and what is wrong.

    Only plain files are read, and never more than LARGEST bytes: a named pipe would block, and some devices have
    no end.
    """
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            return b"", f"expected a plain file, found {_kind_of_file(status.st_mode)}; take it out of the folder"
        if status.st_size > LARGEST:
            return b"", "too large for a key file (over 1 MB); write it like the files in keys.example/"
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # should it be a pipe by now
        try:
            with open(descriptor, "rb", closefd=False) as opened:
                return opened.read(max(status.st_size, _SOME)) or b"", ""
        finally:
            os.close(descriptor)
    except OSError as error:
        return b"", unreadable(error)
    except ValueError:  # a NUL or a lone surrogate in its name
        return b"", "no file can have that name; give the path of a key file"


def _kind_of_file(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def _decode(content: bytes) -> tuple[Any, tuple[str, ...], str]:
    """Return the JSON object in `content`, the names that stand in it twice, and what is wrong, if anything."""
    text, wrong = "", ""
    value: Any = None
    twice: list[str] = []

    def make(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            twice.extend(name for name, each in pairs if made[name] != each)
        return made

    try:
        text = content.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=make)
    except UnicodeDecodeError as error:
        kind = " (it looks like UTF-16)" if b"\0" in content else ""
        wrong = f"expected UTF-8, found another encoding at byte {error.start + 1}; save it as UTF-8{kind}"
    except json.JSONDecodeError as error:
        hint = about_json(text, error.msg, error.pos)
        wrong = f"broken JSON at line {error.lineno}, column {error.colno}; {hint}"
    except (ValueError, RecursionError):
        wrong = _TOO_DEEP
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        if len(value) > 1:
            wrong = f"expected one bot, found a list of {len(value)}; {ONE_BOT}"
        value = value[0]
    if not wrong:
        wrong = _wrong_in_size(value)
    if not wrong and not isinstance(value, dict):
        wrong = f"expected one JSON object in braces, found {kind_of(value)}"
    return value, tuple(twice), wrong


def _wrong_in_size(value: object) -> str:
    """Return in words whether there are too many values, or too deep in each other; an empty text if not."""
    level, count, depth = [value], 0, 0
    while level and depth <= _DEEPEST and count <= _MOST:
        level = [inner for each in level if isinstance(each, dict | list) for inner in _values(each)]
        count, depth = count + len(level), depth + 1
    if count > _MOST:
        return f"more than {_MOST:,} values, which is too many for one bot; {ONE_BOT}"
    return _TOO_DEEP if level else ""


def _values(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def unreadable(error: OSError) -> str:
    """Return why a key file or folder cannot be read, and what the operator can do about it."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        advice = "raise LimitNOFILE= or ulimit -n"
    elif error.errno in (errno.ENOENT, errno.ELOOP):
        advice = "check its path, and where it leads if it is a link"
    else:
        advice = "check its owner and permissions"
    return f"cannot be read: {error.strerror}; {advice}"
