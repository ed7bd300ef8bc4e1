"""Answers of X's API, and failed exchanges, become errors of the flock."""

import io
import json
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

import flock.networks.x.answers
from flock import errors

NOW = 1_800_000_000.0
HOUR = 3600.0
PAGE = b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>"


def answer(status: int, body: object = None, headers: Mapping[str, str] | None = None) -> requests.Response:
    """Return a response as requests makes it."""
    response = requests.Response()
    response.status_code = status
    response.reason = "Because"
    response.raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    response.headers.update(headers or {})
    return response


def meaning(response: requests.Response, now: float) -> errors.NetworkError | None:
    """Return the error that a bad answer means, or None for a good one."""
    try:
        content = json.loads(response.content)
    except ValueError:
        content = None
    return flock.networks.x.answers.meaning(response, content, now)


def v1(code: int, message: str = "no") -> dict[str, Any]:
    """Return an error in the form of API v1.1."""
    return {"errors": [{"code": code, "message": message}]}


def v2(status: int, title: str, detail: str, kind: str = "about:blank") -> dict[str, Any]:
    """Return an error in the form of API v2."""
    return {"title": title, "detail": detail, "type": kind, "status": status}


PROBLEMS = "https://api.twitter.com/2/problems/"
DUPLICATE = "You are not allowed to create a Tweet with duplicate content."


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        (32, 401, errors.AppRefused),
        (64, 403, errors.Suspended),
        (88, 429, errors.RateLimited),
        (89, 401, errors.Revoked),
        (130, 503, errors.OutcomeUnknown),
        (131, 500, errors.OutcomeUnknown),
        (135, 401, errors.ClockWrong),
        (185, 403, errors.DailyLimit),
        (186, 403, errors.TooLong),
        (187, 403, errors.Duplicate),
        (215, 400, errors.AppRefused),
        (226, 403, errors.LooksAutomated),
        (261, 403, errors.AppRefused),
        (326, 403, errors.Locked),
        (344, 403, errors.DailyLimit),
        (416, 403, errors.AppRefused),
        (453, 403, errors.AppRefused),
        (467, 403, errors.NotPermitted),
        (9999, 403, errors.Refused),
        (9999, 500, errors.OutcomeUnknown),
    ],
)
def test_every_numbered_error_has_its_class(code: int, status: int, expected: type[errors.NetworkError]) -> None:
    """The error codes of API v1.1 count, also with a 2xx status."""
    assert expected is type(meaning(answer(status, v1(code)), NOW))
    if code != 9999:
        assert expected is type(meaning(answer(200, v1(code)), NOW))


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, v2(401, "Unauthorized", "Unauthorized"), errors.Unauthorized),
        (
            402,
            v2(402, "CreditsDepleted", "Your enrolled account has no credits", PROBLEMS + "credits"),
            errors.OutOfCredits,
        ),
        (403, v2(403, "Forbidden", DUPLICATE), errors.Duplicate),
        (403, v2(403, "Forbidden", "no", PROBLEMS + "user-suspended"), errors.Suspended),
        (403, v2(403, "Forbidden", "To protect our users, your account is temporarily locked."), errors.Locked),
        (403, v2(403, "Client Forbidden", "no", PROBLEMS + "client-forbidden"), errors.AppRefused),
        (
            403,
            v2(403, "Unsupported Authentication", "no", PROBLEMS + "unsupported-authentication"),
            errors.AppRefused,
        ),
        (403, v2(403, "Forbidden", "no", PROBLEMS + "oauth1-permissions"), errors.AppRefused),
        (403, v2(403, "Forbidden", "This request looks like it might be automated."), errors.LooksAutomated),
        (403, v2(403, "Forbidden", "You are not permitted to perform this action."), errors.NotPermitted),
        (403, v2(403, "Forbidden", "Your request was blocked by a rule."), errors.Refused),
        (400, v2(400, "Invalid Request", "Your Tweet text is too long."), errors.TooLong),
        (400, {"errors": [{"message": "$.text: bad"}], **v2(400, "Invalid Request", "invalid")}, errors.Refused),
        (404, v2(404, "Not Found", "no"), errors.Unavailable),
        (413, {}, errors.OutcomeUnknown),
        (413, v2(413, "Payload Too Large", "no"), errors.TooLong),
        (403, v2(403, "Forbidden", "You are not permitted to post this link."), errors.Refused),
        (403, v2(403, "Forbidden", "Your plan has no access to this endpoint."), errors.NotPermitted),
        (403, v2(403, "Forbidden", "Your account is not authorized to do this."), errors.NotPermitted),
        (403, {"message": "Forbidden"}, errors.OutcomeUnknown),
        (401, {"error": "no"}, errors.OutcomeUnknown),
        (402, v2(402, "Payment Required", "Your credits have expired."), errors.OutOfCredits),
        (429, v2(429, "Too Many Requests", "The window has expired."), errors.RateLimited),
        (401, v2(401, "Unauthorized", "The token has been revoked."), errors.Revoked),
        (429, v2(429, "Too Many Requests", "Too Many Requests"), errors.RateLimited),
        (500, v2(500, "Internal Server Error", "oops"), errors.OutcomeUnknown),
        (503, v2(503, "Service Unavailable", "later"), errors.OutcomeUnknown),
    ],
)
def test_every_problem_of_v2_has_its_class(status: int, body: object, expected: type[errors.NetworkError]) -> None:
    """Problem JSON: by its status, its type or its words."""
    assert expected is type(meaning(answer(status, body), NOW))


