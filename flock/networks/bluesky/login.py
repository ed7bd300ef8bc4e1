"""Keeps one account signed in, by a session that is stored, and renewed before it ends.

The app password is sent only where no session can be renewed: sign-ins are limited.

Nothing here is a post. So whatever goes wrong, the post that waits for it has not been sent.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from flock.errors import JournalError, Locked, NetworkError, Suspended, Unauthorized, Unavailable
from flock.keys.credentials import BlueskyCredentials
from flock.networks.bluesky.sessions import Sessions, Tokens, kept_tokens, mark_of, renewal_time
from flock.networks.bluesky.xrpc import Answer, Server, before_the_post
from flock.networks.service import Service
from flock.options import is_loopback, parse_url

_DID = re.compile(r"did:(plc:[a-z2-7]{24}|web:[A-Za-z0-9._:%-]{1,94})")
_NEW_PASSWORD = "check the handle; else make a new app password and put it into the key file"  # noqa: S105
_NEW_HANDLE = "put the present handle of the bot's account into the key file"
_LONGEST_TOKEN = 8_192  # characters

# What a refresh is answered with when its session is at an end; the account itself may be well.
_OVER = frozenset(
    ("AccountNotFound", "AuthMissing", "AuthenticationRequired", "ExpiredToken", "InvalidRequest", "InvalidToken")
)
_STANDINGS: Mapping[str, type[NetworkError]] = {
    "takendown": Suspended,
    "suspended": Suspended,
    "deactivated": Locked,
}


class Login:
    """The session of the account `handle`. Used by one thread at a time.

    `bot` is the name under which `sessions` keeps the tokens. `service_of` returns the service of a root URL.
    `wall` is the wall clock, in seconds since the epoch. Methods raise NetworkError, but never OutcomeUnknown.
    """

    __slots__ = (
        "_bot",
        "_credentials",
        "_handle",
        "_is_kept",
        "_renew_at",
        "_service_of",
        "_sessions",
        "_tokens",
        "_wall",
    )

    def __init__(
        self,
        handle: str,
        credentials: BlueskyCredentials,
        *,
        bot: str,
        service_of: Callable[[str], Service],
        sessions: Sessions,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._handle = handle.removeprefix("@").lower()
        self._credentials = credentials
        self._bot = bot
        self._service_of = service_of
        self._sessions = sessions
        self._wall = wall
        self._tokens: Tokens | None = None
        self._is_kept = True  # what is in `_tokens`
        self._renew_at = 0.0

    @property
    def home(self) -> Server:
        """The server that the account's posts go to: the one to sign in at, until that names another."""
        return self._server(self._tokens.pds if self._tokens else self._credentials.server)

    def tokens(self) -> Tokens:
        """Return tokens that are good for a while, as far as they say."""
        with before_the_post("signing in"):
            if self._tokens is None:
                self._remember()
            self._write_down()
            if self._tokens is None or self._wall() >= self._renew_at:
                return self._renewed()
            return self._tokens

    def renew(self) -> Tokens:
        """Return new tokens, the server having refused those of before."""
        with before_the_post("signing in"):
            return self._renewed()

    def find_did(self, handle: str) -> str | None:
        """Return the DID of any account, or None where no account has this handle."""
        with before_the_post("looking up a handle"):
            return self._resolve(self.home, handle)

    def _remember(self) -> None:
        """Take the tokens that an earlier run has kept, unless they are of another server or app password."""
        try:
            kept = kept_tokens(self._sessions, self._bot, self._credentials)
        except JournalError as error:
            raise Unavailable(str(error)) from error
        if kept:
            self._tokens, self._renew_at = kept, renewal_time(kept.access)

    def _renewed(self) -> Tokens:
        before = self._tokens
        if before:
            answer = self._entrance.tell("com.atproto.server.refreshSession", token=before.refresh)
            if answer.name not in _OVER:
                return self._keep(answer.good(), before.did)
        return self._sign_in()

    def _sign_in(self) -> Tokens:
        password = self._credentials.app_password.get_secret_value()
        answer = self._entrance.tell(
            "com.atproto.server.createSession",
            {"identifier": self._handle, "password": password},
            secrets=(password,),
        )
        if isinstance(answer.error, Unauthorized):
            raise self._why_refused(answer)
        before, tokens = self._tokens, self._keep(answer.good())
        if before and before.did != tokens.did:
            self._tokens, self._renew_at = before, 0.0  # the sheep is at its place; the next run finds the other
            another = Unauthorized("the handle is another account's now")
            another.advice = _NEW_HANDLE
            raise another
        return tokens

    def _why_refused(self, answer: Answer) -> NetworkError:
        """Return why the account was not let in: a bad password and an account taken down get the same answer."""
        did = self._tokens.did if self._tokens else None
        try:
            did = did or self._resolve(self._entrance, self._handle)
            found = self._entrance.ask("com.atproto.sync.getRepoStatus", {"did": did}).body if did else {}
        except NetworkError:
            found = {}
        status = found.get("status")
        if found.get("active") is False and isinstance(status, str) and status in _STANDINGS:
            return _STANDINGS[status](f"the account is {status}, as its server says")
        refused = Unauthorized(str(answer.error))
        refused.advice = _NEW_PASSWORD
        return refused

    def _keep(self, body: Mapping[str, Any], did: str | None = None) -> Tokens:
        """Return the session in an answer, written down. `did` is whose it must be, if that is known."""
        found, access, refresh = (body.get(name) for name in ("did", "accessJwt", "refreshJwt"))
        if not (is_did(found) and _is_token(access) and _is_token(refresh) and did in (None, found)):
            raise Unavailable("signing in: the answer holds no session of this account")
        server = self._credentials.server
        before = self._tokens.pds if did and self._tokens else server
        pds = own_server(body.get("didDoc"), found, server) or before
        mark = mark_of(self._credentials)
        tokens = Tokens(server=server, did=found, pds=pds, access=access, refresh=refresh, mark=mark)
        self._tokens, self._renew_at = tokens, renewal_time(access, self._wall())
        self._entrance.service.answers(None)  # an outage that this bot met there is over; posts may go elsewhere
        self._is_kept = False
        self._write_down()
        return tokens

    def _write_down(self) -> None:
        """Keep the tokens for the next run, if they are not kept yet. Nothing is posted before they are."""
        if self._tokens is None or self._is_kept:
            return
        try:
            self._sessions.put(self._bot, self._tokens)
        except JournalError as error:
            raise Unavailable(str(error)) from error
        self._is_kept = True

    def _resolve(self, server: Server, handle: str) -> str | None:
        answer = server.ask("com.atproto.identity.resolveHandle", {"handle": handle})
        if answer.error and answer.name not in ("HandleNotFound", "InvalidRequest", "NotFound"):
            raise answer.error
        did = answer.body.get("did")
        return did if is_did(did) else None

    @property
    def _entrance(self) -> Server:
        """The server to sign in at."""
        return self._server(self._credentials.server)

    def _server(self, root: str) -> Server:
        return Server(root, self._service_of(root), self._wall)


