"""A post is sent only while the bot is this flock's: that is asked when its connection is there."""

from collections.abc import Iterator
from typing import Any

import pytest

from flock.errors import Unavailable
from flock.networks.http import Session
from flock.networks.permission import only_while
from tests.networks.test_exchange import GOOD, Signed, odd


@pytest.mark.parametrize("auth", [None, Signed()], ids=["through requests", "past requests"])
def test_a_request_is_withheld_at_the_last_moment(auth: Any) -> None:
    """Its connection may have taken a minute. Not a byte of it is sent, so the post surely did not land."""
    answered: list[str] = []

    def answer() -> Iterator[bytes]:
        answered.append("")
        yield GOOD

    with odd(answer) as server:
        session = Session(server.url)
        asked = iter([True, False])
        with (
            only_while(lambda: next(asked)),
            pytest.raises(Unavailable, match="was not asked: this flock may have lost the bot to another one"),
        ):
            session.request("POST", f"{server.url}/2/tweets", json={}, auth=auth)
        with only_while(lambda: True):
            assert b'"ok"' == session.request("POST", f"{server.url}/2/tweets", json={}, auth=auth).content
        assert 1 == len(answered)
        assert 2 == server.connections


def test_nothing_is_begun_without_permission() -> None:
    """Also on a network of another package, which has a session of its own."""
    with pytest.raises(Unavailable, match="this flock may have lost the bot"), only_while(lambda: False):
        pytest.fail("it was begun")


def test_permission_is_of_one_post() -> None:
    """What comes after it is asked for nothing."""
    with odd(lambda: iter([GOOD])) as server:
        session = Session(server.url)
        allowed = [True]
        with only_while(lambda: allowed[0]):
            session.request("POST", server.url, json={})
        allowed[0] = False
        assert 201 == session.request("POST", server.url, json={}).status_code
