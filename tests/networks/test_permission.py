"""A post is sent only while the bot is this flock's: that is asked when its connection is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flock.errors import Unavailable
from flock.networks.http import Session
from flock.networks.permission import may_send
from tests.networks.test_exchange import GOOD, Signed, odd


@contextmanager
def asking(may_post: Callable[[], bool]) -> Iterator[None]:
    """Ask `may_post` before each request of this thread."""
    before = may_send.set(may_post)
    try:
        yield
    finally:
        may_send.reset(before)


@pytest.mark.parametrize("auth", [None, Signed()], ids=["through requests", "past requests"])
def test_a_request_is_withheld_at_the_last_moment(auth: Any) -> None:
    """Its connection may have taken a minute. Not a byte of it is sent, so the post surely did not land."""
    answered: list[str] = []

    def answer() -> Iterator[bytes]:
        answered.append("")
        yield GOOD

    with odd(answer) as server, Session(server.url) as session:
        url = f"{server.url}/2/tweets"
        with (
            asking(lambda: False),
            pytest.raises(Unavailable, match="was not asked: this flock may have lost the bot to another one"),
        ):
            session.request("POST", url, json={}, auth=auth)
        with asking(lambda: True):
            assert b'"ok"' == session.request("POST", url, json={}, auth=auth).content
        assert 1 == len(answered)
        assert 2 == server.connections


def test_permission_is_of_one_post() -> None:
    """What comes after it is asked for nothing."""
    with odd(lambda: iter([GOOD])) as server, Session(server.url) as session:
        allowed = [True]
        with asking(lambda: allowed[0]):
            session.request("POST", server.url, json={})
        allowed[0] = False
        assert 201 == session.request("POST", server.url, json={}).status_code
