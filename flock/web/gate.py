"""Who may see the page: only what names this machine in its Host header, and beyond loopback only with the token.

Another website can make its own name resolve to this machine (DNS rebinding), and read the page through a reader's
browser. The browser then sends that name in the Host header. So unknown names are refused, and addresses are not.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from werkzeug.wrappers import Request, Response

from flock.errors import BadOption, printable
from flock.files import create_private, read_plain, unreadable
from flock.pasture.hosts import is_own

PARAMETER = "token"
_DAYS = 90
_LARGEST = 1024  # bytes of the file


class Token:
    """The token of a page, of which a private file keeps the hash. `fresh` is the token if it was made now.

    Raises BadOption if the file cannot be used.
    """

    def __init__(self, file: Path) -> None:
        self.fresh = ""
        try:
            if create_private(file):
                self.fresh = secrets.token_urlsafe(32)
                file.write_text(f"{_hash(self.fresh)}\n", encoding="ascii")
            self._hash = read_plain(file, _LARGEST).decode("ascii").strip()
        except OSError as error:
            raise BadOption(f"--web: the token's file {printable(str(file))} {unreadable(error)}") from None
        except ValueError:
            self._hash = ""
        if len(self._hash) != 64:
            raise BadOption(f"--web: {printable(str(file))} holds no token's hash; delete it, for another token")

    def is_right(self, given: str) -> bool:
        """Return whether that is the token."""
        return hmac.compare_digest(_hash(given), self._hash)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class Gate:
    """Lets requests in that name loopback, an address, one of `hosts` or this machine, and have the token, if
    there is one."""

    def __init__(self, hosts: Sequence[str], port: int, token: Token | None = None) -> None:
        self._hosts = (*hosts, socket.gethostname())
        self._cookie = f"flock_{port}"  # cookies do not tell ports apart
        self._token = token

    def refuses(self, request: Request) -> tuple[int, str] | None:
        """Return why the request is not let in, as a status and a sentence; None if it is."""
        host = request.headers.get("Host", "")
        if not is_own(host, self._hosts) and not _is_address(host):
            return 421, "This page is not known by that name; use its address, or see --web-name.\n"
        if self._token is None or self._token.is_right(self._given(request)):
            return None
        return 401, "This page asks for its token: open the address with ?token=... that flock has printed.\n"

    def _given(self, request: Request) -> str:
        authorization = request.authorization
        if authorization is not None:  # programs that read feeds
            return authorization.token or authorization.password or ""
        return request.cookies.get(self._cookie, "") or request.args.get(PARAMETER, "")

    def welcome(self, request: Request) -> Response | None:
        """Return the answer to a visit with the token in its address: a cookie, and the address without it."""
        given = request.args.get(PARAMETER)
        if given is None or self._token is None or not self._token.is_right(given):
            return None
        response = Response("", 303, {"Location": request.path or "/", "Cache-Control": "no-store"})
        response.headers["Referrer-Policy"] = "no-referrer"
        response.set_cookie(
            self._cookie, given, max_age=_DAYS * 86_400, httponly=True, samesite="Strict", secure=request.is_secure
        )
        return response


def is_loopback_host(host: str) -> bool:
    """Return whether a server on that host is reached from this machine alone."""
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _is_address(host: str) -> bool:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
