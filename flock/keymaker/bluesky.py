"""Bluesky: a handle and an app password. The handle tells the account's own server; no other sees the password."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import simplejson as json
from pydantic import SecretStr

from flock.errors import KeyNotMade, NetworkError, OutcomeUnknown, Unauthorized, Unavailable, printable
from flock.keymaker.account import NewAccount
from flock.keymaker.questions import Questions, in_words, no_key_without
from flock.keymaker.sessions import Sessions
from flock.keys.credentials import PRACTICE, BlueskyCredentials, wrong_with_name
from flock.networks.bluesky.login import Login, is_did, own_server
from flock.networks.bluesky.sessions import MemorySessions
from flock.networks.bluesky.xrpc import Server, before_the_post

ENTRANCE = "https://bsky.social"
DIRECTORY = "https://plc.directory"
_HOSTS = ".host.bsky.network"  # Bluesky's own servers; their accounts sign in at bsky.social
_APP_PASSWORD = re.compile(r"[a-z0-9]{4}(-[a-z0-9]{4}){3}")
_TRIES = 3  # passwords, and handles; an account may sign in 30 times in 5 minutes
_HOW = "make an app password at https://bsky.app/settings/app-passwords"
_LABEL = "mark it as an automated account (Settings, Account), and name its operator in its profile"


class BlueskyFlow:
    """The flow at the server `root_url`, or else at the server that the account has.

    `entrance` is the server that knows all handles, and `directory` the one that knows where accounts are. With
    `practises`, keys are for the practice server alone.
    """

    def __init__(
        self,
        root_url: str | None,
        *,
        sessions: Sessions,
        questions: Questions,
        practises: bool,
        entrance: str = ENTRANCE,
        directory: str = DIRECTORY,
    ) -> None:
        self._root = root_url
        self._sessions = sessions
        self._questions = questions
        self._practises = practises
        self._entrance = entrance
        self._directory = directory

    def account_name(self, screen_name: str) -> str:
        if wrong := wrong_with_name("bluesky", screen_name):
            raise KeyNotMade(f"{printable(screen_name)}: {wrong}")
        return screen_name.lower()

    def authorize(self, screen_name: str | None) -> NewAccount:
        handle = screen_name.lower() if screen_name else self._ask_handle()
        server = self._root or self._server_of(handle)
        password, home = self._signed_in(handle, server)
        fields: dict[str, object] = {"network": "bluesky", "screen_name": handle, "app_password": password}
        if self._practises or server != ENTRANCE:
            fields["server"] = PRACTICE if self._practises else server
        remark = f"{server} knows it as {handle}; its posts go to {home}"
        return NewAccount(
            screen_name=handle, fields=fields, remarks=(remark,) if self._practises else (remark, _LABEL)
        )

    def _ask_handle(self) -> str:
        for _ in range(_TRIES):
            handle = (
                self._questions.ask("The account's handle, such as dolly.bsky.social").removeprefix("@").lower()
            )
            if not (wrong := wrong_with_name("bluesky", handle)):
                return handle
            self._questions.tell(wrong)
        raise KeyNotMade("no handle is given; give --screen-name, such as dolly.bsky.social")

    def _signed_in(self, handle: str, server: str) -> tuple[str, str]:
        """Return the app password, with which the account was signed in to, and the server of its posts."""
        for _ in range(_TRIES):
            password = self._ask_password(handle)
            own = BlueskyCredentials(app_password=SecretStr(password), server=server)
            login = Login(
                handle,
                own,
                bot=handle,
                service_of=self._sessions.service,
                sessions=MemorySessions(),
                wall=time.time,
            )
            try:
                return password, login.tokens().pds
            except Unauthorized as error:
                self._questions.tell(in_words(server, error))
            except NetworkError as error:
                with no_key_without(server):
                    raise error from None
        raise KeyNotMade(f"{server} took none of the app passwords for {handle}; {_HOW}")

    def _ask_password(self, handle: str) -> str:
        for _ in range(_TRIES):
            password = self._questions.ask_secret(f"An app password of {handle}")
            if _APP_PASSWORD.fullmatch(password) or (password and self._practises):
                return password
            self._questions.tell(f"This is no app password (xxxx-xxxx-xxxx-xxxx); {_HOW}.")
        raise KeyNotMade(f"no app password is given; {_HOW}")

    def _server_of(self, handle: str) -> str:
        """Return the server to sign in at: no other one is to see the password. Raises KeyNotMade."""
        with no_key_without(self._entrance), before_the_post("looking up the handle"):
            server = Server(self._entrance, self._sessions.service(self._entrance), time.time)
            answer = server.ask("com.atproto.identity.resolveHandle", {"handle": handle})
            if answer.error and answer.name not in ("HandleNotFound", "InvalidRequest", "NotFound"):
                raise answer.error
        did = answer.body.get("did")
        if not is_did(did):
            raise KeyNotMade(f"{handle}: no account has this handle; correct it, or give the account's --server")
        where = self._where_is(did)
        with no_key_without(where):
            home = own_server(self._document(where), did, self._entrance)
        if home is None:
            raise KeyNotMade(f"{where} names no server of {handle}; give --server")
        return self._entrance if (urlsplit(home).hostname or "").endswith(_HOSTS) else home

    def _where_is(self, did: str) -> str:
        """Return the address of the account's DID document."""
        if did.startswith("did:web:"):
            return f"https://{unquote(did.removeprefix('did:web:'))}/.well-known/did.json"
        return f"{self._directory}/{quote(did)}"

    def _document(self, url: str) -> Any:
        parts = urlsplit(url)
        root = f"{parts.scheme}://{parts.netloc}"
        try:
            response = self._sessions.at(root).request("GET", url)
            return json.loads(response.content) if response.status_code == 200 else None
        except OutcomeUnknown as error:
            raise Unavailable(str(error)) from error
        except (ValueError, RecursionError):
            return None
