"""Where the page listens: an address, a socket there, and the names by which readers may call it."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Iterable

from flock.errors import BadOption, printable

PORT = 8140
_BACKLOG = 256
_ADDRESS = re.compile(r"(?:(\[[0-9a-fA-F:.]+\]|[^\s:\[\]/]+):)?([0-9]{1,5})")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.IGNORECASE)


def parse_address(text: str) -> tuple[str, int]:
    """Return the host and the port that HOST:PORT means; a PORT alone is on this machine. Raises BadOption."""
    found = _ADDRESS.fullmatch(text)
    if not found or int(found[2]) > 65_535:
        raise BadOption(f"--web: expected HOST:PORT or a PORT, such as 127.0.0.1:{PORT}, found {text!r}")
    return (found[1] or "127.0.0.1").strip("[]"), int(found[2])


def parse_names(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the names of hosts in texts that have them with commas or spaces between. Raises BadOption."""
    names = [name for text in texts for name in text.replace(",", " ").split()]
    for name in names:
        if not _NAME.fullmatch(name):
            expected = "expected the name of a host, such as flock.example, without https:// and port"
            raise BadOption(f"--web-name: {expected}, found {name!r}")
    return tuple(names)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; port 0 is a free one. Raises BadOption."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.getaddrinfo(host or None, port, family)
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, UnicodeError) as error:
        cause = getattr(error, "strerror", None) or "this is no host"
        cause = "it is in use" if getattr(error, "errno", None) == errno.EADDRINUSE else cause
        where = f"{printable(host)} port {port}"
        raise BadOption(f"--web: cannot listen on {where}: {cause}; choose another address") from None
