"""Mastodon and its kin: OAuth 2.0, out of band. A person lets the app in, and types the code that is shown."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import requests
import simplejson as json
from pydantic import TypeAdapter, ValidationError

from flock.errors import KeyNotMade, Unavailable, printable
from flock.keymaker.account import NewAccount
from flock.keymaker.questions import Questions, no_key_without, with_patience
from flock.keymaker.sessions import Sessions
from flock.keys.credentials import PRACTICE, Server
from flock.networks.bluesky.xrpc import Bearer
from flock.networks.http import Session
from flock.networks.mastodon.answers import meaning

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
_SCOPES = ("read:accounts", "read:statuses", "write:statuses")
_TO_SET_THE_FLAG = "write:accounts"
_CODES = 3  # that are tried
_NAME = re.compile(r"\w[\w.-]{0,63}")
_SERVER: TypeAdapter[str] = TypeAdapter(Server)


@dataclass(frozen=True, slots=True)
class _Client:
    """An app that is registered with the server."""

    id: str
    secret: str = field(repr=False)


class MastodonFlow:
    """The flow at one server: that at `root_url`, or the one that the person names.

    With `practises`, keys are for the practice server alone.
    """

    def __init__(self, root_url: str | None, *, sessions: Sessions, questions: Questions, practises: bool) -> None:
        self._root = root_url
        self._sessions = sessions
        self._questions = questions
        self._practises = practises
        self._client: _Client | None = None

    def account_name(self, screen_name: str) -> str:
        name, _, host = screen_name.partition("@")
        own = PRACTICE if self._practises else self._server(host).rpartition("://")[2]
        if not _NAME.fullmatch(name):
            raise KeyNotMade(f"{printable(screen_name)}: expected the account's name, such as dolly")
        if host and not self._practises and host.lower() != own:
            raise KeyNotMade(
                printable(f"{screen_name}: this account is not on {own}; give --server https://{host}")
            )
        return f"{name}@{own}"

    def authorize(self, screen_name: str | None) -> NewAccount:
        self._server((screen_name or "").partition("@")[2])
        client = self._registered()
        sets_flag = self._questions.confirm("Mark the account as an automated one, as most servers ask of bots?")
        scopes = (*_SCOPES, _TO_SET_THE_FLAG) if sets_flag else _SCOPES
        self._questions.visit(self._address(client, scopes))
        token = self._token(client, scopes)
        profile = with_patience(self._questions, lambda: self._profile(token))
        name = profile.name
        remark = self._flagged(token) if sets_flag else _marked(is_bot=profile.is_bot)
        return NewAccount(
            screen_name=name,
            fields={
                "network": "mastodon",
                "server": PRACTICE if self._practises else self._root,
                "screen_name": name,
                "access_token": token,
            },
            remarks=(printable(f"{self._title} knows it as @{name}"), remark),
        )

    @property
    def _title(self) -> str:
        return self._root or "the server"

    def _server(self, host: str = "") -> str:
        """Return the server's root URL, asked for if need be. `host` is its name where that is known."""
        given = f"https://{host}" if host else ""
        for _ in range(3):
            if self._root:
                return self._root
            text = given or self._questions.ask("The server of the account, such as https://botsin.example")
            given = ""
            try:
                self._root = _SERVER.validate_python(text if "://" in text or not text else f"https://{text}")
            except ValidationError as error:
                wrong = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
                self._questions.tell(wrong)
        if self._root:
            return self._root
        raise KeyNotMade("no server is given; give --server, such as https://botsin.example")

    def _registered(self) -> _Client:
        """Return flock's app at the server, registered when the first account needs it."""
        if self._client is None:
            fields = {
                "client_name": "flock",
                "redirect_uris": OUT_OF_BAND,
                "scopes": " ".join((*_SCOPES, _TO_SET_THE_FLAG)),
            }
            found = self._exchange("POST", "/api/v1/apps", data=fields)
            if not (_is_token(found.get("client_id")) and _is_token(found.get("client_secret"))):
                raise KeyNotMade(f"{self._title}: the answer holds no app; check the server's address")
            self._client = _Client(found["client_id"], found["client_secret"])
        return self._client

    def _address(self, client: _Client, scopes: tuple[str, ...]) -> str:
        query = {
            "response_type": "code",
            "client_id": client.id,
            "redirect_uri": OUT_OF_BAND,
            "scope": " ".join(scopes),
            "force_login": "true",
        }
        return f"{self._root}/oauth/authorize?{urlencode(query)}"

    def _token(self, client: _Client, scopes: tuple[str, ...]) -> str:
        for _ in range(_CODES):
            if (code := self._questions.ask("The code that the page shows")) and (
                token := self._token_for(code, client, scopes)
            ):
                return token
            self._questions.tell(f"{self._title} does not take this code.")
        raise KeyNotMade(f"{self._title} took none of the codes; let the app in once more", may_pass=True)

    def _token_for(self, code: str, client: _Client, scopes: tuple[str, ...]) -> str | None:
        """Return the access token, or None for a code that is not taken. Raises KeyNotMade."""
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": client.id,
            "client_secret": client.secret,
            "redirect_uri": OUT_OF_BAND,
            "scope": " ".join(scopes),
        }
        with no_key_without(self._title):
            response = self._session.request("POST", f"{self._root}/oauth/token", data=fields)
        found = _json(response)
        if response.status_code in (400, 401) and isinstance(found, dict):
            return None
        if not (response.status_code == 200 and isinstance(found, dict) and _is_token(found.get("access_token"))):
            self._check(response)
            raise KeyNotMade(f"{self._title}: the answer holds no token; check the server's address")
        granted = str(found.get("scope") or " ".join(scopes)).split()
        if missing := [each for each in scopes if not {each, each.partition(":")[0]} & set(granted)]:
            raise KeyNotMade(printable(f"{self._title}: the account does not grant {', '.join(missing)}"))
        return str(found["access_token"])

    def _profile(self, token: str) -> Profile:
        with no_key_without(self._title):
            return who_is(self._session, self._server(), token)

    def _flagged(self, token: str) -> str:
        """Set the account's bot flag; return a line about it. The key is good also where that fails."""
        try:
            path = "/api/v1/accounts/update_credentials"
            profile = self._exchange("PATCH", path, data={"bot": "true"}, auth=Bearer(token))
        except KeyNotMade as error:
            return f"it is not marked as automated ({error}); {_BY_HAND}"
        return _marked(is_bot=profile.get("bot") is True)

    def _exchange(self, method: str, path: str, **parts: Any) -> Mapping[str, Any]:
        """Return the JSON object of a good answer. Raises KeyNotMade."""
        with no_key_without(self._title):
            response = self._session.request(method, f"{self._root}{path}", **parts)
        self._check(response)
        answer = _json(response)
        return answer if isinstance(answer, dict) else {}

    def _check(self, response: requests.Response) -> None:
        with no_key_without(self._title):
            if error := meaning(response, _json(response), time.time()):
                raise error

    @property
    def _session(self) -> Session:
        return self._sessions.at(self._server())


@dataclass(frozen=True, slots=True)
class Profile:
    """Who an access token belongs to. `is_bot` tells whether the account is marked as automated."""

    name: str
    is_bot: bool


def who_is(session: Session, root_url: str, token: str) -> Profile:
    """Ask the server whose token this is. Raises NetworkError."""
    response = session.request("GET", f"{root_url}/api/v1/accounts/verify_credentials", auth=Bearer(token))
    answer = _json(response)
    if error := meaning(response, answer, time.time()):
        raise error
    name = answer.get("username") if isinstance(answer, dict) else None
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise Unavailable("the answer does not say which account this is")
    return Profile(name, answer.get("bot") is True)


_BY_HAND = "do it on the server: Preferences, Profile, This is an automated account"


def _marked(*, is_bot: bool) -> str:
    return "it is marked as an automated account" if is_bot else f"it is not marked as automated; {_BY_HAND}"


def _is_token(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 8192 and value.isascii() and value.isprintable()


def _json(response: requests.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None
