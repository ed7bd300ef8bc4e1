"""The JSON of a key file: reads the file, whatever it may be, and says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import simplejson as json

from flock.errors import BadKeys, Problem
from flock.files import NotPlain, TooLarge, read_plain, unreadable
from flock.keys.credentials import kind_of
from flock.keys.hints import ONE_BOT, about_json

LARGEST = 1_000_000  # bytes; a key file has some hundreds
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
    """Return what is in `file`, and an empty text; or nothing, and what is wrong."""
    try:
        return read_plain(file, LARGEST), ""
    except NotPlain as found:
        return b"", f"expected a plain file, found {found}; take it out of the folder"
    except TooLarge:
        return b"", "too large for a key file (over 1 MB); write it like the files in keys.example/"
    except OSError as error:
        return b"", unreadable(error)
    except ValueError:
        return b"", "no file can have that name; give the path of a key file"


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
