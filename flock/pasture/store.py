"""The posts of the pasture, and the nonces it has seen, in SQLite: in a file or in memory."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from flock.errors import BadOption, printable
from flock.journal.files import make_private
from flock.journal.transaction import transaction
from flock.pasture.accounts import Account
from flock.pasture.drafts import Draft

LARGEST_ID = 2**63 - 1
_TWITTER_EPOCH_MS = 1_288_834_974_657  # X's ids count milliseconds from here
_LAST_DATED_ID = LARGEST_ID - 2**41  # X's ids end in July 2080; after that, or with such a clock, ids rise by one
_COLUMNS = "id, user_id, screen_name, text, in_reply_to, created_at"

# Each entry migrates the schema by one version. A released entry is never edited.
_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE posts (
            id          INTEGER PRIMARY KEY,
            user_id     TEXT NOT NULL,
            screen_name TEXT NOT NULL,
            text        TEXT NOT NULL,
            in_reply_to TEXT,
            created_at  REAL NOT NULL
        )
        """,
        "CREATE INDEX posts_of_user ON posts (user_id, id)",
    ),
    (
        """
        CREATE TABLE nonces (
            timestamp INTEGER NOT NULL,
            digest    BLOB NOT NULL,
            PRIMARY KEY (timestamp, digest)
        ) WITHOUT ROWID
        """,
    ),
)


@dataclass(frozen=True)
class Post:
    """One post. `created_at` is in seconds since the epoch."""

    id: int
    user_id: str
    screen_name: str
    text: str
    in_reply_to: str | None
    created_at: float


@dataclass(frozen=True)
class Span:
    """A part of a timeline: the newest `count` posts with since_id < id <= max_id."""

    count: int
    since_id: int = 0
    max_id: int = LARGEST_ID


class SaidJustNow(Exception):
    """Raised for a duplicate: the account's most recent post has the same text."""


class Store:
    """The posts, and the nonces of requests. All threads share one connection under a lock. It must be closed.

    Its owner alone can read the file. A post is in it when `add` returns, but a power cut may lose the post
    (`synchronous=NORMAL`), which is enough for practice. Raises BadOption if the file cannot be used.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lock = Lock()
        try:
            if path:
                make_private(path)  # SQLite gives its -wal and -shm files the mode of this one
            self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        except OSError as error:
            raise _unusable(path, error.strerror or str(error)) from error
        except sqlite3.Error as error:
            raise _unusable(path, str(error)) from error
        try:
            self._prepare()
        except (sqlite3.Error, BadOption) as error:
            self._db.close()
            raise _unusable(path, str(error)) from error

    def add(self, account: Account, draft: Draft, now: float) -> Post:
        """Store a post, under an id larger than any before. Raises SaidJustNow for a duplicate.

        A duplicate is a text that, stripped, equals the account's most recent post: the rule that X documents. X
        looks further back, and does not document how far.
        """
        with self._transaction() as db:
            (newest_id,) = db.execute("SELECT coalesce(max(id), 0) FROM posts").fetchone()
            last = self._select("WHERE user_id = ? ORDER BY id DESC LIMIT 1", account.user_id)
            if last and last[0].text.strip() == draft.text.strip():
                raise SaidJustNow
            post = Post(
                id=max(newest_id + 1, _snowflake(now)),
                user_id=account.user_id,
                screen_name=account.screen_name,
                text=draft.text,
                in_reply_to=draft.in_reply_to,
                created_at=now,
            )
            db.execute(
                f"INSERT INTO posts ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608  # our own constant
                (post.id, post.user_id, post.screen_name, post.text, post.in_reply_to, post.created_at),
            )
        return post

    def add_nonce(self, nonce: str, timestamp: int, token: str, *, oldest: float) -> bool:
        """Store the nonce of a signed request, and return whether it is new. Forget nonces from before `oldest`.

        The file gets a digest, and no token.
        """
        digest = hashlib.sha256(repr((nonce, token)).encode(errors="backslashreplace")).digest()
        with self._transaction() as db:
            db.execute("DELETE FROM nonces WHERE timestamp < ?", (oldest,))
            added = db.execute(
                "INSERT OR IGNORE INTO nonces (timestamp, digest) VALUES (?, ?)", (timestamp, digest)
            )
            return added.rowcount == 1

    def posts(self, screen_name: str | None = None) -> list[Post]:
        """Return all posts, or those of one account, earliest first."""
        with self._lock:
            if screen_name is None:
                return self._select("ORDER BY id")
            return self._select("WHERE screen_name = ? COLLATE NOCASE ORDER BY id", screen_name)

    def newest(self, count: int, accounts: Sequence[str] | None = None) -> list[Post]:
        """Return the latest `count` posts of all accounts, or of those with these user ids, latest first."""
        with self._lock:
            if accounts is None:
                return self._select("ORDER BY id DESC LIMIT ?", count)
            where, ids = among("user_id", accounts)
            return self._select(f"WHERE {where} ORDER BY id DESC LIMIT ?", ids, count)

    def timeline(self, user_id: str, span: Span) -> list[Post]:
        """Return a part of one account's timeline, latest first."""
        with self._lock:
            return self._select(
                "WHERE user_id = ? AND id > ? AND id <= ? ORDER BY id DESC LIMIT ?",
                user_id,
                span.since_id,
                span.max_id,
                span.count,
            )

    def close(self) -> None:
        """Close the connection. Posts in memory are lost."""
        with self._lock:
            self._db.close()

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > len(_MIGRATIONS):
            raise BadOption(f"its version {version} is newer than this flock: use the flock that wrote it")
        for number, statements in enumerate(_MIGRATIONS[version:], start=version + 1):
            with self._transaction() as db:
                for statement in statements:
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {number}")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, transaction(self._db) as db:
            yield db

    def _select(self, tail: str, *values: str | int) -> list[Post]:
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM posts {tail}", values)  # noqa: S608  # our own constants
        return [Post(*row) for row in rows]


def among(column: str, values: Sequence[str]) -> tuple[str, str]:
    """Return the condition that a column has one of these values, and the value of its parameter.

    With many values SQLite goes through the posts from the newest on; for one value there is an index.
    """
    plus = "" if len(values) == 1 else "+"  # it keeps SQLite from an index, and from sorting what that finds
    return f"{plus}{column} IN (SELECT value FROM json_each(?))", json.dumps(values)  # noqa: S608 - names of our own


def _snowflake(now: float) -> int:
    return min((int(now * 1000) - _TWITTER_EPOCH_MS) << 22, _LAST_DATED_ID)


def _unusable(path: Path | None, cause: str) -> BadOption:
    return BadOption(f"the pasture cannot keep its posts in {printable(str(path))}: {cause}")
