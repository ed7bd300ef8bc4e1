"""A folder of key files -> the usable keys, and everything that is wrong with the others."""

from __future__ import annotations

import os
import re
import shlex
import stat
import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flock.errors import BadKeys, BadPoem, Problem
from flock.files import unreadable
from flock.keys.credentials import DEFAULT_NETWORK, Credentials, FeedCredentials, field_names, secret_names
from flock.keys.hints import about_poem, suspicions
from flock.keys.key import Key, known_fields, nearest, read_key, secrecy_of, tokens_of
from flock.keys.names import Reading, field_named, is_of_oauth_2, meanings, read_fields
from flock.keys.secrecy import HIDDEN, looks_like_a_token
from flock.poem import read_poem

APP_FILE = ".app.json"  # the app on X of the folder's bots; names that start with a dot are no key files
_NAMED_FIELDS = 20  # unknown fields of one file that get a line each
_NAMED = 3  # files of one trouble that get a line each; the others are counted
_LIKE_EXAMPLES = "like the files in keys.example/"
_NEARLY_KEYS = (  # names, without regard to case, and what to do
    (r"([^.].*)\.json[ ._]?(txt|rtf|html?|docx?|md)", "rename it to {}"),
    (r"([^.].*?)[._](json|jsn)[ ._]*", "rename it to {}"),
    (r"([^.].*)\.(jsonc|json5|hjson)", "write it as plain JSON into {}"),
    (r"([^.].*)\.(jsonl|ndjson)", "write each of its lines into a file of its own, such as {}"),
    (r"(.*)\.env(\..*)?", f"write its values into {{}}, {_LIKE_EXAMPLES}"),
    (r"([^.].*)\.(ya?ml|toml|ini|cfg|conf|properties)", f"write its fields into {{}}, {_LIKE_EXAMPLES}"),
)

_FileId = tuple[int, int]  # device and inode


@dataclass(frozen=True, slots=True)
class KeyRing:
    """What a folder of keys holds: the usable keys, by file name, and what is wrong with the others.

    `doubts` are what the operator should know of keys that are usable all the same, and of other files.
    """

    keys: tuple[Key, ...]
    problems: tuple[Problem, ...]
    doubts: tuple[Problem, ...] = field(default=())

    @property
    def warnings(self) -> tuple[str, ...]:
        """The doubts as lines."""
        return tuple(map(str, self.doubts))


def key_files(folder: Path) -> list[Path]:
    """Return the folder's `*.json` files by name, without hidden ones.

    Raises BadKeys when there is none, or the folder cannot be read.
    """
    return _look_into(folder)[0]


