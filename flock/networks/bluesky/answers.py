"""Translates answers of Bluesky's API (XRPC) into the classes of `flock.errors`.

The table is in docs/errors.md. A server says what is wrong by a name, such as InvalidSwap; the HTTP statuses often
mislead. An answer without such a name says nothing about the post, whatever its status: any proxy or other server
may have made it. Nothing here is raised: `meaning` returns the error, and the adapter raises it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any

import requests

from flock.errors import (
    Conflict,
    DailyLimit,
    Locked,
    NetworkError,
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Suspended,
    TooLong,
    Unauthorized,
    Unavailable,
)

BY_NAME: Mapping[str, type[NetworkError]] = MappingProxyType(
    {
        "AccountDeactivated": Locked,
        "AccountNotFound": Unauthorized,
        "AccountSuspended": Suspended,
        "AccountTakedown": Suspended,
        "AuthFactorTokenRequired": Unauthorized,
        "AuthMissing": Unauthorized,
        "AuthenticationRequired": Unauthorized,
        "ExpiredToken": Unavailable,
        "InternalServerError": OutcomeUnknown,
        "InvalidSwap": Conflict,
        "InvalidToken": Unauthorized,
        "PayloadTooLarge": TooLong,
        "RateLimitExceeded": RateLimited,
        "UpstreamFailure": OutcomeUnknown,
        "UpstreamTimeout": OutcomeUnknown,
    }
)
"""What each error's name means. A status of 500 and more leaves everything open, whatever the name."""

BY_WORDS: Mapping[str, type[NetworkError]] = MappingProxyType(
    {"grapheme too big": TooLong, "string too big": TooLong}
)
"""What the words of an InvalidRequest mean."""

BY_STATUS: Mapping[int, type[NetworkError]] = MappingProxyType(
    {
        400: Refused,
        401: Unauthorized,
        403: NotPermitted,
        404: Unavailable,
        405: Unavailable,
        406: Unavailable,
        408: OutcomeUnknown,
        410: Unavailable,
        413: TooLong,
        425: Unavailable,
        429: RateLimited,
    }
)
"""What a status means where the name says nothing; another one from 400 to 499 is Refused."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_TOKEN = re.compile(r"\beyJ[\w.-]+|\b[a-z0-9]{4}(-[a-z0-9]{4}){3}\b")
_LONGEST_BELIEVED = 25 * 3600.0  # seconds; no window of Bluesky is longer than a day
_JUST_PASSED = 60.0  # seconds; a reset that is past by no more than this is believed: clocks differ a little
_DAY = "86400"
_QUOTED = 160  # characters of the network's message that are shown
_ADVICE = {
    "AccountDeactivated": "sign in to the account in a browser and activate it",
    "AccountNotFound": "the account is deleted; take the bot out of the flock",
    "AuthFactorTokenRequired": "make an app password and put it into the key file, not the account's own password",
}


def meaning(
    response: requests.Response, answer: Any, now: float, *, secrets: Iterable[str] = ()
) -> NetworkError | None:
    """Return the error that a bad answer means, or None for a good one.

    `answer` is the JSON in `response`, or None if there is none. `now` is the wall-clock time (seconds since the
    epoch); a rate limit's reset must be near it to be believed. No text of `secrets` is shown.
    """
    if response.status_code == 200 and isinstance(answer, dict):
        return None
    text = _explain(response, answer, secrets)
    kind = _kind(response.status_code, answer)
    error = _limited(response.headers, text, now) if kind is RateLimited else kind(text)
    error.advice = _ADVICE.get(error_name(answer), error.advice)
    return error


def error_name(answer: Any) -> str:
    """Return the name of the error in `answer`, or an empty text where it is no error of this API."""
    if not isinstance(answer, dict):
        return ""
    name, message = answer.get("error"), answer.get("message", "")
    is_one = isinstance(name, str) and _NAME.fullmatch(name) and isinstance(message, str)
    return str(name) if is_one else ""


def _kind(status: int, answer: Any) -> type[NetworkError]:
    name = error_name(answer)
    if not (name and 400 <= status < 500):
        return OutcomeUnknown
    if name in BY_NAME:
        return BY_NAME[name]
    if status == 400 and (kind := next((BY_WORDS[word] for word in BY_WORDS if word in _words(answer)), None)):
        return kind
    return BY_STATUS.get(status, Refused)


def _words(answer: Any) -> str:
    return str(answer.get("message") or "").lower()


def _explain(response: requests.Response, answer: Any, secrets: Iterable[str]) -> str:
    """Return one line: the status and the network's words, shortened, without secrets and control characters."""
    status = f"HTTP {response.status_code}"
    if response.is_redirect:
        return f"{status}: redirected elsewhere; check the key's server"
    if response.status_code == 407:
        return f"{status}: the proxy wants a user and a password, or other ones"
    name = error_name(answer)
    if not name:
        what = "a page" if b"<" in response.content[:256] else "no answer of Bluesky's form"
        return f"{status} with {what}"
    says = _TOKEN.sub("(hidden)", str(answer.get("message") or ""))
    for secret in secrets:
        says = says.replace(secret, "(hidden)")
    says = "".join(letter if letter.isprintable() else " " for letter in says)[:_QUOTED]
    return f"{status} {name}: {says}" if says else f"{status} {name}"


def _limited(headers: Mapping[str, str], text: str, now: float) -> NetworkError:
    """Return the error that waits until the reset that the headers name. They are about the tightest window."""
    until = _believable(headers.get("ratelimit-reset"), now) or _retry_after(headers.get("retry-after", ""), now)
    window = re.search(r"\bw=(\d+)", headers.get("ratelimit-policy", ""))
    return (DailyLimit if window and window[1] == _DAY else RateLimited)(text, until=until)


def _retry_after(text: str, now: float) -> float | None:
    """Return the time that a Retry-After names, in seconds from now or as a date."""
    if re.fullmatch(r"\s*[0-9]{1,7}\s*", text):
        return _believable(str(now + int(text)), now)
    try:
        return _believable(str(parsedate_to_datetime(text).timestamp()), now)
    except (ValueError, TypeError, OverflowError):
        return None


def _believable(text: str | None, now: float) -> float | None:
    try:
        reset = float(text or "")
    except ValueError:
        return None
    return reset if now - _JUST_PASSED < reset <= now + _LONGEST_BELIEVED else None
