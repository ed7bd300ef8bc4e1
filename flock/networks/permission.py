"""Whether a post may still be sent, asked at the last moment: when its connection is there.

A flock that was frozen or cut off may have lost a bot to another one since it noted the intent. Until a connection
is free and made, a minute and a half may pass; so `may_send` is asked again before each request. `Delivery` sets
it around each post, for the thread that posts alone; `BoundedConnection` asks it right before the bytes go out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

may_send: ContextVar[Callable[[], bool] | None] = ContextVar("may_send", default=None)  # None: any request may go
