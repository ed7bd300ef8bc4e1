"""A folder of keys, a pasture with their accounts, and flocks in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Condition
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
import simplejson as json
from pydantic import SecretStr

from flock.pasture import Account, Pasture
from tests.conftest import TIMEOUT

HURRIED = Path(__file__).parents[1] / "hurried.py"


@dataclass(frozen=True)
class Folder:
    """A folder of key files and the accounts that they open."""

    path: Path
    accounts: tuple[Account, ...]
    poems: dict[str, list[str]]


def write_key(folder: Path, name: str, number: int, poem: Sequence[str], **fields: object) -> Account:
    """Write the key file and the poem of one bot; return its account."""
    (folder / f"{name}.txt").write_text("\n".join(poem), encoding="utf-8")
    account = Account(
        screen_name=name,
        user_id=str(number),
        consumer_key="the-app",
        consumer_secret=SecretStr("secret-of-the-app"),
        token=f"{number}-token-of-{name}",
        token_secret=SecretStr(f"secret-of-{name}"),
    )
    key = {
        "screen_name": name,
        "consumer_token": account.consumer_key,
        "consumer_token_secret": account.consumer_secret.get_secret_value(),
        "oauth_token": account.token,
        "oauth_token_secret": account.token_secret.get_secret_value(),
        "poem_file": f"{name}.txt",
        **fields,
    }
    file = folder / f"{name}.json"
    file.write_text(json.dumps(key))
    file.chmod(0o600)
    return account


def make_keys(folder: Path, bots: int, lines: int = 6, **fields: object) -> Folder:
    """Make a folder of keys in `folder` with so many bots, each with a poem of so many different lines."""
    path = folder / "keys"
    path.mkdir()
    poems = {
        f"bot{number}": [f"{line}: what bot{number} has to say" for line in range(lines)] for number in range(bots)
    }
    accounts = tuple(
        write_key(path, name, 1000 + place, poem, **fields) for place, (name, poem) in enumerate(poems.items())
    )
    return Folder(path, accounts, poems)


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Folder]:
    """Return a maker of folders with so many bots, each with a poem of so many different lines."""

    return partial(make_keys, tmp_path)


class Flock:
    """`flock` in a process of its own, with a state folder of its own."""

    def __init__(self, arguments: Sequence[str | Path], cwd: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, HURRIED, *map(str, arguments)],
            cwd=cwd,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Send the signal and return the exit code, the output and the error output."""
        self.process.send_signal(number)
        return self.end()

    def end(self, timeout: float = TIMEOUT) -> tuple[int, str, str]:
        """Wait for the end, for so many seconds at most; return the exit code, the output and the error output."""
        output, errors = self.process.communicate(timeout=timeout)
        return self.process.returncode, output, errors


def start_flock(folder: Path, *arguments: str | Path, **variables: str) -> Flock:
    """Start a `flock` command in `folder`, where its state is kept, too; its pauses after failures are short."""
    environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state"), "HURRY": "0.05", **variables}
    return Flock(arguments, folder, environment)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Flock]]:
    """Return a starter of `flock` commands; what still runs at the end is killed."""
    flocks: list[Flock] = []

    def run(*arguments: str | Path, **variables: str) -> Flock:
        flocks.append(start_flock(tmp_path, *arguments, **variables))
        return flocks[-1]

    yield run
    for flock in flocks:
        flock.process.kill()
        flock.process.communicate()


class WatchedPasture(Pasture):
    """A pasture that a test can wait at until enough has been said."""

    def __init__(self, accounts: Sequence[Account], **settings: Any) -> None:
        self._answered = Condition()
        super().__init__(accounts, wrap=self._watch, **settings)

    def _watch(self, app: WSGIApplication) -> WSGIApplication:
        def watched(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            answer = app(environ, start_response)
            with self._answered:
                self._answered.notify_all()
            return answer

        return watched

    def wait_for_posts(self, folder: Folder, count: int) -> None:
        """Wait until each bot of `folder` has posted at least `count` times."""
        with self._answered:
            enough = self._answered.wait_for(
                lambda: all(len(self.said(name)) >= count for name in folder.poems), timeout=TIMEOUT
            )
        assert enough, f"nobody said {count} lines"

    def said(self, name: str) -> list[str]:
        """Return what the account has posted, oldest first."""
        return [post.text for post in self.store.posts(name)]


@pytest.fixture
def open_pasture() -> Iterator[Callable[[Folder], WatchedPasture]]:
    """Return a starter of pastures for a folder's accounts."""
    with ExitStack() as pastures:
        yield lambda folder: pastures.enter_context(WatchedPasture(folder.accounts))


def recital(poem: Sequence[str], count: int) -> list[str]:
    """Return the first `count` tweets of a bot that says `poem` over and over."""
    return [poem[place % len(poem)] for place in range(count)]
