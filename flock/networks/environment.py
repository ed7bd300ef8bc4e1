"""What the environment says about the way to a network: proxies and trusted certificates, checked at the start."""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from importlib.util import find_spec
from urllib.parse import urlsplit

import certifi
import requests.utils

from flock.errors import BadOption
from flock.options import is_loopback

_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_EXPECTED = "expected the address of a proxy, such as http://proxy.example:3128"


def proxies_for(url: str) -> dict[str, str]:
    """Return the proxies for requests to `url`, by scheme, as requests takes them; none for a loopback address.

    Raises BadOption, which names the variable and never quotes its value (it may hold a password), for a proxy
    that cannot be used.
    """
    if is_loopback(url):
        return {}
    proxies = dict(requests.utils.get_environ_proxies(url))
    wanted = urlsplit(url).scheme
    chosen = wanted if wanted in proxies else "all"
    if address := proxies.get(chosen):
        _check(_variable(chosen), address)
    return proxies


def _variable(scheme: str) -> str:
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper())
    return next((name for name in names if os.environ.get(name)), f"the system's proxy for {scheme}")


def _check(variable: str, address: str) -> None:
    parts = urlsplit(address if "://" in address else f"http://{address}")
    scheme = parts.scheme.lower()
    host = ""
    with suppress(ValueError):  # a port that is none
        _ = parts.port
        host = parts.hostname or ""
    if not _is_host(host):
        raise BadOption(f"{variable}: {_EXPECTED}, found an impossible address")
    if scheme not in _SCHEMES:
        raise BadOption(f"{variable}: {_EXPECTED}, found a {scheme} address")
    if scheme.startswith("socks") and find_spec("socks") is None:
        raise BadOption(f"{variable}: a SOCKS proxy needs PySocks; run: pip install 'poem-flock[socks]'")


def _is_host(host: str) -> bool:
    """Return whether `host` can be looked up at all: no empty label, none of over 63 letters."""
    try:
        return bool(host) and bool(host.encode("idna")) and not any(letter.isspace() for letter in host)
    except UnicodeError:
        return False


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
