"""Fixtures: a pasture with two accounts of one app, and clients that sign requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from unittest.mock import Mock

import pytest
from pydantic import SecretStr
from requests import Response
from requests_oauthlib import OAuth1Session

from flock.pasture import Account, Pasture


@pytest.fixture(scope="session")
def wolf() -> Account:
    """An account of the app."""
    return Account(
        screen_name="wolf",
        user_id="1001",
        consumer_key="app-key",
        consumer_secret=SecretStr("app-secret"),
        token="1001-wolf-token",
        token_secret=SecretStr("wolf-secret"),
    )


@pytest.fixture(scope="session")
def lamb() -> Account:
    """Another account of the same app."""
    return Account(
        screen_name="Lamb",
        user_id="1002",
        consumer_key="app-key",
        consumer_secret=SecretStr("app-secret"),
        token="1002-lamb-token",
        token_secret=SecretStr("lamb-secret"),
    )


@pytest.fixture
def clock() -> Mock:
    """The pasture's clock: it stands at the time of the test's start until its return value is changed."""
    return Mock(return_value=time.time())


@pytest.fixture
def pasture(wolf: Account, lamb: Account, clock: Mock) -> Iterator[Pasture]:
    """A running pasture, in memory."""
    with Pasture([wolf, lamb], clock=clock) as pasture:
        yield pasture


@pytest.fixture
def sign_in() -> Iterator[Callable[[Account], OAuth1Session]]:
    """Sessions that sign as an account, closed after the test."""
    sessions: list[OAuth1Session] = []

    def sign_in(account: Account) -> OAuth1Session:
        sessions.append(
            OAuth1Session(
                account.consumer_key,
                account.consumer_secret.get_secret_value(),
                account.token,
                account.token_secret.get_secret_value(),
            )
        )
        return sessions[-1]

    yield sign_in
    for session in sessions:
        session.close()


@pytest.fixture
def session(sign_in: Callable[[Account], OAuth1Session], wolf: Account) -> OAuth1Session:
    """The wolf's session."""
    return sign_in(wolf)


@pytest.fixture
def say_v1(pasture: Pasture, session: OAuth1Session) -> Callable[[str], Response]:
    """Post as the wolf by v1.1."""
    return lambda text: session.post(f"{pasture.url}/1.1/statuses/update.json", data={"status": text})


@pytest.fixture
def say_v2(pasture: Pasture, session: OAuth1Session) -> Callable[[str], Response]:
    """Post as the wolf by v2."""
    return lambda text: session.post(f"{pasture.url}/2/tweets", json={"text": text})
