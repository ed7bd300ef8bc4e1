"""Forms of web pages, which no other page can send: a seal in each, and a check where it comes from."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from werkzeug.wrappers import Request

FIELD = "seal"


class Forms:
    """Seals forms, and checks the seals. A seal is good as long as the process runs."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def seal(self, purpose: str) -> str:
        """Return the seal of a form; `purpose` says what the form is about."""
        return hmac.new(self._secret, purpose.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def is_own(self, request: Request, purpose: str) -> bool:
        """Return whether the form was sent by a page of this server, and is about this.

        Another site's page can send a form here, but can neither read a seal nor say another origin than its own.
        """
        seal = request.form.get(FIELD, "").encode("utf-8", "replace")
        return _is_same_origin(request) and hmac.compare_digest(seal, self.seal(purpose).encode())


def _is_same_origin(request: Request) -> bool:
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "same-origin")
    if site not in ("same-origin", "none"):
        return False
    try:
        return origin is None or urlsplit(origin).netloc.lower() == request.headers.get("Host", "").lower()
    except ValueError:
        return False
