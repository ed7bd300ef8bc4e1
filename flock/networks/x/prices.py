"""What a post costs on X."""

from __future__ import annotations

from flock.networks.x.length import holds_url

_POST = 0.015
_POST_WITH_URL = 0.20


def price(text: str) -> float:
    """Return what one post of `text` costs, in US dollars.

    X bills each request that creates a post: $0.015, or $0.20 if the text holds a URL. Source:
    https://docs.x.com/x-api/getting-started/pricing, November 2026.
    """
    return _POST_WITH_URL if holds_url(text) else _POST
