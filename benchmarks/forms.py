"""The forms that flock's machinery is compared with: plainer ones, and ones that did not pay and were removed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Protocol

import requests
from requests.adapters import HTTPAdapter

from flock.networks.http import Session
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


class Groups:
    """An event for every 256 threads, and a pause between two: the form that was removed."""

    def __init__(self) -> None:
        self._events: list[StopEvent] = []
        self._given = 0

    def for_one_thread(self) -> Event:
        """Return what one thread sleeps on."""
        if self._given % 256 == 0:
            self._events.append(StopEvent())
        self._given += 1
        return self._events[-1]

    def set(self) -> None:
        """Wake all threads."""
        for event in self._events:
            event.set()
            time.sleep(0.005)


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


STOPS: Mapping[str, Callable[[], OneEvent | Groups]] = {
    "pipe": lambda: OneEvent(StopEvent),
    "lock": lambda: OneEvent(threading.Event),
    "groups": Groups,
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


def cached_pool(url: str) -> Session:
    """Return a session that looks up its pool of connections once: removed."""
    session = Session(url)
    adapter: Any = session.get_adapter(url)
    found: list[Any] = []
    look_up = adapter.get_connection_with_tls_context

    def look_up_once(*args: Any, **kwargs: Any) -> Any:
        if not found:
            found.append(look_up(*args, **kwargs))
        return found[0]

    adapter.get_connection_with_tls_context = look_up_once
    adapter.request_url = lambda request, _proxies: request.path_url
    return session


def cached_url(url: str) -> Session:
    """Return a session that normalises each URL once: removed."""

    @lru_cache(maxsize=64)
    def normal(url: str) -> str | None:
        request = requests.PreparedRequest()
        request.prepare_url(url, None)
        return request.url

    class CachingSession(Session):
        def _prepared(self, method: str, url: str, **parts: Any) -> requests.PreparedRequest:
            request = requests.PreparedRequest()
            request.prepare_method(method)
            request.url = normal(url)
            request.prepare_headers(None)
            request.prepare_body(None, None, parts["json"])
            request.prepare_auth(parts["auth"])
            for name, value in self.headers.items():
                request.headers.setdefault(name, str(value))
            return request

    return CachingSession(url)
