"""The store of posts in SQLite."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from requests_oauthlib import OAuth1Session

from flock.errors import BadOption
from flock.pasture import Account, Pasture
from flock.pasture.drafts import Draft
from flock.pasture.store import SaidJustNow, Span, Store

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
    with pytest.raises(BadOption, match=r"pasture\.db: No such file or directory"):
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


def test_nonces_are_forgotten_after_their_window(tmp_path: Path) -> None:
    """The file does not grow for years. A nonce is kept while it could be repeated, with its token and second."""
    path = tmp_path / "pasture.db"
    with closing(Store(path)) as store:
        for second in range(1_000):
            assert store.add_nonce("nonce", second, "token", oldest=second - 300)
        assert not store.add_nonce("nonce", 699, "token", oldest=699)
        assert store.add_nonce("nonce", 999, "another token", oldest=699)
        assert store.add_nonce("another nonce", 999, "token", oldest=699)
    with closing(sqlite3.connect(path)) as db:
        assert (303,) == db.execute("SELECT count(*) FROM nonces").fetchone()


@pytest.mark.parametrize("year", [2081, 2500, 9998])
def test_ids_rise_and_fit_after_x_s_own_have_ended(tmp_path: Path, wolf: Account, year: int) -> None:
    """X's ids are 63 bits until July 2080. A clock of later, set back afterwards, leaves room for many more."""
    late = datetime(year, 1, 1, tzinfo=UTC).timestamp()
    ids = []
    for number, now in enumerate([NOW, late, late + 1, NOW, late]):
        with closing(Store(tmp_path / "pasture.db")) as store:
            ids.append(store.add(wolf, Draft(f"line {number}"), now).id)
            assert ids[::-1] == [post.id for post in store.timeline(wolf.user_id, Span(count=10))]

    assert sorted(set(ids)) == ids
    assert ids[-1] + 10**12 < 2**63


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277, 0o777])
def test_the_files_are_their_owner_s_alone_whatever_the_umask(tmp_path: Path, wolf: Account, umask: int) -> None:
    """The database, and what SQLite puts beside it."""
    before = os.umask(umask)
    try:
        with closing(Store(tmp_path / "pasture.db")) as store:
            store.add(wolf, Draft("public"), NOW)
            modes = {file.name: oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()}
    finally:
        os.umask(before)

    assert dict.fromkeys(("pasture.db", "pasture.db-wal", "pasture.db-shm"), "0o600") == modes
