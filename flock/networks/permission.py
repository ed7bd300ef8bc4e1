"""Whether a post may still be sent, asked at the last moment: when its connection is there.

A flock that was frozen or cut off may have lost a bot to another one since it noted the intent. Until a connection
is free and made, a minute and a half may pass; so the thread that posts is asked again before each request.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from urllib3.exceptions import HTTPError

from flock.errors import Unavailable

_here = threading.local()


class Withheld(HTTPError):
    """The request was not sent: not a byte of it."""


@contextmanager
def only_while(may_send: Callable[[], bool]) -> Iterator[None]:
    """Let this thread send requests inside the block only while `may_send` returns True.

    Raises Unavailable at once if it does not.
    """
    if not may_send():
        raise Unavailable("this flock may have lost the bot to another one")
    _here.may_send = may_send
    try:
        yield
    finally:
        del _here.may_send


def ask() -> None:
    """Raise Withheld if this thread may not send now."""
    may_send: Callable[[], bool] | None = getattr(_here, "may_send", None)
    if may_send is not None and not may_send():
        raise Withheld