@pytest.mark.parametrize(
    "status", [103, 200, 301, 308, 400, 401, 403, 404, 410, 413, 418, 425, 429, 451, 500, 502, 504, 522, 999]
)
@pytest.mark.parametrize("body", [PAGE, b"", b"\xff\xfe", b"null", b'"no"'])
def test_a_page_that_some_proxy_answers_is_no_answer(status: int, body: bytes) -> None:
    """Who has answered is unknown, and so is what became of the post. The message does not quote the page."""
    problem = meaning(answer(status, body), NOW)
    assert errors.OutcomeUnknown is type(problem)
    assert f"HTTP {status} with {'a page' if body is PAGE else 'no JSON'} instead of an answer" == str(problem)


@pytest.mark.parametrize("body", [{"data": {"id": "1", "text": "baa"}}, {"id": 1}, {}, [], [{"id": 1}]])
def test_a_good_answer_means_nothing_went_wrong(body: object) -> None:
    """Every JSON object or list with a 2xx status is a good answer; the adapter checks the id."""
    assert meaning(answer(201, body), NOW) is None


def reset(prefix: str, at: float, remaining: str = "0") -> dict[str, str]:
    """Return a window's headers."""
    return {f"{prefix}-limit": "100", f"{prefix}-remaining": remaining, f"{prefix}-reset": f"{at:.0f}"}


WINDOW, USER_DAY, APP_DAY = "x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour"


@pytest.mark.parametrize(
    ("headers", "kind", "until"),
    [
        ({}, errors.RateLimited, None),
        (reset(WINDOW, NOW + 600), errors.RateLimited, NOW + 600),
        (reset(WINDOW, NOW + 600, "5"), errors.RateLimited, None),
        (reset(WINDOW, NOW - 5), errors.RateLimited, NOW - 5),
        (reset(WINDOW, NOW - 61), errors.RateLimited, None),
        (reset(WINDOW, NOW + 26 * HOUR), errors.RateLimited, None),
        ({"x-rate-limit-reset": "soon"}, errors.RateLimited, None),
        ({"x-rate-limit-reset": "nan"}, errors.RateLimited, None),
        ({"x-rate-limit-reset": "inf"}, errors.RateLimited, None),
        ({"retry-after": "90"}, errors.RateLimited, NOW + 90),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, errors.RateLimited, None),
        ({"retry-after": "9999999"}, errors.RateLimited, None),
        ({"retry-after": "-5"}, errors.RateLimited, None),
        (reset(USER_DAY, NOW + 5 * HOUR), errors.DailyLimit, NOW + 5 * HOUR),
        (reset(APP_DAY, NOW + 6 * HOUR), errors.DailyLimit, NOW + 6 * HOUR),
        (reset(USER_DAY, NOW + 5 * HOUR, "3") | reset(WINDOW, NOW + 60), errors.RateLimited, NOW + 60),
        (reset(USER_DAY, NOW + 5 * HOUR) | reset(WINDOW, NOW + 60), errors.DailyLimit, NOW + 5 * HOUR),
        (reset(USER_DAY, NOW + HOUR) | reset(APP_DAY, NOW + 2 * HOUR), errors.DailyLimit, NOW + 2 * HOUR),
    ],
)
@pytest.mark.parametrize("body", [v2(429, "Too Many Requests", "no"), v1(88)])
def test_a_rate_limit_lasts_until_a_reset_that_can_be_believed(
    headers: dict[str, str], kind: type[errors.Wait], until: float | None, body: object
) -> None:
    """A believable reset is not long past and within a day; of several used-up windows the latest counts."""
    problem = meaning(answer(429, body, headers), NOW)
    assert isinstance(problem, errors.Wait)
    assert (kind, until) == (type(problem), until if problem.until is None else pytest.approx(problem.until))
    assert until == problem.until


