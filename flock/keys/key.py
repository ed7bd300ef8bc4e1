"""One bot's key file -> a Key. simplejson reads the file, pydantic checks its fields, secrets never print."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from sys import intern
from typing import Annotated, Any, NamedTuple

import simplejson as json
from pydantic import BeforeValidator, ConfigDict, SkipValidation, TypeAdapter, ValidationError

from flock.errors import BadKeys, Problem, printable
from flock.files import NotPlain, TooLarge, read_plain, unreadable
from flock.keys.credentials import (
    CREDENTIALS,
    DEFAULT_NETWORK,
    Credentials,
    field_names,
    kind_of,
    parse_network,
    wrong_with_name,
)
from flock.keys.secrecy import HIDDEN, Secrecy
from flock.options import parse_count
from flock.temperament import Character, parse_temperament
from flock.units import parse_seconds

LARGEST = 1_000_000  # bytes; a key file has some hundreds
_TOO_DEEP = "broken JSON: a number too long or a nesting too deep; write it like the files in keys.example/"
_DEEPEST = 400  # values in values; Python's own functions fail at some thousand
_LONGEST_NAME = 64  # letters; names on X have 15
_TOKEN_AS_NAME = re.compile(r"\d{4,}-\w")  # an access token of X; no name on X has a "-"


class Params(Mapping[str, Any]):
    """The fields of a key file, as they stand there. `repr` shows only their names: values may be secrets."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, Any]) -> None:
        # Interned: the key files of a flock have the same names, which are then in memory once.
        self._fields = {intern(name): value for name, value in fields.items()}

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        secrecy = Secrecy(self._fields)
        names = [name if secrecy.may_show(name) else HIDDEN for name in self._fields]
        return printable(f"Params({', '.join(f'{name}=…' for name in names)})")


def _seconds(value: object) -> float:
    if isinstance(value, str | int | float):
        return parse_seconds(value)
    return parse_seconds("")


def _name(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"@?[\w.-]+(@[\w.-]+)?", value.strip()):
        name = value.strip().removeprefix("@")
        if len(name) <= _LONGEST_NAME:
            return name
    raise ValueError("expected the account's name, such as dolly (letters, digits and _)")


def _count(value: object) -> int:
    return parse_count(value if isinstance(value, int) else "")


def _file(value: object) -> Path:
    if isinstance(value, str) and value.strip() and "\0" not in value:
        with suppress(RuntimeError):  # what expanduser raises for ~name when the machine has no user of that name
            return Path(value).expanduser()
    raise ValueError('expected the path of a text file, such as "../poems/howl.txt"')


