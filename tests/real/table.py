"""What Bluesky's server (PDS 0.5.35) answers to records. Both it and its stand-in are held against this table."""

from __future__ import annotations

from typing import Any, NamedTuple

_CID = "bafyreia6u7ktszu4ciqxkm3xuk3bvk2wqnmh74kfzsevcezgfzg4sqegzq"
_URI = "at://did:plc:uh4ezg7gz2drvbfgeis6c42u/app.bsky.feed.post/3n3dcsaow5s4v"
_FAMILY = "👨‍👩‍👧‍👦"
_FACET = "app.bsky.richtext.facet"


class Put(NamedTuple):
    """A record under a key of its own, and what the server answers."""

    about: str
    record: Any
    status: int = 400
    error: str = "InvalidRequest"
    words: str = ""


def _post(**changed: Any) -> dict[str, Any]:
    """Return a good record with some parts changed; a part that is `...` is left out."""
    whole = {"$type": "app.bsky.feed.post", "text": "baa", "createdAt": "2026-11-27T12:00:00.000Z", **changed}
    return {name: value for name, value in whole.items() if value is not ...}


def _faceted(feature: dict[str, Any], **index: Any) -> dict[str, Any]:
    place = {"byteStart": 0, "byteEnd": 1, **index}
    return _post(facets=[{"index": {k: v for k, v in place.items() if v is not ...}, "features": [feature]}])


def _taken(about: str, record: Any) -> Put:
    return Put(about, record, 200, "", "validationStatus")


PUTS = [
    _taken("a plain post", _post()),
    _taken("300 graphemes", _post(text="a" * 300)),
    Put("301 graphemes", _post(text="a" * 301), words="grapheme too big (maximum 300, got 301)"),
    _taken("3,000 bytes", _post(text=_FAMILY * 120)),
    Put("3,125 bytes", _post(text=_FAMILY * 125), words="string too big (maximum 3000, got 3125)"),
    _taken("300 clusters of Burmese", _post(text="က္က" * 150)),
    Put("302 clusters of Burmese", _post(text="က္က" * 151), words="grapheme too big"),
    _taken("300 conjuncts of Bengali", _post(text="ক্ষ" * 300)),
    _taken("an empty text", _post(text="")),
    _taken("a blank text", _post(text=" \n")),
    _taken("a NUL", _post(text="a\0b")),
    _taken("no type", _post(**{"$type": ...})),
    Put("another type", _post(**{"$type": "app.bsky.feed.like"}), words="Invalid $type"),
    Put("a text that is a number", _post(text=1), words="$.record.text"),
    Put("no text", _post(text=...), words="Missing required key"),
    Put("no time", _post(createdAt=...), words="Missing required key"),
    Put("a time without a zone", _post(createdAt="2026-11-27T12:00:00"), words="Invalid datetime"),
    Put("a time at -00:00", _post(createdAt="2026-11-27T12:00:00-00:00"), words="Invalid datetime"),
    _taken("a time at +01:00", _post(createdAt="2036-11-27T12:00:00+01:00")),
    _taken("a time with microseconds", _post(createdAt="2026-11-27T12:00:00.123456Z")),
    _taken("three languages", _post(langs=["en", "pt-BR", "zh-Hant-TW"])),
    Put("four languages", _post(langs=["en", "de", "ja", "fr"]), words="array too big (maximum 3, got 4)"),
    Put("a language that is none", _post(langs=["!!"]), words="Invalid language"),
    Put("a number with a point", _post(x=1.5), words="(got 1.5)"),
    _taken("an unknown field", _post(x=1)),
    _taken("a link", _faceted({"$type": f"{_FACET}#link", "uri": "https://é.example/ü?x=ж"})),
    Put("a link that is none", _faceted({"$type": f"{_FACET}#link", "uri": "nope"}), words="Invalid uri"),
    _taken("a tag", _faceted({"$type": f"{_FACET}#tag", "tag": "w" * 64})),
    Put("a long tag", _faceted({"$type": f"{_FACET}#tag", "tag": "w" * 65}), words="grapheme too big"),
    Put("a mention of nobody", _faceted({"$type": f"{_FACET}#mention", "did": "x"}), words="Invalid DID"),
    _taken("a facet out of range", _faceted({"$type": f"{_FACET}#tag", "tag": "w"}, byteEnd=900)),
    Put(
        "a facet before the text",
        _faceted({"$type": f"{_FACET}#tag", "tag": "w"}, byteStart=-1),
        words="too small",
    ),
    Put("a facet without an end", _faceted({"$type": f"{_FACET}#tag", "tag": "w"}, byteEnd=...), words="byteEnd"),
    _taken(
        "a reply to what is not there",
        _post(reply={"root": {"uri": _URI, "cid": _CID}, "parent": {"uri": _URI, "cid": _CID}}),
    ),
    Put("a reply without a root", _post(reply={"parent": {"uri": _URI, "cid": _CID}}), words="root"),
    Put(
        "a reply with a bad CID",
        _post(reply={"root": {"uri": _URI, "cid": "x"}, "parent": {"uri": _URI, "cid": "x"}}),
        words="Invalid CID",
    ),
    Put("a list", [], words="Expected object value type"),
    Put("nothing", None, words="$.record"),
]
