"""The Keymaker: an account -> its key file, on each network."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter, ValidationError

from flock.errors import BadKeys, BadOption, BadPoem, KeyNotMade, printable
from flock.keymaker.account import Flow, NewAccount
from flock.keymaker.apps import App, Apps
from flock.keymaker.bluesky import BlueskyFlow
from flock.keymaker.keyfile import exists_already, prepare_folder, write_key_file
from flock.keymaker.mastodon import MastodonFlow
from flock.keymaker.questions import NoQuestions, Questions, with_patience
from flock.keymaker.sessions import Sessions
from flock.keymaker.survey import Inquiry, Report, look_over
from flock.keymaker.x import XFlow
from flock.keys import Key, about_other_files, read_key, read_keys
from flock.keys.credentials import PRACTICE, Server, secret_names
from flock.keys.names import field_named, read_fields
from flock.networks.x.api import ROOT_URL
from flock.options import is_loopback, parse_url
from flock.poem import read_poem

NETWORKS = ("x", "bluesky", "mastodon")  # those on which keys are made
_OF_THE_ACCOUNT = ("screen_name", "network", "server", "user_id", "poem_file")
_SERVER: TypeAdapter[str] = TypeAdapter(Server)


@dataclass(frozen=True, slots=True)
class Made:
    """A key file that was made. `remarks` are lines for the bot's operator.

    `doubt` says why its network has not confirmed the key; it is empty where it has.
    """

    key: Key
    remarks: tuple[str, ...] = ()
    doubt: str = ""


class Keymaker:
    """Makes the key files in the folder `keys`, and looks them over.

    `questions` puts what is missing to a person; without it a question is an error. `app` is the app on X,
    otherwise the one that is kept in the folder. `server` is the server of the accounts on Bluesky or Mastodon.
    `base_url` stands for X; if it is an address of this machine, it is a practice server, and stands for every
    network: the keys that are made there practise. Raises BadOption for an address that cannot be.

    Use it with `with`, or close it: it keeps connections open.
    """

    def __init__(
        self,
        keys: str | os.PathLike[str],
        questions: Questions | None = None,
        *,
        app: App | None = None,
        server: str | None = None,
        base_url: str | None = None,
    ) -> None:
        if server and base_url:
            raise BadOption("server and base_url exclude each other; give one")
        self.folder = Path(keys)
        self._questions = questions or NoQuestions()
        self._base_url = _checked_url(base_url) if base_url else None
        self._practises = self._base_url is not None and is_loopback(self._base_url)
        self._server = _checked_server(server) if server else self._base_url if self._practises else None
        self._apps = Apps(self.folder, app, self._questions)
        self._sessions = Sessions()

    def new(
        self, network: str, poem: str | os.PathLike[str], *, screen_name: str | None = None, force: bool = False
    ) -> Made:
        """Lead a person through the flow of "x", "bluesky" or "mastodon", and write the account's key file.

        The network has confirmed the account before the file is written. A relative `poem` starts at the working
        directory. With `force`, the file replaces the account's key file; the fields that are no tokens stay.

        Raises KeyNotMade, BadPoem, BadKeys where an app's keys cannot be used, and BadOption for another network.
        """
        flow = self._flow(network)
        poem = Path(poem)
        _check_poem(poem)
        prepare_folder(self.folder)
        name = screen_name.removeprefix("@") if screen_name else None
        if name:
            self._place(network, flow.account_name(name), force=force)
        account = with_patience(
            self._questions, lambda: self._authorized(network, flow, screen_name=name, force=force)
        )
        key = with_patience(self._questions, lambda: self._write(network, flow, account, poem, force=force))
        return Made(key, account.remarks, account.doubt)

    def new_for_each(self, network: str, poems: str | os.PathLike[str]) -> Iterator[Made]:
        """Make one key for each poem (*.txt) in a folder, by name.

        A poem that has a key on this network already is passed over. A key that practises and one that does not
        do not count for each other.

        What is made stays, however this ends; the next call goes on. Raises as `new` does, and BadPoem before the
        first question, with a line for each poem that cannot be read.
        """
        files = _poems(Path(poems))
        recited = self._recited(network)
        for number, poem in enumerate(files, start=1):
            if file := recited.get(os.path.realpath(poem)):
                self._questions.tell(printable(f"{poem}: passed over, since {file} has it"))
                continue
            self._questions.tell(printable(f"Poem {number} of {len(files)}: {poem}"))
            yield self.new(network, poem)

    def list(self) -> tuple[Report, ...]:
        """Return a report of each key file. No network is asked. Raises BadKeys if there is none."""
        return look_over(self.folder)

    def verify(self, *, online: bool = False, pasture: bool = False) -> tuple[Report, ...]:
        """Return a report of each key file; with `online`, each network is asked who the account is.

        With `pasture`, all keys practise, as in a flock that is run so: no network is asked. Raises BadKeys if
        there is no key file.
        """
        reports = look_over(self.folder)
        inquiry = Inquiry(self._sessions, self._base_url, pasture=pasture)
        return inquiry.ask_all(reports) if online else reports

    def about_other_files(self) -> tuple[str, ...]:
        """Return a line for each file that is no key file by its name, but probably meant as one, and one where
        others can read the secrets of the app. Raises BadKeys if there is no key file.
        """
        return about_other_files(self.folder)

    def close(self) -> None:
        """Close all connections."""
        self._sessions.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _flow(self, network: str) -> Flow:
        if network not in NETWORKS:
            raise BadOption(f"network: expected {', '.join(NETWORKS[:-1])} or {NETWORKS[-1]}, found {network!r}")
        if network != "x" and self._base_url and not self._practises:
            raise BadOption(f"base_url: it stands for X; give the server of the account on {network.capitalize()}")
        flows: Mapping[str, Flow] = {"x": self._x, "bluesky": self._bluesky, "mastodon": self._mastodon}
        return flows[network]

    @cached_property
    def _x(self) -> Flow:
        root = self._base_url or ROOT_URL
        session = self._sessions.at(root)
        return XFlow(root, session, apps=self._apps, questions=self._questions, practises=self._practises)

    @cached_property
    def _bluesky(self) -> Flow:
        return BlueskyFlow(
            self._server, sessions=self._sessions, questions=self._questions, practises=self._practises
        )

    @cached_property
    def _mastodon(self) -> Flow:
        return MastodonFlow(
            self._server, sessions=self._sessions, questions=self._questions, practises=self._practises
        )

    def _authorized(self, network: str, flow: Flow, *, screen_name: str | None, force: bool) -> NewAccount:
        account = flow.authorize(screen_name)
        found = flow.account_name(account.screen_name)
        if screen_name and found.casefold() != flow.account_name(screen_name).casefold():
            text = f"expected the account {screen_name}, found {account.screen_name}: sign out in the browser"
            raise KeyNotMade(printable(text), may_pass=True)
        self._place(network, found, force=force, may_pass=True)
        return account

    def _place(self, network: str, account_name: str, *, force: bool, may_pass: bool = False) -> Path:
        """Return the path of the account's key file. Raises KeyNotMade if it exists and may not be replaced."""
        twin = self._key_of(network, account_name)
        if twin and not force:
            text = f"{twin.file}: has a key of {account_name} already; --force writes over it"
            raise KeyNotMade(printable(text), may_pass=may_pass)
        file = twin.file if twin else self.folder / f"{account_name.replace(':', '_')}.json"
        if not force and os.path.lexists(file):
            raise exists_already(file, may_pass=may_pass)
        return file

    def _key_of(self, network: str, account_name: str) -> Key | None:
        same = (key for key in self._keys() if key.network == self._realm(network))
        return next((key for key in same if key.account_name.casefold() == account_name.casefold()), None)

    def _realm(self, network: str) -> str:
        """Return what the key files made here have as their network."""
        return PRACTICE if self._practises and network == "x" else network

    def _keys(self) -> tuple[Key, ...]:
        try:
            return read_keys(self.folder).keys
        except BadKeys:  # no folder yet, or no key file in it
            return ()

    def _recited(self, network: str) -> dict[str, Path]:
        """Return the poems that have such a key as would be made, each with its key file."""
        such = (self._realm(network), self._practises)
        keys = (key for key in self._keys() if (key.network, key.practises) == such)
        return {os.path.realpath(key.poem_file): key.file for key in keys}

    def _write(self, network: str, flow: Flow, account: NewAccount, poem: Path, *, force: bool) -> Key:
        name = flow.account_name(account.screen_name)
        file = self._place(network, name, force=force)
        twin = self._key_of(network, name)
        fields = {**account.fields, "poem_file": self._path_of(poem), **(_kept(twin) if twin else {})}
        write_key_file(file, fields, replace=force)
        key = read_key(file)
        if os.path.realpath(key.poem_file) != os.path.realpath(poem):
            raise KeyNotMade(printable(f"{file}: finds no poem at {poem}; rename that file"))
        return key

    def _path_of(self, poem: Path) -> str:
        """Return the poem's path as the key file has it: an absolute one as it is, others from the folder."""
        if poem.is_absolute():
            return str(poem)
        path = os.path.relpath(os.path.realpath(poem), os.path.realpath(self.folder))
        return f"./{path}" if path.startswith("~") else path