def test_resets_are_believed_only_on_a_429() -> None:
    """Rate-limit headers come with every answer, and count on a 429 only."""
    problem = meaning(answer(403, v2(403, "Forbidden", DUPLICATE), reset(USER_DAY, NOW + HOUR)), NOW)
    assert errors.Duplicate is type(problem)


def test_the_networks_words_are_passed_on_shortened_and_harmless() -> None:
    """The message is one line without control characters, since it may be printed on a terminal."""
    problem = meaning(answer(403, v2(403, "Forbidden", "no\x1b[31m\r\n\u202ebaa" + "a" * 999)), NOW)
    assert str(problem).startswith("HTTP 403: no")
    assert str(problem).isprintable()
    assert len(str(problem)) < 200


def test_a_success_that_holds_only_errors_passes_on_the_networks_words() -> None:
    """Whether the post is out is unknown; why it may not be is told."""
    body = {"errors": [{"title": "Forbidden", "detail": "You are not permitted."}], "data": {}}
    problem = meaning(answer(200, body), NOW)
    assert (errors.OutcomeUnknown, "HTTP 200, but: You are not permitted.") == (type(problem), str(problem))
    assert meaning(answer(200, {**body, "data": [{"id": "1"}]}), NOW) is None


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (302, b"", "HTTP 302: redirected elsewhere; check --base-url, and that no login page is in the way"),
        (407, PAGE, "HTTP 407: the proxy needs a user and a password, or refuses the given ones"),
    ],
)
def test_what_stands_in_the_way_is_named(status: int, body: bytes, expected: str) -> None:
    """A login page, and a proxy; the post may be out all the same."""
    problem = meaning(answer(status, body, {"location": "/login"}), NOW)
    assert (errors.OutcomeUnknown, expected) == (type(problem), str(problem))


def test_a_missing_permission_names_the_step_that_people_miss() -> None:
    """A token keeps the permission that it was made with."""
    for body in (v1(261), v2(403, "Forbidden", "no", PROBLEMS + "oauth1-permissions")):
        problem = meaning(answer(403, body), NOW)
        assert errors.AppRefused is type(problem)
        assert "make this bot's access token again" in str(problem)


@pytest.mark.parametrize("body", [v2(401, "Unauthorized", "Unauthorized"), v1(32), v1(135)])
@pytest.mark.parametrize(
    ("ahead", "words"), [(2400.0, "40m behind the network's"), (-301.0, "5m ahead of the network's")]
)
def test_a_refused_token_and_a_wrong_clock_mean_the_clock(ahead: float, words: str, body: object) -> None:
    """The network's clock is in its Date header. The token is not doubted, and the wait is a short one."""
    problem = meaning(answer(401, body, {"Date": formatdate(NOW + ahead, usegmt=True)}), NOW)
    assert isinstance(problem, errors.ClockWrong)
    assert str(problem).startswith(f"this machine's clock is {words}")
    assert NOW + 60 == problem.until


@pytest.mark.parametrize("date", ["", "yesterday", formatdate(NOW - 300, usegmt=True), "Wed, 99 Oct 2026"])
def test_a_refused_token_and_a_right_clock_mean_the_token(date: str) -> None:
    """Clocks may differ by five minutes; a date that cannot be read says nothing."""
    problem = meaning(answer(401, v2(401, "Unauthorized", "Unauthorized"), {"Date": date}), NOW)
    assert errors.Unauthorized is type(problem)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["errors", "code", "message", "title", "detail", "type", "data"]), inner)
    ),
    max_leaves=8,
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [f"{prefix}-{name}" for prefix in (WINDOW, USER_DAY, APP_DAY) for name in ("reset", "remaining")]
    )
    | st.just("retry-after"),
    st.text(max_size=12) | st.integers(0, 2**40).map(str),
)


@given(st.integers(100, 599), JSON | st.binary(max_size=40), HEADERS)
def test_any_answer_means_something(status: int, body: object, headers: dict[str, str]) -> None:
    """No status, body or header raises another exception; a 2xx or 3xx answer without JSON is an error."""
    problem = meaning(answer(status, body, headers), NOW)
    assert isinstance(problem, errors.NetworkError | None)
    assert status < 400 or problem is not None
