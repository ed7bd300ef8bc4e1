"""Facets: which parts of a text are links, hashtags and mentions. Without them they are plain text.

The rules are those of Bluesky's own apps, except that a link must begin with http:// or https://: a poem has many
full stops without a space, and few of them are domains. Places are counted in bytes of UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import regex

from flock.networks.bluesky.length import graphemes, size

Facet = dict[str, Any]

_LINK = regex.compile(r"(?<![^\s(\[{<\"'“‘«「『（【])https?://[^\s/<>\"“”][^\s<>\"“”]*", regex.IGNORECASE)
_AFTER_A_LINK = ".,;:!?'’»…。、！？」』"  # at its end these belong to the sentence
_BRACKETS = {")": "(", "]": "[", "}": "{", "）": "（", "】": "【"}
_HIDDEN = r"\u00AD\u2060\u200A\u200B\u200C\u200D\u20E2"
_TAG = regex.compile(rf"(?<!\S)[#＃](?!\uFE0F)([^\s{_HIDDEN}]*[^\d\s\p{{P}}{_HIDDEN}][^\s{_HIDDEN}]*)")
_AFTER_A_TAG = regex.compile(r"\p{P}+$")
_LONGEST_TAG = 64  # graphemes
_LARGEST_TAG = 640  # bytes
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_MENTION = regex.compile(rf"(?<![^\s(])@((?:{_LABEL}\.)+(?![0-9]){_LABEL})(?![\w-])", regex.IGNORECASE)
_TYPE = "app.bsky.richtext.facet"


def facets(text: str, find_did: Callable[[str], str | None] | None = None) -> list[Facet]:
    """Return the facets of `text`, in the order in which they stand, none over another.

    `find_did` returns the DID of a handle, or None if there is none; without it, mentions stay plain text.
    """
    found = [*_links(text), *_tags(text), *(_mentions(text, find_did) if find_did else ())]
    chosen: list[Facet] = []
    end = 0
    for start, stop, feature in sorted(found, key=lambda each: each[0]):
        if start >= end:
            index = {"byteStart": size(text[:start]), "byteEnd": size(text[:stop])}
            chosen.append({"index": index, "features": [feature]})
            end = stop
    return chosen


_Found = tuple[int, int, dict[str, str]]  # start and stop in code points, and the feature


def _links(text: str) -> Iterator[_Found]:
    for match in _LINK.finditer(text):
        uri = _without_the_sentence(match[0])
        if not uri.endswith("//"):  # more than the scheme is left
            yield match.start(), match.start() + len(uri), {"$type": f"{_TYPE}#link", "uri": uri}


def _without_the_sentence(uri: str) -> str:
    """Return `uri` without the punctuation after it; a closing bracket belongs to it if it was opened in it."""
    while not uri.endswith("//"):
        last = uri[-1]
        opens = _BRACKETS.get(last)
        if not (last in _AFTER_A_LINK or (opens and uri.count(last) > uri.count(opens))):
            break
        uri = uri[:-1]
    return uri


def _tags(text: str) -> Iterator[_Found]:
    for match in _TAG.finditer(text):
        tag = _AFTER_A_TAG.sub("", match[1])
        if tag and graphemes(tag) <= _LONGEST_TAG and size(tag) <= _LARGEST_TAG:
            yield match.start(), match.start() + 1 + len(tag), {"$type": f"{_TYPE}#tag", "tag": tag}


def _mentions(text: str, find_did: Callable[[str], str | None]) -> Iterator[_Found]:
    for match in _MENTION.finditer(text):
        if did := find_did(match[1].lower()):
            yield match.start(), match.end(), {"$type": f"{_TYPE}#mention", "did": did}
