"""An account on Bluesky gets another handle, as a process and its server see it: the account keeps its place."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import simplejson as json
from pydantic import SecretStr

from flock.pasture import Pasture
from flock.pasture.bluesky import BlueskyAccount
from tests.conftest import TIMEOUT, until
from tests.endtoend.conftest import Flock, recital

Start = Callable[..., Flock]
POSTS = "app.bsky.feed.post"
POEM = [f"{line}: a line of the poem" for line in range(40)]
FAST = ("--line-interval", "0.02", "--poem-interval", "0.02")
DOLLY = BlueskyAccount("dolly.test", SecretStr("sesame-dolly"))
OTHER = BlueskyAccount("dolly.test", SecretStr("sesame-other"), did="did:plc:" + "b" * 24)


@dataclass
class Meadow:
    """A folder of keys, and the server of their accounts."""

    keys: Path
    pasture: Pasture

    def write_key(self, handle: str, password: str = "sesame-dolly", name: str = "dolly") -> None:
        """Write the key file of a bot with that handle."""
        fields = {"network": "bluesky", "screen_name": handle, "app_password": password}
        file = self.keys / f"{name}.json"
        file.write_text(json.dumps({**fields, "server": self.pasture.url, "poem_file": "poem.txt"}))
        file.chmod(0o600)

    def said(self, account: BlueskyAccount = DOLLY) -> list[str]:
        """Return the account's posts, earliest first."""
        records = self.pasture.bluesky.repos.records(account.did, POSTS, reverse=True)
        return [record.value["text"] for record in records]

    def asked(self, method: str) -> int:
        """Return how often a method was called."""
        return sum(each.endswith(f".{method}") for each in self.pasture.bluesky.asked)


@pytest.fixture
def meadow(tmp_path: Path) -> Iterator[Meadow]:
    """Open the server, and write the key of one bot."""
    keys = tmp_path / "keys"
    keys.mkdir()
    keys.joinpath("poem.txt").write_text("\n".join(POEM))
    with Pasture(()) as pasture:
        pasture.bluesky.admit(DOLLY)
        meadow = Meadow(keys, pasture)
        meadow.write_key("dolly.test")
        yield meadow


def live(meadow: Meadow, start: Start, more: int, account: BlueskyAccount = DOLLY) -> None:
    """Let the flock post so many lines to the account, and stop it."""
    goal = len(meadow.said(account)) + more
    flock = start("run", meadow.keys, *FAST)
    until("enough posts", lambda: len(meadow.said(account)) >= goal)
    assert (0, "") == flock.stop()[::2]


def bots(tmp_path: Path) -> dict[str, str | None]:
    """Return the bots that have posted, by the name that the journal has for them, and their accounts."""
    with closing(sqlite3.connect(tmp_path / "state" / "flock" / "flock.db")) as journal:
        return dict(journal.execute("SELECT bot, account FROM sheep WHERE n > 0"))


def test_a_renamed_account_goes_on_at_the_next_line(meadow: Meadow, start: Start, tmp_path: Path) -> None:
    """With one sign-in more, and none at the start after that."""
    live(meadow, start, 4)
    meadow.pasture.bluesky.rename("dolly.test", "molly.test")
    meadow.write_key("molly.test")
    for _ in range(2):
        live(meadow, start, 4)

    said = meadow.said()
    assert recital(POEM, len(said)) == said
    assert {"bluesky:dolly.test": f"bluesky:{DOLLY.did}"} == bots(tmp_path)
    assert 2 == meadow.asked("createSession")


def test_an_account_that_takes_over_the_handle_begins_anew(meadow: Meadow, start: Start, tmp_path: Path) -> None:
    """The renamed one goes on, in the same flock."""
    live(meadow, start, 4)
    meadow.pasture.bluesky.rename("dolly.test", "molly.test")
    meadow.pasture.bluesky.admit(OTHER)
    meadow.write_key("dolly.test", "sesame-other")
    meadow.write_key("molly.test", name="molly")
    for _ in range(2):
        live(meadow, start, 4, OTHER)

    for account in (DOLLY, OTHER):
        said = meadow.said(account)
        assert recital(POEM, len(said)) == said
    assert {
        "bluesky:dolly.test": f"bluesky:{DOLLY.did}",
        f"bluesky:dolly.test ({'b' * 24})": f"bluesky:{OTHER.did}",
    } == bots(tmp_path)


def test_a_new_app_password_is_no_new_account(meadow: Meadow, start: Start, tmp_path: Path) -> None:
    """The old session is not used any more; the line after the last one is next."""
    live(meadow, start, 4)
    meadow.pasture.bluesky.admit(BlueskyAccount("dolly.test", SecretStr("sesame-new")))
    meadow.write_key("dolly.test", "sesame-new")
    live(meadow, start, 4)

    said = meadow.said()
    assert (recital(POEM, len(said)), 2) == (said, meadow.asked("createSession"))
    assert {"bluesky:dolly.test": f"bluesky:{DOLLY.did}"} == bots(tmp_path)


def test_once_finds_a_renamed_account_that_is_not_due(meadow: Meadow, start: Start) -> None:
    """It says no line too early; when it is due, it says the next one."""
    slow = ("--line-interval", "1h", "--once")
    assert 0 == start("run", meadow.keys, *slow).end()[0]
    meadow.pasture.bluesky.rename("dolly.test", "molly.test")
    meadow.write_key("molly.test")
    assert 0 == start("run", meadow.keys, *slow).end()[0]
    assert (POEM[:1], 2) == (meadow.said(), meadow.asked("createSession"))
    live(meadow, start, 3)  # a due time an hour away is not believed
    assert (recital(POEM, len(meadow.said())), 2) == (meadow.said(), meadow.asked("createSession"))


STEPS = 7
KILLED = """
import os
from flock.cli import main
from flock.journal import SqliteJournal
from flock.networks.bluesky.sessions import KeptSessions
from flock.networks.bluesky.api import Bluesky

steps = [
    (Bluesky, "find_account"), (KeptSessions, "put"), (SqliteJournal, "recognize"), (SqliteJournal, "read"),
    (SqliteJournal, "intend"), (Bluesky, "post"), (SqliteJournal, "settle"),
]
kind, name = steps[int(os.environ["STEP"])]
real = getattr(kind, name)

def killed(self, *arguments, **more):
    real(self, *arguments, **more)
    os.kill(os.getpid(), 9)

setattr(kind, name, killed)
main()
"""


def test_a_kill_at_any_step_of_it_costs_no_line(meadow: Meadow, start: Start, tmp_path: Path) -> None:
    """Each time the account has a new handle in its key file, and the flock is killed right after a step."""
    live(meadow, start, 2)
    name = "dolly.test"
    for step in range(STEPS):
        new = f"molly{step}.test"
        meadow.pasture.bluesky.rename(name, new)
        name = new
        meadow.write_key(name)
        variables = {"XDG_STATE_HOME": str(tmp_path / "state"), "STEP": str(step)}
        command = [sys.executable, "-c", KILLED, "run", str(meadow.keys), *FAST]
        ended = subprocess.run(command, env={**os.environ, **variables}, check=False, timeout=TIMEOUT)
        assert -signal.SIGKILL == ended.returncode, step
    live(meadow, start, 3)

    said = meadow.said()
    assert recital(POEM, len(said)) == said
    assert len(said) >= 2 + 1 + 3
    assert {"bluesky:dolly.test": f"bluesky:{DOLLY.did}"} == bots(tmp_path)
