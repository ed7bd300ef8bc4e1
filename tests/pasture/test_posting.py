"""Posting in both APIs: which texts are accepted, and the answers to the others."""

from __future__ import annotations

import html
import json
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from requests import Response
from requests_oauthlib import OAuth1Session

from flock.pasture import Account, Pasture, RateLimit

Say = Callable[[str], Response]

INVALID_DETAIL = "One or more parameters to your request was invalid."
INVALID = {
    "title": "Invalid Request",
    "type": "https://api.twitter.com/2/problems/invalid-request",
    "status": 400,
    "detail": INVALID_DETAIL,
}


@pytest.fixture(scope="module")
def patient_pasture(wolf: Account) -> Iterator[Pasture]:
    """A pasture that takes as many posts as a property test makes."""
    with Pasture([wolf], rate_limit=RateLimit(posts=1_000_000)) as pasture:
        yield pasture


@pytest.fixture(scope="module")
def patient_session(wolf: Account) -> Iterator[OAuth1Session]:
    """One kept connection for a property test."""
    with OAuth1Session(
        wolf.consumer_key,
        wolf.consumer_secret.get_secret_value(),
        wolf.token,
        wolf.token_secret.get_secret_value(),
    ) as session:
        yield session


def assert_v1_refusal(response: Response, status: int, code: int) -> None:
    """A v1.1 answer has the status, and one error of that code with some message."""
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    (error,) = response.json()["errors"]
    assert error["code"] == code
    assert error["message"]


def assert_v2_refusal(response: Response, status: int, title: str, detail: str) -> None:
    """A v2 answer is a problem with that title and detail."""
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    problem = response.json()
    assert (problem["status"], problem["title"], problem["detail"]) == (status, title, detail)
    assert problem["type"]


def test_v1_gives_the_status(pasture: Pasture, say_v1: Say) -> None:
    """The id comes as a number and as text, the date in Twitter's own form."""
    status = say_v1("the fog comes").json()

    (post,) = pasture.store.posts()
    assert (status["id"], status["id_str"], status["text"]) == (post.id, str(post.id), "the fog comes")
    assert status["user"]["id_str"] == "1001"
    assert status["in_reply_to_status_id"] is None


def test_v2_gives_id_and_text(pasture: Pasture, say_v2: Say) -> None:
    """v2 answers 201 with the id, the text and the edit history only."""
    response = say_v2("the fog comes")

    (post,) = pasture.store.posts()
    assert response.status_code == 201
    assert response.json() == {
        "data": {"id": str(post.id), "text": "the fog comes", "edit_history_tweet_ids": [str(post.id)]}
    }


def test_a_reply_stores_what_it_answers(pasture: Pasture, session: OAuth1Session) -> None:
    """The id of the post that is replied to need not exist."""
    session.post(f"{pasture.url}/2/tweets", json={"text": "so?", "reply": {"in_reply_to_tweet_id": "42"}})

    assert [post.in_reply_to for post in pasture.store.posts()] == ["42"]


@given(text=st.text(max_size=100))
def test_a_text_is_stored_as_it_was_said(
    patient_pasture: Pasture, patient_session: OAuth1Session, text: str
) -> None:
    """Every text is in NFC in the store, with `&`, `<` and `>` as entities in the answer."""
    normal = unicodedata.normalize("NFC", text)
    assume(normal.strip() and not set(normal) & set("\ufeff\ufffe\uffff"))
    patient_session.post(f"{patient_pasture.url}/2/tweets", json={"text": "something else"})

    response = patient_session.post(f"{patient_pasture.url}/2/tweets", json={"text": text})

    assert response.status_code == 201
    assert response.json()["data"]["text"] == html.escape(normal, quote=False)
    assert patient_pasture.store.newest(1)[0].text == normal


@pytest.mark.parametrize("text", ["", "   ", "\n\u3000"])
def test_an_empty_text_is_refused(pasture: Pasture, say_v1: Say, say_v2: Say, text: str) -> None:
    """A text of white space counts as empty."""
    assert_v1_refusal(say_v1(text), 403, 170)
    assert_v2_refusal(say_v2(text), 400, "Invalid Request", "Your Tweet text must not be empty.")
    assert pasture.store.posts() == []


def test_a_missing_status_is_refused(pasture: Pasture, session: OAuth1Session) -> None:
    """v1.1 has the same error code for a missing text."""
    assert_v1_refusal(session.post(f"{pasture.url}/1.1/statuses/update.json"), 403, 170)


@pytest.mark.parametrize("text", ["a" * 281, "詩" * 141, "a" * 258 + " sea.me", "a." * 30_000], ids=len)
def test_a_text_too_long_is_refused(pasture: Pasture, say_v1: Say, say_v2: Say, text: str) -> None:
    """Length is weighted as X weighs it; a text of any size is answered at once."""
    assert_v1_refusal(say_v1(text), 403, 186)
    assert_v2_refusal(say_v2(text), 403, "Forbidden", "Your Tweet text is too long.")
    assert pasture.store.posts() == []


@pytest.mark.parametrize(
    "text", ["a" * 280, "詩" * 140, "a" * 256 + " sea.me", "👨‍👩‍👧‍👦" * 140, "e\u0301" * 280], ids=len
)
def test_a_text_that_just_fits_is_taken(say_v1: Say, text: str) -> None:
    """Latin letters weigh 1, others 2, an emoji sequence 2, a link 23, and a composed letter is one."""
    assert say_v1(text).status_code == 200


