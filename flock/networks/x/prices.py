"""What a post costs on X."""

from __future__ import annotations

from flock.networks.terms import terms_of
from flock.networks.x.length import holds_url
from flock.networks.x.links import find_links


def price(text: str) -> float:
    """Return what one post of `text` costs, in US dollars.

    X bills each request that creates a post, and more if the text holds a link: `flock/networks/terms.toml`.
    """
    prices = terms_of("x").price
    assert prices  # noqa: S101 - the file has it, and a test holds that
    return prices.post_with_link if holds_url(text) else prices.post


def links_in(text: str) -> list[str]:
    """Return what X takes for a link in `text`, and bills: "https://example.com", but also "so.in"."""
    return [text[start:end] for start, end in find_links(text)] if "." in text else []
