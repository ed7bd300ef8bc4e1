"""Translates answers of X's API, and failed exchanges, into the classes of `flock.errors`.

Covers v2 (problem JSON) and v1.1 (numbered errors); the table is in docs/errors.md. Nothing here is raised:
`meaning` returns the error, and the adapter raises it.
"""

from __future__ import annotations

import errno
import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import requests
from urllib3.exceptions import NameResolutionError, NewConnectionError

from flock.errors import (
    AppRefused,
    ClockWrong,
    DailyLimit,
    Duplicate,
    Locked,
    LooksAutomated,
    NetworkError,
    OutcomeUnknown,
    OutOfCredits,
    RateLimited,
    Refused,
    Suspended,
    TooLong,
    Unauthorized,
    Unavailable,
)

_LONGEST_BELIEVED = 25 * 3600.0  # seconds; no window of X is longer than a day
_JUST_PASSED = 60.0  # seconds; a reset that is past by no more than this is believed: clocks differ a little
_QUOTED = 160  # characters of the network's message that are shown

_BY_CODE: dict[int, type[NetworkError]] = {
    32: AppRefused,
    64: Suspended,
    88: RateLimited,
    89: Unauthorized,
    130: OutcomeUnknown,
    131: OutcomeUnknown,
    135: ClockWrong,
    185: DailyLimit,
    186: TooLong,
    187: Duplicate,
    215: AppRefused,
    226: LooksAutomated,
    261: AppRefused,
    326: Locked,
    416: AppRefused,
    453: AppRefused,
}
_BY_STATUS: dict[int, type[NetworkError]] = {
    400: Refused,
    401: Unauthorized,
    402: OutOfCredits,
    408: OutcomeUnknown,
    413: TooLong,
    425: Unavailable,
    429: RateLimited,
}
_GONE = (404, 405, 406, 410)  # no such URL: the line is kept until the address is corrected
_BY_WORDS: tuple[tuple[str, type[NetworkError]], ...] = (
    ("duplicate", Duplicate),
    ("suspended", Suspended),
    ("locked", Locked),
    ("creditsdepleted", OutOfCredits),
    ("too long", TooLong),
    ("client-forbidden", AppRefused),
    ("client-not-enrolled", AppRefused),
    ("unsupported-authentication", AppRefused),
    ("oauth1-permissions", AppRefused),
    ("usage-capped", DailyLimit),
    ("automated", LooksAutomated),
)


def meaning(response: requests.Response, answer: Any, now: float) -> NetworkError | None:
    """Return the error that a bad answer means, or None for a good one.

    `answer` is the JSON in `response`, or None if there is none. `now` is the wall-clock time (seconds since the
    epoch); a rate limit's reset must be near it to be believed.
    """
    body = answer if isinstance(answer, dict) else None
    codes = [code for error in _errors(body) if isinstance(code := error.get("code"), int)]
    if response.ok and not codes and isinstance(answer, dict | list):
        return None
    kind = _kind(response.status_code, body, codes)
    text = _explain(response, body)
    return _limited(response.headers, text, now) if kind is RateLimited else kind(text)


def _kind(status: int, body: dict[str, Any] | None, codes: list[int]) -> type[NetworkError]:
    for code in codes:
        if code in _BY_CODE:
            return _BY_CODE[code]
    if (
        status >= 500 or status < 400
    ):  # also a "success" without an id, or a proxy's page: the post may have landed
        return OutcomeUnknown
    if status in _GONE or (body is None and status not in (408, 429)):
        return Unavailable  # another server, a moved API, or a proxy's page: the post did not reach the network
    words = " ".join(_words(body or {})).lower()
    if status in (401, 402, 429):
        return DailyLimit if "usage-capped" in words else _BY_STATUS[status]
    for word, kind in _BY_WORDS:
        if re.search(rf"\b{word}", words):
            return kind
    return _BY_STATUS.get(status, Refused)


