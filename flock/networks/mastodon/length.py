"""What a server of Mastodon's kind says about itself, and how it counts the characters of a post.

Mastodon counts grapheme clusters. A link counts as `characters_reserved_per_url` (23), whatever its length, a
mention without its server, and the content warning counts as a part of the post. Pleroma, Akkoma and GoToSocial
count links and mentions in full. Where servers differ, the count here is the larger one: a line that is cut too
early loses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import regex

from flock.networks.mastodon.text import defuse
from flock.networks.x.links import Span, find_links

_COUNTS_IN_FULL = ("pleroma", "akkoma", "gotosocial")
_FULL_VERSION = re.compile(
    r"v?([2-9]|\d\d)\.\d+\.\d+(rc\d+)?([-+][\w.+-]*)?"
)  # of Mastodon and its forks: no product's name
_COMPATIBLE = re.compile(r"\(compatible; *([\w.]+)", re.IGNORECASE)
_KEEPS_KEYS = ("pleroma", "akkoma", "iceshrimp.net")
_MARKS = frozenset({"version", "configuration", "max_toot_chars"})  # each such answer has one
_LARGEST = 10_000_000  # characters; more is not believed

_CLUSTER = regex.compile(r"\X")
_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_MENTION = re.compile(  # twitter-text's and Mastodon's: a name with its server, not within a word, a path, a query
    r"(?<![\w/=])(@[a-z0-9_]+(?:[.-]+[a-z0-9_]+)*)(?:@\w+(?:[.-]+\w+)*)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a server says about itself, with Mastodon's own values where it does not.

    `most` is how many characters a post may have, `per_link` how many a link counts as (0: as many as it has).
    `keeps_keys`: a post that is sent again with its Idempotency-Key is not made again.
    """

    most: int = 500
    per_link: int = 23
    counts_in_full: bool = False
    keeps_keys: bool = False


USUAL = Rules()


def rules_of(instance: object) -> Rules | None:
    """Return what the answer to /api/v2/instance or /api/v1/instance says; None if it is no such answer."""
    if not isinstance(instance, dict) or not _MARKS & instance.keys():
        return None
    version = instance.get("version")
    version = version if isinstance(version, str) else ""
    configuration = instance.get("configuration")
    statuses = configuration.get("statuses") if isinstance(configuration, dict) else None
    told: dict[str, Any] = statuses if isinstance(statuses, dict) else {}
    source = instance.get("source_url")
    software = f"{version} {source if isinstance(source, str) else ''}".lower()
    most = _number(told.get("max_characters"), least=1) or _number(instance.get("max_toot_chars"), least=1)
    per_link = _number(told.get("characters_reserved_per_url"), least=0)
    return Rules(
        most=USUAL.most if most is None else most,
        per_link=USUAL.per_link if per_link is None else per_link,
        counts_in_full=any(name in software for name in _COUNTS_IN_FULL),
        keeps_keys="gotosocial" not in software and _keeps_keys(version),
    )


def _keeps_keys(version: str) -> bool:
    """Return whether servers of that version are known to honour an Idempotency-Key.

    Known are Mastodon with its forks, whose version is a number, and some that name themselves behind it. snac
    and Pixelfed ignore the key; GoToSocial may; of others nothing is known.
    """
    if found := _COMPATIBLE.search(version):
        return found[1].lower() in _KEEPS_KEYS
    return bool(_FULL_VERSION.fullmatch(version.strip()))


def _number(value: object, *, least: int) -> int | None:
    return value if type(value) is int and least <= value <= _LARGEST else None


def fits_a_post(text: str, rules: Rules, *, content_warning: str | None = None, mentions: bool = False) -> bool:
    """Return whether a server with these rules takes `text`; without `mentions`, each is made harmless first."""
    return length_of(text if mentions else defuse(text), rules, content_warning) <= rules.most


def length_of(text: str, rules: Rules, content_warning: str | None = None) -> int:
    """Return how many characters the server counts for a post of `text`, its content warning included."""
    if rules.counts_in_full:
        return len(content_warning or "") + len(text)
    if "://" in text or "@" in text:
        text = _shortened(text, rules.per_link)
    return _clusters(content_warning or "") + _clusters(text)


def _clusters(text: str) -> int:
    # Pairs such as "\r\n" count one also in ASCII.
    return len(text) if text.isascii() and "\r" not in text else len(_CLUSTER.findall(text))


def _shortened(text: str, per_link: int) -> str:
    """Return a text with as many characters as count: links by their price, mentions without their server."""
    parts: list[str] = []
    used = 0
    for start, end, length in _links(text, per_link):
        parts += [_MENTION.sub(r"\1", text[used:start]), "x" * length]
        used = end
    return "".join([*parts, _MENTION.sub(r"\1", text[used:])])


def _links(text: str, per_link: int) -> Iterator[tuple[int, int, int]]:
    """Yield where the links of `text` stand, and what each counts.

    Mastodon sees links by twitter-text's rules, as X does, but only with a protocol. What those rules do not see,
    such as a link to a domain that is newer than they are, counts in full, if that is more.
    """
    seen: list[Span] = [span for span in find_links(text) if _URL.match(text, span[0])] if "://" in text else []
    used = 0
    for start, end in seen:
        yield from _doubtful(text, used, start, per_link)
        yield start, end, per_link or end - start
        used = end
    yield from _doubtful(text, used, len(text), per_link)


def _doubtful(text: str, start: int, end: int, per_link: int) -> Iterator[tuple[int, int, int]]:
    for found in _URL.finditer(text, start, end):
        yield found.start(), found.end(), max(per_link, len(found[0]))
