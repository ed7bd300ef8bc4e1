"""What each network charges for a post, and how many it takes: `terms.toml`, the one place for these numbers."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

Counted = Literal["account", "app", "address"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a post costs, in US dollars, and in which month (2026-11) that was read where."""

    post: float
    post_with_link: float
    source: str
    checked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A network takes at most so many `posts` in any so many `seconds`, of one account, app or address."""

    posts: int
    seconds: float
    of: Counted
    source: str
    checked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A network's price, or None where a post is free, and its limits."""

    price: Price | None = None
    limits: tuple[Limit, ...] = ()


def terms_of(network: str) -> Terms:
    """Return the terms of the network with this name in a key file. None are known of an unknown one."""
    return _all_terms().get(network, Terms())


@functools.cache
def _all_terms() -> Mapping[str, Terms]:
    text = resources.files("flock.networks").joinpath("terms.toml").read_text(encoding="utf-8")
    return {network: _terms(found) for network, found in tomllib.loads(text).items()}


def _terms(found: Mapping[str, Any]) -> Terms:
    price = Price(**found["price"]) if "price" in found else None
    return Terms(price=price, limits=tuple(Limit(**each) for each in found.get("limits", ())))
