"""The HTTP sessions of a Keymaker, one for each server."""

from __future__ import annotations

from threading import Lock

from flock.networks.http import Session
from flock.networks.service import Service


class Sessions:
    """Opens a session when a server is first asked. Safe to share between threads."""

    def __init__(self) -> None:
        self._services: dict[str, Service] = {}
        self._lock = Lock()

    def at(self, root_url: str) -> Session:
        """Return the session with the server at `root_url`. Raises BadOption for a proxy that cannot be used."""
        return self.service(root_url).session

    def service(self, root_url: str) -> Service:
        """Return that server as the networks take it."""
        with self._lock:
            if root_url not in self._services:
                self._services[root_url] = Service(root_url, session=Session(root_url))
            return self._services[root_url]

    def close(self) -> None:
        """Close all connections."""
        for service in self._services.values():
            service.close()
