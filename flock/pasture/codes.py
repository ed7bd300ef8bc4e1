"""Mastodon's OAuth 2, out of band: an app registers itself, a person lets it in and copies a code, the code
becomes an access token.

Codes are in memory, for ten minutes each. Apps and tokens outlive the process: the register has their digests.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import simplejson as json
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from flock.pasture.consent import DECISION, DENY, code_page, denied_page, forged_page, question_page, sentence_page
from flock.pasture.forms import Forms
from flock.pasture.register import Register, digest

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
LIFETIME = 600.0  # seconds that a code is good for, as on Mastodon
_MOST_CODES = 1_000
_MOST_APPS = 1_000
_NAME = re.compile(r"[A-Za-z0-9_]{1,30}")
_MOST_NAME = 64  # letters of a name that the field takes
_SCOPE = re.compile(r"(admin:)?(read|write)(:[a-z_]+)*|follow|push|profile")
_APP, _TOKEN = "mastodon app", "mastodon token"  # kinds in the register
_ERRORS = {
    "invalid_client": "Client authentication failed due to unknown client, no client authentication included, or"
    " unsupported authentication method.",
    "invalid_grant": "The provided authorization grant is invalid, expired, revoked, does not match the"
    " redirection URI used in the authorization request, or was issued to another client.",
    "unsupported_grant_type": "The authorization grant type is not supported by the authorization server.",
    "unauthorized_client": "You are not authorized to revoke this token",
}
_UNKNOWN_CLIENT = f"{_ERRORS['invalid_client']} Register the app with this server first."
_BAD_REDIRECT = f"The requested redirect uri is malformed or doesn't match client redirect URI: use {OUT_OF_BAND}."
_BAD_SCOPE = "The requested scope is invalid, unknown, or malformed, or the app was not registered with it."


class BadFields(Exception):
    """Raised for a body that is not the JSON that it should be."""


@dataclass(frozen=True)
class Bearer:
    """Who an access token lets in, and to what."""

    name: str
    scopes: frozenset[str]
    is_revoked: bool


@dataclass(frozen=True)
class _Grant:
    """What a code stands for."""

    client_id: str
    name: str
    scopes: str
    since: float


class Codes:
    """The endpoints. `names` returns the accounts that there are; `open_account` makes one if need be."""

    def __init__(
        self,
        register: Register,
        forms: Forms,
        *,
        clock: Callable[[], float],
        names: Callable[[], list[str]],
        open_account: Callable[[str], str],
    ) -> None:
        self._register = register
        self._forms = forms
        self._clock = clock
        self._names = names
        self._open_account = open_account
        self._codes: dict[str, _Grant] = {}  # by the code's digest, in the order in which they were made
        self._lock = Lock()
        self.rules = [
            Rule("/api/v1/apps", methods=["POST"], endpoint=self._register_app),
            Rule("/oauth/authorize", methods=["GET", "POST"], endpoint=self._authorize),
            Rule("/oauth/token", methods=["POST"], endpoint=self._token),
            Rule("/oauth/revoke", methods=["POST"], endpoint=self._revoke),
        ]

    def bearer(self, token: str) -> Bearer | None:
        """Return who an access token that was made here belongs to, or None."""
        entry = self._register.get(_TOKEN, digest(token))
        if entry is None:
            return None
        return Bearer(entry["name"], frozenset(entry["scopes"].split()), entry["is_revoked"])

    def _register_app(self, request: Request) -> Response:
        fields = fields_of(request)
        name, scopes = str(fields.get("client_name") or "").strip(), str(fields.get("scopes") or "read")
        uris = fields.get("redirect_uris") or ""
        uris = uris if isinstance(uris, list) else str(uris).split()
        problem = _problem_of_app(name, scopes, uris)
        if problem:
            return answer({"error": f"Validation failed: {problem}"}, 422)
        client_id, secret = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        with self._lock:
            if len(self._register.all(_APP)) >= _MOST_APPS:
                return answer({"error": "Too many requests"}, 429)
            entry = {"secret": digest(secret), "name": name, "scopes": scopes, "redirect_uris": uris}
            self._register.put(_APP, client_id, entry)
        told = {"id": digest(client_id)[:8], "name": name, "website": None, "scopes": scopes.split()}
        uris_told = {"redirect_uri": "\n".join(uris), "redirect_uris": uris}
        return answer(told | uris_told | {"client_id": client_id, "client_secret": secret})

    def _authorize(self, request: Request) -> Response:
        """Answer with the page that asks a person, or, to the form on it, with the page that shows the code."""
        asked = {
            name: request.values.get(name, "") for name in ("client_id", "redirect_uri", "response_type", "scope")
        }
        app = self._register.get(_APP, asked["client_id"])
        problem = _problem_of_request(app, asked)
        if app is None or problem:
            return sentence_page("Nothing was authorized", problem, 400 if app else 401)
        name = request.values.get("screen_name", "").strip().removeprefix("@")
        purpose = f"mastodon {json.dumps(asked, sort_keys=True)}"
        if request.method != "POST":
            return self._question(app, asked, purpose, name)
        if not self._forms.is_own(request, purpose):
            return forged_page()
        if request.form.get(DECISION) == DENY:
            return denied_page()
        if name.lower() not in {each.lower() for each in self._names()} and not _NAME.fullmatch(name):
            wrong = "A name has 1 to 30 letters (a to z), digits or underscores."
            return self._question(app, asked, purpose, name, wrong)
        name = self._open_account(name)
        code = self._code(asked, name)
        what = f"{name} lets {app['name']} in. Copy this code to where the app asks for it:"
        return code_page("Your code", what, code)

    def _question(
        self, app: Mapping[str, Any], asked: dict[str, str], purpose: str, name: str, wrong: str = ""
    ) -> Response:
        what = (
            f"{app['name']} asks for: {', '.join((asked['scope'] or 'read').split())}. Which account may it use?"
        )
        return question_page(
            "Authorize an app",
            what,
            action="/oauth/authorize",
            hidden=asked,
            seal=self._forms.seal(purpose),
            names=self._names(),
            value=name,
            most=_MOST_NAME,
            wrong=wrong,
        )

    def _code(self, asked: Mapping[str, str], name: str) -> str:
        code, now = secrets.token_urlsafe(32), self._clock()
        grant = _Grant(asked["client_id"], name, asked["scope"] or "read", now)
        with self._lock:
            self._codes = {key: each for key, each in self._codes.items() if now - each.since < LIFETIME}
            while len(self._codes) >= _MOST_CODES:
                del self._codes[next(iter(self._codes))]
            self._codes[digest(code)] = grant
        return code

    def _token(self, request: Request) -> Response:
        """Answer with an access token for a code, once."""
        fields = fields_of(request)
        client_id, app = self._client(request, fields)
        if app is None:
            return _oauth_error("invalid_client", 401)
        if fields.get("grant_type") != "authorization_code":
            return _oauth_error("unsupported_grant_type", 400)
        with self._lock:
            grant = self._codes.pop(digest(str(fields.get("code") or "")), None)
        is_its = grant is not None and grant.client_id == client_id and fields.get("redirect_uri") == OUT_OF_BAND
        now = self._clock()
        if grant is None or not is_its or now - grant.since >= LIFETIME:
            return _oauth_error("invalid_grant", 400)
        token = secrets.token_urlsafe(32)
        entry = {"name": grant.name, "scopes": grant.scopes, "client_id": client_id, "is_revoked": False}
        self._register.put(_TOKEN, digest(token), entry)
        told = {"access_token": token, "token_type": "Bearer", "scope": grant.scopes, "created_at": int(now)}
        return answer(told)

    def _revoke(self, request: Request) -> Response:
        """Revoke a token for the app that it was made for. A token that is unknown is answered alike."""
        fields = fields_of(request)
        client_id, app = self._client(request, fields)
        key = digest(str(fields.get("token") or ""))
        entry = self._register.get(_TOKEN, key)
        if app is None or (entry and entry["client_id"] != client_id):
            return _oauth_error("unauthorized_client", 403)
        if entry:
            self._register.put(_TOKEN, key, entry | {"is_revoked": True})
        return answer({})

    def _client(self, request: Request, fields: Mapping[str, Any]) -> tuple[str, dict[str, Any] | None]:
        """Return the id and the app of a client, if it knows its secret, in the fields or by HTTP Basic."""
        basic = request.authorization if request.authorization and request.authorization.type == "basic" else None
        named = (
            (basic.username, basic.password) if basic else (fields.get("client_id"), fields.get("client_secret"))
        )
        client_id, secret = (str(each or "") for each in named)
        app = self._register.get(_APP, client_id)
        is_right = app is not None and hmac.compare_digest(app["secret"], digest(secret))
        return client_id, app if is_right else None


def fields_of(request: Request) -> dict[str, Any]:
    """Return the fields of a form or of JSON. Raises BadFields."""
    if request.mimetype != "application/json":
        return request.form.to_dict()
    try:
        fields = json.loads(request.get_data())
    except ValueError:
        raise BadFields from None
    return fields if isinstance(fields, dict) else {}


def answer(content: object, status: int = 200) -> Response:
    """Return a response with `content` as JSON, which nobody keeps."""
    return Response(json.dumps(content), status, {"Cache-Control": "no-store"}, mimetype="application/json")


def _oauth_error(name: str, status: int) -> Response:
    return answer({"error": name, "error_description": _ERRORS[name]}, status)


def _problem_of_app(name: str, scopes: str, uris: list[Any]) -> str:
    if not name:
        return "Application name can't be blank"
    if len(name) > 60:
        return "Application name is too long (maximum is 60 characters)"
    if not uris:
        return "Redirect URI can't be blank"
    if not all(isinstance(uri, str) and re.match(r"[a-z][a-z0-9+.-]*:\S", uri) for uri in uris):
        return "Redirect URI must be an absolute URI."
    if not scopes.split() or not all(map(_SCOPE.fullmatch, scopes.split())):
        return "Scopes doesn't match configured on the server."
    return ""


def _problem_of_request(app: Mapping[str, Any] | None, asked: Mapping[str, str]) -> str:
    if app is None:
        return _UNKNOWN_CLIENT
    if asked["redirect_uri"] != OUT_OF_BAND or OUT_OF_BAND not in app["redirect_uris"]:
        return _BAD_REDIRECT
    if asked["response_type"] != "code":
        return "The authorization server does not support this response type."
    if not set((asked["scope"] or "read").split()) <= set(app["scopes"].split()):
        return _BAD_SCOPE
    return ""
