"""OAuth 1.0a on the server's side: checks a request's signature, and finds what it was signed with."""

# The signatures of _Validator's methods are oauthlib's.
# ruff: noqa: ARG002, PLR0917

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from oauthlib.common import Request as SignedRequest
from oauthlib.oauth1 import RequestValidator, ResourceEndpoint, SignatureOnlyEndpoint
from pydantic import SecretStr
from werkzeug.wrappers import Request

from flock.pasture.answers import BAD_SIGNATURE, BAD_TOKEN, NO_SIGNATURE, STALE_TIMESTAMP, Refusal, Refused
from flock.pasture.store import Store

WINDOW_SECONDS = 300
_UNKNOWN = "unknown"  # the stand-in that oauthlib checks an unknown client against
_FRESH = "fresh"


class Signer(Protocol):
    """What a request is signed with: the keys of an app, and a token's secret."""

    @property
    def consumer_key(self) -> str: ...

    @property
    def consumer_secret(self) -> SecretStr: ...

    @property
    def token_secret(self) -> SecretStr: ...


S = TypeVar("S", bound=Signer)


class Signatures(Generic[S]):
    """Finds what a request was signed with. `find` returns it for a token; `clock` seconds since the epoch.

    The store keeps the nonces, so that a request cannot be repeated after a restart either.
    """

    def __init__(self, find: Callable[[str], S | None], store: Store, clock: Callable[[], float]) -> None:
        self._find = find
        self._store = store
        self._clock = clock
        self._endpoint = ResourceEndpoint(_Validator(find, clock))

    def verify(self, request: Request) -> S:
        """Return what `find` found for the token with which a request was signed.

        Raises Refused if there is no signature, if the signature, the app's key or the token is wrong, if the
        timestamp differs from the clock by more than 5 minutes, or if the request was seen before.
        """
        return self.verify_parameters(request)[0]

    def verify_parameters(self, request: Request) -> tuple[S, Mapping[str, str]]:
        """Return the same, and all oauth_* parameters of the request. Raises Refused as `verify` does."""
        signed = _signed_parameters(request, self._endpoint.validate_protected_resource_request)
        found = self._find(signed["oauth_token"])
        if found is None:
            raise Refused(BAD_SIGNATURE)
        _check_nonce(signed, self._store, self._clock())
        return found, signed


class AppSignatures:
    """Finds the app that signed a request without a token. `secret_of` returns the secret for an app's key."""

    def __init__(
        self, secret_of: Callable[[str], SecretStr | None], store: Store, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._clock = clock
        self._endpoint = SignatureOnlyEndpoint(_AppValidator(secret_of, clock))

    def verify(self, request: Request) -> tuple[str, Mapping[str, str]]:
        """Return the app's key, and all oauth_* parameters of the request. Raises Refused as Signatures does."""
        signed = _signed_parameters(request, self._endpoint.validate_request)
        _check_nonce(signed, self._store, self._clock())
        return signed["oauth_consumer_key"], signed


def _signed_parameters(request: Request, validate: Callable[..., tuple[bool, Any]]) -> dict[str, str]:
    """Return the oauth_* parameters of a request whose signature is good. Raises Refused."""
    headers = {name: value for name, value in request.headers if name in ("Authorization", "Content-Type")}
    try:
        valid, signed = validate(_signed_url(request), request.method, request.get_data(), headers)
    except ValueError as error:  # oauthlib cannot decode the query, the body or the header
        raise Refused(BAD_SIGNATURE) from error
    if signed is None:
        raise Refused(NO_SIGNATURE)
    if not valid:
        raise Refused(_refusal(signed.validator_log))
    parameters: dict[str, str] = signed.oauth_params
    return parameters


def _check_nonce(signed: Mapping[str, str], store: Store, now: float) -> None:
    """Raise Refused for a request that was seen before.

    Only nonces with a good signature are stored, so that other requests cannot fill the store.
    """
    nonce, timestamp = signed["oauth_nonce"], int(signed["oauth_timestamp"])
    if not store.add_nonce(nonce, timestamp, signed.get("oauth_token", ""), oldest=now - WINDOW_SECONDS):
        raise Refused(BAD_SIGNATURE)


class _Validator(RequestValidator):
    """Answers oauthlib's questions. Keys may have any form, since they are looked up."""

    def __init__(self, find: Callable[[str], Signer | None], clock: Callable[[], float]) -> None:
        super().__init__()
        self._find = find
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
        signer = self._find(request.resource_owner_key or "")
        return signer is not None and signer.consumer_key == client_key

    def validate_access_token(self, client_key: str, token: str, request: SignedRequest) -> bool:
        return self._find(token) is not None

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
        signer = self._find(request.resource_owner_key or "")
        return signer.consumer_secret.get_secret_value() if signer else _UNKNOWN

    def get_access_token_secret(self, client_key: str, token: str, request: SignedRequest) -> str:
        signer = self._find(token)
        return signer.token_secret.get_secret_value() if signer else _UNKNOWN


class _AppValidator(_Validator):
    """The same for a request that is signed with an app's key alone."""

    def __init__(self, secret_of: Callable[[str], SecretStr | None], clock: Callable[[], float]) -> None:
        super().__init__(lambda _token: None, clock)
        self._secret_of = secret_of

    def validate_client_key(self, client_key: str, request: SignedRequest) -> bool:
        return not request.resource_owner_key and self._secret_of(client_key) is not None

    def get_client_secret(self, client_key: str, request: SignedRequest) -> str:
        secret = self._secret_of(client_key)
        return secret.get_secret_value() if secret else _UNKNOWN


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