def _look_into(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the folder's key files, and the names of all others, both sorted by name. Raises BadKeys."""
    wrong = ""
    names: list[str] = []
    others: list[str] = []
    try:
        # pathlib's glob would return nothing for a folder that cannot be read.
        for name in sorted(os.listdir(folder)):  # noqa: PTH208
            (names if name.lower().endswith(".json") and name[0] != "." else others).append(name)
        if not names:
            wrong = f"no key file; put one .json file a bot into it (see docs/keys.md){_found(others)}"
    except (FileNotFoundError, NotADirectoryError):
        what = "expected a folder of key files, found a file" if folder.exists() else "no such folder"
        wrong = f"{what}; give the folder that holds the bots' .json files"
    except OSError as error:
        wrong = unreadable(error)
    except ValueError:  # a NUL or a lone surrogate in its name
        wrong = "no such folder; give the folder that holds the bots' .json files"
    if wrong:
        raise BadKeys([Problem(folder, "", wrong)])
    return [folder / name for name in names], others


def _found(others: list[str]) -> str:
    """Return what is in a folder that holds no key file: what looks like one, or else whatever there is."""
    nearly = [f"{_shown(name)}: {advice}" for name in others if (advice := _how_to_make_it_a_key(name))]
    found = nearly or [_shown(name) for name in others]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"; found {', '.join(found[:_NAMED])}{more}" if found else ""


def _shown(name: str) -> str:
    return HIDDEN if looks_like_a_token(name) else name


def _how_to_make_it_a_key(name: str) -> str:
    """Return what to do about a file that is probably meant as a key file; an empty text for any other."""
    for pattern, advice in _NEARLY_KEYS:
        if match := re.fullmatch(pattern, name, re.IGNORECASE):
            stem = match[1].rstrip(" .") or "bot"
            return advice.format(f"{_shown(stem)}.json")
    return ""


def about_other_files(folder: Path) -> tuple[str, ...]:
    """Return a line for each file that is no key file by its name, but probably meant as one, and one where
    others can read the secrets of the app.

    Raises BadKeys when there is no key file, or the folder cannot be read.
    """
    found = (*_left_out(folder, _look_into(folder)[1]), *_readable_by_others(folder, ()))
    return tuple(map(str, found))


def _left_out(folder: Path, others: list[str]) -> Iterator[Problem]:
    nearly = [(name, advice) for name in others if (advice := _how_to_make_it_a_key(name))]
    for name, advice in nearly[:_NAMED]:
        yield Problem(folder / _shown(name), "", f"left out, since its name does not end in .json; {advice}")
    if more := len(nearly[_NAMED:]):
        why = "is left out, since its name does" if more == 1 else "are left out, since their names do"
        yield Problem(folder, "", f"{_counted(more, 'more file')} {why} not end in .json")


def read_keys(folder: Path) -> KeyRing:
    """Read and check every key file of `folder` and the poems that they name, in one go.

    A bot is identified by its network and its account's name there: one name on two networks, or on two servers
    of Mastodon's kind, is two bots. Raises BadKeys only when there is no key file at all, or the folder cannot be
    read.
    """
    keys: dict[tuple[str, str], Key] = {}
    by_token: dict[str, Key] = {}
    problems: list[Problem] = []
    doubts: list[Problem] = []
    files, others = _look_into(folder)
    key_files = {found for file in files if (found := _file_id(file))}
    for file in files:
        try:
            key = read_key(file)
            _check_feed(key)
            _check_poem(key, key_files)
        except BadKeys as error:
            problems += error.problems
            continue
        bot = (key.network, key.account_name.casefold())
        token = key.credentials.own_token.get_secret_value()
        if twin := keys.get(bot):
            text = f"{key.account_name} has a key in {twin.file} too; keep one"
            problems.append(Problem(file, "screen_name", text))
        elif twin := by_token.get(token):
            text = f"the same as in {twin.file}; authorize this bot's account"
            problems.append(Problem(file, key.credentials.OWN_FIELD, text))
        else:
            keys[bot] = by_token[token] = key
            doubts += _doubtful_fields(key)
    doubts += _left_out(folder, others)
    doubts += _readable_by_others(folder, keys.values())
    return KeyRing(tuple(keys.values()), tuple(problems), tuple(doubts))


class PracticeNames:
    """Gives each bot that practises a name of its own, also where bots of two networks have one screen name.

    A bot's practice name is its screen name. If a bot of another network has that name already, it is the name
    with the bot's own network or server behind it, such as "dolly (bluesky)"; no account on a network is called
    so. The first bot that is asked for gets the plain name, and a flock asks in the order of its key files. The
    answers stay the same for the life of this object. Safe to share between threads.
    """

    def __init__(self) -> None:
        self._bots: dict[str, tuple[str, str]] = {}  # which have the plain name: network and account, by that name
        self._lock = threading.Lock()

    def of(self, key: Key) -> str:
        """Return the practice name of the key's bot."""
        with self._lock:
            bot = (key.network, key.account_name.casefold())
            first = self._bots.setdefault(key.screen_name.casefold(), bot)
        place = key.credentials.address.removeprefix("@") or key.network
        return key.screen_name if first == bot else f"{key.screen_name} ({place})"


def poem_problem(key: Key, error: BadPoem) -> Problem:
    """Return what is wrong with the key's poem, without the poem's path where that looks like a token."""
    given = str(read_fields(key.params).given.get("poem_file"))
    text = about_poem(given, key.poem_file, str(error))
    if looks_like_a_token(given):
        text = "cannot be read, and is not shown since it looks like a token; write the path of a text file"
    return Problem(key.file, "poem_file", text)


def shared_poems(keys: Iterable[Key]) -> Iterator[Problem]:
    """Warn of each poem that several accounts on X would post; other networks allow it."""
    by_poem: dict[str, list[Key]] = {}
    for key in keys:
        if key.network == DEFAULT_NETWORK:
            by_poem.setdefault(os.path.realpath(key.poem_file), []).append(key)
    shared = [bots for bots in by_poem.values() if len(bots) > 1]
    for first, second, *others in shared[:_NAMED]:
        more = f" and {_counted(len(others), 'more bot')}" if others else ""
        why = "X does not allow several accounts to post the same texts; give each bot a poem of its own"
        text = f"the same poem as in {second.file}{more}; {why}"
        yield Problem(first.file, "poem_file", text)
    if more_poems := shared[_NAMED:]:
        shares = "poem is" if len(more_poems) == 1 else "poems are"
        text = f"{len(more_poems)} more {shares} shared by several bots; give each bot a poem of its own"
        yield Problem(more_poems[0][0].file.parent, "", text)


def _check_feed(key: Key) -> None:
    """Raise BadKeys if the bot would write a feed where the next start takes it for a key file."""
    own = key.credentials
    if isinstance(own, FeedCredentials) and os.path.realpath(key.file.parent) == os.path.realpath(
        (key.file.parent / own.file).parent
    ):
        text = 'expected a path outside of the folder of key files, such as "feeds/dolly.json"'
        raise BadKeys([Problem(key.file, "file", text)])


def _check_poem(key: Key, key_files: Collection[_FileId]) -> None:
    """Raise BadKeys if the poem cannot be read, or holds what must not be posted: tokens."""
    wrong = ""
    try:
        secrecy = secrecy_of(key.params, type(key.credentials))
        if any(secrecy.hide(line) != line for line in read_poem(key.poem_file, key.say)):
            wrong = "expected a poem, found this bot's own tokens in it"
        if _file_id(key.poem_file) in key_files:
            wrong = "expected a poem, found a key file"
    except BadPoem as error:
        raise BadKeys([poem_problem(key, error)]) from None
    if wrong:
        raise BadKeys([Problem(key.file, "poem_file", f"{wrong}; write the path of the poem's text file")])


def _file_id(file: Path) -> _FileId | None:
    """Return what is the same for all paths that lead to a file; None where there is none."""
    try:
        status = file.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _doubtful_fields(key: Key) -> Iterator[Problem]:
    """Warn of values that are probably another field's, and of fields that are not read."""
    kind = type(key.credentials)
    reading = read_fields(key.params)
    if not key.practises:
        for name, text in suspicions(tokens_of(reading.given, kind)):
            yield Problem(key.file, name, text)
    unread = [*_unread(key, reading)]
    secrecy = secrecy_of(key.params if unread else {}, kind)
    for name in unread[:_NAMED_FIELDS]:
        text = _why_unread(name, reading, kind) if secrecy.may_show(name) else "unknown field; it is ignored"
        yield Problem(key.file, secrecy.name(name), text)
    if more := len(unread[_NAMED_FIELDS:]):
        ignored = "it is ignored" if more == 1 else "they are ignored"
        yield Problem(key.file, "", f"{_counted(more, 'more unknown field')}; {ignored}")


def _unread(key: Key, reading: Reading) -> Iterator[str]:
    """Yield the names of the fields that are neither read nor say the same as one that is."""
    own = field_names(type(key.credentials))
    for name, value in key.params.items():
        known = field_named(name, reading.network)
        says_the_same = known and (name == "file" or value == reading.given.get(known))
        if not (name in reading.names.values() or name in own or says_the_same):
            yield name


def _why_unread(name: str, reading: Reading, credentials: type[Credentials]) -> str:
    """Return what an unread field is, as far as its name tells."""
    if is_of_oauth_2(name):
        return "of OAuth 2.0; flock does not use it"
    if known := field_named(name, reading.network):
        return f"another name for {known!r}, which is there too, with another value; it is ignored"
    if meanings(name):
        return "a field of another network; it is ignored"
    near = nearest(name, [each for each in known_fields(credentials) if each not in reading.given])
    return f"unknown field; did you mean {near!r}?" if near else "unknown field; it is ignored"


def _readable_by_others(folder: Path, keys: Iterable[Key]) -> Iterator[Problem]:
    """Warn of files with secrets that other users may read; practice keys are no secret."""
    secret = (key for key in keys if not key.practises and secret_names(type(key.credentials)))
    files = (folder / APP_FILE, *(key.file for key in secret))
    open_files = [file for file in files if is_readable_by_others(file)]
    for file in open_files[:_NAMED]:
        yield Problem(file, "", f"others can read its secrets; run: chmod 600 {shlex.quote(str(file))}")
    if len(open_files) > _NAMED:
        more = f"others can read the secrets of {_counted(len(open_files) - _NAMED, 'more key file')}"
        yield Problem(folder, "", f"{more}; run: chmod 600 {shlex.quote(str(folder))}/*.json")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def is_readable_by_others(file: Path) -> bool:
    """Return whether users besides the file's owner may read it, or write it."""
    guarded = os.environ.get("CREDENTIALS_DIRECTORY")  # systemd's; an ACL protects it, not its mode
    if guarded and file.is_relative_to(guarded):
        return False
    try:
        return bool(file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except OSError:  # there is none, or it was removed since it was read
        return False
