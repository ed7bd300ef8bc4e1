"""Looks a folder of key files over: its bots, what is wrong with their files, and what their networks say."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from multiprocessing.dummy import Pool
from pathlib import Path

from flock.errors import BadOption, KeyNotMade, NetworkError, Pen, Problem, printable
from flock.keymaker.mastodon import who_is as who_is_on_mastodon
from flock.keymaker.questions import in_words
from flock.keymaker.sessions import Sessions
from flock.keymaker.x import READS_ONLY, who_is
from flock.keys import (
    BlueskyCredentials,
    Key,
    MastodonCredentials,
    XCredentials,
    is_readable_by_others,
    key_files,
    read_keys,
)
from flock.keys.credentials import title_of
from flock.networks.bluesky.login import Login
from flock.networks.bluesky.sessions import MemorySessions
from flock.networks.x.api import ROOT_URL, Signature
from flock.options import is_loopback

_AT_ONCE = 16  # networks that are asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One key file. `key` is None where no bot can use it; then `problems` say why, each with its field.

    `mode` are the file's permissions, such as 0o600, or None where it is gone; `is_open` tells that other users
    can read its secrets. `says` is what the network answered, in words; it is empty where it was not asked.
    `is_refused` tells that the network refuses the key, and `is_unknown` that it could not be asked.
    """

    file: Path
    key: Key | None = None
    problems: tuple[str, ...] = ()
    mode: int | None = None
    is_open: bool = False
    says: str = ""
    is_refused: bool = False
    is_unknown: bool = False

    @property
    def is_usable(self) -> bool:
        """Whether a bot can use the key, so far as it is known."""
        return self.key is not None and not self.is_refused

    @property
    def server(self) -> str | None:
        """The server that the key file names, or None."""
        return getattr(self.key.credentials, "server", None) if self.key else None

    @property
    def title(self) -> str:
        """What people call the bot's network; empty for a key that no bot can use."""
        return title_of(self.key.network) if self.key else ""


def look_over(folder: Path) -> tuple[Report, ...]:
    """Return a report of each key file in the folder, by file name. No network is asked.

    Raises BadKeys when there is no key file, or the folder cannot be read.
    """
    ring = read_keys(folder)
    keys = {key.file: key for key in ring.keys}
    problems: dict[Path, list[Problem]] = {}
    for problem in ring.problems:
        problems.setdefault(problem.file, []).append(problem)
    files = dict.fromkeys([*key_files(folder), *problems])  # a file whose name is hidden stands under another
    return tuple(
        _report(file, keys.get(file), problems.get(file, ())) for file in files if file in {*keys, *problems}
    )


def _report(file: Path, key: Key | None, problems: Iterable[Problem]) -> Report:
    try:
        mode: int | None = stat.S_IMODE(file.stat().st_mode)
    except OSError:
        mode = None
    texts = tuple(printable(f"{each.field}: {each.text}" if each.field else each.text) for each in problems)
    is_open = mode is not None and is_readable_by_others(file) and not (key and key.practises)
    return Report(file=file, key=key, problems=texts, mode=mode, is_open=is_open)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Asks the networks who the bots are. `base_url` stands for X, and for the practice server.

    With `pasture`, all bots practise, and no network is asked.
    """

    sessions: Sessions
    base_url: str | None = None
    pasture: bool = False

    def ask_all(self, reports: Iterable[Report]) -> tuple[Report, ...]:
        """Return the reports with what the networks say; several are asked at the same time."""
        with Pool(_AT_ONCE) as pool:
            return tuple(pool.map(self.ask, reports, chunksize=1))

    def ask(self, report: Report) -> Report:
        """Return the report with what the bot's network says."""
        key = report.key
        if key is None:
            return report
        try:
            says, is_good = self._who(key)
        except NetworkError as error:
            is_refused = isinstance(error, Pen)
            says = in_words(self._root(key) or report.title, error)
            return replace(report, says=says, is_refused=is_refused, is_unknown=not is_refused)
        except (KeyNotMade, BadOption) as error:
            return replace(report, says=str(error), is_unknown=True)
        return replace(report, says=says, is_refused=not is_good)

    def _root(self, key: Key) -> str | None:
        """Return the root URL of the server to ask; None where there is none."""
        if self.pasture:
            return None
        local = self.base_url if self.base_url and is_loopback(self.base_url) else None
        if key.practises:
            return local
        own = key.credentials
        if isinstance(own, XCredentials):
            return self.base_url or ROOT_URL
        return own.server if isinstance(own, BlueskyCredentials | MastodonCredentials) else None

    def _who(self, key: Key) -> tuple[str, bool]:
        """Return what the network says of the key, in words, and whether it is the key of this bot."""
        root, own = self._root(key), key.credentials
        if root is None:
            is_practice = key.practises or self.pasture
            return (
                "practises; no network knows it" if is_practice else f"{title_of(key.network)}: is not asked"
            ), True
        if isinstance(own, XCredentials):
            return self._on_x(key, own, root)
        if isinstance(own, MastodonCredentials):
            profile = who_is_on_mastodon(self.sessions.at(root), root, own.access_token.get_secret_value())
            label = "marked as automated" if profile.is_bot else "not marked as an automated account"
            return _called(f"{root}", key, profile.name, f", {label}"), True
        assert isinstance(own, BlueskyCredentials)  # noqa: S101 - no other class has a server here
        own = replace(own, server=root)
        login = Login(
            key.screen_name,
            own,
            bot=key.screen_name,
            service_of=self.sessions.service,
            sessions=MemorySessions(),
            wall=time.time,
        )
        tokens = login.tokens()
        return printable(f"{root}: this is {key.screen_name}, {tokens.did}; its posts go to {tokens.pds}"), True

    def _on_x(self, key: Key, own: XCredentials, root: str) -> tuple[str, bool]:
        secrets = (own.consumer_token, own.consumer_token_secret, own.oauth_token, own.oauth_token_secret)
        app, app_secret, token, token_secret = (secret.get_secret_value() for secret in secrets)
        auth = Signature(app, app_secret, token, token_secret)
        who = who_is(self.sessions.at(root), root, auth, api=own.api or "2")
        where = root if self.base_url else "X"
        if who.reads_only:
            return f"{where}: {READS_ONLY}", False
        return _called(where, key, who.name, f", number {who.number}"), True


def _called(where: str, key: Key, name: str, more: str) -> str:
    """Return who the bot is, and what to do where it is called otherwise by now."""
    says = f"{where}: this is @{name}{more}"
    if name.casefold() != key.screen_name.partition("@")[0].casefold():
        says += f"; the key file says {key.screen_name}: correct screen_name, or make a key of the right account"
    return printable(says)
