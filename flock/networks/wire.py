"""The one HTTP session of a flock: its TLS context, its connections, its proxy.

All sheep share a `Wire`. It carries no cookie and no credentials from one request to another, looks up the
environment once and not at each request, and never waits for ever.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import certifi
import requests
import requests.utils
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import ConnectionPool

from flock.errors import BadOption
from flock.networks.connections import look_after
from flock.options import is_loopback
from flock.threads.slots import POSTS_AT_ONCE

CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 30.0  # seconds


class Wire(requests.Session):
    """What a flock needs of a requests session for `root_url`, safe to share between threads.

    Honours HTTPS_PROXY and its kin (but for a loopback address, which is nobody's business), REQUESTS_CA_BUNDLE,
    CURL_CA_BUNDLE and SSL_CERT_FILE. Raises BadOption when the CA bundle cannot be read.
    """

    def __init__(self, root_url: str) -> None:
        super().__init__()
        if not is_loopback(root_url):
            self.proxies = dict(requests.utils.get_environ_proxies(root_url))
        self.mount("https://", _SharedTls(root_url))
        self.mount("http://", _Direct(root_url))

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
        """Send one request by itself; `parts` are those of a requests.Request but for its cookies and hooks.

        A redirect raises TooManyRedirects: a POST that is sent on turns into a GET.
        """
        del allow_redirects, proxies  # python-twitter passes them; the flock has decided
        request = self._prepared(method, url, **parts)
        patience = timeout or (CONNECT_TIMEOUT, READ_TIMEOUT)
        response = self.get_adapter(url).send(request, timeout=patience, proxies=self.proxies)
        _ = response.content  # read to its end, the connection is free again
        if response.is_redirect:
            raise requests.TooManyRedirects(response=response)
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

        A session's own way mixes its headers, its cookies and the environment into each request, which takes as
        long as sending it. Ours come last, so that the signer need not look at them.
        """
        request = requests.PreparedRequest()
        request.prepare_method(method)
        if params:
            request.prepare_url(url, params)
        else:
            request.url = _normal(url)
        request.prepare_headers(headers)
        request.prepare_body(data, files, json)
        request.prepare_auth(auth)
        for name, value in self.headers.items():
            request.headers.setdefault(name, value)  # type: ignore[arg-type]  # never bytes
        return request


@lru_cache(maxsize=64)
def _normal(url: str) -> str:
    """Return `url` as requests would send it; a flock says all its lines to one."""
    request = requests.PreparedRequest()
    request.prepare_url(url, None)
    return request.url or url


class _Direct(HTTPAdapter):
    """Keeps the connections to `root_url` at hand: looking up proxy and pool at each request takes 0.1 ms."""

    def __init__(self, root_url: str) -> None:
        self._root = f"{root_url}/"
        self._pool: ConnectionPool | None = None
        super().__init__(pool_maxsize=POSTS_AT_ONCE, pool_block=True)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        look_after(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **kwargs)
        if is_new:
            look_after(manager)
        return manager

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> ConnectionPool:
        if not (request.url or "").startswith(self._root):
            return super().get_connection_with_tls_context(request, verify, proxies, cert)
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
        return self._pool

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        return super().request_url(request, proxies) if proxies else request.path_url


class _SharedTls(_Direct):
    """Hands one TLS context to every connection: reading the CA bundle takes 15 ms and half a megabyte."""

    def __init__(self, root_url: str) -> None:
        self._context = tls_context()
        super().__init__(root_url)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the connection alone: its context already knows whom to trust."""


def tls_context() -> ssl.SSLContext:
    """Return a verifying context for the CA bundle that the environment names, or else certifi's."""
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
