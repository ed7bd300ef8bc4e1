"""The practice server's Mastodon: the routes that a bot needs, as strict as Mastodon 4.7, with weather on request.

It keeps an Idempotency-Key for an hour, counts as Mastodon counts, answers in HTML, and allows an account 300
posts in three hours. `honours_keys` False makes it a server that ignores the key. Facts that are not documented
(words of errors, order of checks) are those of Mastodon's source, November 2026.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from threading import Lock, Timer
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import simplejson as json
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from flock.networks.mastodon.length import Rules, length_of
from flock.pasture.codes import BadFields, Codes, fields_of
from flock.pasture.entities import iso, profile, shown
from flock.pasture.forms import Forms
from flock.pasture.register import Register
from flock.pasture.serving import MOST_BODY, routes
from flock.pasture.statuses import Status, Statuses
from flock.pasture.timeline import Line

LOGGER = logging.getLogger("flock.pasture")

SCOPES = frozenset({"read:accounts", "read:statuses", "write:statuses"})
_POSTS, _WINDOW = 300, 3 * 3600.0  # posts of one account in a window (seconds), which begins by the clock
_ACCOUNT = "mastodon account"  # a kind in the register
_VISIBILITIES = ("public", "unlisted", "private", "direct")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?")


class State(Enum):
    """How an account stands, and the answer that it gets."""

    GOOD = (200, "")
    REVOKED = (401, "The access token was revoked")
    DISABLED = (403, "Your login is currently disabled")
    PENDING = (403, "Your login is currently pending approval")
    UNCONFIRMED = (403, "Your login is missing a confirmed e-mail address")


class Weather(Enum):
    """What happens to one post."""

    CALM = auto()
    REFUSED = auto()  # answered 503, and not stored
    DROPPED = auto()  # the connection ends, and nothing is stored
    LOST = auto()  # stored, and the connection ends
    BAD_GATEWAY = auto()  # stored, and answered 502 with a page
    SLOW = auto()  # answered late
    LATE = auto()  # the connection ends; the key was looked up, and the post is stored two seconds later


@dataclass
class Account:
    """An account on this server, with its one access token, which is in no repr."""

    id: str
    name: str
    token: str = field(repr=False)
    scopes: frozenset[str] = SCOPES
    is_bot: bool = True
    state: State = State.GOOD
    posts: list[float] = field(default_factory=list)  # when each post of the present window was made


class _Failed(Exception):
    """A request is answered with this error."""

    def __init__(self, status: int, error: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(error)
        self.response = _json(error_of(error), status, headers)


class _Request(Request):
    max_content_length = max_form_memory_size = MOST_BODY


class MastodonApp:
    """The WSGI application. `clock` returns seconds since the epoch; `weather` is asked at each post.

    A ConnectionError that it raises drops the connection, with the server of `flock/pasture/serving.py`. `pause`
    is how long (seconds) a slow answer takes, and `delay` after what time a late post is stored.
    """

    def __init__(
        self,
        statuses: Statuses | None = None,
        *,
        rules: Rules = Rules(),  # noqa: B008 - frozen
        version: str = "4.7.2",
        honours_keys: bool = True,
        clock: Callable[[], float] = time.time,
        weather: Callable[[], Weather] = lambda: Weather.CALM,
        pause: float = 0.1,
        delay: float = 2.0,
        register: Register | None = None,
        forms: Forms | None = None,
    ) -> None:
        self.statuses = statuses or Statuses()
        self.met: list[Weather] = []
        self.keys: list[str] = []  # of all requests for a post
        self._rules, self._version, self._honours_keys = rules, version, honours_keys
        self._clock, self._weather, self._pause, self._delay = clock, weather, pause, delay
        self._accounts: dict[str, Account] = {}  # by name, in lower case
        self._lock = Lock()
        self._register = register or Register()
        self._codes = Codes(
            self._register, forms or Forms(), clock=clock, names=self.names, open_account=self._open_account
        )
        for entry in self._register.all(_ACCOUNT).values():
            self._open(entry["name"], is_bot=entry["is_bot"])
        self._asked: dict[str, int] = {}
        rules_ = [
            Rule("/api/v1/statuses", methods=["POST"], endpoint=self._post),
            Rule("/api/v1/statuses/<status_id>", methods=["GET"], endpoint=self._status),
            Rule("/api/v1/statuses/<status_id>", methods=["DELETE"], endpoint=self._delete),
            Rule("/api/v1/statuses/<status_id>/source", methods=["GET"], endpoint=self._source),
            Rule("/api/v1/accounts/verify_credentials", methods=["GET"], endpoint=self._me),
            Rule("/api/v1/accounts/update_credentials", methods=["PATCH"], endpoint=self._update_me),
            Rule("/api/v1/accounts/<account_id>/statuses", methods=["GET"], endpoint=self._timeline),
            Rule("/api/v1/instance", methods=["GET"], endpoint=self._instance),
            Rule("/api/v2/instance", methods=["GET"], endpoint=self._instance),
            *self._codes.rules,
        ]
        self._urls = routes(rules_)

    def admit(self, name: str, token: str, *, scopes: Iterable[str] = SCOPES) -> Account:
        """Add an account, or give an account another token; return it."""
        with self._lock:
            known = self._accounts.get(name.lower())
            account = Account(known.id if known else _id_of(name), name, token)
            account.is_bot = known.is_bot if known else True
            account.scopes = frozenset(scopes)
            self._accounts[name.lower()] = account
        return account

    def names(self) -> list[str]:
        """Return the names of all accounts, in the order in which they came."""
        return [account.name for account in list(self._accounts.values())]

    def _open_account(self, name: str) -> str:
        """Return the name of an account, as it is written; make the account if there is none."""
        with self._lock:
            account = self._accounts.get(name.lower()) or self._open(name, is_bot=False)
            self._keep(account)
        return account.name

    def _open(self, name: str, *, is_bot: bool) -> Account:
        """Return a new account whose tokens are in the register; its own one is known to nobody."""
        account = Account(_id_of(name), name, secrets.token_urlsafe(32), is_bot=is_bot)
        self._accounts[name.lower()] = account
        return account

    def _keep(self, account: Account) -> None:
        self._register.put(_ACCOUNT, account.name.lower(), {"name": account.name, "is_bot": account.is_bot})

    def judge(self, name: str, state: State) -> None:
        """Let the account stand so from now on."""
        self._accounts[name.lower()].state = state

    def texts(self, name: str) -> list[str]:
        """Return the texts of an account's posts, earliest first."""
        account = self._accounts[name.lower()]
        return [status.text for status in reversed(self.statuses.of(account.id, limit=-1))]

    def newest(self, count: int, name: str | None = None) -> list[Line]:
        """Return the latest posts for the timeline: see `timeline.Newest`."""
        accounts = [self._accounts.get(name.lower())] if name is not None else list(self._accounts.values())
        names = {account.id: account.name for account in accounts if account}
        return [
            Line(
                *(each.id, names[each.account_id], each.text, each.created_at),
                language=each.language or "",
                warning=each.spoiler_text,
            )
            for each in self.statuses.newest(count, list(names))
        ]

    def asked(self, path: str) -> int:
        """Return how often this path was asked for."""
        return self._asked.get(path, 0)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = _Request(environ)
        with self._lock:
            self._asked[request.path] = self._asked.get(request.path, 0) + 1
        return self._respond(request)(environ, start_response)

    def _respond(self, request: _Request) -> Response:
        try:
            endpoint, values = self._urls.match(request.path.rstrip("/"), request.method)  # as Rails does
            response: Response = endpoint(request, **values)
        except _Failed as failed:
            return failed.response
        except BadFields:
            return _json(error_of("Error occurred while parsing request parameters"), 400)
        except HTTPException as error:
            return _json(error_of(error.name), error.code or 500)
        except ConnectionError:
            raise
        except Exception:
            LOGGER.exception("a bug in the pasture")
            return _json(error_of("Internal Server Error"), 500)
        return response

    def _account(self, request: _Request, scope: str) -> Account:
        """Return whose token this is. Raises _Failed, also for a token that may not do this."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        account = next((each for each in self._accounts.values() if each.token == token), None)
        bearer = None if account else self._codes.bearer(token)
        if bearer:
            account = self._accounts.get(bearer.name.lower())
        if kind.lower() != "bearer" or account is None:
            raise _Failed(401, "The access token is invalid")
        if bearer and bearer.is_revoked:
            raise _Failed(*State.REVOKED.value)
        if account.state is not State.GOOD:
            raise _Failed(*account.state.value)
        if not {scope, scope.partition(":")[0]} & (bearer.scopes if bearer else account.scopes):
            raise _Failed(403, "This action is outside the authorized scopes")
        return account

    def _post(self, request: _Request) -> Response:
        account = self._account(request, "write:statuses")
        weather, key = self._weather(), request.headers.get("Idempotency-Key", "")
        self.met.append(weather)
        self.keys.append(key)
        if weather is Weather.REFUSED:
            raise _Failed(503, "There was a temporary problem serving your request, please try again")
        if weather is Weather.DROPPED:
            raise ConnectionError
        if weather is Weather.SLOW:
            time.sleep(self._pause)
        fields = fields_of(request)
        with self._lock:
            status, is_old = self._known(account, key), True
            if status is None:
                status, is_old = self._checked(account, fields, key), False
                if weather is not Weather.LATE:
                    self.statuses.add(status)
        if weather is Weather.LATE:
            if not is_old:
                timer = Timer(self._delay, self.statuses.add, [status])
                timer.daemon = True
                timer.start()
            raise ConnectionError
        if weather is Weather.LOST:
            raise ConnectionError
        if weather is Weather.BAD_GATEWAY:
            return Response("<html><body>502 Bad Gateway</body></html>", 502, mimetype="text/html")
        return _json(self._shown(status, account), headers=self._limits(account))

    def _known(self, account: Account, key: str) -> Status | None:
        """Return the post that was made with that key within the hour. Raises _Failed if it was deleted."""
        if not (key and self._honours_keys):
            return None
        status = self.statuses.with_key(account.id, key, since=self._clock() - 3600.0)
        if status is not None and status.is_deleted:
            raise _Failed(404, "Record not found")
        return status

    def _checked(self, account: Account, fields: dict[str, Any], key: str) -> Status:
        """Return a new post, not stored yet. Raises _Failed."""
        text, warning = (str(fields.get(name) or "").strip() for name in ("status", "spoiler_text"))
        parent = fields.get("in_reply_to_id") or None
        if parent is not None and self.statuses.get(str(parent)) is None:
            raise _Failed(404, "The post you are trying to reply to does not appear to exist.")
        if not text:
            raise _Failed(422, "Validation failed: Text can't be blank")
        if length_of(text, self._rules, warning) > self._rules.most:
            raise _Failed(422, f"Validation failed: Text character limit of {self._rules.most} exceeded")
        visibility, language = fields.get("visibility") or "public", fields.get("language")
        if visibility not in _VISIBILITIES:
            raise _Failed(422, "Validation failed: Visibility is not included in the list")
        if language is not None and not _LANGUAGE.fullmatch(str(language)):
            raise _Failed(422, "Validation failed: Language is invalid")
        now = self._clock()
        account.posts = [at for at in account.posts if at // _WINDOW == now // _WINDOW]
        if len(account.posts) >= _POSTS:
            raise _Failed(429, "Too many requests", self._limits(account))
        account.posts.append(now)
        return Status(
            id=self.statuses.next_id(now),
            account_id=account.id,
            text=text,
            spoiler_text=warning,
            visibility=str(visibility),
            language=language,
            in_reply_to_id=parent and str(parent),
            created_at=now,
            key=key,
        )

    def _limits(self, account: Account) -> dict[str, str]:
        now = self._clock()
        return {
            "X-RateLimit-Limit": str(_POSTS),
            "X-RateLimit-Remaining": str(max(0, _POSTS - len(account.posts))),
            "X-RateLimit-Reset": iso((now // _WINDOW + 1) * _WINDOW),
        }

    def _status(self, request: _Request, status_id: str) -> Response:
        account = self._account(request, "read:statuses")
        return _json(self._shown(self._own(account, status_id), account))

    def _source(self, request: _Request, status_id: str) -> Response:
        status = self._own(self._account(request, "read:statuses"), status_id)
        return _json({"id": status.id, "text": status.text, "spoiler_text": status.spoiler_text})

    def _delete(self, request: _Request, status_id: str) -> Response:
        account = self._account(request, "write:statuses")
        status = self._own(account, status_id)
        self.statuses.delete(status_id)
        return _json(self._shown(status, account) | {"text": status.text})

    def _own(self, account: Account, status_id: str) -> Status:
        status = self.statuses.get(status_id)
        if status is None or status.account_id != account.id:
            raise _Failed(404, "Record not found")
        return status

    def _me(self, request: _Request) -> Response:
        return _json(self._own_profile(self._account(request, "read:accounts")))

    def _update_me(self, request: _Request) -> Response:
        """Set the bot flag; other fields are taken, and change nothing."""
        account = self._account(request, "write:accounts")
        wanted = fields_of(request).get("bot")
        if wanted is not None:
            account.is_bot = str(wanted).lower() in ("true", "1", "on")
            self._keep(account)
        return _json(self._own_profile(account))

    def _own_profile(self, account: Account) -> dict[str, Any]:
        return self._profile(account) | {"source": {"privacy": "public", "note": "", "fields": []}}

    def _timeline(self, request: _Request, account_id: str) -> Response:
        self._account(request, "read:statuses")
        owner = next((each for each in self._accounts.values() if each.id == account_id), None)
        if owner is None:
            raise _Failed(404, "Record not found")
        limit = request.args.get("limit", 20, int)
        bounds = {name: request.args.get(name) for name in ("since_id", "max_id", "min_id")}
        if any(bound is not None and not bound.isdecimal() for bound in bounds.values()):
            raise _Failed(404, "Record not found")
        found = self.statuses.of(
            account_id,
            limit=max(1, min(limit, 40)),
            after=int(bounds["since_id"] or bounds["min_id"] or 0),
            before=int(bounds["max_id"] or 0),
        )
        return _json([self._shown(status, owner) for status in found])

    def _instance(self, request: _Request) -> Response:
        statuses = {"max_characters": self._rules.most, "characters_reserved_per_url": self._rules.per_link}
        told = {
            "title": "the pasture",
            "version": self._version,
            "description": "A practice server.",
            "languages": ["en"],
            "rules": [],
            "configuration": {"statuses": {**statuses, "max_media_attachments": 4}},
        }
        names = {"uri": request.host} if request.path.startswith("/api/v1") else {"domain": request.host}
        return _json(told | names)

    def _profile(self, account: Account) -> dict[str, Any]:
        posts = self.statuses.count(account.id)
        return profile(account.id, account.name, posts=posts, is_bot=account.is_bot)

    def _shown(self, status: Status, account: Account) -> dict[str, Any]:
        accounts = {name: each.id for name, each in self._accounts.items()}
        return shown(status, self._profile(account), accounts)


def _id_of(name: str) -> str:
    """Return the number of the account of that name, the same after a restart."""
    return str(10**17 + int.from_bytes(hashlib.sha256(name.lower().encode()).digest()[:7]))


def error_of(text: str) -> dict[str, str]:
    """Return an error in the API's form."""
    return {"error": text}


def _json(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(content), status, headers, mimetype="application/json")
