"""A bot's key file -> a Key. simplejson reads it, pydantic checks it, and its secrets never print.

`docs/keys.md` describes the file for the people who write one.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from sys import intern
from typing import Annotated, Any, Literal

import simplejson as json
from pydantic import BeforeValidator, ConfigDict, SecretStr, TypeAdapter, ValidationError

from flock.errors import BadKeys, BadPoem, Problem
from flock.poem import read_poem
from flock.temperament import Character, parse_temperament
from flock.units import parse_seconds

_NAMED = 3  # how many key files with loose permissions are named, before they are only counted


class Params(Mapping[str, Any]):
    """A key file's fields as they stand there. Only its names print; its values are secrets."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = {intern(name): value for name, value in fields.items()}  # one name for the whole flock

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Params({', '.join(f'{name}=…' for name in self._fields)})"


def _seconds(value: object) -> float:
    if isinstance(value, str | int | float):
        return parse_seconds(value)
    return parse_seconds("")


def _name(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"@?[\w.-]+(@[\w.-]+)?", value.strip()):
        return value.strip().removeprefix("@")
    raise ValueError("expected the account's name, such as dolly (letters, digits and _)")


def _token(value: object) -> str:
    if isinstance(value, str) and (token := value.strip()) and token.isascii() and token.isprintable():
        return token
    found = "an empty one" if value in ("", None) else f"{_kind(value)} that is not a token"
    raise ValueError(f"expected a text in quotes, found {found}; copy it again from the developer portal")


def _user_id(value: object) -> str:
    if (isinstance(value, str | int) and not isinstance(value, bool)) and str(value).isdecimal():
        return str(value)
    raise ValueError("expected the account's number, such as 1234567890; or leave it out")


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError("expected a whole number, 0 or more, such as 48")


def _file(value: object) -> Path:
    if isinstance(value, str) and value.strip() and "\0" not in value:
        with suppress(RuntimeError):  # ~somebody who does not exist
            return Path(value).expanduser()
    raise ValueError('expected the path of a text file, such as "../poems/howl.txt"')


_KINDS = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}


def _kind(value: object) -> str:
    return "nothing" if value is None else _KINDS.get(type(value), "a text")


Token = Annotated[SecretStr, BeforeValidator(_token)]
Seconds = Annotated[float, BeforeValidator(_seconds)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One bot's account and what it recites. Immutable; `repr` shows neither tokens nor secrets."""

    __pydantic_config__ = ConfigDict(extra="ignore", hide_input_in_errors=True, arbitrary_types_allowed=True)

    file: Path
    params: Params = field(repr=False)
    screen_name: Annotated[str, BeforeValidator(_name)]
    consumer_token: Token = field(repr=False)
    consumer_token_secret: Token = field(repr=False)
    oauth_token: Token = field(repr=False)
    oauth_token_secret: Token = field(repr=False)
    poem_file: Annotated[Path, BeforeValidator(_file)]
    user_id: Annotated[str, BeforeValidator(_user_id)] | None = None
    network: Literal["twitter", "pasture"] = "twitter"
    api: Literal["2", "1.1"] | None = None
    line_interval: Seconds | None = None
    poem_interval: Seconds | None = None
    posts_per_day: Annotated[int, BeforeValidator(_count)] | None = None
    temperament: Annotated[Character, BeforeValidator(parse_temperament)] | None = None

    @property
    def account_id(self) -> str | None:
        """The account's number: `user_id`, or the digits before the "-" of the access token, or None."""
        head, dash, _ = self.oauth_token.get_secret_value().partition("-")
        return self.user_id or (head if dash and head.isdecimal() else None)


_KEY = TypeAdapter(Key)

FIELDS = tuple(each.name for each in fields(Key) if each.name not in ("file", "params"))
_HINTS = {
    "network": 'expected "twitter" or "pasture"',
    "api": 'expected "2" or "1.1", in quotes',
}
_HOW_TO_GET = {
    "screen_name": "add the account's name",
    "poem_file": "add the path of the poem",
}


def read_key(file: Path) -> Key:
    """Read one key file, without looking at its poem. Raises BadKeys with every problem of the file."""
    params = _parse(file)
    given = dict(params)
    if "poem_file" not in given and "file" in given:  # the name that rainbow-mind-machine writes
        given["poem_file"] = given["file"]
    problems = []
    try:
        key = _KEY.validate_python(given | {"file": file, "params": Params(params)})
    except ValidationError as error:
        problems = [_problem(file, params, item["loc"][0], item["msg"], item["type"]) for item in error.errors()]
    if problems:  # raised here, so that the exception's context holds no input
        raise BadKeys(problems)
    return replace(key, poem_file=find_poem(key))


def find_poem(key: Key) -> Path:
    """Return the path of the key's poem: absolute, or beside the key file, or in the working directory.

    Where none of them is a file, returns the first.
    """
    candidates = [key.file.parent / key.poem_file, Path.cwd() / key.poem_file]
    return next((path for path in candidates if _is_file(path)), candidates[0])


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that we may not enter, a name too long: reading it will say so
        return False


def _parse(file: Path) -> dict[str, Any]:
    """Return the JSON object in `file`. Says where the JSON is broken, but never quotes it."""
    params: Any = None
    try:
        params = json.loads(file.read_text(encoding="utf-8-sig"))
        wrong = "" if isinstance(params, dict) else f"expected one JSON object in braces, found {_kind(params)}"
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}; check its owner and permissions"
    except UnicodeDecodeError as error:
        wrong = f"expected UTF-8, found another encoding at byte {error.start + 1}; save it as UTF-8"
    except json.JSONDecodeError as error:
        wrong = f"broken JSON at line {error.lineno}, column {error.colno}; {_hint(file)}"
    except (ValueError, RecursionError):
        wrong = "broken JSON: a number or a nesting beyond reason; write it like the files in keys.example/"
    if wrong:  # raised here, so that no exception behind it holds what the file says
        raise BadKeys([Problem(file, "", wrong)])
    found: dict[str, Any] = params
    return found


