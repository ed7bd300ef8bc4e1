"""X's PIN flow (OAuth 1.0a, out of band): a request token, a page on which a person lets an app in, and a PIN.

Requests for tokens are in memory, for ten minutes each. Access tokens outlive the process: the register has a salt
for each account and app, and the token and its secret are derived from the salt and the app's secret.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from urllib.parse import urlencode

from pydantic import SecretStr
from werkzeug.wrappers import Request, Response

from flock.pasture.accounts import Account, Accounts
from flock.pasture.answers import BAD_SIGNATURE, NO_CALLBACK, SAFE_HEADERS, Refused
from flock.pasture.consent import DECISION, DENY, code_page, denied_page, forged_page, question_page, sentence_page
from flock.pasture.forms import Forms
from flock.pasture.register import Register, digest
from flock.pasture.signatures import AppSignatures, Signatures
from flock.pasture.store import Store

LIFETIME = 600.0  # seconds that a request token is good for; X does not say how long its own are
_MOST_PENDING = 1_000  # request tokens; the oldest goes first
_MOST_WRONG = 5  # PINs that are tried on one request token
_NAME = re.compile(r"[A-Za-z0-9_]{1,15}")
_MOST_NAME = 64  # letters of a name that the field takes: those of practice bots are longer than X's
_KIND = "x token"
_WHAT = "An app asks to read and write posts in the pasture for you. Which account may it use?"


@dataclass
class _Pending:
    """A request token, and what has become of it."""

    token: str = field(repr=False)
    consumer_key: str = field(repr=False)
    consumer_secret: SecretStr = field(repr=False)
    token_secret: SecretStr = field(repr=False)
    since: float
    pin: str = field(default="", repr=False)
    account: Account | None = None  # which one the person chose
    wrong: int = 0


class Pins:
    """The three endpoints. `clock` returns seconds since the epoch."""

    def __init__(
        self, accounts: Accounts, *, register: Register, store: Store, forms: Forms, clock: Callable[[], float]
    ) -> None:
        self._accounts = accounts
        self._register = register
        self._forms = forms
        self._clock = clock
        self._lock = Lock()
        self._pending: dict[str, _Pending] = {}  # in the order in which they were made
        self._apps = AppSignatures(lambda key: accounts.apps().get(key), store, clock)
        self._requests = Signatures(self._find, store, clock)
        self.restore()

    def restore(self) -> None:
        """Add the accounts and tokens that were made here before, for the apps that are known."""
        by_digest = {digest(key): (key, secret) for key, secret in self._accounts.apps().items()}
        for name, entry in self._register.all(_KIND).items():
            app, _, user_id = name.partition(" ")
            if app in by_digest:
                self._accounts.add_token(_account(*by_digest[app], user_id, entry["screen_name"], entry["salt"]))

    def request_token(self, request: Request) -> Response:
        """Answer with a new request token. Raises Refused, also for any other callback than "oob"."""
        key, parameters = self._apps.verify(request)
        if parameters.get("oauth_callback") != "oob":
            raise Refused(NO_CALLBACK)
        secret = self._accounts.apps().get(key)
        if secret is None:
            raise Refused(BAD_SIGNATURE)
        made = SecretStr(secrets.token_urlsafe(24))
        pending = _Pending(secrets.token_urlsafe(20), key, secret, made, self._clock())
        with self._lock:
            self._forget()
            self._pending[pending.token] = pending
        told = {"oauth_token": pending.token, "oauth_token_secret": made.get_secret_value()}
        return _form(told | {"oauth_callback_confirmed": "true"})

    def authorize(self, request: Request) -> Response:
        """Answer with the page that asks a person, or, to the form on it, with the page that shows the PIN."""
        token = request.args.get("oauth_token", "")
        pending = self._find(token)
        if pending is None or pending.account is not None:
            return _whoa_there()
        if request.method != "POST":
            return self._question(token, request.args.get("screen_name", ""))
        return self._decided(pending, request)

    def _decided(self, pending: _Pending, request: Request) -> Response:
        if not self._forms.is_own(request, f"x {pending.token}"):
            return forged_page()
        if request.form.get(DECISION) == DENY:
            with self._lock:
                self._pending.pop(pending.token, None)
            return denied_page()
        name = request.form.get("screen_name", "").strip().removeprefix("@")
        if self._accounts.named(name) is None and not _NAME.fullmatch(name):
            wrong = "A name has 1 to 15 letters (a to z), digits or underscores."
            return self._question(pending.token, name, wrong)
        with self._lock:
            if pending.account is None:  # else the button was pressed twice
                pending.account = self._account_of(name, pending)
                pending.pin = f"{secrets.randbelow(10**7):07}"
            what = f"{pending.account.screen_name} lets the app in. Type this PIN where the app asks for it:"
        return code_page("Your PIN", what, pending.pin)

    def access_token(self, request: Request) -> Response:
        """Answer with the tokens of the account that was chosen, once. Raises Refused.

        A wrong PIN is answered with X's words; after five of them the request token is worth nothing.
        """
        pending, parameters = self._requests.verify_parameters(request)
        pin = parameters.get("oauth_verifier", "").encode()
        with self._lock:
            is_right = (
                pending.token in self._pending and hmac.compare_digest(pending.pin.encode(), pin) and bool(pin)
            )
            pending.wrong += not is_right
            if is_right or pending.wrong >= _MOST_WRONG:
                self._pending.pop(pending.token, None)
            account = pending.account
        if not is_right or account is None:
            text = "Error processing your OAuth request: Invalid oauth_verifier parameter"
            return Response(text, 401, SAFE_HEADERS, content_type="text/plain; charset=utf-8")
        told = {"oauth_token": account.token, "oauth_token_secret": account.token_secret.get_secret_value()}
        return _form(told | {"user_id": account.user_id, "screen_name": account.screen_name})

    def _question(self, token: str, name: str, wrong: str = "") -> Response:
        return question_page(
            "Authorize an app",
            _WHAT,
            action=f"/oauth/authorize?{urlencode({'oauth_token': token})}",
            hidden={},
            seal=self._forms.seal(f"x {token}"),
            names=self._accounts.names(),
            value=name,
            most=_MOST_NAME,
            wrong=wrong,
        )

    def _find(self, token: str) -> _Pending | None:
        pending = self._pending.get(token)
        return pending if pending and self._clock() - pending.since < LIFETIME else None

    def _forget(self) -> None:
        """Drop the request tokens that are too old, and the oldest ones that are too many."""
        for token in [token for token in self._pending if self._find(token) is None]:
            del self._pending[token]
        while len(self._pending) >= _MOST_PENDING:
            del self._pending[next(iter(self._pending))]

    def _account_of(self, name: str, pending: _Pending) -> Account:
        """Return the account of that name with its tokens for the app; both are made if need be.

        An account gives an app the same tokens each time, as on X.
        """
        known = self._accounts.named(name)
        if known and known.consumer_key == pending.consumer_key:
            return known
        user_id = known.user_id if known else self._accounts.free_id(name)
        entry_name = f"{digest(pending.consumer_key)} {user_id}"
        entry = self._register.get(_KIND, entry_name)
        if entry is None:
            entry = {"screen_name": known.screen_name if known else name, "salt": secrets.token_urlsafe(24)}
            self._register.put(_KIND, entry_name, entry)
        account = _account(
            pending.consumer_key, pending.consumer_secret, user_id, entry["screen_name"], entry["salt"]
        )
        self._accounts.add_token(account)
        return account


def _account(key: str, secret: SecretStr, user_id: str, screen_name: str, salt: str) -> Account:
    """Return an account with the tokens that follow from the app's secret and a salt."""

    def derived(what: str) -> str:
        return hmac.new(secret.get_secret_value().encode(), f"{what} {salt}".encode(), hashlib.sha256).hexdigest()[
            :40
        ]

    return Account(
        screen_name=screen_name,
        user_id=user_id,
        consumer_key=key,
        consumer_secret=secret,
        token=f"{user_id}-{derived('token')}",
        token_secret=SecretStr(derived("secret")),
    )


def _whoa_there() -> Response:
    what = (
        "The request token for this page is invalid. It may have already been used, or it is more than ten minutes"
        " old. Go back to your program, and let it begin anew."
    )
    return sentence_page("Whoa there!", what, 403)


def _form(values: dict[str, str]) -> Response:
    return Response(urlencode(values), 200, SAFE_HEADERS, content_type="application/x-www-form-urlencoded")
