"""One bot's key file -> a Key. simplejson reads the file, pydantic checks its fields, secrets never print."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from sys import intern
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, ConfigDict, SkipValidation, TypeAdapter, ValidationError

from flock.cron import parse_schedule, parse_timezone
from flock.errors import BadKeys, Problem, printable
from flock.hours import parse_awake
from flock.keys.core_dumps import forbid_core_dumps
from flock.keys.credentials import (
    CREDENTIALS,
    DEFAULT_NETWORK,
    EXPECTED_NAME,
    Credentials,
    credentials_of,
    field_names,
    is_practice,
    parse_network,
    secret_names,
    wrong_with_name,
)
from flock.keys.hints import ONE_BOT, doubts, trimmed, wrong_in_path
from flock.keys.json_file import read_object
from flock.keys.names import OWN_NAMES, Reading, field_named, is_of_oauth_2, meanings, read_fields
from flock.keys.secrecy import HIDDEN, Secrecy, looks_like_a_token
from flock.options import parse_count, parse_share
from flock.poem import About, Say, parse_say
from flock.temperament import Character, parse_temperament
from flock.units import parse_seconds

_LOOKED_AT = 100  # names, for one that was meant for a missing field
_LONGEST_NAME = 320  # letters, of any network's
_BAD_FILE_NAME = "the name of this file is or holds a token; name it after its bot, such as my_bot.json"
_PROFILE = re.compile(r"(?:https?://)?(?:(?:www|mobile|m)\.)?(?:x|twitter)\.com/@?(\w+)/?(?:\?.*)?", re.IGNORECASE)
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
    if isinstance(value, str):
        return parse_seconds(trimmed(value))
    return parse_seconds(value if isinstance(value, int | float) else "")


def _name(value: object) -> str:
    if isinstance(value, str):
        profile = _PROFILE.fullmatch(trimmed(value))
        name = profile[1] if profile else trimmed(value).removeprefix("@")
        if re.fullmatch(r"[\w.-]+(@[\w.-]+)?", name) and len(name) <= _LONGEST_NAME:
            return name
    raise ValueError(EXPECTED_NAME)


def _count(value: object) -> int:
    return parse_count(trimmed(value) if isinstance(value, str) else value if isinstance(value, int) else "")


def _share(value: object) -> float:
    return parse_share(
        trimmed(value) if isinstance(value, str) else value if isinstance(value, int | float) else ""
    )


def _text_for(parse: Callable[[str], str]) -> Callable[[object], str]:
    return lambda value: parse(trimmed(value) if isinstance(value, str) else "")


def _file(value: object) -> Path:
    wrong = ""
    if isinstance(value, str) and (text := trimmed(value)) and "\0" not in value:
        wrong = wrong_in_path(text)
        if not wrong:
            with suppress(RuntimeError):  # what expanduser raises for ~name when there is no user of that name
                return Path(text).expanduser()
    expected = 'expected the path of a text file, such as "../poems/howl.txt"'
    raise ValueError(f"{expected}, {wrong}" if wrong else expected)


def _thread(value: object) -> object:
    if value in ("line", "recitation", "none"):
        return value
    raise ValueError('expected "line", "recitation" or "none"')


Thread = Literal["line", "recitation", "none"]  # which posts answer each other, and so stand together
Seconds = Annotated[float, BeforeValidator(_seconds)]
Schedule = Annotated[str, BeforeValidator(_text_for(parse_schedule))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One bot's account and what it recites. Immutable; `repr` shows neither tokens nor other secrets.

    `network` and `account_name`, without regard to case, identify the bot. `network` is "x" also where the key
    file says "twitter". Intervals are in seconds. Optional fields that the key file does not have, or has as null,
    are None.
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
    thread: Annotated[Thread, BeforeValidator(_thread)] | None = None
    say: Annotated[Say, BeforeValidator(parse_say)] | None = None
    schedule: Schedule | None = None
    poem_schedule: Schedule | None = None
    awake: Annotated[str, BeforeValidator(_text_for(parse_awake))] | None = None
    timezone: Annotated[str, BeforeValidator(_text_for(parse_timezone))] | None = None
    jitter: Annotated[float, BeforeValidator(_share)] | None = None
    stanza_interval: Seconds | None = None

    @property
    def account_name(self) -> str:
        """The account's name; where each server has names of its own with the server's: dolly@botsin.example."""
        address = self.credentials.address
        return f"{self.screen_name.partition('@')[0]}{address}" if address else self.screen_name

    @property
    def practises(self) -> bool:
        """Whether the bot posts to the practice server, and nowhere else, whatever the options are."""
        return is_practice(self.network, getattr(self.credentials, "server", None))


_KEY: TypeAdapter[Key] = TypeAdapter(Key)
_ADAPTERS: dict[type[Credentials], TypeAdapter[Credentials]] = {}  # made when the first key needs them
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
    forbid_core_dumps()
    if looks_like_a_token(file.name):
        raise BadKeys([Problem(file.with_name(f"{HIDDEN}.json"), "", _BAD_FILE_NAME)])
    params, twice = read_object(file)
    reading = read_fields(params)
    given = reading.given
    chosen = _credentials_class(given)
    if chosen and chosen not in CREDENTIALS.values():  # of another package: its fields have no other names
        given.update(_part_of(params, field_names(chosen)))
    if len(reading.bots) > 1:
        raise BadKeys([_several_bots(file, params, reading, chosen)])
    if meant := _network_meant(params, given):
        text = f'missing; these are the fields of a bot on another network: add "network": "{meant}"'
        raise BadKeys([Problem(file, "network", text)])
    credentials: Credentials | None = None
    faults: list[_Fault] = []
    if chosen:  # otherwise the network is a fault, and which credentials it takes is unknown
        credentials, faults = _validate(_adapter(chosen), _part_of(given, field_names(chosen)))
    parts = {"file": file, "params": Params(params), "credentials": credentials}
    key: Key | None
    key, others = _validate(_KEY, _part_of(given, _COMMON_FIELDS) | parts)
    if key and (wrong := wrong_with_name(key.network, key.screen_name)):
        others = [_Fault("screen_name", wrong)]
    secrecy = secrecy_of(params, chosen)
    doubtful = [*_ambiguous(reading, twice), *_misplaced(given, secrecy), *_doubtful(given, params, chosen)]
    faults = [*doubtful, *faults, *others]
    if key is None or faults or secrecy.hide(file.name) != file.name:
        raise BadKeys(_problems(file, params, faults, chosen))
    return replace(key, poem_file=find_poem(key))


def tokens_of(given: Mapping[str, Any], credentials: type[Credentials]) -> dict[str, str]:
    """Return the secrets among the fields, by name, that are texts."""
    names = (name for name in secret_names(credentials) if isinstance(given.get(name), str))
    return {name: trimmed(given[name]) for name in names}


def secrecy_of(params: Mapping[str, Any], credentials: type[Credentials] | None) -> Secrecy:
    """Return what of a key file's fields may be shown."""
    return Secrecy(params, (*known_fields(credentials), "file"))


