"""The timeline: what the accounts of a pasture have said, as a follower of one network sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice
from typing import Literal, NamedTuple, Protocol
from urllib.parse import urlencode

MOST = 100  # posts


@dataclass(frozen=True, slots=True)
class Line:
    """One post. `id` is its number at its network, `created_at` in seconds since the epoch.

    `language` is a tag, or empty where the network has none. A reader sees `warning` before the text.
    """

    id: str
    screen_name: str
    text: str
    created_at: float
    language: str = ""
    warning: str = ""


class Newest(Protocol):
    """What one network shows."""

    def __call__(self, count: int, name: str | None = None) -> list[Line]:
        """Return the latest `count` posts, of the account of that name or of all that there are; latest first."""


class Network(NamedTuple):
    """A network of the pasture: its title, and its posts."""

    title: str
    newest: Newest


@dataclass(frozen=True, slots=True)
class View:
    """Which posts a reader sees: those of one network, or of all (""); of one account, or of all (""); and in
    which order."""

    network: str = ""
    by: str = ""
    order: Literal["newest", "oldest"] = "newest"

    @classmethod
    def asked(cls, arguments: Mapping[str, str], networks: Mapping[str, Network]) -> View:
        """Return the view that the arguments of an address mean. What means nothing is left out."""
        network = arguments.get("network", "")
        network = network if network in networks else ""
        by = arguments.get("by", "") if network else ""  # accounts of two networks may have one name
        return cls(network, by, "oldest" if arguments.get("order") == "oldest" else "newest")

    def path(self, **changed: str) -> str:
        """Return the address of this view, or of one that differs so."""
        view = replace(self, **changed)  # type: ignore[arg-type]  # the template's own words
        fields = {"network": view.network, "by": view.by, "order": "oldest" if view.order == "oldest" else ""}
        query = urlencode({name: value for name, value in fields.items() if value})
        return f"/?{query}" if query else "/"


class Shown(NamedTuple):
    """A line on the page: the short name of its network, and the line."""

    network: str
    line: Line


def lines_of(view: View, networks: Mapping[str, Network]) -> list[Shown]:
    """Return the latest posts of the view, in its order."""
    chosen = {view.network: networks[view.network]} if view.network else networks
    timelines = [
        [Shown(name, line) for line in network.newest(MOST, view.by or None)] for name, network in chosen.items()
    ]
    latest_first = merge(*timelines, key=lambda each: each.line.created_at, reverse=True)
    shown = list(islice(latest_first, MOST))
    return shown[::-1] if view.order == "oldest" else shown