def is_did(value: object) -> TypeGuard[str]:
    """Return whether `value` is a DID of one of the two kinds that accounts have."""
    return isinstance(value, str) and bool(_DID.fullmatch(value))


def _is_token(value: object) -> TypeGuard[str]:
    return (
        isinstance(value, str)
        and 0 < len(value) <= _LONGEST_TOKEN
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )


def own_server(document: object, did: str, server: str) -> str | None:
    """Return the root URL of the account's own server out of its DID document, or None where it names none.

    Raises Unavailable for one that may not be sent a token: without https, or on this machine although the server
    to sign in at is not.
    """
    if not (isinstance(document, Mapping) and document.get("id") == did):
        return None
    services = document.get("service")
    for each in services if isinstance(services, list) else ():
        if isinstance(each, Mapping) and each.get("id") in ("#atproto_pds", f"{did}#atproto_pds"):
            return _checked(each.get("serviceEndpoint"), server)
    return None


def _checked(url: object, server: str) -> str:
    try:
        root = parse_url(url if isinstance(url, str) else "")
    except ValueError:
        raise Unavailable("the account's DID document names a server with an address that cannot be") from None
    is_here = is_loopback(root)
    if is_here and not is_loopback(server):
        raise Unavailable("the account's DID document names a server on this machine; no token is sent there")
    if not (root.startswith("https://") or is_here):
        raise Unavailable("the account's DID document names a server without https; no token is sent there")
    return root
