"""The forms that flock's machinery is compared with: plainer ones, and ones that did not pay and were removed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import requests
from requests.adapters import HTTPAdapter

from flock.networks.http import Session
from flock.networks.x.api import Signature
from flock.threads.slots import POSTS_AT_ONCE, Slots
from flock.threads.stop import StopEvent


class Event(Protocol):
    """What a thread sleeps on."""

    def is_set(self) -> bool:
        """Return whether the event is set."""

    def wait(self, seconds: float) -> bool:
        """Sleep for so long, or until the event is set; return whether it is."""


class OneEvent:
    """An event that all threads share; `kind` makes it."""

    def __init__(self, kind: Callable[[], StopEvent | threading.Event]) -> None:
        self._event = kind()

    def for_one_thread(self) -> Event:
        """Return what one thread sleeps on."""
        return self._event

    def set(self) -> None:
        """Wake all threads."""
        self._event.set()


class NoSlots:
    """Every thread goes through."""

    def open(self) -> None:
        """Do nothing."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


class PipeSlots:
    """A semaphore whose threads wait in read() on a pipe, a byte for each free slot: the form that was removed."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        self._is_open = False
        os.write(self._writer, b"." * POSTS_AT_ONCE)

    def open(self) -> None:
        """Let every thread through."""
        self._is_open = True
        os.write(self._writer, b".")

    def __enter__(self) -> None:
        os.read(self._reader, 1)
        if self._is_open:
            os.write(self._writer, b".")

    def __exit__(self, *_: object) -> None:
        os.write(self._writer, b".")


def grouped() -> StopEvent:
    """Return a stop event with pipes for ten thousand threads, which it wakes 256 at a time."""
    stop = StopEvent()
    stop.expect(10_000)
    return stop


STOPS: Mapping[str, Callable[[], OneEvent]] = {
    "pipe": lambda: OneEvent(StopEvent),
    "lock": lambda: OneEvent(threading.Event),
    "groups": lambda: OneEvent(grouped),
}
SLOTS: Mapping[str, Callable[[], Slots | NoSlots | PipeSlots]] = {
    "queue": Slots,
    "pipe": PipeSlots,
    "none": NoSlots,
}


def plain_request(url: str) -> Session:
    """Return a session that prepares requests as requests does, but reads neither netrc nor environment."""
    session = type("PlainSession", (Session,), {"request": requests.Session.request})(url)
    session.trust_env = False
    assert isinstance(session, Session)
    return session


def plain_context(url: str, bundle: str) -> Session:
    """Return a session whose connections each read the CA bundle, as those of requests do."""

    class Adapter(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
            return super().send(request, *args, **{**kwargs, "verify": bundle})

    session = Session(url)
    session.mount("https://", Adapter())
    return session


class HeaderSigner(Signature):
    """Signs as oauthlib's client does: it writes the parameters into a header, and parses that header again."""

    def headers_for(self, method: Any, url: str) -> dict[str, str]:
        _, headers, _ = self.client.sign(url, method)
        return dict(headers)


class RequestsAuth(requests.auth.AuthBase):
    """The same signature as Signature, in the form that requests takes: the session does not go past requests."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._signature.headers_for(request.method, request.url or ""))
        return request
