"""Translates the answers of Mastodon's API into the classes of `flock.errors`.

The rows of `TABLE` are tried from the first to the last; docs/errors.md shows the same table, and a test holds one
against the other. Only `{"error": "..."}` is an error in the API's own form. Any other bad answer says nothing
about the post, whatever its status: a proxy may have made it. One exception: snac refuses a token with an empty
401. Nothing here is raised: `meaning` returns the error, and the adapter raises it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import requests

from flock.errors import (
    AppRefused,
    Duplicate,
    Locked,
    NetworkError,
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Revoked,
    Suspended,
    TooLong,
    Unauthorized,
    Unavailable,
)

GOOD = (200, 201)
_LONGEST_BELIEVED = 25 * 3600.0  # seconds; the longest window of a server is a day
_JUST_PASSED = 60.0  # seconds; a reset that is past by no more than this is believed: clocks differ a little
_QUOTED = 160  # characters of the server's message that are shown
_EPOCH = 10**9  # a larger number is a time in seconds since the epoch, a smaller one counts from now


class Row(NamedTuple):
    """Answers with one of these statuses, and with one of these words if there are any, are of this class.

    `advice` replaces that of the class.
    """

    statuses: tuple[int, ...]
    words: tuple[str, ...]
    kind: type[NetworkError]
    advice: str = ""


NO_PARENT = "you are trying to reply to"  # words of the error where that post does not exist any more
_ANY_REFUSAL = tuple(status for status in range(400, 500) if status not in (408, 409, 425))
_SIGN_IN = "sign in to the account in a browser"
_SCOPES = "make a new access token with the scopes read:accounts, read:statuses and write:statuses"
_NEW_TOKEN = "make a new access token on the server, and put it into the key file"  # noqa: S105 - advice
_NEWS = "if it lasts: look for news of the server"

TABLE: tuple[Row, ...] = (
    Row((408, 409, 425), (), OutcomeUnknown),
    Row((429,), (), RateLimited),
    Row(_ANY_REFUSAL, ("read-only", "read only", "maintenance", "closed to new posts"), NotPermitted, _NEWS),
    Row((401, 403), ("revoked", "expired"), Revoked, _NEW_TOKEN),
    Row((403,), ("login is currently disabled", "suspended"), Suspended, "appeal to the server's moderators"),
    Row((403,), ("pending approval",), Locked, "wait until the server's moderators let the account in"),
    Row((403,), ("confirmed e-mail",), Locked, "confirm the account's e-mail address"),
    Row((403,), ("two-factor",), Locked, f"{_SIGN_IN} and set up two-factor authentication"),
    Row((403,), ("scope", "insufficient permissions"), AppRefused, _SCOPES),
    Row((403, 422), ("requires an authenticated user", "invalid credentials"), Unauthorized, _NEW_TOKEN),
    Row((401,), (), Unauthorized, _NEW_TOKEN),
    Row((403,), (), NotPermitted, _NEWS),
    Row((404,), (NO_PARENT,), Refused),
    Row((404,), ("record not found",), Duplicate),
    Row((404, 405, 406, 410), (), Unavailable),
    Row((400, 413, 422), ("character limit", "too long", "length exceed"), TooLong),
    Row((413,), (), TooLong),
    Row(_ANY_REFUSAL, (), Refused),
)


def meaning(response: requests.Response, answer: Any, now: float) -> NetworkError | None:
    """Return the error that a bad answer means, or None for a good one.

    `answer` is the JSON in `response`, or None if there is none. `now` is the wall-clock time (seconds since the
    epoch); a rate limit's reset must be near it to be believed.
    """
    says = answer.get("error") if isinstance(answer, dict) else None
    if response.status_code in GOOD and isinstance(answer, dict | list) and not says:
        return None
    text = _explain(response, says)
    row = _row(response, says)
    if row is None:
        return OutcomeUnknown(text)
    if row.kind is RateLimited:
        return RateLimited(text, until=reset_of(response.headers, now))
    error = row.kind(text)
    error.advice = row.advice or error.advice
    return error


def _row(response: requests.Response, says: object) -> Row | None:
    status = response.status_code
    if status == 401 and not response.content.strip():
        says = "no answer but the status"
    if not (isinstance(says, str) and says):
        return None
    words = says.lower()
    return next(
        (
            row
            for row in TABLE
            if status in row.statuses and (not row.words or any(each in words for each in row.words))
        ),
        None,
    )


def _explain(response: requests.Response, says: object) -> str:
    """Return one line: the status and the server's message, shortened, without control characters."""
    status = f"HTTP {response.status_code}"
    if response.is_redirect or 300 <= response.status_code < 400:
        return (
            f"{status}: redirected elsewhere; check `server` in the key file, and that no login page is in the way"
        )
    if response.status_code == 407:
        return f"{status}: the proxy wants a user and a password, or other ones"
    if isinstance(says, str) and says:
        shown = "".join(letter if letter.isprintable() else " " for letter in says)[:_QUOTED]
        return f"{status}{', but' if response.ok else ''}: {shown}"
    if not response.content.strip():
        return f"{status} with an empty answer"
    what = "a page" if b"<" in response.content[:256] else "nothing in the API's form"
    return f"{status} with {what} instead of an answer"


def reset_of(headers: Mapping[str, str], now: float) -> float | None:
    """Return when the limit that is used up ends (seconds since the epoch), or None if that is not believable."""
    for prefix in ("x-ratelimit", "ratelimit"):
        if headers.get(f"{prefix}-remaining", "0").strip() == "0":
            moment = _believable(headers.get(f"{prefix}-reset"), now)
            if moment is not None:
                return moment
    return _believable(headers.get("retry-after"), now)


def _believable(text: str | None, now: float) -> float | None:
    moment = _moment((text or "").strip(), now)
    near = moment is not None and now - _JUST_PASSED < moment <= now + _LONGEST_BELIEVED
    return moment if near else None


def _moment(text: str, now: float) -> float | None:
    """Return the time that `text` is: seconds since the epoch or from now, ISO 8601, or a date of HTTP."""
    if re.fullmatch(r"[0-9]{1,11}(\.[0-9]{1,9})?", text):
        return float(text) if float(text) > _EPOCH else now + float(text)
    try:
        if re.match(r"\d{4}-\d\d-\d\d", text):
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
