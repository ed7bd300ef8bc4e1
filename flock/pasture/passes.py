"""The sessions of Bluesky's server: signed tokens (JWT), each with its lifetime and the one that follows it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from threading import Lock
from typing import Any

ACCESS_LIFETIME = 2 * 3600  # seconds
REFRESH_LIFETIME = 90 * 86_400
GRACE = 2 * 3600  # in which a refresh token that was used is still good, and gives the same next one

_SCOPES = {"at+jwt": "com.atproto.appPass", "refresh+jwt": "com.atproto.refresh"}


class BadToken(Exception):
    """Raised for a token that is not taken; its arguments are the error's name and message."""


class Passes:
    """Makes and checks the tokens of one server. `clock` returns seconds since the epoch."""

    def __init__(self, clock: Callable[[], float], secret: bytes | None = None) -> None:
        self._clock = clock
        self._secret = secret or secrets.token_bytes(32)
        self._next: dict[str, str] = {}  # a refresh token's number -> that of the token that follows it
        self._ends: dict[str, float] = {}  # a refresh token's number -> when it ends, if sooner than it says
        self._of: dict[str, set[str]] = {}  # an account -> the numbers of its refresh tokens
        self._lock = Lock()

    def issue(self, did: str, number: str | None = None) -> tuple[str, str]:
        """Return a new access token and the refresh token of that number."""
        number = number or secrets.token_urlsafe(24)
        now = int(self._clock())
        with self._lock:
            self._of.setdefault(did, set()).add(number)
        access = self._sign("at+jwt", {"sub": did, "iat": now, "exp": now + ACCESS_LIFETIME})
        refresh = {"sub": did, "jti": number, "iat": now, "exp": now + REFRESH_LIFETIME}
        return access, self._sign("refresh+jwt", refresh)

    def check(self, token: str, kind: str) -> dict[str, Any]:
        """Return the claims of a token of this kind, "at+jwt" or "refresh+jwt". Raises BadToken."""
        head, _, signature = token.rpartition(".")
        try:
            header, claims = (json.loads(_decoded(part)) for part in head.split("."))
            is_ours = hmac.compare_digest(_decoded(signature), self._signature(head)) and header["typ"] == kind
        except (ValueError, KeyError, TypeError):
            is_ours = False
        if not is_ours:
            raise BadToken("InvalidToken", "Token could not be verified")
        found: dict[str, Any] = claims
        if self._clock() >= found["exp"]:
            raise BadToken("ExpiredToken", "Token has expired")
        return found

    def renew(self, claims: dict[str, Any]) -> tuple[str, str]:
        """Return the tokens that follow a refresh token. Raises BadToken if it was revoked or used long ago."""
        number, now = claims["jti"], self._clock()
        with self._lock:
            if number not in self._of.get(claims["sub"], ()) or now >= self._ends.get(number, claims["exp"]):
                raise BadToken("ExpiredToken", "Token has been revoked")
            following = self._next.setdefault(number, secrets.token_urlsafe(24))
            self._ends.setdefault(number, now + GRACE)
        return self.issue(claims["sub"], following)

    def revoke(self, did: str) -> None:
        """Refuse all refresh tokens of an account. Its access tokens stay good until they end."""
        with self._lock:
            self._of.pop(did, None)

    def _sign(self, kind: str, claims: dict[str, Any]) -> str:
        head = ".".join(
            _encoded(json.dumps(part).encode())
            for part in ({"typ": kind, "alg": "HS256"}, {"scope": _SCOPES[kind], **claims})
        )
        return f"{head}.{_encoded(self._signature(head))}"

    def _signature(self, head: str) -> bytes:
        return hmac.new(self._secret, head.encode("utf-8", "replace"), hashlib.sha256).digest()


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
