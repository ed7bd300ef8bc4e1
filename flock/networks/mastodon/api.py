"""Mastodon's API: posts, and the account's own latest posts. Each bot has an instance of `Mastodon`.

Plain JSON over the service's `Session`, with the bot's access token. A post carries an Idempotency-Key, the token
of its intent: Mastodon answers a second request with that key with the first post. Not every server does, and none
for ever, so an unanswered post is first looked for among the account's own; `is_safe_to_repeat` says where the key
alone can be trusted.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from email.utils import formatdate
from typing import Any, ClassVar
from urllib.parse import quote

import requests
import simplejson as json

from flock.errors import NetworkError, OutcomeUnknown, Refused, Retry, TooLong, Unauthorized, Unavailable
from flock.keys import Key, MastodonCredentials
from flock.networks.ages import age_of
from flock.networks.base import Intent, Post, is_post_id, is_same_text, new_intent
from flock.networks.mastodon.answers import GOOD, NO_PARENT, meaning
from flock.networks.mastodon.length import Rules, fits_a_post, rules_of
from flock.networks.mastodon.server import Server
from flock.networks.mastodon.text import defuse, is_plain, restore, text_of
from flock.networks.service import Service

KEY_BELIEVED = 50 * 60.0  # seconds from the intent; Mastodon keeps a key for 60 minutes
_LATEST = 20  # how many of the account's own posts are read to find one again
_MOST_SOURCES = 5  # posts whose source is asked for, in one look
_TELLS_NOTHING = (200, 401, 403, 404, 405, 406, 410)  # about the server's rules, that is
_INSTANCE = ("/api/v2/instance", "/api/v1/instance")


class _Bearer(requests.auth.AuthBase):
    """The headers of one request: the access token, and the key that marks a repeated request as such."""

    def __init__(self, token: str, key: str = "") -> None:
        self._headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}
        if key:
            self._headers["Idempotency-Key"] = key

    def headers_for(self, method: str, url: str) -> dict[str, str]:  # noqa: ARG002 - a `flock.networks.http.Signer`
        return self._headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


class Mastodon:
    """One bot's connection to its server. `server` is shared by the bots of that server, as `service` is."""

    looks_first: ClassVar[bool] = True
    refuses_duplicates: ClassVar[bool] = False

    def __init__(self, key: Key, *, service: Service, server: Server) -> None:
        own = key.credentials
        assert isinstance(own, MastodonCredentials)  # noqa: S101 - the registry chooses the class by the network
        self.service = service
        self._server = server
        self._own = own
        self._account_id: str | None = None
        self._odd = ""  # the token of the latest intent that was answered with another text
        self._is_rewritten = False

    def fits(self, text: str) -> bool:
        """Return whether the server takes a post of that length. Raises Retry while it does not say its limit."""
        own = self._own
        return fits_a_post(text, self._rules(), content_warning=own.content_warning, mentions=own.mentions)

    def is_safe_to_repeat(self, intent: Intent, now: float) -> bool:
        """Return whether the server is known to honour a key, and has that of `intent` still at the time `now`."""
        if not 0 <= now - intent.at < KEY_BELIEVED:
            return False
        try:
            return self._rules().keeps_keys
        except NetworkError:
            return False

    def post(self, text: str, intent: Intent | None = None) -> str:
        """Post `text`; if the post that it replies to is gone, it is posted without a reply."""
        if unfit := _unfit(text):
            raise Refused(unfit)
        if not self.fits(text):
            raise TooLong(f"over {self._rules().most} characters, by the server's own rule")
        intent = intent or new_intent()
        parent = intent.reply_to.parent if intent.reply_to else None
        try:
            return self._posted(self._send(text, intent, parent), text, intent)
        except Refused as error:
            if parent is None or NO_PARENT not in str(error).lower():
                raise
            return self._posted(self._send(text, intent, None), text, intent)
        except TooLong:
            self._server.forget()
            raise

    def recent(self, since_id: str | None = None) -> Sequence[Post]:
        """Return the account's latest posts, newest first, none of them as old as the post `since_id`.

        Not every server heeds `since_id`, and snac's ids do not tell which post is older: their ages do.
        """
        url = f"/api/v1/accounts/{quote(self._find_account_id(), safe='')}/statuses"
        params = {"limit": _LATEST, "exclude_reblogs": "true"} | ({"since_id": since_id} if since_id else {})
        statuses, date = self._get(url, params)
        if not isinstance(statuses, list):
            raise Unavailable("the account's posts came in a form that this version does not know")
        posts: list[Post] = []
        sources = 0
        for status in statuses:
            post_id = status.get("id") if isinstance(status, dict) else None
            if (
                not isinstance(post_id, str)
                or not is_post_id(post_id)
                or not isinstance(status.get("content"), str)
            ):
                raise Unavailable("the account's posts came in a form that this version does not know")
            if post_id == since_id:  # snac lists older posts, too
                break
            sources += not _is_whole(status)
            asks = not _is_whole(status) and sources <= _MOST_SOURCES
            text = self._text(status, self._source(post_id) if asks else None)
            posts.append(Post(post_id, text, age_of(status.get("created_at"), date)))
        return posts

    def _rules(self) -> Rules:
        return self._server.rules(self._ask_rules)

    def _ask_rules(self) -> Rules | None:
        """Ask the server for its rules; return None where it has no such address, or does not let this bot in."""
        for path in _INSTANCE:
            response = self._session_get(path, {})
            answer = _json(response)
            if response.status_code == 200 and (rules := rules_of(answer)):
                return rules
            if response.status_code not in _TELLS_NOTHING:
                raise Unavailable(str(meaning(response, answer, time.time())))
        return None

    def _sent(self, text: str) -> str:
        return text if self._own.mentions else defuse(text)

    def _text(self, status: dict[str, Any], source: str | None = None) -> str:
        """Return the text that a status was made of, so far as the server tells it."""
        plain = source if source is not None else status.get("text")
        text = plain if isinstance(plain, str) and plain else text_of(status["content"], _mentions(status))
        return text if self._own.mentions else restore(text)

    def _send(self, text: str, intent: Intent, parent: str | None) -> dict[str, Any]:
        own = self._own
        fields = {
            "status": self._sent(text),
            "visibility": own.visibility,
            "content_type": "text/plain",  # for servers where an account may have Markdown as its default
            "spoiler_text": own.content_warning,
            "language": own.lang,
            "in_reply_to_id": parent,
        }
        content = {name: value for name, value in fields.items() if value}
        response = self._request_post(content, intent.token)
        if response.status_code not in GOOD and _is_replayed(response) and (window := self._window(intent)):
            # Pleroma answers a key with the first answer for six hours, also where that was an error.
            response = self._request_post(content, f"{intent.token}-{window}")
        answer = _read(response)
        if not isinstance(answer, dict):
            raise OutcomeUnknown("the answer to the post is no post")
        return answer

    @staticmethod
    def _window(intent: Intent) -> int:
        """Return how many times a key's time has passed since the intent; 0 while the key is believed."""
        return max(0, int((time.time() - intent.at) // KEY_BELIEVED))

    def _request_post(self, content: dict[str, Any], key: str) -> requests.Response:
        url = f"{self._server.root_url}/api/v1/statuses"
        return self.service.session.request("POST", url, json=content, auth=self._bearer(key))

    def _posted(self, status: dict[str, Any], text: str, intent: Intent) -> str:
        """Return the post's id, if it is the answer to what was sent: the answer may be that to another request.

        A server that answers one intent twice with another text rewrites texts; then its ids are believed.
        """
        post_id: Any = status.get("id")
        if not is_post_id(post_id):
            raise OutcomeUnknown("the answer to the post holds no id, or one that is none")
        if not isinstance(status.get("content"), str):
            raise OutcomeUnknown("the answer to the post holds no text")
        if _is_whole(status) and not is_same_text(self._text(status), text) and not self._is_rewritten:
            self._is_rewritten = self._odd == intent.token
            self._odd = intent.token
            if not self._is_rewritten:
                self.service.session.distrust()
                raise OutcomeUnknown("the answer to the post holds another text")
        if not self.service.session.is_own(post_id, self._own.access_token.get_secret_value()):
            raise OutcomeUnknown("the answer to the post names another post")
        account = status.get("account")
        if isinstance(account, dict) and is_post_id(account.get("id")):
            self._account_id = account["id"]
        return str(post_id)

    def _find_account_id(self) -> str:
        if self._account_id is None:
            response = self._session_get("/api/v1/accounts/verify_credentials", {})
            if response.status_code == 422 and not response.content:
                raise Unauthorized("HTTP 422 with an empty answer, with which snac refuses a token")
            account = _read(response)
            found = account.get("id") if isinstance(account, dict) else None
            if not is_post_id(found):
                raise Unavailable("the server does not say which account this is")
            self._account_id = str(found)
        return self._account_id

    def _source(self, post_id: str) -> str | None:
        """Return the exact text of a post, or None where the server does not tell it."""
        try:
            answer, _ = self._get(f"/api/v1/statuses/{quote(post_id, safe='')}/source", {})
        except NetworkError:
            return None
        text = answer.get("text") if isinstance(answer, dict) else None
        return text if isinstance(text, str) else None

    def _get(self, path: str, params: dict[str, Any]) -> tuple[Any, str]:
        """Return the JSON at `path`, and its date: the server's, or this machine's, since snac tells none.

        Raises Refused if the server has no such address: a retry would not help.
        """
        response = self._session_get(path, params)
        if response.status_code in (404, 405, 406, 410):
            raise Refused(f"HTTP {response.status_code}: the server does not show the account's posts")
        return _read(response), response.headers.get("date") or formatdate(time.time(), usegmt=True)

    def _session_get(self, path: str, params: dict[str, Any]) -> requests.Response:
        """Ask for what changes nothing: a failure is Unavailable, also where the answer was lost."""
        url = f"{self._server.root_url}{path}"
        try:
            return self.service.session.request("GET", url, params=params, auth=self._bearer())
        except Retry as error:
            raise Unavailable(str(error)) from error

    def _bearer(self, key: str = "") -> _Bearer:
        return _Bearer(self._own.access_token.get_secret_value(), key)


def _unfit(text: str) -> str:
    """Return why no server can show `text`, which some take all the same; empty if there is nothing wrong."""
    if not text.strip():
        return "a post without a letter"
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        return "a text with a NUL or half a character in it"
    return ""


def _is_whole(status: dict[str, Any]) -> bool:
    """Return whether the text of a status is all there: given as it is, or as HTML that loses nothing of it."""
    text = status.get("text")
    return (isinstance(text, str) and bool(text)) or (is_plain(status["content"]) and not status.get("mentions"))


def _is_replayed(response: requests.Response) -> bool:
    return str(response.headers.get("idempotent-replayed", "")).lower() == "true"


def _mentions(status: dict[str, Any]) -> dict[str, str]:
    """Return the names of the accounts that a status mentions, by the address that the mention links to."""
    mentions = status.get("mentions")
    return {
        each["url"]: each["acct"]
        for each in (mentions if isinstance(mentions, list) else ())
        if isinstance(each, dict) and isinstance(each.get("url"), str) and isinstance(each.get("acct"), str)
    }


def _json(response: requests.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):  # broken JSON, HTML, no text, a nesting without end
        return None


def _read(response: requests.Response) -> Any:
    """Return the JSON of a good answer. Raises the NetworkError that a bad one means."""
    answer = _json(response)
    if problem := meaning(response, answer, time.time()):
        raise problem
    return answer
