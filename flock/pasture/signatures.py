"""OAuth 1.0a on the server's side: checks a request's signature, and finds the account that signed it."""

# The signatures of _Validator's methods are oauthlib's.
# ruff: noqa: ARG002, PLR0917

from __future__ import annotations

from collections.abc import Callable

from oauthlib.common import Request as SignedRequest
from oauthlib.oauth1 import RequestValidator, ResourceEndpoint
from werkzeug.wrappers import Request

from flock.pasture.accounts import Account, Accounts, Standing
from flock.pasture.answers import BAD_SIGNATURE, BAD_TOKEN, NO_SIGNATURE, STALE_TIMESTAMP, Refusal, Refused
from flock.pasture.store import Store

WINDOW_SECONDS = 300
_UNKNOWN = "unknown"  # the stand-in that oauthlib checks an unknown client against
_FRESH = "fresh"


class Signatures:
    """Finds the account that signed a request. `clock` returns seconds since the epoch.

    The store keeps the nonces, so that a request cannot be repeated after a restart either.
    """

    def __init__(self, accounts: Accounts, store: Store, clock: Callable[[], float]) -> None:
        self._accounts = accounts
        self._store = store
        self._clock = clock
        self._endpoint = ResourceEndpoint(_Validator(accounts, clock))

    def verify(self, request: Request) -> Account:
        """Return the account that signed a request.

        Raises Refused if there is no signature, if the signature, the app's key or the token is wrong, if the
        timestamp differs from the clock by more than 5 minutes, or if the request was seen before.
        """
        signed = self._signed_parameters(request)
        token, nonce, timestamp = (signed[name] for name in ("oauth_token", "oauth_nonce", "oauth_timestamp"))
        account = self._accounts.with_token(token)
        # Only nonces with a good signature are stored, so that other requests cannot fill the store.
        unseen = self._store.add_nonce(nonce, int(timestamp), token, oldest=self._clock() - WINDOW_SECONDS)
        if account is None or not unseen:
            raise Refused(BAD_SIGNATURE)
        return account

    def _signed_parameters(self, request: Request) -> dict[str, str]:
        """Return the oauth_* parameters of a request whose signature is good. Raises Refused."""
        headers = {name: value for name, value in request.headers if name in ("Authorization", "Content-Type")}
        try:
            valid, signed = self._endpoint.validate_protected_resource_request(
                _signed_url(request), request.method, request.get_data(), headers
            )
        except ValueError as error:  # oauthlib cannot decode the query, the body or the header
            raise Refused(BAD_SIGNATURE) from error
        if signed is None:
            raise Refused(NO_SIGNATURE)
        if not valid:
            raise Refused(_refusal(signed.validator_log))
        parameters: dict[str, str] = signed.oauth_params
        return parameters


class _Validator(RequestValidator):
    """Answers oauthlib's questions. Keys may have any form, since they are looked up."""

    def __init__(self, accounts: Accounts, clock: Callable[[], float]) -> None:
        super().__init__()
        self._accounts = accounts
        self._clock = clock

    @property
    def enforce_ssl(self) -> bool:
        return False

    @property
    def allowed_signature_methods(self) -> tuple[str, ...]:
        return ("HMAC-SHA1",)

    @property
    def timestamp_lifetime(self) -> int:
        return (
            10**10
        )  # turns off oauthlib's check by the machine's clock; validate_timestamp_and_nonce uses `clock`

    @property
    def dummy_client(self) -> str:
        return _UNKNOWN

    @property
    def dummy_access_token(self) -> str:
        return _UNKNOWN

    def check_client_key(self, client_key: str) -> bool:
        return True

    def check_access_token(self, request_token: str) -> bool:
        return True

    def check_nonce(self, nonce: str) -> bool:
        return True

    def validate_timestamp_and_nonce(
        self,
        client_key: str,
        timestamp: str,
        nonce: str,
        request: SignedRequest,
        request_token: str | None = None,
        access_token: str | None = None,
    ) -> bool:
        fresh = abs(self._clock() - int(timestamp)) <= WINDOW_SECONDS
        request.validator_log[_FRESH] = fresh
        return fresh

    def validate_client_key(self, client_key: str, request: SignedRequest) -> bool:
        account = self._accounts.with_token(request.resource_owner_key or "")
        return account is not None and account.consumer_key == client_key

    def validate_access_token(self, client_key: str, token: str, request: SignedRequest) -> bool:
        account = self._accounts.with_token(token)
        return account is not None and self._accounts.standing(account) is not Standing.REVOKED

    def validate_realms(
        self,
        client_key: str,
        token: str,
        request: SignedRequest,
        uri: str | None = None,
        realms: list[str] | None = None,
    ) -> bool:
        return True

    def get_client_secret(self, client_key: str, request: SignedRequest) -> str:
        account = self._accounts.with_token(request.resource_owner_key or "")
        return account.consumer_secret.get_secret_value() if account else _UNKNOWN

    def get_access_token_secret(self, client_key: str, token: str, request: SignedRequest) -> str:
        account = self._accounts.with_token(token)
        return account.token_secret.get_secret_value() if account else _UNKNOWN


def _refusal(log: dict[str, bool]) -> Refusal:
    """Return the refusal for oauthlib's log of a request that it refused."""
    if log.get(_FRESH) is False:
        return STALE_TIMESTAMP
    if log.get("resource_owner") is False:
        return BAD_TOKEN
    return BAD_SIGNATURE


def _signed_url(request: Request) -> str:
    """Return the URL that the client signed, made from the Host header: a server behind a proxy knows no other."""
    query = request.query_string.decode("latin-1")
    return f"{request.scheme}://{request.host}{request.path}" + (f"?{query}" if query else "")
