"""The store of posts in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from requests_oauthlib import OAuth1Session

from flock.errors import BadOption
from flock.pasture import Account, Pasture
from flock.pasture.drafts import Draft
from flock.pasture.store import SaidJustNow, Store

NOW = 1_790_000_000.25


def test_posts_survive_a_restart(tmp_path: Path, wolf: Account) -> None:
    """Every field comes back from the file."""
    with closing(Store(tmp_path / "pasture.db")) as store:
        post = store.add(wolf, Draft("the fog comes", in_reply_to="12"), NOW)

    with closing(Store(tmp_path / "pasture.db")) as store:
        assert store.posts() == [post]
        assert store.posts("WOLF") == [post]
        assert store.posts("lamb") == []


@pytest.mark.parametrize("later", [0.0, 0.001, -3_600.0, -NOW])
def test_ids_rise_whatever_the_clock_does(tmp_path: Path, wolf: Account, later: float) -> None:
    """In a burst, after a restart, and when the clock is set back, an id is larger than those before."""
    with closing(Store(tmp_path / "pasture.db")) as store:
        before = [store.add(wolf, Draft(text), NOW).id for text in ("one", "two")]
    with closing(Store(tmp_path / "pasture.db")) as store:
        after = [store.add(wolf, Draft(text), NOW + later).id for text in ("three", "four")]

    ids = before + after
    assert ids == sorted(set(ids))
    assert ids[-1] < 2**63


def test_an_id_tells_its_time(wolf: Account) -> None:
    """An id is a snowflake: its upper bits are milliseconds since X's epoch."""
    with closing(Store()) as store:
        post = store.add(wolf, Draft("dated"), NOW)

    assert (post.id >> 22) + 1_288_834_974_657 == int(NOW * 1000)


def test_a_duplicate_leaves_no_trace(wolf: Account, lamb: Account) -> None:
    """The transaction is rolled back, and the store goes on."""
    with closing(Store()) as store:
        store.add(wolf, Draft("once"), NOW)
        with pytest.raises(SaidJustNow):
            store.add(wolf, Draft("once "), NOW)
        store.add(lamb, Draft("once"), NOW)

        assert [post.screen_name for post in store.posts()] == ["wolf", "Lamb"]


def test_a_file_of_a_newer_flock_is_refused(tmp_path: Path) -> None:
    """The error says that a newer flock wrote the file."""
    path = tmp_path / "pasture.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")

    with pytest.raises(BadOption, match="version 99 is newer than this flock"):
        Store(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """The message has one line, with the file and the cause."""
    path = tmp_path / "pasture.db"
    path.write_text("a poem, not a database " * 100)

    with pytest.raises(BadOption, match=r"pasture\.db: file is not a database"):
        Store(path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A missing file is created, but a missing folder is not."""
    with pytest.raises(BadOption, match="unable to open database file"):
        Store(tmp_path / "missing" / "pasture.db")


def test_no_secret_reaches_the_file(
    tmp_path: Path, wolf: Account, sign_in: Callable[[Account], OAuth1Session]
) -> None:
    """Neither keys nor tokens are in the database or in its log."""
    with Pasture([wolf], state=tmp_path / "pasture.db") as pasture:
        sign_in(wolf).post(f"{pasture.url}/2/tweets", json={"text": "public"}).raise_for_status()
        written = b"".join(file.read_bytes() for file in tmp_path.iterdir())

    assert b"public" in written
    for secret in (wolf.consumer_key, wolf.token, "app-secret", "wolf-secret"):
        assert secret.encode() not in written


class Faulty(sqlite3.Connection):
    """A connection on which chosen statements fail once each, as if the disk did."""

    failing: ClassVar[list[str]] = []

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql in self.failing:
            self.failing.remove(sql)
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *values)


@pytest.mark.parametrize("failing", [["COMMIT"], ["COMMIT", "ROLLBACK"], ["BEGIN IMMEDIATE"]])
@pytest.mark.parametrize("name", ["pasture.db", None])
def test_a_post_after_a_failed_one_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wolf: Account, failing: list[str], name: str | None
) -> None:
    """The failed transaction is rolled back, then or before the next one; nothing of it is stored."""
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Faulty))
    with closing(Store(tmp_path / name if name else None)) as store:
        monkeypatch.setattr(Faulty, "failing", [*failing])
        with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
            store.add(wolf, Draft("lost"), NOW)
        assert not Faulty.failing
        store.add(wolf, Draft("kept"), NOW)

        assert [post.text for post in store.posts()] == ["kept"]
