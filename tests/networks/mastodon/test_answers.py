"""Answers of Mastodon's API become errors of the flock, as docs/errors.md has it."""

import io
import re
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from pathlib import Path

import pytest
import requests
import simplejson as json
from hypothesis import given
from hypothesis import strategies as st

from flock import errors
from flock.networks.mastodon.answers import TABLE, Row, meaning, reset_of

NOW = 1_800_000_000.0
PAGE = Path(__file__).parents[3] / "docs" / "errors.md"


def answer(status: int, body: object = None, headers: Mapping[str, str] | None = None) -> requests.Response:
    """Return a response as requests makes it."""
    response = requests.Response()
    response.status_code = status
    response.raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    response.headers.update(headers or {})
    return response


def error_for(response: requests.Response) -> errors.NetworkError | None:
    """Return what a response means."""
    try:
        content = json.loads(response.content)
    except ValueError:
        content = None
    return meaning(response, content, NOW)


def kind_for(status: int, says: str) -> type[errors.NetworkError]:
    """Return the class of an answer in the API's own form."""
    error = error_for(answer(status, {"error": says}))
    assert error
    return type(error)


@pytest.mark.parametrize(
    ("status", "says", "expected"),
    [
        (401, "The access token is invalid", "Unauthorized"),
        (401, "The access token was revoked", "Revoked"),
        (401, "The access token expired", "Revoked"),
        (403, "Your login is currently disabled", "Suspended"),
        (403, "Your login is currently pending approval", "Locked"),
        (403, "Your login is missing a confirmed e-mail address", "Locked"),
        (403, "This action is outside the authorized scopes", "AppRefused"),
        (403, "This action is not allowed", "NotPermitted"),
        (403, "Invalid credentials.", "Unauthorized"),
        (422, "This method requires an authenticated user", "Unauthorized"),
        (422, "Validation failed: Text character limit of 500 exceeded", "TooLong"),
        (422, "Validation failed: Text is too long", "TooLong"),
        (422, "Validation failed: Text can't be blank", "Refused"),
        (400, "Bad Request: status length exceeds the limit", "TooLong"),
        (404, "The post you are trying to reply to does not appear to exist.", "Refused"),
        (404, "Record not found", "Duplicate"),
        (404, "Not found", "Unavailable"),
        (410, "Gone", "Unavailable"),
        (408, "no", "OutcomeUnknown"),
        (409, "no", "OutcomeUnknown"),
        (429, "Too many requests", "RateLimited"),
        (403, "This server is in read-only mode", "NotPermitted"),
        (500, "no", "OutcomeUnknown"),
        (503, "This server is in read-only mode", "OutcomeUnknown"),
        (418, "no", "Refused"),
        (200, "no", "OutcomeUnknown"),
    ],
)
def test_each_error_has_its_class(status: int, says: str, expected: str) -> None:
    """By its status, and by its words where these say more."""
    assert expected == kind_for(status, says).__name__


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("body", [{"id": "1"}, []])
def test_a_good_answer_is_no_error(status: int, body: object) -> None:
    """Which the adapter then looks at."""
    assert error_for(answer(status, body)) is None


@pytest.mark.parametrize("body", [b"<html>no</html>", b"", {"message": "no"}, {"error": ""}, {"error": {}}, "no"])
def test_an_answer_in_another_form_says_nothing(body: object) -> None:
    """A proxy may have made it. Only an empty 401 is believed, with which snac refuses a token."""
    for status in range(202, 600):
        expected = errors.Unauthorized if (status, body) == (401, b"") else errors.OutcomeUnknown
        assert expected is type(error_for(answer(status, body))), status


def test_a_redirect_names_the_field_to_correct() -> None:
    """A server that has moved, or a login page."""
    error = error_for(answer(301, b"", {"location": "https://elsewhere.example/"}))
    assert "`server` in the key file" in str(error)


def test_what_a_server_says_is_shown_on_one_line() -> None:
    """Shortened, and without characters that change the line."""
    error = error_for(answer(422, {"error": "no\x1b[31m\n" + "x" * 1000}))
    assert str(error).startswith("HTTP 422: no [31m x")
    assert len(str(error)) < 200


ISO = "2027-01-15T08:10:00.000000Z"  # ten minutes after NOW
RESET = NOW + 600


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-RateLimit-Reset": ISO}, RESET),
        ({"X-RateLimit-Reset": "2027-01-15T08:10:00Z"}, RESET),
        ({"X-RateLimit-Reset": "2027-01-15T09:10:00+01:00"}, RESET),
        ({"X-RateLimit-Reset": "2027-01-15T08:10:00"}, RESET),
        ({"X-RateLimit-Reset": str(int(RESET))}, RESET),
        ({"ratelimit-reset": str(int(RESET))}, RESET),
        ({"RateLimit-Reset": "600"}, RESET),
        ({"Retry-After": "600"}, RESET),
        ({"Retry-After": formatdate(RESET, usegmt=True)}, RESET),
        ({"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": ISO}, None),
        ({"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": ISO, "Retry-After": "60"}, NOW + 60),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": ISO, "Retry-After": "60"}, RESET),
        ({"X-RateLimit-Reset": "soon", "RateLimit-Reset": "600"}, RESET),
        ({"Retry-After": str(26 * 3600)}, None),
        ({"X-RateLimit-Reset": "2026-01-15T08:10:00Z"}, None),
        ({"X-RateLimit-Reset": "9" * 400}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "nan"}, None),
        ({}, None),
    ],
)
def test_the_end_of_a_limit_is_read_in_all_forms(headers: dict[str, str], expected: float | None) -> None:
    """And believed where it is near."""
    response = answer(429, {"error": "Too many requests"}, headers)
    error = error_for(response)
    assert isinstance(error, errors.RateLimited)
    assert expected == error.until


@given(text=st.text(max_size=40), name=st.sampled_from(["x-ratelimit-reset", "ratelimit-reset", "retry-after"]))
def test_no_header_does_harm(text: str, name: str) -> None:
    """A server may send anything."""
    until = reset_of({name: text}, NOW)
    assert until is None or NOW - 60 < until <= NOW + 25 * 3600


def rows() -> Iterator[list[str]]:
    """Yield the rows of the table in docs/errors.md."""
    section = (
        PAGE.read_text(encoding="utf-8").partition("## The answers of Mastodon\n")[2].partition("\nThe other")[0]
    )
    for line in section.splitlines():
        if re.match(r"\| (\d|any)", line):
            yield [cell.strip().replace("`", "") for cell in line[1:-1].split("|")]


def told(row: Row) -> list[str]:
    """Return a row of the code's table as the page tells it."""
    statuses = "any other 4xx" if len(row.statuses) > 20 and not row.words else ", ".join(map(str, row.statuses))
    if len(row.statuses) > 20 and row.words:
        statuses = "any 4xx"
    family = next(each.__name__ for each in row.kind.__mro__ if each.__base__ is errors.NetworkError)
    return [statuses, ", ".join(row.words), row.kind.__name__, family, row.advice]


def test_the_page_has_the_table_of_the_code() -> None:
    """Row by row, in the same order."""
    assert [told(row) for row in TABLE] == list(rows())