def _several_bots(
    file: Path, params: Mapping[str, Any], reading: Reading, credentials: type[Credentials] | None
) -> Problem:
    secrecy = secrecy_of(params, credentials)
    names = [repr(name) for name in reading.bots[:_LOOKED_AT] if secrecy.may_show(name)]
    shown = f" ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})" if names else ""
    text = f"expected one bot, found {len(reading.bots)} objects with the same fields{shown}; {ONE_BOT}"
    return Problem(file, "", text)


def _network_meant(params: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Return the network whose fields are all there, where the file names none and has no token of X's app."""
    if {"network", "consumer_token", "consumer_token_secret", "oauth_token_secret"} & given.keys():
        return ""
    for network in OWN_NAMES:
        own, found = CREDENTIALS[network], {field_named(name, network) for name in params}
        if secret_names(own) and found >= own.HOW_TO_GET.keys():
            return network
    return ""


def _ambiguous(reading: Reading, twice: Iterable[str]) -> Iterator[_Fault]:
    """Yield a fault for each field that has two values, under two names or under one."""
    for name, (one, other) in reading.contrary.items():
        names = f"{one!r} twice" if one == other else f"{one!r} and {other!r}"
        yield _Fault(name, f"expected one value, found {names} with different values; keep the right one")
    for name in filter(None, (field_named(each, reading.network) for each in twice)):
        yield _Fault(name, "expected one value, found it twice with different values; keep the right one")


def _misplaced(given: Mapping[str, Any], secrecy: Secrecy) -> Iterator[_Fault]:
    """Yield a fault for each field that is shown, such as the account's name, and holds a secret of the file."""
    name, poem = given.get("screen_name"), given.get("poem_file")
    if isinstance(name, str) and (secrecy.has_secret(name) or _TOKEN_AS_NAME.match(name.strip())):
        yield _Fault("screen_name", "expected the account's name, such as dolly, found a token or a secret")
    if isinstance(poem, str) and secrecy.hide(poem) != poem:
        yield _Fault("poem_file", "expected the path of a text file, found a token or a secret in it")


def _doubtful(
    given: Mapping[str, Any], params: Mapping[str, Any], credentials: type[Credentials] | None
) -> Iterator[_Fault]:
    """Yield a fault for each value that no network has given to anybody; a practice key may have any value."""
    if credentials and not is_practice(parse_network(given.get("network", DEFAULT_NETWORK)), given.get("server")):
        tokens, name = tokens_of(given, credentials), given.get("screen_name")
        yield from (_Fault(*each) for each in doubts(tokens, name, oauth_2=any(map(is_of_oauth_2, params))))


def find_poem(key: Key) -> Path:
    """Return the path of the key's poem: absolute, or beside the key file, or in the working directory.

    Where none of these is a file, returns the first.
    """
    candidates = [key.file.parent / key.poem_file]
    with suppress(OSError):  # the working directory has been removed
        candidates.append(Path.cwd() / key.poem_file)
    return next((path for path in candidates if _is_file(path)), candidates[0])


def with_about(key: Key, about: About) -> Key:
    """Return `key` with what the poem's own file says, where the key says nothing and its network shows it.

    That is the language, and the text that a post is hidden behind.
    """
    said = {"lang": about.language, "content_warning": about.content_warning}
    own: Any = key.credentials
    shown = {name: value for name, value in said.items() if value and getattr(own, name, "") is None}
    return replace(key, credentials=replace(own, **shown)) if shown else key


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
        return credentials_of(parse_network(given.get("network", DEFAULT_NETWORK)))
    except ValueError:
        return None


def _adapter(credentials: type[Credentials]) -> TypeAdapter[Credentials]:
    if credentials not in _ADAPTERS:
        _ADAPTERS[credentials] = TypeAdapter(credentials)
    return _ADAPTERS[credentials]


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
        yield Problem(shown, "", _BAD_FILE_NAME)
    first = {fault.field: fault for fault in reversed([*faults])}
    missing = [name for name in known_fields(credentials) if name in first and first[name].is_missing]
    advice = _how_to_add(missing, params, credentials, secrecy)
    for fault in filter(None, map(first.get, known_fields(credentials))):
        text = advice.get(fault.field) or fault.message.removeprefix("Value error, ")
        yield Problem(shown, fault.field, text)


def _how_to_add(
    missing: Iterable[str], params: Mapping[str, Any], credentials: type[Credentials] | None, secrecy: Secrecy
) -> dict[str, str]:
    """Return what to do about each missing field: a name in the file that was meant for it, or where to get it.

    No name of the file is told for two fields.
    """
    how = {**_HOW_TO_GET, **(credentials.HOW_TO_GET if credentials else {})}
    advice = {name: f"missing; {how.get(name, 'add it')}" for name in missing}
    first_names = [*params][:_LOOKED_AT]
    strange = [name for name in first_names if not meanings(name) and secrecy.may_show(name)]
    oauth_2 = [name for name in strange if is_of_oauth_2(name)]
    for name in (name for name in strange if name not in oauth_2):
        near = nearest(name, advice)
        if near and "rename" not in advice[near]:
            advice[near] = f"missing; rename {name!r}, if that is it"
    if oauth_2 and (first := next((name for name in advice if credentials and name in how), None)):
        advice[first] += f" ({', '.join(map(repr, oauth_2[:4]))}: of OAuth 2.0, which flock does not use)"
    return advice
