"""Timelines and accounts, read by both APIs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from requests import Response
from requests_oauthlib import OAuth1Session

from flock.pasture import Account, Pasture

V1_TIMELINE = "/1.1/statuses/user_timeline.json"
V2_TIMELINE = "/2/users/1001/tweets"


@pytest.fixture
def ids(say_v2: Callable[[str], Response]) -> list[str]:
    """The ids of eight posts of the wolf, oldest first."""
    return [say_v2(f"line {number}").json()["data"]["id"] for number in range(8)]


def test_v2_knows_who_i_am(pasture: Pasture, session: OAuth1Session) -> None:
    """The id, the name and the user name."""
    response = session.get(f"{pasture.url}/2/users/me")

    assert response.json() == {"data": {"id": "1001", "name": "wolf", "username": "wolf"}}


def test_v2_without_posts_has_no_data(pasture: Pasture, session: OAuth1Session) -> None:
    """An empty timeline has no `data`, as on X."""
    assert session.get(pasture.url + V2_TIMELINE).json() == {"meta": {"result_count": 0}}


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, slice(0, 8)),
        ({"max_results": "5"}, slice(3, 8)),
        ({"since_id": "5"}, slice(6, 8)),
        ({"until_id": "3"}, slice(0, 3)),
        ({"since_id": "1", "until_id": "4"}, slice(2, 4)),
    ],
)
def test_v2_gives_a_stretch_newest_first(
    pasture: Pasture, session: OAuth1Session, ids: list[str], parameters: dict[str, str], expected: slice
) -> None:
    """Both ends are left out. The parameters' ids are numbers of lines here."""
    sent = {name: ids[int(value)] if name.endswith("_id") else value for name, value in parameters.items()}

    answer = session.get(pasture.url + V2_TIMELINE, params=sent).json()

    wanted = ids[expected]
    assert [tweet["id"] for tweet in answer["data"]] == wanted[::-1]
    assert answer["meta"] == {"result_count": len(wanted), "newest_id": wanted[-1], "oldest_id": wanted[0]}
    assert all(set(tweet) == {"id", "text", "edit_history_tweet_ids"} for tweet in answer["data"])


def test_v2_gives_the_date_when_asked(
    pasture: Pasture, session: OAuth1Session, say_v2: Callable[[str], Response]
) -> None:
    """In ISO 8601, to the millisecond, with a Z."""
    say_v2("dated")

    answer = session.get(pasture.url + V2_TIMELINE, params={"tweet.fields": "author_id,created_at"}).json()

    (tweet,), (post,) = answer["data"], pasture.store.posts()
    assert tweet["created_at"].endswith("Z")
    assert datetime.fromisoformat(tweet["created_at"]).timestamp() == pytest.approx(post.created_at, abs=0.001)


@pytest.mark.parametrize(
    "parameters",
    [
        {"max_results": "4"},
        {"max_results": "101"},
        {"max_results": "ten"},
        {"max_results": "٣٣"},
        {"since_id": "-1"},
        {"since_id": "9" * 5_000},
        {"until_id": "0"},
        {"colour": "red"},
    ],
)
def test_v2_refuses_parameters_that_make_no_sense(
    pasture: Pasture, session: OAuth1Session, parameters: dict[str, str]
) -> None:
    """Out of bounds, not a number, or unknown."""
    response = session.get(pasture.url + V2_TIMELINE, params=parameters)

    assert (response.status_code, response.json()["title"]) == (400, "Invalid Request")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, slice(0, 8)),
        ({"count": "2"}, slice(6, 8)),
        ({"count": "100000"}, slice(0, 8)),
        ({"since_id": "5"}, slice(6, 8)),
        ({"max_id": "3"}, slice(0, 4)),
    ],
)
def test_v1_gives_a_stretch_newest_first(
    pasture: Pasture, session: OAuth1Session, ids: list[str], parameters: dict[str, str], expected: slice
) -> None:
    """max_id is within, since_id is not. The parameters' ids are numbers of lines here."""
    sent = {name: ids[int(value)] if name.endswith("_id") else value for name, value in parameters.items()}

    statuses: list[dict[str, Any]] = session.get(pasture.url + V1_TIMELINE, params=sent).json()

    assert [status["id_str"] for status in statuses] == ids[expected][::-1]


def test_ids_beyond_63_bits_are_only_very_new(pasture: Pasture, session: OAuth1Session, ids: list[str]) -> None:
    """An id of 19 digits may be larger than SQLite's integers."""
    largest = "9" * 19

    by_v1 = session.get(pasture.url + V1_TIMELINE, params={"max_id": largest})
    by_v2 = session.get(pasture.url + V2_TIMELINE, params={"since_id": largest})

    assert len(by_v1.json()) == len(ids)
    assert by_v2.json() == {"meta": {"result_count": 0}}


def test_others_can_be_read(
    pasture: Pasture, lamb: Account, sign_in: Callable[[Account], OAuth1Session], ids: list[str]
) -> None:
    """Timelines are public, by id or by name."""
    session = sign_in(lamb)

    by_id = session.get(pasture.url + V1_TIMELINE, params={"user_id": "1001"})
    by_name = session.get(pasture.url + V1_TIMELINE, params={"screen_name": "WOLF"})
    by_v2 = session.get(pasture.url + V2_TIMELINE)

    assert len(by_id.json()) == len(by_name.json()) == len(by_v2.json()["data"]) == len(ids)


def test_strangers_are_not_found(pasture: Pasture, session: OAuth1Session) -> None:
    """The name or the id of no account is answered with 404."""
    by_v1 = session.get(pasture.url + V1_TIMELINE, params={"screen_name": "fox"})
    by_v2 = session.get(f"{pasture.url}/2/users/7/tweets")

    assert (by_v1.status_code, by_v1.json()["errors"][0]["code"]) == (404, 34)
    assert (by_v2.status_code, by_v2.json()["title"]) == (404, "Not Found")