def _check_poem(poem: Path) -> None:
    """Raise BadPoem if the poem cannot be read. It is looked for in one place, unlike a key file's."""
    with suppress(OSError, ValueError):  # a path that cannot be looked at: reading it says why
        if poem.is_dir():
            text = "is a folder; give the path of one text file, or --poems for a key for each poem in it"
            raise BadPoem(printable(f"{poem}: {text}"))
        if not poem.exists():
            raise BadPoem(printable(f"no such file: {poem}; give the path of a text file"))
    read_poem(poem)


def _kept(key: Key) -> dict[str, object]:
    """Return the fields of a key file that is replaced, but for the account and the poem.

    A field keeps the name that it has there. One that stands in an object with tokens is moved out of it.
    """
    kind = type(key.credentials)
    new = {*secret_names(kind), *_OF_THE_ACCOUNT}
    reading = read_fields(key.params)
    meant = {name: field_named(name, reading.network) for name in key.params}
    moved = [field for field, name in reading.names.items() if meant[name] is None]
    boxes = {reading.names[field] for field in moved}
    kept = {name: value for name, value in key.params.items() if name not in boxes and meant[name] not in new}
    return kept | {field: reading.given[field] for field in moved if field not in new}


def _poems(folder: Path) -> list[Path]:
    try:
        files = sorted(each for each in folder.iterdir() if each.suffix.lower() == ".txt" and each.name[0] != ".")
    except OSError as error:
        raise BadOption(printable(f"--poems {folder}: cannot be read: {error.strerror}")) from None
    if not files:
        raise BadOption(printable(f"--poems {folder}: no poem; expected files that end in .txt"))
    wrong = []
    for file in files:
        try:
            read_poem(file)
        except BadPoem as error:
            wrong.append(str(error))
    if wrong:
        raise BadPoem("\n".join(wrong))
    return files


def _checked_url(url: str) -> str:
    try:
        return parse_url(url)
    except ValueError as error:
        raise BadOption(f"base_url: {error}") from None


def _checked_server(server: str) -> str:
    wrong = ""
    if server.strip().lower() == PRACTICE:
        raise BadOption(f"server: {PRACTICE} is not the name of a server; to practise, give --pasture")
    try:
        found = _SERVER.validate_python(server if "://" in server else f"https://{server}")
    except ValidationError as error:
        wrong = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
    if wrong:
        raise BadOption(f"server: {wrong}")
    return found