def _errors(body: dict[str, Any] | None) -> list[dict[str, Any]]:
    errors = (body or {}).get("errors")
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _words(body: dict[str, Any]) -> Iterator[str]:
    """Yield the network's descriptions of the problem, outermost first."""
    for part in (body, *_errors(body)):
        for name in ("title", "detail", "message", "type", "reason"):
            if isinstance(word := part.get(name), str):
                yield word


def _explain(response: requests.Response, body: dict[str, Any] | None) -> str:
    """Return one line: the status and the network's message, shortened, without control characters."""
    if body is None:
        what = "a page" if b"<" in response.content[:256] else "no JSON"
        return f"HTTP {response.status_code} with {what} instead of an answer"
    says = next((word for word in _words_worth_telling(body)), response.reason or "")
    says = "".join(letter if letter.isprintable() else " " for letter in says)[:_QUOTED]
    return f"HTTP {response.status_code}: {says}" if says else f"HTTP {response.status_code}"


def _words_worth_telling(body: dict[str, Any]) -> Iterator[str]:
    for name in ("detail", "message", "title"):
        for part in (body, *_errors(body)):
            if isinstance(word := part.get(name), str) and word:
                yield word


def _limited(headers: Mapping[str, str], text: str, now: float) -> NetworkError:
    """Return the error that waits until the latest believable reset of the windows that are used up."""
    daily = [_reset(headers, f"x-{who}-limit-24hour", now) for who in ("user", "app")]
    window = _reset(headers, "x-rate-limit", now) or _retry_after(headers, now)
    if any(daily):
        return DailyLimit(text, until=max(filter(None, [*daily, window])))
    return RateLimited(text, until=window)


def _reset(headers: Mapping[str, str], prefix: str, now: float) -> float | None:
    """Return when the window resets, or None if it is not used up or the time is not believable."""
    if headers.get(f"{prefix}-remaining", "0").strip() != "0":
        return None
    return _believable(headers.get(f"{prefix}-reset"), now)


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    seconds = headers.get("retry-after", "").strip()
    return _believable(str(now + int(seconds)), now) if seconds.isdecimal() and len(seconds) < 8 else None


def _believable(text: str | None, now: float) -> float | None:
    try:
        reset = float(text or "")
    except ValueError:
        return None
    return reset if now - _JUST_PASSED < reset <= now + _LONGEST_BELIEVED else None


_UNREACHED: tuple[tuple[type[BaseException], str], ...] = (
    (NameResolutionError, "cannot be found: no such name, or no DNS"),
    (requests.ConnectTimeout, "takes no connection: timed out"),
    (requests.exceptions.ProxyError, "is behind a proxy that takes no connection"),
    (
        ssl.SSLCertVerificationError,
        "has a TLS certificate that cannot be verified; check the CA bundle and the clock",
    ),
    (NewConnectionError, "takes no connection"),
    (requests.TooManyRedirects, "redirects too often; check --base-url, and that no login page is in the way"),
    (requests.exceptions.InvalidURL, "is not a usable address"),
)


def unreachable(error: requests.RequestException, host: str) -> NetworkError:
    """Return the error for a failed exchange: Unavailable if the post did not land, OutcomeUnknown if it may have.

    The libraries' own messages are not shown: they may hold a proxy's password.
    """
    causes = list(_causes(error))
    if any(isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE) for cause in causes):
        return Unavailable("this process may open no more files; raise LimitNOFILE= or ulimit -n")
    for kind, words in _UNREACHED:
        if any(isinstance(cause, kind) for cause in causes):
            return Unavailable(f"{host} {words}")
    if isinstance(error, requests.ReadTimeout):
        return OutcomeUnknown(f"{host} did not answer in time")
    return OutcomeUnknown(f"the connection to {host} broke")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield `error` and the errors behind it: causes, contexts, and the reasons that urllib3 stores."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        cause = waiting.pop(0)
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        parts = [getattr(cause, "reason", None), *cause.args, cause.__cause__, cause.__context__]
        waiting += [part for part in parts if isinstance(part, BaseException)]
