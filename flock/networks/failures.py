"""What a failed exchange means for the post: it did not land, or it may have.

Only one thing is sure: where there was no connection, no byte of the request was sent. After the first byte
anything may have happened, behind a proxy as well.
"""

from __future__ import annotations

import errno
import http.client
import re
import ssl
from collections.abc import Iterator

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    EmptyPoolError,
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

from flock.errors import NetworkError, OutcomeUnknown, Unavailable


class TooLarge(http.client.HTTPException):
    """The answer is larger than any that a network sends."""


class Withheld(HTTPError):
    """The request may not be sent any more (`permission.may_send`): not a byte of it was."""


class Unreached(HTTPError):
    """There was no connection: not a byte of the request was sent. The cause says why.

    `proxy` is the host of the proxy that was asked for the connection, or None where none was asked.
    """

    def __init__(self, proxy: str | None = None) -> None:
        self.proxy = proxy
        super().__init__("no connection")


_NOT_CONNECTED: tuple[tuple[type[BaseException], str], ...] = (
    (LocationParseError, "is not a usable address"),
    (NameResolutionError, "cannot be found: no such name, or no DNS"),
    (NewConnectionError, "takes no connection"),
    (ConnectTimeoutError, "takes no connection: timed out"),
    (
        ssl.SSLCertVerificationError,
        "has a TLS certificate that cannot be verified; check the CA bundle and the clock",
    ),
    (ssl.SSLError, "does not speak TLS as it should; check the address and its port"),
)
_NOT_SENT: tuple[tuple[type[BaseException], str], ...] = (
    (requests.exceptions.InvalidURL, "is not a usable address"),
    (requests.exceptions.InvalidSchema, "is not a usable address"),
    (requests.exceptions.MissingSchema, "is not a usable address"),
    (LocationParseError, "is not a usable address"),
    (EmptyPoolError, "keeps all connections busy"),
    (Withheld, "was not asked: this flock may have lost the bot to another one"),
)
_TUNNEL = re.compile(r"Tunnel connection failed: (\d+)")


def failure(error: BaseException, host: str) -> NetworkError:
    """Return Unavailable if no byte of the request was sent to `host`, and otherwise OutcomeUnknown.

    The libraries' own messages are not shown: they may hold a proxy's password.
    """
    causes = list(_causes(error))
    if any(isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE) for cause in causes):
        return Unavailable("this process may open no more files; raise LimitNOFILE= or ulimit -n")
    if unreached := next((cause for cause in causes if isinstance(cause, Unreached)), None):
        return Unavailable(_why_not_connected(causes, unreached.proxy, host))
    if words := _first(_NOT_SENT, causes):
        return Unavailable(f"{host} {words}")
    if any(isinstance(cause, TooLarge) for cause in causes):
        return OutcomeUnknown(f"{host} sent an answer that is too large")
    if any(isinstance(cause, ReadTimeoutError | requests.ReadTimeout | TimeoutError) for cause in causes):
        return OutcomeUnknown(f"{host} did not answer in time")
    return OutcomeUnknown(f"the connection to {host} broke")


def _why_not_connected(causes: list[BaseException], proxy: str | None, host: str) -> str:
    refused = next((found for cause in causes if (found := _TUNNEL.search(str(cause)))), None)
    if refused and refused[1] == "407":
        return f"the proxy {proxy} needs a user and a password, or refuses the given ones; check HTTPS_PROXY"
    if refused:
        return f"the proxy {proxy} does not connect to {host} (HTTP {refused[1]})"
    words = _first(_NOT_CONNECTED, causes) or "takes no connection"
    is_the_hosts = proxy is None or any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes)
    return f"{host} {words}" if is_the_hosts else f"the proxy {proxy} {words}"


def _first(table: tuple[tuple[type[BaseException], str], ...], causes: list[BaseException]) -> str:
    return next((words for kind, words in table if any(isinstance(cause, kind) for cause in causes)), "")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield `error` and the errors behind it: causes, contexts, and the reasons that urllib3 stores."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        cause = waiting.pop(0)
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        parts = [getattr(cause, "reason", None), *cause.args, cause.__cause__, cause.__context__]
        waiting += [part for part in parts if isinstance(part, BaseException)]
