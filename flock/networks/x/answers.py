"""Translates answers of X's API into the classes of `flock.errors`.

Covers v2 (problem JSON) and v1.1 (numbered errors); the table is in docs/errors.md. An answer that is not in one
of these forms says nothing about the post, whatever its status: any proxy or other server may have made it.
Nothing here is raised: `meaning` returns the error, and the adapter raises it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from flock.errors import (
    AppRefused,
    ClockWrong,
    DailyLimit,
    Duplicate,
    Locked,
    LooksAutomated,
    NetworkError,
    NotPermitted,
    OutcomeUnknown,
    OutOfCredits,
    RateLimited,
    Refused,
    Revoked,
    Suspended,
    TooLong,
    Unauthorized,
    Unavailable,
)
from flock.units import format_seconds

_LONGEST_BELIEVED = 25 * 3600.0  # seconds; no window of X is longer than a day
_JUST_PASSED = 60.0  # seconds; a reset that is past by no more than this is believed: clocks differ a little
_QUOTED = 160  # characters of the network's message that are shown

_BY_CODE: dict[int, type[NetworkError]] = {
    32: AppRefused,
    64: Suspended,
    88: RateLimited,
    89: Revoked,
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
    344: DailyLimit,
    416: AppRefused,
    453: AppRefused,
    467: NotPermitted,
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
GOOD = (200, 201)  # X answers with no other success
NO_SUCH_URL = (404, 405, 406, 410)  # the line is kept until the address is corrected
_CLOCKS_DIFFER = 300.0  # seconds; X refuses signatures that are older
_CLOCK_WAIT = 60.0  # seconds; an NTP client sets a clock within a minute
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
_OF_THE_ACCOUNT: dict[int, tuple[tuple[str, type[NetworkError]], ...]] = {
    401: (("revoked", Revoked), ("expired", Revoked)),
    402: (("usage-capped", DailyLimit),),
    429: (("usage-capped", DailyLimit),),
}
_ABOUT_ACCESS = re.compile(
    r"\b(permi(tted|ssions?)|authori[sz]ed|access|plan|tier|subscription|enrol|not (able|allowed) to perform)"
)
_ABOUT_THE_TEXT = re.compile(r"\b(content|text|links?|urls?|mention|hashtag|media|repl(y|ies)|characters?)\b")
_WRITE_PERMISSION = (
    " (set the app to Read and write, then make this bot's access token again: a token keeps the permission"
    " that it was made with)"
)


def meaning(response: requests.Response, answer: Any, now: float) -> NetworkError | None:
    """Return the error that a bad answer means, or None for a good one.

    `answer` is the JSON in `response`, or None if there is none. `now` is the wall-clock time (seconds since the
    epoch); a rate limit's reset must be near it to be believed.
    """
    body = answer if isinstance(answer, dict) else None
    codes = [code for error in _errors(body) if isinstance(code := error.get("code"), int)]
    is_good = response.status_code in GOOD and not codes and not _holds_only_errors(body)
    if is_good and isinstance(answer, dict | list):
        return None
    kind = _kind(response.status_code, body, codes)
    text = _explain(response, body)
    if kind in (Unauthorized, AppRefused) and (found := _clocks(response.headers, now)):
        return ClockWrong(f"{found} ({text})", until=now + _CLOCK_WAIT)
    if kind is ClockWrong:
        return ClockWrong(_clocks(response.headers, now) or text, until=now + _CLOCK_WAIT)
    return _limited(response.headers, text, now) if kind is RateLimited else kind(text)


def _kind(status: int, body: dict[str, Any] | None, codes: list[int]) -> type[NetworkError]:
    for code in codes:
        if code in _BY_CODE:
            return _BY_CODE[code]
    if body is None or status >= 500 or status < 400 or not _is_the_networks(body, status):
        return OutcomeUnknown
    if status in NO_SUCH_URL:
        return Unavailable  # a moved API: the post did not reach the network
    return _by_words(status, " ".join(_words(body)).lower())


def _by_words(status: int, words: str) -> type[NetworkError]:
    table = _OF_THE_ACCOUNT.get(status, _BY_WORDS)
    if kind := next((kind for word, kind in table if re.search(rf"\b{word}", words)), None):
        return kind
    if status == 403 and _ABOUT_ACCESS.search(words) and not _ABOUT_THE_TEXT.search(words):
        return NotPermitted
    return _BY_STATUS.get(status, Refused)


def _is_the_networks(body: dict[str, Any], status: int) -> bool:
    """Return whether this is an error in a form of X: numbered errors, or a problem (RFC 7807)."""
    numbered = any(isinstance(error.get("code"), int) for error in _errors(body))
    marks = sum(isinstance(body.get(name), str) for name in ("title", "detail", "type"))
    return numbered or marks + (body.get("status") == status) >= 2


def _holds_only_errors(body: dict[str, Any] | None) -> bool:
    return bool(_errors(body)) and not (body or {}).get("data")


def _clocks(headers: Mapping[str, str], now: float) -> str:
    """Return in words that this machine's clock differs from the network's, or an empty text if it does not."""
    try:
        theirs = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return ""
    if abs(theirs - now) <= _CLOCKS_DIFFER:
        return ""
    return (
        f"this machine's clock is {format_seconds(60 * round(abs(theirs - now) / 60))}"
        f" {'behind' if theirs > now else 'ahead of'} the network's"
    )


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
    status = f"HTTP {response.status_code}"
    if response.is_redirect:
        return f"{status}: redirected elsewhere; check --base-url, and that no login page is in the way"
    if response.status_code == 407:
        return f"{status}: the proxy needs a user and a password, or refuses the given ones"
    if body is None:
        what = "a page" if b"<" in response.content[:256] else "no JSON"
        return f"{status} with {what} instead of an answer"
    says = next((word for word in _words_worth_telling(body)), response.reason or "")
    says = "".join(letter if letter.isprintable() else " " for letter in says)[:_QUOTED]
    says += _WRITE_PERMISSION if "oauth1-permissions" in str(body.get("type")) or _has_code(body, 261) else ""
    return f"{status}{', but' if response.ok else ''}: {says}" if says else status


def _has_code(body: dict[str, Any], code: int) -> bool:
    return any(error.get("code") == code for error in _errors(body))


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
