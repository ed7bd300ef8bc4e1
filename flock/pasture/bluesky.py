"""Bluesky's server as flock needs it: a WSGI application that is as strict as the real one (0.5.35).

What it says to each request was compared with the real one. It has no images, no timeline of others, and accounts
that are made by whoever runs it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import sqlite3
import time
from base64 import b32encode
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from threading import Event, Lock, Timer
from typing import Any, NoReturn
from wsgiref.types import StartResponse, WSGIEnvironment

from pydantic import SecretStr
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from flock.pasture.lexicon import POST, Invalid, check_form, check_key, check_record
from flock.pasture.meters import REAL_WINDOWS, Meter, Windows
from flock.pasture.passes import BadToken, Passes
from flock.pasture.register import Register, digest
from flock.pasture.repos import Record, Repos, Swapped
from flock.pasture.serving import MOST_BODY
from flock.pasture.timeline import Line

LOGGER = logging.getLogger("flock.pasture")

_LETTERS = "234567abcdefghijklmnopqrstuvwxyz"
_SLOW = 0.1  # seconds
_LATE = 2.0  # seconds
_PASSWORD = "bluesky password"  # noqa: S105 - a kind in the register


class Standing(Enum):
    """Whether an account may post, and if not, why."""

    GOOD = ""
    TAKEN_DOWN = "takendown"
    DEACTIVATED = "deactivated"


class Weather(Enum):
    """What becomes of a request that writes."""

    CALM = "answered"
    BEFORE = "dropped before it is stored"
    REFUSED = "502 with a page, and not stored"
    AFTER = "stored, and the connection dropped"
    STORED = "stored, and 502 with a page"
    SLOW = "answered late"
    LATE = "the connection dropped, and stored some seconds later"


@dataclass(frozen=True, slots=True)
class BlueskyAccount:
    """An account, with one app password. Its DID is made of its handle, unless it is given."""

    handle: str
    app_password: SecretStr = field(repr=False)
    did: str = ""

    def __post_init__(self) -> None:
        digest = hashlib.sha256(self.handle.lower().encode()).digest()
        made = f"did:plc:{b32encode(digest).decode().lower()[:24]}"
        object.__setattr__(self, "handle", self.handle.lower())
        object.__setattr__(self, "did", self.did or made)


def _made_here(handle: str, did: str = "") -> BlueskyAccount:
    """Return an account whose app passwords are in the register; its own one is known to nobody."""
    return BlueskyAccount(handle, SecretStr(secrets.token_urlsafe(32)), did)


class _Refused(Exception):
    """Raised to refuse a request: status, name and message of the error."""

    def __init__(self, status: int, name: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.name, self.headers = status, name, headers or {}


class BlueskyPasture:
    """The endpoints. `url` returns the root URL under which it is reached, once that is known.

    `repos` keeps the records, and `register` the accounts and app passwords that people make here; without them
    both are in memory. `clock` returns seconds since the epoch. `weather` is asked what becomes of each request
    that writes; `late` are the seconds of Weather.LATE. `met` counts what became of them. A ConnectionError that
    the application raises drops the connection: run it in a `flock.pasture.serving.Server`.
    """

    def __init__(
        self,
        accounts: Iterable[BlueskyAccount] = (),
        *,
        url: Callable[[], str],
        repos: Repos | None = None,
        windows: Windows = REAL_WINDOWS,
        clock: Callable[[], float] = time.time,
        weather: Callable[[], Weather] = lambda: Weather.CALM,
        late: float = _LATE,
        register: Register | None = None,
    ) -> None:
        self.repos = repos or Repos()
        self.passes = Passes(clock)
        self._url = url
        self._clock = clock
        self._weather = weather
        self._late = late
        self._lock = Lock()
        self._last_key = 0
        self.met: Counter[Weather] = Counter()  # what became of requests that write
        self._meters = {name: Meter(getattr(windows, name)) for name in ("sign_ins", "points", "requests")}
        self._by_did: dict[str, BlueskyAccount] = {}
        self._by_handle: dict[str, BlueskyAccount] = {}
        self._standings: dict[str, Standing] = {}
        self.asked: deque[str] = deque(maxlen=10_000)  # the methods that were called
        self._register = register or Register()
        for account in (*self._made_before(), *accounts):
            self.admit(account)
        self._methods: dict[str, tuple[str, Callable[[Request], Any]]] = {
            "com.atproto.server.describeServer": ("GET", self._describe),
            "com.atproto.server.createSession": ("POST", self._create_session),
            "com.atproto.server.refreshSession": ("POST", self._refresh_session),
            "com.atproto.server.getSession": ("GET", self._get_session),
            "com.atproto.repo.putRecord": ("POST", self._put_record),
            "com.atproto.repo.createRecord": ("POST", self._create_record),
            "com.atproto.repo.deleteRecord": ("POST", self._delete_record),
            "com.atproto.repo.getRecord": ("GET", self._get_record),
            "com.atproto.repo.listRecords": ("GET", self._list_records),
            "com.atproto.identity.resolveHandle": ("GET", self._resolve_handle),
            "com.atproto.sync.getRepoStatus": ("GET", self._get_repo_status),
            "app.bsky.actor.getProfile": ("GET", self._get_profile),
        }

    def admit(self, account: BlueskyAccount) -> None:
        """Add an account, or give an account a new app password."""
        self._by_did[account.did] = self._by_handle[account.handle] = account

    def add_password(self, handle: str, password: str) -> None:
        """Give an account another app password; make the account if there is none of that handle."""
        account = self._by_handle.get(handle) or _made_here(handle)
        self._register.put(_PASSWORD, digest(password), {"did": account.did, "handle": account.handle})
        self._by_did.setdefault(account.did, account)
        self._by_handle.setdefault(account.handle, account)

    def handles(self) -> list[str]:
        """Return the handles of all accounts, in the order in which they came."""
        return list(self._by_handle)

    def _made_before(self) -> list[BlueskyAccount]:
        return [_made_here(each["handle"], each["did"]) for each in self._register.all(_PASSWORD).values()]

    def _is_password_of(self, account: BlueskyAccount, password: str) -> bool:
        own = account.app_password.get_secret_value().encode()
        made = self._register.get(_PASSWORD, digest(password))
        is_own = secrets.compare_digest(own, password.encode("utf-8", "replace"))
        return is_own or (made is not None and made["did"] == account.did)

    def rename(self, handle: str, new: str) -> BlueskyAccount:
        """Give an account another handle, and return it; from now on any account may have the handle of before."""
        account = self._by_handle.pop(handle.lower())
        renamed = replace(account, handle=new)
        self.admit(renamed)
        return renamed

    def judge(self, handle: str, standing: Standing) -> None:
        """Take an account down, deactivate it, or let it in again. A takedown ends its sessions."""
        account = self._account(handle.lower())
        assert account, f"{handle} has no account here"  # noqa: S101
        self._standings[account.did] = standing
        if standing is Standing.TAKEN_DOWN:
            self.passes.revoke(account.did)

    def newest(self, count: int, name: str | None = None) -> list[Line]:
        """Return the latest posts for the timeline: see `timeline.Newest`."""
        accounts = [self._by_handle.get(name.lower())] if name is not None else list(self._by_did.values())
        handles = {account.did: account.handle for account in accounts if account}
        return [_on_timeline(record, handles) for record in self.repos.newest(POST, count, list(handles))]

    def close(self) -> None:
        """Close the store."""
        self.repos.close()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = MOST_BODY
        return self._respond(request)(environ, start_response)

    def _respond(self, request: Request) -> Response:
        method = request.path.removeprefix("/xrpc/")
        if method == request.path:
            return _page(404)
        self.asked.append(method)
        try:
            self._count("requests", request.remote_addr or "", 1)
            verb, call = self._methods.get(method, ("", None))
            if call is None:
                _refuse(f"No service configured for {method}")
            if request.method != verb:
                _refuse(f"Incorrect HTTP method ({request.method}) expected {verb}")
            return self._weathered(method, lambda: _answer(call(request)))
        except _Refused as refused:
            body = {"error": refused.name, "message": str(refused)}
            return _answer(body, refused.status, refused.headers)
        except (BadToken, Invalid, Swapped) as error:
            name, message = error.args if isinstance(error, BadToken) else ("InvalidRequest", str(error))
            return _answer(
                {"error": "InvalidSwap" if isinstance(error, Swapped) else name, "message": message}, 400
            )
        except HTTPException as error:  # a body that is too large
            return _page(error.code or 400)
        except ConnectionError:
            raise
        except Exception:
            LOGGER.exception("a bug in the pasture")
            return _answer({"error": "InternalServerError", "message": "Internal Server Error"}, 500)

    def _weathered(self, method: str, respond: Callable[[], Response]) -> Response:
        """Let what the weather is become of a request that writes."""
        weather = self._weather() if method in _WRITES else Weather.CALM
        if weather is Weather.LATE:
            timer = Timer(self._late, self._store_late, [respond])
            timer.daemon = True
            timer.start()
            raise ConnectionResetError
        self.met[weather] += method in _WRITES
        if weather is Weather.BEFORE:
            raise ConnectionResetError
        if weather is Weather.REFUSED:
            return _page(502)
        if weather is Weather.SLOW:
            Event().wait(_SLOW)
        response = respond()
        if weather is Weather.AFTER:
            raise ConnectionResetError
        return _page(502) if weather is Weather.STORED else response

    def _store_late(self, respond: Callable[[], Response]) -> None:
        # No client reads the answer any more, and the store may be closed by now.
        with suppress(_Refused, BadToken, Invalid, Swapped, sqlite3.Error):
            respond()
        self.met[Weather.LATE] += 1

    # Sessions

    def _create_session(self, request: Request) -> dict[str, Any]:
        body = _body(request)
        identifier, password = _text(body, "identifier"), _text(body, "password")
        self._count("sign_ins", identifier.lower(), 1)
        account = self._account(identifier.lower())
        is_in = account and self._is_password_of(account, password)
        if not (account and is_in) or self._standing(account) is Standing.TAKEN_DOWN:
            raise _Refused(401, "AuthenticationRequired", "Invalid identifier or password")
        return self._session(account, *self.passes.issue(account.did))

    def _refresh_session(self, request: Request) -> dict[str, Any]:
        claims = self.passes.check(_bearer(request), "refresh+jwt")
        if request.content_length:
            _refuse("A request body was provided when none was expected")
        account = self._by_did.get(claims["sub"])
        if account is None:
            _refuse("Could not find user info for account")
        if self._standing(account) is Standing.TAKEN_DOWN:
            raise _Refused(401, "AccountTakedown", "Account has been taken down")
        return self._session(account, *self.passes.renew(claims))

    def _get_session(self, request: Request) -> dict[str, Any]:
        did = self._signed_in(request)
        account = self._by_did.get(did)
        if account is None or self._standing(account) is Standing.TAKEN_DOWN:
            _refuse(f"Could not find user info for account: {did}")
        told = _told(self._standing(account))
        return {"did": did, "handle": account.handle, "didDoc": self._document(account), **told}

    def _session(self, account: BlueskyAccount, access: str, refresh: str) -> dict[str, Any]:
        return {
            "accessJwt": access,
            "refreshJwt": refresh,
            "handle": account.handle,
            "did": account.did,
            "didDoc": self._document(account),
            **_told(self._standing(account)),
        }

    def _document(self, account: BlueskyAccount) -> dict[str, Any]:
        server = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": self._url()}
        return {"id": account.did, "alsoKnownAs": [f"at://{account.handle}"], "service": [server]}

    def _signed_in(self, request: Request) -> str:
        """Return the DID whose access token a request carries. Raises what refuses it."""
        did: str = self.passes.check(_bearer(request), "at+jwt")["sub"]
        return did

    # Records

    def _put_record(self, request: Request) -> dict[str, Any]:
        did, body = self._signed_in(request), _body(request)
        collection, rkey = _place(body)
        swap = body.get("swapRecord", ...)
        if swap not in (None, ...):
            check_form("CID string", _text(body, "swapRecord"), " at $.swapRecord")
        account = self._writing(did, body, 2)
        check_key(collection, rkey)
        value = check_record(collection, body.get("record"))
        record, is_new = self.repos.put(account.did, collection, rkey, value, swap=swap)
        return _stored(record, is_new=is_new)

    def _create_record(self, request: Request) -> dict[str, Any]:
        did, body = self._signed_in(request), _body(request)
        collection, rkey = _place({"rkey": self._next_key(), **body})
        account = self._writing(did, body, 3)
        check_key(collection, rkey)
        value = check_record(collection, body.get("record"))
        if self.repos.get(account.did, collection, rkey):
            raise _Refused(500, "InternalServerError", "Internal Server Error")  # as the real one does
        record, _ = self.repos.put(account.did, collection, rkey, value, swap=None)
        return _stored(record, is_new=True)

    def _delete_record(self, request: Request) -> dict[str, Any]:
        did, body = self._signed_in(request), _body(request)
        collection, rkey = _place(body)
        account = self._writing(did, body, 1)
        self.repos.delete(account.did, collection, rkey)
        return {}

    def _writing(self, did: str, body: Mapping[str, Any], points: int) -> BlueskyAccount:
        """Return the account whose repository a request names, and count the points. Raises what refuses it."""
        owner = self._account(_text(body, "repo"))
        if owner is None:
            raise _Refused(403, "AccountNotFound", "Account not found")
        if self._standing(owner) is Standing.TAKEN_DOWN:
            raise _Refused(401, "AccountTakedown", "Account has been taken down")
        if self._standing(owner) is Standing.DEACTIVATED:
            raise _Refused(401, "AccountDeactivated", "Account is deactivated")
        if owner.did != did:
            raise _Refused(401, "AuthenticationRequired", "Authentication Required")
        self._count("points", did, points)
        return owner

    def _shown_account(self, name: str) -> BlueskyAccount | None:
        """Return the account of a handle or of a DID, if it is neither taken down nor deactivated."""
        account = self._account(name)
        return account if account and self._standing(account) is Standing.GOOD else None

    def _get_record(self, request: Request) -> dict[str, Any]:
        asked = _asked(request, repo="AT identifier", collection="NSID", rkey="record key", cid="CID string?")
        repo, collection, rkey = asked["repo"], asked["collection"], asked["rkey"]
        owner = self._shown_account(repo)
        if owner is None:
            _refuse("Could not locate record")
        record = self.repos.get(owner.did, collection, rkey)
        if record is None or asked.get("cid", record.cid) != record.cid:
            raise _Refused(400, "RecordNotFound", f"Could not locate record: at://{repo}/{collection}/{rkey}")
        return _shown(record)

    def _list_records(self, request: Request) -> dict[str, Any]:
        asked = _asked(request, repo="AT identifier", collection="NSID")
        owner = self._shown_account(asked["repo"])
        limit, is_reverse = _limit(request), _switch(request, "reverse")
        if owner is None:
            _refuse(f"Could not find repo: {asked['repo']}")
        cursor = request.args.get("cursor", "")
        found = self.repos.records(owner.did, asked["collection"], limit=limit, cursor=cursor, reverse=is_reverse)
        return {"records": [_shown(each) for each in found], **({"cursor": found[-1].rkey} if found else {})}

    # Accounts

    def _resolve_handle(self, request: Request) -> dict[str, Any]:
        found = self._shown_account(_asked(request, handle="handle")["handle"].lower())
        if found is None:
            raise _Refused(400, "HandleNotFound", "Unable to resolve handle")
        return {"did": found.did}

    def _get_repo_status(self, request: Request) -> dict[str, Any]:
        did = _asked(request, did="DID")["did"]
        account = self._by_did.get(did)
        if account is None:
            raise _Refused(400, "RepoNotFound", f"Could not find repo for DID: {did}")
        return {"did": did, **_told(self._standing(account))}

    def _get_profile(self, request: Request) -> dict[str, Any]:
        account = self._account(_asked(request, actor="AT identifier")["actor"])
        if account is None:
            _refuse("Profile not found")
        return {"did": account.did, "handle": account.handle, "labels": []}

    def _describe(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        return {"did": "did:web:localhost", "availableUserDomains": [".test"], "inviteCodeRequired": True}

    def _account(self, name: str) -> BlueskyAccount | None:
        """Return the account of a handle or of a DID, both in lower case."""
        return self._by_did.get(name) or self._by_handle.get(name)

    def _standing(self, account: BlueskyAccount) -> Standing:
        return self._standings.get(account.did, Standing.GOOD)

    def _next_key(self) -> str:
        """Return a key that is higher than any that was made before."""
        with self._lock:
            number = self._last_key = max(int(self._clock() * 1e6) << 10, self._last_key + 1)
        return "".join(_LETTERS[number >> 5 * place & 31] for place in reversed(range(13)))

    def _count(self, meter: str, who: str, cost: int) -> None:
        refused = self._meters[meter].take(who, cost, self._clock())
        if refused:
            raise _Refused(429, "RateLimitExceeded", "Rate Limit Exceeded", refused)


_WRITES = frozenset(f"com.atproto.repo.{verb}Record" for verb in ("put", "create", "delete"))


def _told(standing: Standing) -> dict[str, Any]:
    return {"active": standing is Standing.GOOD, **({"status": standing.value} if standing.value else {})}


def _stored(record: Record, *, is_new: bool) -> dict[str, Any]:
    commit = {"commit": {"cid": record.cid, "rev": record.rkey}} if is_new else {}
    status = "valid" if record.collection == POST else "unknown"
    return {"uri": record.uri, "cid": record.cid, **commit, "validationStatus": status}


def _shown(record: Record) -> dict[str, Any]:
    return {"uri": record.uri, "cid": record.cid, "value": record.value}


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if not kind:
        raise _Refused(401, "AuthMissing", "Authentication Required")
    if not token:
        raise BadToken("InvalidToken", "Malformed authorization header")
    if kind.lower() != "bearer":
        raise BadToken("InvalidToken", "Unexpected authorization type")
    return token.strip()


def _body(request: Request) -> dict[str, Any]:
    if not request.mimetype:
        _refuse("Request encoding (Content-Type) required but not provided")
    if request.mimetype != "application/json":
        _refuse(f"Wrong request encoding (Content-Type): {request.mimetype}")
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError) as error:
        raise _Refused(400, "SyntaxError", "Unexpected token in JSON") from error
    if not isinstance(body, dict):
        _refuse("Expected object value type at $")
    return body


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        _refuse(f'Missing required key "{name}" at $')
    if not isinstance(value, str):
        _refuse(f"Expected string value type (got {value}) at $.{name}")
    return value


def _place(body: Mapping[str, Any]) -> tuple[str, str]:
    """Return the collection and the key that a request names, which have the right form."""
    repo, collection, rkey = _text(body, "repo"), _text(body, "collection"), _text(body, "rkey")
    check_form("AT identifier", repo, " at $.repo")
    check_form("NSID", collection, " at $.collection")
    check_form("record key", rkey, " at $.rkey")
    return collection, rkey


def _asked(request: Request, **forms: str) -> dict[str, str]:
    """Return the parameters of a query, each of its form; one whose form ends with "?" may be missing."""
    asked: dict[str, str] = {}
    for name, form in forms.items():
        if value := request.args.get(name):
            with _in_parameters(request):
                check_form(form.removesuffix("?"), value)
            asked[name] = value
        elif not form.endswith("?"):
            with _in_parameters(request):
                raise Invalid(f'Missing required key "{name}"')
    return asked


def _limit(request: Request) -> int:
    limit = request.args.get("limit") or "50"
    with _in_parameters(request):
        if not limit.removeprefix("-").isdecimal():
            raise Invalid(f'Expected integer value type (got "{limit}")')
        if int(limit) < 1:
            raise Invalid(f"integer too small (minimum 1, got {limit})")
        if int(limit) > 100:
            raise Invalid(f"integer too big (maximum 100, got {limit})")
    return int(limit)


def _switch(request: Request, name: str) -> bool:
    value = request.args.get(name) or "false"
    with _in_parameters(request):
        if value not in ("true", "false"):
            raise Invalid(f'Expected boolean value type (got "{value}")')
    return value == "true"


@contextmanager
def _in_parameters(request: Request) -> Iterator[None]:
    """Let the message of an Invalid say that the parameters are wrong."""
    try:
        yield
    except Invalid as invalid:
        raise Invalid(f"Invalid {request.path.removeprefix('/xrpc/')} params: {invalid}") from invalid


def _refuse(message: str) -> NoReturn:
    raise _Refused(400, "InvalidRequest", message)


def _answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        json.dumps(body, separators=(",", ":")), status, headers, content_type="application/json; charset=utf-8"
    )


def _page(status: int) -> Response:
    return Response(
        "<!DOCTYPE html><html><body>Something is broken</body></html>", status, content_type="text/html"
    )


def _on_timeline(record: Record, handles: Mapping[str, str]) -> Line:
    at = datetime.fromisoformat(record.value["createdAt"]).timestamp()
    language = next(iter(record.value.get("langs", ())), "")
    return Line(f"{record.did}-{record.rkey}", handles[record.did], record.value["text"], at, language)
