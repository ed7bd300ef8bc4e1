"""One call of Bluesky's API (XRPC): a GET is a query, a POST a procedure, and both answer with JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
import simplejson

from flock.errors import NetworkError, OutcomeUnknown, Unavailable
from flock.networks.bluesky.answers import error_name, meaning
from flock.networks.service import Service


@dataclass(frozen=True, slots=True)
class Bearer:
    """Signs a request with a token, on either way through the session."""

    token: str = field(repr=False)

    def headers_for(self, method: str, url: str) -> Mapping[str, str]:
        del method, url
        return {"Authorization": f"Bearer {self.token}"}

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self.headers_for("", ""))
        return request


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: the JSON object of a good answer, or the error, with its name in the API."""

    body: dict[str, Any] = field(repr=False)
    error: NetworkError | None = None
    name: str = ""

    def good(self) -> dict[str, Any]:
        """Return the JSON. Raises the error of a bad answer."""
        if self.error:
            raise self.error
        return self.body


@dataclass(frozen=True, slots=True)
class Server:
    """A server at `root`, such as https://bsky.social, reached through the session of `service`.

    `wall` is the wall clock, by which the resets of limits are believed.
    """

    root: str
    service: Service
    wall: Callable[[], float]

    def ask(self, method: str, params: Mapping[str, Any]) -> Answer:
        """Send a query. Raises Unavailable or OutcomeUnknown where no whole answer came."""
        return self._exchange("GET", method, params=params)

    def tell(self, method: str, json: Any = None, *, token: str = "", secrets: Iterable[str] = ()) -> Answer:
        """Call a procedure, as the account of `token`. Raises as `ask` does; no text of `secrets` is shown."""
        parts: dict[str, Any] = {"json": json} if json is not None else {}
        if token:
            parts["auth"] = Bearer(token)
        return self._exchange("POST", method, secrets=(*secrets, *filter(None, (token,))), **parts)

    def _exchange(self, verb: str, method: str, *, secrets: Iterable[str] = (), **parts: Any) -> Answer:
        response = self.service.session.request(verb, f"{self.root}/xrpc/{method}", **parts)
        try:
            answer = simplejson.loads(response.content)
        except (ValueError, RecursionError):  # broken JSON, HTML, no text, a nesting without end
            answer = None
        error = meaning(response, answer, now=self.wall(), secrets=secrets)
        return Answer({} if error else answer, error, error_name(answer) if error else "")


@contextmanager
def before_the_post(what: str) -> Iterator[None]:
    """Turn OutcomeUnknown into Unavailable: this request was no post, and the post has not been sent yet."""
    try:
        yield
    except OutcomeUnknown as error:
        raise Unavailable(f"{what}: {error}") from error