def _hint(file: Path) -> str:
    """Return what is wrong with the JSON, for the mistakes that people make most."""
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    if not text.strip():
        return "the file is empty; copy one from keys.example/"
    if "\0" in text:
        return "it looks like UTF-16; save it as UTF-8"
    if any(mark in text for mark in "“”„«»"):
        return 'it holds curly quotes; use straight ones (")'
    return "look for a missing or surplus comma, quote or brace just before it"


def _problem(file: Path, params: Mapping[str, Any], name: object, message: str, kind: str) -> Problem:
    field_name = str(name)
    if kind == "missing":
        how = _HOW_TO_GET.get(field_name, "copy it from the developer portal")
        near = _nearest(field_name, [other for other in params if other not in FIELDS])
        text = f"missing; rename {near!r}, if that is it" if near else f"missing; {how}"
    else:
        text = _HINTS.get(field_name) or message.removeprefix("Value error, ")
    return Problem(file, field_name, text)


def _nearest(name: str, names: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)), None)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """What a folder of keys holds: the usable keys, by file name, and what is wrong with the others.

    `warnings` are lines for the operator about keys that are usable all the same.
    """

    keys: tuple[Key, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...] = field(default=())


def key_files(folder: Path) -> list[Path]:
    """Return the folder's `*.json` files by name; hidden ones are not keys. Raises BadKeys when there is none."""
    if not folder.is_dir():
        what = "expected a folder of key files, found a file" if folder.exists() else "no such folder"
        raise BadKeys([Problem(folder, "", f"{what}; give the folder that holds the bots' .json files")])
    files = sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))
    if not files:
        raise BadKeys([Problem(folder, "", "no key file; put one .json file a bot into it (see docs/keys.md)")])
    return files


def read_keys(folder: Path, *, pasture: bool = False) -> KeyRing:
    """Read and check every key file of `folder` and the poems they name, in one go.

    With `pasture`, all bots meet on the pasture, whatever their networks. Raises BadKeys only when there is no key
    file at all.
    """
    keys: dict[tuple[str, str], Key] = {}
    tokens: dict[str, Key] = {}
    problems: list[Problem] = []
    warnings: list[str] = []
    for file in key_files(folder):
        try:
            key = read_key(file)
            _check_poem(key)
        except BadKeys as error:
            problems += error.problems
            continue
        name = ("pasture" if pasture else key.network, key.screen_name.casefold())
        token = key.oauth_token.get_secret_value()
        if twin := keys.get(name):
            problems.append(
                Problem(file, "screen_name", f"{key.screen_name} has a key in {twin.file} too; keep one")
            )
        elif twin := tokens.get(token):
            problems.append(
                Problem(file, "oauth_token", f"the same as in {twin.file}; authorize this bot's account")
            )
        else:
            keys[name] = tokens[token] = key
            warnings += _unknown_fields(key)
    warnings += _readable_by_others(keys.values())
    return KeyRing(tuple(keys.values()), tuple(problems), tuple(warnings))


def _check_poem(key: Key) -> None:
    try:
        read_poem(key.poem_file)
    except BadPoem as error:
        raise BadKeys([Problem(key.file, "poem_file", str(error))]) from None


def _unknown_fields(key: Key) -> Iterator[str]:
    for name in key.params:
        if name not in FIELDS and name != "file":
            near = _nearest(name, FIELDS)
            hint = f"did you mean {near!r}?" if near else "it is ignored"
            yield str(Problem(key.file, name, f"unknown field; {hint}"))


def _readable_by_others(keys: Iterable[Key]) -> Iterator[str]:
    """Warn of key files that other users may read; practice keys are no secret."""
    open_files = [key.file for key in keys if key.network != "pasture" and _is_readable_by_others(key.file)]
    for file in open_files[:_NAMED]:
        yield f"{file}: others can read its secrets; run: chmod 600 {shlex.quote(str(file))}"
    if len(open_files) > _NAMED:
        folder = open_files[0].parent
        more = f"others can read the secrets of {len(open_files) - _NAMED} more key files"
        yield f"{folder}: {more}; run: chmod 600 {shlex.quote(str(folder))}/*.json"


def _is_readable_by_others(file: Path) -> bool:
    guarded = os.environ.get("CREDENTIALS_DIRECTORY")  # systemd opens its credentials by ACL, which no mode shows
    if guarded and file.is_relative_to(guarded):
        return False
    return bool(file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
