"""Tells systemd how the flock is: ready, alive, stopping, and a line for `systemctl status`.

The protocol is sd_notify(3): datagrams to the socket that NOTIFY_SOCKET names. Without it nothing happens.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

from flock.events import Event, Out, Rounds, Said, Stopping
from flock.observers.wording import describe, harmless

_SEND_TIMEOUT = 0.5  # seconds


class Systemd:
    """An observer that passes on what systemd wants to know.

    WATCHDOG=1 is sent only with rounds that found the sheep moving: systemd starts a flock that hangs again.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._said = 0

    def __call__(self, event: Event) -> None:
        match event:
            case Said():
                self._said += 1
            case Out():
                self._notify("READY=1", f"STATUS={describe(event)}")
            case Rounds():
                feed = ("WATCHDOG=1",) if event.alive else ()
                self._notify(*feed, f"STATUS={describe(event)}; {_posts(self._said)} since the start")
            case Stopping():
                self._notify("STOPPING=1", f"STATUS={describe(event)}")

    def _notify(self, *lines: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
            notify.settimeout(_SEND_TIMEOUT)  # a systemd that does not read must not stop the flock
            notify.sendto("\n".join(map(harmless, lines)).encode(errors="backslashreplace"), self._address)


def _posts(count: int) -> str:
    return "1 post" if count == 1 else f"{count:,} posts"
