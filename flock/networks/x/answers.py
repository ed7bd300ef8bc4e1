"""What an answer of X's API means, in the flock's terms.

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
import simplejson as json
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
_JUST_PASSED = 60.0  # seconds; the answer took a while, or a clock is a little off: then it is time already
_QUOTED = 160  # characters of a network's words that are passed on

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
_GONE = (404, 405, 406, 410)  # no such place: keep the line until somebody has mended the address
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


def meaning(response: requests.Response, now: float) -> NetworkError | None:
    """Return what went wrong, or None when nothing did. `now` is the wall-clock time, for believing resets."""
    answer = parse(response)
    if response.ok and isinstance(answer, list):
        return None
    body = answer if isinstance(answer, dict) else None
    codes = [code for error in _errors(body) if isinstance(code := error.get("code"), int)]
    if response.ok and not codes and body is not None:
        return None
    kind = _kind(response.status_code, body, codes)
    text = _explain(response, body)
    if kind is RateLimited:
        return _limited(response.headers, text, now)
    return kind(text)


def parse(response: requests.Response) -> Any:
    """Return the JSON in `response`, or None when there is none."""
    try:
        return json.loads(response.content)
    except ValueError:  # broken, HTML, or not even text
        return None


def _kind(status: int, body: dict[str, Any] | None, codes: list[int]) -> type[NetworkError]:
    for code in codes:
        if code in _BY_CODE:
            return _BY_CODE[code]
    if status >= 500 or status < 400:  # a "success" without an id, a page of some proxy: who knows
        return OutcomeUnknown
    if status in _GONE or (body is None and status not in (408, 429)):
        return Unavailable  # another server, a moved API, a proxy's own page: the network has not seen the post
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
    """Yield what the network says of the problem, outermost first."""
    for part in (body, *_errors(body)):
        for name in ("title", "detail", "message", "type", "reason"):
            if isinstance(word := part.get(name), str):
                yield word


def _explain(response: requests.Response, body: dict[str, Any] | None) -> str:
    """Return one line: the status and the network's own words, shortened, without control characters."""
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
    """Return for how long to wait: until the latest believable reset of the windows that are used up."""
    daily = [_reset(headers, f"x-{who}-limit-24hour", now) for who in ("user", "app")]
    window = _reset(headers, "x-rate-limit", now) or _retry_after(headers, now)
    if any(daily):
        return DailyLimit(text, until=max(filter(None, [*daily, window])))
    return RateLimited(text, until=window)


def _reset(headers: Mapping[str, str], prefix: str, now: float) -> float | None:
    """Return when the window resets, if the headers say that it is used up and name a believable time."""
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
    (ssl.SSLCertVerificationError, "cannot prove who it is; check the CA bundle and the clock"),
    (NewConnectionError, "takes no connection"),
    (requests.TooManyRedirects, "sends us elsewhere; check --base-url, and that no login page is in the way"),
    (requests.exceptions.InvalidURL, "is not an address that can be asked"),
)


def unreachable(error: requests.RequestException, host: str) -> NetworkError:
    """Return what a failed exchange means: whether the post surely did not land, or nobody knows.

    Says it in its own words: those of the libraries may hold a proxy's password.
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
    """Yield `error` and what is behind it: causes, contexts, and the reasons that urllib3 keeps."""
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