Seconds = Annotated[float, BeforeValidator(_seconds)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One bot's account and what it recites. Immutable; `repr` shows neither tokens nor other secrets.

    `network` and `screen_name`, without regard to case, identify the bot. `network` is "twitter" for bots on X.
    Intervals are in seconds. Optional fields that the key file does not have, or has as null, are None.
    """

    __pydantic_config__ = ConfigDict(hide_input_in_errors=True, arbitrary_types_allowed=True)

    file: Annotated[Path, SkipValidation]
    params: Annotated[Params, SkipValidation] = field(repr=False)
    screen_name: Annotated[str, BeforeValidator(_name)]
    credentials: Annotated[Credentials, SkipValidation]
    poem_file: Annotated[Path, BeforeValidator(_file)]
    network: Annotated[str, BeforeValidator(parse_network)] = DEFAULT_NETWORK
    line_interval: Seconds | None = None
    poem_interval: Seconds | None = None
    posts_per_day: Annotated[int, BeforeValidator(_count)] | None = None
    temperament: Annotated[Character, BeforeValidator(parse_temperament)] | None = None


_KEY: TypeAdapter[Key] = TypeAdapter(Key)
_CREDENTIALS: dict[type[Credentials], TypeAdapter[Credentials]] = {
    each: TypeAdapter(each) for each in set(CREDENTIALS.values())
}
_NOT_IN_THE_FILE = ("file", "params", "credentials")
_COMMON_FIELDS = tuple(each.name for each in fields(Key) if each.name not in _NOT_IN_THE_FILE)
_HOW_TO_GET = {
    "screen_name": "add the account's name",
    "poem_file": "add the path of the poem",
}


class _Fault(NamedTuple):
    """What is wrong with one field of a key file."""

    field: str
    message: str
    is_missing: bool = False


def known_fields(credentials: type[Credentials] | None) -> tuple[str, ...]:
    """Return the fields that a key file with such credentials may have; without credentials, the common ones.

    The order is that in which problems are told: the name, the credentials, and then the rest.
    """
    name, *others = _COMMON_FIELDS
    return (name, *(field_names(credentials) if credentials else ()), *others)


def read_key(file: Path) -> Key:
    """Read one key file. The poem is not read, only found.

    Raises BadKeys with every problem of the file. The exceptions behind it hold nothing that the file says.
    """
    params = _parse(file)
    given = dict(params)
    if "poem_file" not in given and "file" in given:  # the name that rainbow-mind-machine writes
        given["poem_file"] = given["file"]
    chosen = _credentials_class(given)
    credentials: Credentials | None = None
    faults: list[_Fault] = []
    if chosen:  # otherwise the network is a fault, and which credentials it takes is unknown
        credentials, faults = _validate(_CREDENTIALS[chosen], _part_of(given, field_names(chosen)))
    parts = {"file": file, "params": Params(params), "credentials": credentials}
    key: Key | None
    key, others = _validate(_KEY, _part_of(given, _COMMON_FIELDS) | parts)
    if key and (wrong := wrong_with_name(key.network, key.screen_name)):
        others = [_Fault("screen_name", wrong)]
    secrecy = secrecy_of(params, chosen)
    faults = [*_misplaced(given, secrecy), *faults, *others]
    if key is None or faults or secrecy.hide(file.name) != file.name:
        raise BadKeys(_problems(file, params, faults, chosen))
    return replace(key, poem_file=find_poem(key))


def secrecy_of(params: Mapping[str, Any], credentials: type[Credentials] | None) -> Secrecy:
    """Return what of a key file's fields may be shown."""
    return Secrecy(params, (*known_fields(credentials), "file"))


def _misplaced(given: Mapping[str, Any], secrecy: Secrecy) -> Iterator[_Fault]:
    """Yield a fault for each field that is shown, such as the account's name, and holds a secret of the file."""
    name, poem = given.get("screen_name"), given.get("poem_file")
    if isinstance(name, str) and (secrecy.has_secret(name) or _TOKEN_AS_NAME.match(name.strip())):
        yield _Fault("screen_name", "expected the account's name, such as dolly, found a token or a secret")
    if isinstance(poem, str) and secrecy.hide(poem) != poem:
        yield _Fault("poem_file", "expected the path of a text file, found a token or a secret in it")


def find_poem(key: Key) -> Path:
    """Return the path of the key's poem: absolute, or beside the key file, or in the working directory.

    Where none of these is a file, returns the first.
    """
    candidates = [key.file.parent / key.poem_file]
    with suppress(OSError):  # the working directory has been removed
        candidates.append(Path.cwd() / key.poem_file)
    return next((path for path in candidates if _is_file(path)), candidates[0])


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of `names` that looks most like `name`, or None where none looks like it."""
    return next(iter(difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder without permission, a name too long: reading the poem reports it
        return False


def _credentials_class(given: Mapping[str, Any]) -> type[Credentials] | None:
    """Return the class of credentials of the key's network; None for an unknown network."""
    try:
        return CREDENTIALS[parse_network(given.get("network", DEFAULT_NETWORK))]
    except ValueError:
        return None


def _part_of(given: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}


def _validate(adapter: TypeAdapter[Any], given: Mapping[str, Any]) -> tuple[Any, list[_Fault]]:
    """Return what pydantic makes of `given`; or None, and every fault that it finds."""
    try:
        return adapter.validate_python(given), []
    except ValidationError as error:
        found = error.errors()
        return None, [_Fault(str(each["loc"][0]), each["msg"], each["type"] == "missing") for each in found]


def _problems(
    file: Path, params: Mapping[str, Any], faults: Iterable[_Fault], credentials: type[Credentials] | None
) -> Iterator[Problem]:
    """Yield the first fault of each field, in the order of the fields, without a secret of the file."""
    secrecy = secrecy_of(params, credentials)
    name = secrecy.hide(file.name)
    shown = file if name == file.name else file.with_name(name)
    if shown != file:
        yield Problem(shown, "", "the name of this file holds a token or a secret of it; give it another name")
    first = {fault.field: fault for fault in reversed([*faults])}
    for fault in filter(None, map(first.get, known_fields(credentials))):
        yield Problem(shown, fault.field, secrecy.hide(_advice(fault, params, credentials, secrecy)))


def _advice(
    fault: _Fault, params: Mapping[str, Any], credentials: type[Credentials] | None, secrecy: Secrecy
) -> str:
    """Return a fault as the operator reads it: what was expected, or how to get what is missing."""
    if not fault.is_missing:
        return fault.message.removeprefix("Value error, ")
    known = known_fields(credentials)
    near = nearest(fault.field, [other for other in params if other not in known and secrecy.may_show(other)])
    if near:
        return f"missing; rename {near!r}, if that is it"
    how = _HOW_TO_GET.get(fault.field) or (credentials.HOW_TO_GET if credentials else "add it")
    return f"missing; {how}"


def _parse(file: Path) -> dict[str, Any]:
    """Return the JSON object in `file`. Raises BadKeys, which says where it is broken but never quotes it."""
    params: Any = None
    content, wrong = _read(file)
    if not wrong:
        params, wrong = _decode(content)
    if wrong:  # raised outside of every `except`, so that no exception behind it holds what the file says
        raise BadKeys([Problem(file, "", wrong)])
    found: dict[str, Any] = params
    return found


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


def _decode(content: bytes) -> tuple[Any, str]:
    """Return the JSON object in `content`, and an empty text; or None, and what is wrong."""
    text = ""
    try:
        text = content.decode("utf-8-sig")
        value = json.loads(text)
    except UnicodeDecodeError as error:
        return None, f"expected UTF-8, found another encoding at byte {error.start + 1}; save it as UTF-8"
    except json.JSONDecodeError as error:
        return None, f"broken JSON at line {error.lineno}, column {error.colno}; {_hint(text)}"
    except (ValueError, RecursionError):
        return None, _TOO_DEEP
    if _is_deeper_than(_DEEPEST, value):
        return None, _TOO_DEEP
    if not isinstance(value, dict):
        return None, f"expected one JSON object in braces, found {kind_of(value)}"
    return value, ""


def _is_deeper_than(depth: int, value: object) -> bool:
    """Return whether the value holds values in values, more than `depth` of them in each other."""
    level = [value]
    while level and depth:
        level = [inner for each in level if isinstance(each, dict | list) for inner in _values(each)]
        depth -= 1
    return bool(level)


def _values(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _hint(text: str) -> str:
    """Return what is probably wrong with the JSON, for the most frequent mistakes."""
    if not text.strip():
        return "the file is empty; copy one from keys.example/"
    if "\0" in text:
        return "it looks like UTF-16; save it as UTF-8"
    if any(mark in text for mark in "“”„«»"):
        return 'it holds curly quotes; use straight ones (")'
    return "look for a missing or surplus comma, quote or brace just before it"
