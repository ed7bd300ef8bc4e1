"""The HTTP session of one service: every exchange with it is bounded, and every failure is a NetworkError."""

from __future__ import annotations

import http.client
import os
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import certifi
import requests
import requests.utils
import simplejson
from requests.structures import CaseInsensitiveDict
from urllib3 import BaseHTTPResponse
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from flock.clock import boot_time
from flock.errors import BadOption
from flock.networks import exchange
from flock.networks.connections import Connections
from flock.networks.exchange import content_of
from flock.networks.failures import failure
from flock.networks.proxies import proxies_for

_ENCODING = {"Accept-Encoding": "identity"}  # answers are short, and what is not compressed does not grow

# What the libraries raise for an exchange that failed; requests' own exceptions are OSErrors.
_FAILURES = (OSError, HTTPError, http.client.HTTPException, ValueError)


class Signer(Protocol):
    """Signs requests whose body is not part of the signature, such as JSON under OAuth 1.0a."""

    def headers_for(self, method: str, url: str) -> Mapping[str, str]:
        """Return the headers that sign a request."""


class Session(requests.Session):
    """A requests session for the service at `root_url`, safe to share between threads.

    It carries no cookie and no credentials from one request to another, reads the environment once instead of at
    each request, follows no redirect, since that would turn a POST into a GET, and bounds every exchange
    (`networks/exchange.py`). At most `POSTS_AT_ONCE` connections to a host are open.

    JSON that a `Signer` signs goes straight to urllib3, on the same connections: what requests does before and
    after takes a fifth of a post's CPU (benchmarks/machinery.py). Every other request, and each through a proxy,
    takes the usual way.

    `now` is the clock, in seconds, by which unused connections age.

    Honours HTTPS_PROXY and its kin (but not for a loopback address), REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and
    SSL_CERT_FILE. Raises BadOption when the CA bundle cannot be read, or a proxy cannot be used.
    """

    def __init__(self, root_url: str, *, now: Callable[[], float] = boot_time) -> None:
        super().__init__()
        self.proxies = proxies_for(root_url)
        self.headers.update(_ENCODING)
        connections = Connections(tls_context(), now)
        self.mount("https://", connections)
        self.mount("http://", connections)
        self._root = f"{root_url}/"
        self._manager = connections.poolmanager
        self._pool: HTTPConnectionPool | None = None  # of the connections to the root URL

    def request(  # type: ignore[override]
        self,
        method: str,
        url: str,
        *,
        timeout: float | tuple[float, float] | None = None,
        allow_redirects: bool = False,
        proxies: object = None,
        **parts: Any,
    ) -> requests.Response:
        """Send one request; `parts` are those of a requests.Request except cookies and hooks.

        Raises Unavailable when no byte of it was sent, and OutcomeUnknown when no whole answer came back.
        """
        del timeout, allow_redirects, proxies  # python-twitter passes them; this session decides
        signer: Any = parts.get("auth")
        content = parts.get("json")
        is_direct = content is not None and hasattr(signer, "headers_for") and not self.proxies
        try:
            if is_direct and url.startswith(self._root):
                return self._send_json(method, url, content, signer)
            return self._send(method, url, **parts)
        except _FAILURES as error:
            raise failure(error, urlsplit(self._root).hostname or self._root) from error

    def _send_json(self, method: str, url: str, content: Any, signer: Signer) -> requests.Response:
        """Send JSON on a connection to the root URL."""
        headers: dict[str, Any] = dict(self.headers)
        headers["Content-Type"] = "application/json"
        headers.update(signer.headers_for(method, url))
        if self._pool is None:
            self._pool = self._manager.connection_from_url(self._root)
        answer = self._pool.urlopen(
            method,
            url[len(self._root) - 1 :],
            body=_utf_8(content),
            headers=headers,
            redirect=False,
            retries=False,
            timeout=Timeout(connect=exchange.CONNECT_TIMEOUT, read=exchange.READ_TIMEOUT),
            preload_content=False,
        )
        return _as_response(url, answer)

    def _send(self, method: str, url: str, **parts: Any) -> requests.Response:
        request = self._prepared(method, url, **parts)
        limits = (exchange.CONNECT_TIMEOUT, exchange.READ_TIMEOUT)
        response = self.get_adapter(url).send(request, stream=True, timeout=limits, proxies=self.proxies)
        response._content = content_of(response.raw)
        return response

    def _prepared(
        self,
        method: str,
        url: str,
        *,
        params: Any = None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        files: Any = None,
        json: Any = None,
        auth: Any = None,
    ) -> requests.PreparedRequest:
        """Return the request, signed, and without a cookie.

        `requests.Session.prepare_request` merges cookies, netrc and the session's headers into each request; this
        takes 20 % of a post's CPU (benchmarks/machinery.py). Here the session's headers are added after signing,
        so that the signer need not parse them.
        """
        request = requests.PreparedRequest()
        request.prepare_method(method)
        request.prepare_url(url, params)
        request.prepare_headers(headers)
        request.prepare_body(data, files, json)
        request.prepare_auth(auth)
        for name, value in self.headers.items():
            request.headers.setdefault(name, value)  # type: ignore[arg-type]  # never bytes
        return request


def _utf_8(content: Any) -> bytes:
    """Return JSON without escapes: snac reads those of characters beyond U+1FFFF as other ones.

    Half a character (a lone surrogate) is sent as it is, for the server to refuse.
    """
    return simplejson.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _as_response(url: str, answer: BaseHTTPResponse) -> requests.Response:
    response = requests.Response()
    response.url = url
    response.status_code = answer.status
    response.reason = answer.reason or ""
    response.headers = CaseInsensitiveDict(answer.headers)
    response._content = content_of(answer)
    return response


def tls_context() -> ssl.SSLContext:
    """Return a verifying context for the CA bundle that the environment names, or else certifi's.

    Raises BadOption when the bundle cannot be read.
    """
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        if bundle := os.environ.get(variable):
            break
    else:
        variable, bundle = "certifi", certifi.where()
    try:
        if os.path.isdir(bundle):  # noqa: PTH112 - requests takes folders too
            return ssl.create_default_context(capath=bundle)
        return ssl.create_default_context(cafile=bundle)
    except OSError as error:
        raise BadOption(f"{variable}: cannot read the CA bundle {bundle}: {error.strerror or error}") from None
