"""X: the PIN flow of OAuth 1.0a. A person opens an address, lets the app in, and types the PIN that X shows."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import requests
import simplejson as json

from flock.errors import AppRefused, KeyNotMade, NetworkError, Retry, Unauthorized, Unavailable, Wait, printable
from flock.keymaker.account import NewAccount
from flock.keymaker.apps import App, Apps
from flock.keymaker.questions import Questions, in_words, no_key_without
from flock.keys.credentials import PRACTICE
from flock.networks.http import Session
from flock.networks.x.answers import meaning
from flock.networks.x.api import Signature

_PINS = 3  # that are tried with one address
_ADDRESSES = 3
_NAME = re.compile(r"\w{1,64}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
READS_ONLY = (
    "the app may read only: set it to Read and write in the developer portal, then make this key again with"
    " --force, since a token keeps the permission that it was made with"
)
_LABEL = "X wants bots to be labelled as automated: do it in the account's settings, and name its operator there"


@dataclass(frozen=True, slots=True)
class _Request:
    token: str
    secret: str = field(repr=False)


class XFlow:
    """The flow of one app at `root_url`, which is X or a server that speaks as X does.

    With `practises`, keys are for the practice server alone.
    """

    def __init__(
        self, root_url: str, session: Session, *, apps: Apps, questions: Questions, practises: bool
    ) -> None:
        self._root = root_url
        self._session = session
        self._apps = apps
        self._questions = questions
        self._practises = practises
        self._title = root_url if practises else "X"

    def account_name(self, screen_name: str) -> str:
        if not _NAME.fullmatch(screen_name):
            raise KeyNotMade(f"{printable(screen_name)}: expected the account's name, such as dolly")
        return screen_name

    def authorize(self, screen_name: str | None) -> NewAccount:
        app = self._apps.find()
        if not self._practises:
            self._apps.refuse_placeholders()
        granted = self._granted(app, screen_name)
        name = granted["screen_name"]
        fields: dict[str, object] = {
            "screen_name": name,
            "consumer_token": app.consumer_token.get_secret_value(),
            "consumer_token_secret": app.consumer_token_secret.get_secret_value(),
            "oauth_token": granted["oauth_token"],
            "oauth_token_secret": granted["oauth_token_secret"],
            "network": PRACTICE if self._practises else "x",
        }
        if not granted["oauth_token"].startswith(f"{granted['user_id']}-"):
            fields["user_id"] = granted["user_id"]
        auth = _signature(app, granted["oauth_token"], granted["oauth_token_secret"])
        remarks = (f"{self._title} knows it as @{name}, number {granted['user_id']}",)
        try:
            who = who_is(self._session, self._root, auth)
        except NetworkError as error:
            return NewAccount(screen_name=name, fields=fields, remarks=remarks, doubt=in_words(self._title, error))
        if who.reads_only:
            return NewAccount(screen_name=name, fields=fields, remarks=remarks, doubt=READS_ONLY)
        return NewAccount(
            screen_name=name, fields=fields, remarks=remarks if self._practises else (*remarks, _LABEL)
        )

    def _granted(self, app: App, screen_name: str | None) -> Mapping[str, str]:
        for number in range(_ADDRESSES):
            if number:
                self._questions.tell("Here is a new address.")
            request = self._request_token(app)
            self._apps.keep()
            self._questions.visit(self._address(request, screen_name))
            if granted := self._by_pin(app, request):
                return granted
        raise KeyNotMade(f"{self._title} took none of the PINs; sign in as the bot's account in the browser")

    def _by_pin(self, app: App, request: _Request) -> Mapping[str, str] | None:
        """Return the account's tokens; or None where the person wants another address, or X takes no PIN."""
        for _ in range(_PINS):
            pin = self._questions.ask("The PIN that the page shows (or nothing, for a new address)")
            if not pin:
                return None
            if granted := self._access_token(app, request, pin):
                return granted
            self._questions.tell(f"{self._title} does not take this PIN.")
        return None

    def _request_token(self, app: App) -> _Request:
        auth = Signature(
            app.consumer_token.get_secret_value(),
            app.consumer_token_secret.get_secret_value(),
            callback_uri="oob",
        )
        with no_key_without(self._title):
            response = self._session.request("POST", f"{self._root}/oauth/request_token", auth=auth)
        found = self._read(response, ("oauth_token", "oauth_token_secret"))
        return _Request(found["oauth_token"], found["oauth_token_secret"])

    def _address(self, request: _Request, screen_name: str | None) -> str:
        """Return the address of the page that lets the app in. The bot is not always who is signed in already."""
        query = {"oauth_token": request.token, "force_login": "true"}
        if screen_name:
            query["screen_name"] = screen_name
        return f"{self._root}/oauth/authorize?{urlencode(query)}"

    def _access_token(self, app: App, request: _Request, pin: str) -> Mapping[str, str] | None:
        """Return the account's tokens, or None for a PIN that is not taken. Raises KeyNotMade."""
        auth = _signature(app, request.token, request.secret, verifier=re.sub(r"\W", "", pin))
        with no_key_without(self._title):
            response = self._session.request("POST", f"{self._root}/oauth/access_token", auth=auth)
        if response.status_code == 401:
            return None
        return self._read(response, ("oauth_token", "oauth_token_secret", "user_id", "screen_name"))

    def _read(self, response: requests.Response, names: tuple[str, ...]) -> Mapping[str, str]:
        """Return the fields of a good answer, which is a form. Raises KeyNotMade for any other."""
        if response.status_code == 200:
            found = dict(parse_qsl(response.content.decode("utf-8", "replace")))
            is_whole = all(_TOKEN.fullmatch(found.get(name, "")) for name in names)
            if (
                is_whole
                and _NAME.fullmatch(found.get("screen_name", "x"))
                and found.get("user_id", "1").isdecimal()
            ):
                return found
        error = meaning(response, _json(response), time.time()) if response.status_code != 200 else None
        if error is None:
            raise KeyNotMade(f"{self._title}: the answer holds no token; check the address", may_pass=True)
        if isinstance(error, AppRefused | Unauthorized):
            raise KeyNotMade(f"{self._title} refuses the app's keys: {error}; {self._apps.refused()}")
        if response.status_code == 403:
            error.advice = (
                "in the developer portal, under User authentication settings, switch on OAuth 1.0a, Read and write"
            )
        may_pass = isinstance(error, Retry | Wait)
        raise KeyNotMade(in_words(self._title, error), may_pass=may_pass)


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose the tokens of a bot are. `reads_only` says whether X lets the app only read."""

    name: str
    number: str
    reads_only: bool


def who_is(session: Session, root_url: str, auth: Signature, *, api: str = "2") -> Identity:
    """Ask the server whose tokens these are. X bills it as one read. Raises NetworkError."""
    path = "/2/users/me" if api == "2" else "/1.1/account/verify_credentials.json"
    response = session.request("GET", f"{root_url}{path}", auth=auth)
    answer = _json(response)
    if error := meaning(response, answer, time.time()):
        raise error
    found = answer.get("data", answer) if isinstance(answer, dict) else None
    found = found if isinstance(found, dict) else {}
    name, number = found.get("username") or found.get("screen_name"), found.get("id_str") or found.get("id")
    if not (isinstance(name, str) and _NAME.fullmatch(name) and isinstance(number, str) and number.isdecimal()):
        raise Unavailable("the answer does not say which account this is")
    level = response.headers.get("x-access-level", "")
    return Identity(name, number, level.strip() == "read")


def _signature(app: App, token: str, secret: str, **more: Any) -> Signature:
    key, key_secret = app.consumer_token.get_secret_value(), app.consumer_token_secret.get_secret_value()
    return Signature(key, key_secret, token, secret, **more)


def _json(response: requests.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None