def test_a_text_with_forbidden_characters_is_refused(say_v1: Say, say_v2: Say) -> None:
    """A byte order mark in the text is refused."""
    assert_v1_refusal(say_v1("\ufeffline"), 400, 214)
    assert_v2_refusal(say_v2("\ufeffline"), 400, "Invalid Request", INVALID_DETAIL)


@pytest.mark.parametrize("again", ["nevermore", " nevermore\n"])
def test_the_same_text_twice_in_a_row_is_refused(pasture: Pasture, say_v1: Say, say_v2: Say, again: str) -> None:
    """The same text is refused by both APIs, also with other white space around it."""
    say_v1("nevermore")

    by_v1, by_v2 = say_v1(again), say_v2(again)

    assert (by_v1.status_code, by_v1.json()) == (
        403,
        {"errors": [{"code": 187, "message": "Status is a duplicate."}]},
    )
    detail = "You are not allowed to create a Tweet with duplicate content."
    assert_v2_refusal(by_v2, 403, "Forbidden", detail)
    assert len(pasture.store.posts()) == 1


def test_composed_and_decomposed_texts_are_the_same(say_v2: Say) -> None:
    """Duplicates are compared after NFC."""
    say_v2("caf\u00e9")

    assert say_v2("cafe\u0301").status_code == 403


def test_the_same_text_is_taken_after_another(say_v2: Say) -> None:
    """A text may be posted again after another one."""
    answers = [say_v2(text).status_code for text in ("refrain", "verse", "refrain")]

    assert answers == [201, 201, 201]


def test_of_the_same_text_at_once_one_lands(
    pasture: Pasture, wolf: Account, sign_in: Callable[[Account], OAuth1Session]
) -> None:
    """Looking for a duplicate and storing the post are one step."""
    sessions = [sign_in(wolf) for _ in range(16)]

    with ThreadPoolExecutor(len(sessions)) as pool:
        answers = pool.map(lambda one: one.post(f"{pasture.url}/2/tweets", json={"text": "me!"}), sessions)
        statuses = sorted(answer.status_code for answer in answers)

    assert statuses == [201] + [403] * 15
    assert len(pasture.store.posts()) == 1


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"text": "line", "colour": "red"}, "$.colour: Extra inputs are not permitted"),
        ({"text": "line", "reply": {"in_reply_to_tweet_id": "x"}}, "$.reply.in_reply_to_tweet_id: "),
        ({"text": 7}, "$.text: Input should be a valid string"),
        ({}, "$.text: Field required"),
        ([], "$: "),
    ],
)
def test_v2_refuses_a_body_that_is_not_a_tweet(
    pasture: Pasture, session: OAuth1Session, body: object, complaint: str
) -> None:
    """Unknown keys, wrong types and missing ones are each named."""
    response = session.post(f"{pasture.url}/2/tweets", json=body)

    problem = response.json()
    (error,) = problem.pop("errors")
    assert (response.status_code, problem) == (400, INVALID)
    assert error["message"].startswith(complaint)


@pytest.mark.parametrize("body", [b"", b"{", b'{"text": "\\ud800"}', b'"\xff"', b"[" * 60_000], ids=range(5))
def test_v2_refuses_broken_json(pasture: Pasture, session: OAuth1Session, body: bytes) -> None:
    """Half a document, half a character or a tower of brackets is a bad request."""
    response = session.post(f"{pasture.url}/2/tweets", data=body, headers={"Content-Type": "application/json"})

    assert_v2_refusal(response, 400, "Invalid Request", INVALID_DETAIL)


def test_v2_refuses_another_content_type(pasture: Pasture, session: OAuth1Session) -> None:
    """The Content-Type must be application/json."""
    response = session.post(
        f"{pasture.url}/2/tweets", data=json.dumps({"text": "line"}), headers={"Content-Type": "text/plain"}
    )

    assert_v2_refusal(response, 400, "Invalid Request", INVALID_DETAIL)
    assert response.json()["errors"] == [{"message": "The Content-Type must be application/json"}]


def test_a_user_has_a_rate_limit(
    wolf: Account, lamb: Account, clock: Mock, sign_in: Callable[[Account], OAuth1Session]
) -> None:
    """The limit counts each user's requests over both APIs, is shown in headers, and ends at the time in them."""
    clock.return_value = now = int(clock()) + 0.5
    with Pasture([wolf, lamb], clock=clock, rate_limit=RateLimit(posts=2, window_seconds=60)) as pasture:
        v1, v2 = f"{pasture.url}/1.1/statuses/update.json", f"{pasture.url}/2/tweets"
        session = sign_in(wolf)
        answers = [session.post(v2, json={"text": text}) for text in ("one", "two", "three")]
        by_v1 = session.post(v1, data={"status": "four"})
        by_another = sign_in(lamb).post(v2, json={"text": "mine"})
        clock.return_value = int(answers[-1].headers["x-rate-limit-reset"])
        later = session.post(v2, json={"text": "five"})

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert [answer.headers["x-rate-limit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert {answer.headers["x-rate-limit-limit"] for answer in answers} == {"2"}
    assert {answer.headers["x-rate-limit-reset"] for answer in answers} == {str(int(now) + 60)}
    assert_v2_refusal(answers[-1], 429, "Too Many Requests", "Too Many Requests")
    assert_v1_refusal(by_v1, 429, 88)
    assert (by_another.status_code, later.status_code) == (201, 201)


def test_a_refused_post_counts_too(say_v1: Say) -> None:
    """The limit is on requests, as X's is, so a refusal carries the headers as well."""
    answers = [say_v1(text) for text in ("one", "one")]

    assert [answer.status_code for answer in answers] == [200, 403]
    assert [answer.headers["x-rate-limit-remaining"] for answer in answers] == ["899", "898"]
