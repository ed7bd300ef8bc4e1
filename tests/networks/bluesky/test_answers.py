"""Answers of Bluesky's servers become errors of the flock."""

import json
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from flock import errors
from flock.networks.bluesky.answers import BY_NAME, BY_STATUS, error_name
from flock.networks.bluesky.answers import meaning as meaning_of

NOW = 1_800_000_000.0
PAGE = b"<html><body>403 Forbidden awselb/2.0</body></html>"


def answer(status: int, body: object, headers: Mapping[str, str] | None = None) -> requests.Response:
    """Return a response as requests makes it."""
    response = requests.Response()
    response.status_code = status
    response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response.headers.update(headers or {})
    return response


def meaning(
    status: int, body: object, headers: Mapping[str, str] | None = None, **parts: Any
) -> errors.NetworkError | None:
    """Return the error that an answer means, or None for a good one."""
    response = answer(status, body, headers)
    try:
        content = json.loads(response.content)
    except ValueError:
        content = None
    return meaning_of(response, content, NOW, **parts)


def named(name: str, message: str = "no") -> dict[str, str]:
    """Return an error in the form of the API."""
    return {"error": name, "message": message}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, named("ExpiredToken", "Token has expired"), errors.Unavailable),
        (400, named("InvalidToken", "Token could not be verified"), errors.Unauthorized),
        (401, named("AuthMissing"), errors.Unauthorized),
        (401, named("AuthenticationRequired", "Invalid identifier or password"), errors.Unauthorized),
        (401, named("AccountTakedown"), errors.Suspended),
        (401, named("AccountDeactivated"), errors.Locked),
        (403, named("AccountNotFound"), errors.Unauthorized),
        (400, named("InvalidSwap", "Record was at bafy"), errors.Conflict),
        (
            400,
            named("InvalidRequest", "... grapheme too big (maximum 300, got 301) at $.record.text"),
            errors.TooLong,
        ),
        (400, named("InvalidRequest", "... string too big (maximum 3000, got 3025)"), errors.TooLong),
        (400, named("InvalidRequest", "Invalid TID string"), errors.Refused),
        (400, named("SyntaxError", "Unexpected token"), errors.Refused),
        (403, named("Forbidden"), errors.NotPermitted),
        (404, named("NotFound"), errors.Unavailable),
        (413, named("PayloadTooLarge"), errors.TooLong),
        (418, named("Teapot"), errors.Refused),
        (429, named("RateLimitExceeded"), errors.RateLimited),
        (429, named("Other"), errors.RateLimited),
        (500, named("InternalServerError"), errors.OutcomeUnknown),
        (500, named("InvalidSwap"), errors.OutcomeUnknown),
        (502, named("UpstreamFailure"), errors.OutcomeUnknown),
        (503, PAGE, errors.OutcomeUnknown),
        (403, PAGE, errors.OutcomeUnknown),
        (400, {"error": "The access token is invalid"}, errors.OutcomeUnknown),
        (400, {"error": "InvalidSwap", "message": 7}, errors.OutcomeUnknown),
        (400, ["InvalidSwap"], errors.OutcomeUnknown),
        (400, b"", errors.OutcomeUnknown),
        (301, named("InvalidSwap"), errors.OutcomeUnknown),
        (200, ["uri"], errors.OutcomeUnknown),
        (200, PAGE, errors.OutcomeUnknown),
        (201, {"uri": "at://"}, errors.OutcomeUnknown),
        (204, b"", errors.OutcomeUnknown),
    ],
)
def test_each_answer_has_its_class(status: int, body: object, expected: type[errors.NetworkError]) -> None:
    """By the error's name; an answer without one tells nothing, whatever its status."""
    assert expected is type(meaning(status, body))


def test_a_good_answer_means_no_error() -> None:
    """It has the status 200 and holds a JSON object."""
    assert meaning(200, {"uri": "at://"}) is None


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda s: st.lists(s) | st.dictionaries(st.text(), s),
)
STATUSES = st.integers(100, 599)


@given(status=STATUSES, body=st.binary() | JSONS | st.fixed_dictionaries({"error": st.text(), "message": JSONS}))
def test_no_answer_breaks_the_reading_of_it(status: int, body: object) -> None:
    """And only an error of the API itself says that the post is not out."""
    error = meaning(status, body)
    if error is not None and not error_name(body if isinstance(body, dict) else None):
        assert isinstance(error, errors.OutcomeUnknown)
    if error is not None:
        assert str(error).isprintable()


@given(name=st.sampled_from(sorted(BY_NAME)), status=st.integers(500, 599))
def test_no_answer_from_500_on_is_believed(name: str, status: int) -> None:
    """The post may have been stored before something broke."""
    assert isinstance(meaning(status, named(name)), errors.OutcomeUnknown)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"RateLimit-Reset": str(int(NOW) + 90)}, NOW + 90),
        ({"RateLimit-Reset": str(int(NOW) + 90), "Retry-After": "7"}, NOW + 90),
        ({"Retry-After": "7"}, NOW + 7),
        ({"Retry-After": formatdate(NOW + 60, usegmt=True)}, NOW + 60),
        ({"RateLimit-Reset": str(int(NOW) + 40 * 86_400)}, None),
        ({"RateLimit-Reset": "soon", "Retry-After": "later"}, None),
        ({"RateLimit-Reset": "nan"}, None),
        ({}, None),
    ],
)
def test_a_limit_lasts_until_the_reset_in_its_headers(headers: dict[str, str], expected: float | None) -> None:
    """If that is within a day; the first of the two headers is the more exact one."""
    error = meaning(429, named("RateLimitExceeded"), headers)
    assert isinstance(error, errors.RateLimited)
    assert expected == error.until


def test_a_limit_by_the_day_is_a_daily_one() -> None:
    """The policy names the length of the window, in seconds."""
    headers = {"RateLimit-Policy": "300;w=86400", "RateLimit-Reset": str(int(NOW) + 3600)}
    error = meaning(429, named("RateLimitExceeded"), headers)
    assert isinstance(error, errors.DailyLimit)
    assert NOW + 3600 == error.until


@pytest.mark.parametrize("secret", ["hunter2 hunter2", "abcd-efgh-ijkl-mnop", "eyJhbGciOiJIUzI1NiJ9.e30.c2VzYW1l"])
def test_no_message_shows_a_secret(secret: str) -> None:
    """The server repeats what it finds wrong; a password or a token in it is not shown."""
    error = meaning(
        400, named("InvalidRequest", f"Expected an object (got {secret})"), secrets=["hunter2 hunter2"]
    )
    assert secret not in str(error)
    assert "Expected an object (got (hidden))" in str(error)


def test_every_row_of_the_tables_is_reached() -> None:
    """No status hides a name, and no name a status."""
    assert {name: type(meaning(400, named(name))) for name in BY_NAME} == dict(BY_NAME)
    assert {status: type(meaning(status, named("Other"))) for status in BY_STATUS} == dict(BY_STATUS)
