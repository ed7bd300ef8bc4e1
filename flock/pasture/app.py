"""The pasture's WSGI application: routes each request to its endpoint."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.exceptions import HTTPException, LengthRequired
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from flock.pasture import v1, v2
from flock.pasture.accounts import Account, Accounts, Standing
from flock.pasture.answers import (
    DUPLICATE,
    INTERNAL_ERROR,
    LOCKED,
    MISDIRECTED,
    NOT_FOUND,
    RATE_LIMITED,
    SUSPENDED,
    Refused,
    Version,
    from_http_exception,
    invalid,
    json_response,
)
from flock.pasture.drafts import Draft
from flock.pasture.forms import Forms
from flock.pasture.hosts import is_own
from flock.pasture.limits import Allowance, RateLimit, RateLimiter
from flock.pasture.pins import Pins
from flock.pasture.register import Register
from flock.pasture.serving import MOST_BODY, routes
from flock.pasture.signatures import Signatures
from flock.pasture.store import Post, SaidJustNow, Store
from flock.pasture.timeline import Line, Network

LOGGER = logging.getLogger("flock.pasture")


class _Request(Request):
    max_content_length = MOST_BODY

    allowance: Allowance | None = None


class PastureApp:
    """The endpoints of the pasture at `host`. `clock` returns seconds since the epoch."""

    def __init__(
        self,
        accounts: Accounts,
        store: Store,
        *,
        host: str,
        rate_limit: RateLimit,
        clock: Callable[[], float],
        register: Register | None = None,
        forms: Forms | None = None,
    ) -> None:
        self._accounts = accounts
        self._store = store
        self._host = host
        self._clock = clock
        self._signatures = Signatures(accounts.not_revoked, store, clock)
        self.pins = Pins(
            accounts, register=register or Register(), store=store, forms=forms or Forms(), clock=clock
        )
        self._limiter = RateLimiter(rate_limit)
        rules = [
            Rule("/", methods=["GET"], endpoint=self._page),
            Rule("/static/<name>", methods=["GET"], endpoint=self._static),
            Rule("/1.1/account/verify_credentials.json", methods=["GET"], endpoint=self._v1_me),
            Rule("/1.1/statuses/user_timeline.json", methods=["GET"], endpoint=self._v1_timeline),
            Rule("/1.1/statuses/update.json", methods=["POST"], endpoint=self._v1_post),
            Rule("/oauth/request_token", methods=["POST"], endpoint=self.pins.request_token),
            Rule("/oauth/authorize", methods=["GET", "POST"], endpoint=self.pins.authorize),
            Rule("/oauth/access_token", methods=["POST"], endpoint=self.pins.access_token),
            Rule("/2/users/me", methods=["GET"], endpoint=self._v2_me),
            Rule("/2/users/<user_id>/tweets", methods=["GET"], endpoint=self._v2_timeline),
            Rule("/2/tweets", methods=["POST"], endpoint=self._v2_post),
        ]
        self._urls = routes(rules)
        self._mounted: dict[str, WSGIApplication] = {}
        self._networks = {"x": Network("X", self.newest)}

    def mount(self, prefix: str, app: WSGIApplication) -> None:
        """Let `app` answer the requests whose paths begin with `prefix`."""
        self._mounted = {**self._mounted, prefix: app}  # whole at any moment, for the threads that read it

    def show(self, name: str, network: Network) -> None:
        """Show the posts of another network on the timeline; `name` stands in addresses."""
        self._networks = {**self._networks, name: network}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = _Request(environ)
        mounted = None if _is_of_pins(request) else self._mounted_at(request.path)
        if mounted and (refused := self._refusal(request)) is None:
            return mounted(environ, start_response)
        response = refused if mounted and refused else self._respond(request)
        if request.allowance:
            response.headers.update(request.allowance.headers)
        return response(environ, start_response)

    def _mounted_at(self, path: str) -> WSGIApplication | None:
        return next((app for prefix, app in self._mounted.items() if path.startswith(prefix)), None)

    def _refusal(self, request: _Request) -> Response | None:
        """Return the answer to a request that no endpoint gets, or None."""
        version = Version.of(request.path)
        try:
            self._check_host(request)
            if "Transfer-Encoding" in request.headers:
                raise LengthRequired
        except Refused as refused:
            return refused.refusal.response(version)
        except HTTPException as error:
            return from_http_exception(error).response(version)
        return None

    def _respond(self, request: _Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        version = Version.of(request.path)
        try:
            request.get_data()  # raises RequestEntityTooLarge before any endpoint reads the body
            endpoint, values = self._urls.match(request.path, request.method)
            response: Response = endpoint(request, **values)
        except Refused as refused:
            return refused.refusal.response(version)
        except HTTPException as error:
            return from_http_exception(error).response(version)
        except Exception:
            LOGGER.exception("a bug in the pasture")
            return INTERNAL_ERROR.response(version)
        return response

    def _check_host(self, request: _Request) -> None:
        host = request.headers.get("Host")
        if host is None:
            raise Refused(invalid("The Host header is missing"))
        if not is_own(host, own=(self._host, request.environ["SERVER_NAME"])):
            raise Refused(MISDIRECTED)

    def newest(self, count: int, name: str | None = None) -> list[Line]:
        """Return the latest posts on X for the timeline: see `timeline.Newest`."""
        accounts = self._accounts.ids(name)
        return [
            Line(str(post.id), post.screen_name, post.text, post.created_at)
            for post in self._store.newest(count, accounts)
        ]

    def _page(self, request: _Request) -> Response:
        from flock.pasture.page import timeline_page  # noqa: PLC0415 - templates, which posting can do without

        return timeline_page(request, self._networks, self._clock())

    def _static(self, request: _Request, name: str) -> Response:
        from flock.pasture.page import static_page  # noqa: PLC0415 - as above

        response = static_page(request, name)
        if response is None:
            raise Refused(NOT_FOUND)
        return response

    def _v1_me(self, request: _Request) -> Response:
        return json_response(v1.user(self._signer(request)))

    def _v1_timeline(self, request: _Request) -> Response:
        signer = self._signer(request)
        if "user_id" in request.args:
            account = self._accounts.with_id(request.args["user_id"])
        else:
            account = self._accounts.named(request.args.get("screen_name", signer.screen_name))
        if account is None:
            raise Refused(NOT_FOUND)
        posts = self._store.timeline(account.user_id, v1.read_span(request))
        return json_response([v1.status(post, account) for post in posts])

    def _v1_post(self, request: _Request) -> Response:
        account = self._posting(request)
        return json_response(v1.status(self._say(account, v1.read_draft(request)), account))

    def _v2_me(self, request: _Request) -> Response:
        return json_response(v2.user(self._signer(request)))

    def _v2_timeline(self, request: _Request, user_id: str) -> Response:
        self._signer(request)
        account = self._accounts.with_id(user_id)
        if account is None:
            raise Refused(NOT_FOUND)
        posts = self._store.timeline(account.user_id, v2.read_span(request))
        return json_response(v2.timeline(posts, request))

    def _v2_post(self, request: _Request) -> Response:
        account = self._posting(request)
        return json_response(v2.created(self._say(account, v2.read_draft(request))), 201)

    def _signer(self, request: _Request) -> Account:
        """Return the account that signed the request. Raises Refused, also for a suspended or locked account."""
        account = self._signatures.verify(request)
        standing = self._accounts.standing(account)
        if standing is Standing.SUSPENDED:
            raise Refused(SUSPENDED)
        if standing is Standing.LOCKED:
            raise Refused(LOCKED)
        return account

    def _posting(self, request: _Request) -> Account:
        """Return the account that wants to post. Raises Refused, also for an account over its rate limit."""
        account = self._signer(request)
        request.allowance = self._limiter.take(account.user_id, self._clock())
        if not request.allowance.granted:
            raise Refused(RATE_LIMITED)
        return account

    def _say(self, account: Account, draft: Draft) -> Post:
        try:
            return self._store.add(account, draft, self._clock())
        except SaidJustNow as error:
            raise Refused(DUPLICATE) from error


def _is_of_pins(request: Request) -> bool:
    """Return whether a request belongs to X's PIN flow: Mastodon has a page of the same path."""
    if request.path == "/oauth/authorize":
        return "oauth_token" in request.args
    return request.path in ("/oauth/request_token", "/oauth/access_token")
