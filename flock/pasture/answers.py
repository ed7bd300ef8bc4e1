"""The refusals of the pasture, each as an error of API v1.1 and as one of API v2."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

# A browser takes an answer for nothing but what it is, and runs nothing in it.
SAFE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_PROBLEMS = "https://api.twitter.com/2/problems/"


class Version(Enum):
    """The two versions of the API, which have different forms for the same errors."""

    V1 = "1.1"
    V2 = "2"

    @classmethod
    def of(cls, path: str) -> Version:
        """Return the version that a path belongs to: v1.1 for /1.1/ and /oauth/, and v2 for every other path."""
        return cls.V1 if path.startswith(("/1.1/", "/oauth/")) else cls.V2


@dataclass(frozen=True)
class V1:
    """A refusal in API v1.1: an HTTP status, and an error code with its message."""

    status: int
    code: int
    message: str

    def body(self) -> dict[str, Any]:
        """Return the JSON object of the error."""
        return {"errors": [{"code": self.code, "message": self.message}]}


@dataclass(frozen=True)
class V2:
    """A refusal in API v2: a problem, whose title is the phrase of its HTTP status unless another is given."""

    status: int
    detail: str
    problem: str | None = None
    title: str | None = None
    errors: tuple[str, ...] = ()

    def body(self) -> dict[str, Any]:
        """Return the JSON object of the error."""
        body: dict[str, Any] = {
            "title": self.title or HTTPStatus(self.status).phrase,
            "type": _PROBLEMS + self.problem if self.problem else "about:blank",
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = [{"message": message} for message in self.errors]
        return body


@dataclass(frozen=True)
class Refusal:
    """One reason to refuse a request, in both versions."""

    v1: V1
    v2: V2

    def response(self, version: Version) -> Response:
        """Return the HTTP response."""
        shape = self.v1 if version is Version.V1 else self.v2
        return json_response(shape.body(), shape.status)


class Refused(Exception):
    """Raised to refuse a request, with the refusal to answer."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.v2.detail)
        self.refusal = refusal


_UNAUTHORIZED = V2(401, "Unauthorized")

NO_SIGNATURE = Refusal(V1(400, 215, "Bad Authentication data."), _UNAUTHORIZED)
BAD_SIGNATURE = Refusal(V1(401, 32, "Could not authenticate you."), _UNAUTHORIZED)
BAD_TOKEN = Refusal(V1(401, 89, "Invalid or expired token."), _UNAUTHORIZED)
STALE_TIMESTAMP = Refusal(V1(401, 135, "Timestamp out of bounds."), _UNAUTHORIZED)

NO_CALLBACK = Refusal(
    V1(
        403,
        415,
        "Callback URL not approved for this client application: the pasture knows only `oob`, the PIN flow.",
    ),
    V2(403, "Callback URL not approved for this client application."),
)

SUSPENDED = Refusal(
    V1(403, 64, "Your account is suspended and is not permitted to access this feature."),
    V2(403, "Your account is suspended and is not permitted to access this feature.", "user-suspended"),
)
LOCKED = Refusal(
    V1(
        403,
        326,
        "To protect our users from spam and other malicious activity, this account is temporarily locked.",
    ),
    V2(403, "Your account is temporarily locked. Please log in to https://twitter.com to unlock your account."),
)
RATE_LIMITED = Refusal(V1(429, 88, "Rate limit exceeded"), V2(429, "Too Many Requests"))

EMPTY = Refusal(
    V1(403, 170, "Missing required parameter: status."),
    V2(400, "Your Tweet text must not be empty.", "invalid-request", "Invalid Request"),
)
TOO_LONG = Refusal(V1(403, 186, "Tweet needs to be a bit shorter."), V2(403, "Your Tweet text is too long."))
DUPLICATE = Refusal(
    V1(403, 187, "Status is a duplicate."),
    V2(403, "You are not allowed to create a Tweet with duplicate content."),
)

NOT_FOUND = Refusal(V1(404, 34, "Sorry, that page does not exist."), V2(404, "Not Found"))
_MISDIRECTED = (
    "The Host header names another server: use this one's address, or start it with --host and that name."
)
MISDIRECTED = Refusal(V1(421, 214, _MISDIRECTED), V2(421, _MISDIRECTED))
INTERNAL_ERROR = Refusal(V1(500, 131, "Internal error"), V2(500, "Internal Server Error"))


def invalid(message: str) -> Refusal:
    """Return the refusal of a request that is malformed; `message` says why."""
    detail = "One or more parameters to your request was invalid."
    return Refusal(V1(400, 214, message), V2(400, detail, "invalid-request", "Invalid Request", errors=(message,)))


def from_http_exception(error: HTTPException) -> Refusal:
    """Return the refusal for an error that werkzeug raised, in the form of X's API."""
    status = HTTPStatus(error.code or 500)
    if status is HTTPStatus.NOT_FOUND:
        return NOT_FOUND
    code = 86 if status is HTTPStatus.METHOD_NOT_ALLOWED else 214
    return Refusal(V1(status, code, f"{status.phrase}."), V2(status, status.phrase))


def json_response(body: object, status: int = 200) -> Response:
    """Return a response with `body` as JSON."""
    return Response(json.dumps(body), status, SAFE_HEADERS, content_type="application/json; charset=utf-8")
