"""Checks the Host header of a request, against DNS rebinding.

A web page can let its own name lead to 127.0.0.1. Its script in a browser would then read the pasture there. The
browser sends the page's name in the Host header, so only names and addresses of the pasture are answered.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address

_HOST = re.compile(r"(?:\[(?P<in_brackets>[0-9a-f:.%]+)\]|(?P<name>[a-z0-9._-]+))(?::[0-9]{0,5})?", re.IGNORECASE)


def is_own(host: str, own: Collection[str]) -> bool:
    """Return whether the Host header `host` names loopback or one of the names and addresses in `own`."""
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = (found["in_brackets"] or found["name"]).lower().removesuffix(".")
    address = _address(name)
    if address is None:
        return name == "localhost" or name in {each.lower() for each in own}
    return address.is_loopback or address in set(map(_address, own))


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
