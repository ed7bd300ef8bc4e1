"""What a post on Bluesky must look like, as its own server checks it, and the hash of a record."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from flock.networks.bluesky.length import MOST_BYTES, MOST_GRAPHEMES, graphemes, size

POST = "app.bsky.feed.post"
TID = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")

_RECORD_KEY = re.compile(r"[A-Za-z0-9._:~-]{1,512}")
_DATETIME = re.compile(
    r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-6]\d:[0-6]\d(\.\d{1,20})?(Z|[+-][0-2]\d:[0-5]\d)", re.ASCII
)
_LANGUAGE = re.compile(r"(i|[a-z]{2,3})(-[a-zA-Z0-9]+)*")
_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]*[A-Za-z0-9._-]")
_AT_URI = re.compile(r"at://[A-Za-z0-9.:%_-]+/[A-Za-z0-9.-]+/[A-Za-z0-9._:~-]+")
_CID = re.compile(r"bafyrei[a-z2-7]{52}")
_URI = re.compile(r"\w+:(?://)?[^\s/]\S*")
_HANDLE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_NSID = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,62}(\.[A-Za-z0-9-]{1,63})+\.[A-Za-z][A-Za-z0-9]{0,62}")
_FACETS = "app.bsky.richtext.facet"


class Invalid(Exception):
    """Raised for a record, or a key, that the server does not store. Its text is the server's message."""


def check_form(form: str, value: str, where: str = "") -> None:
    """Raise Invalid unless `value` has this form, one of those of `_FORMS`. The message names `where` it is."""
    if not _FORMS[form](value):
        raise Invalid(f'Invalid {form} (got "{value}"){where}')


def check_key(collection: str, rkey: str) -> None:
    """Raise Invalid unless `rkey` may be the key of a record of `collection`."""
    if collection == POST and not TID.fullmatch(rkey):
        raise Invalid(f'Invalid record key for {collection}: Invalid TID string (got "{rkey}") at $')


def check_record(collection: str, record: Any) -> dict[str, Any]:
    """Return the record as it is stored, with its `$type`. Raises Invalid."""
    if not isinstance(record, dict):
        raise Invalid("Expected object value type at $.record")
    if record.get("$type", collection) != collection:
        raise Invalid(f"Invalid $type: expected {collection}, got {record['$type']}")
    stored: dict[str, Any] = {"$type": collection, **record}
    _no_floats(stored)
    if collection == POST and (fault := next(_faults_of_a_post(stored), None)):
        path, wrong = fault
        raise Invalid(f"Invalid {POST} record: {wrong} at $.record{path}")
    return stored


def _no_floats(record: dict[str, Any]) -> None:
    waiting: list[Any] = [record]
    while waiting:
        value = waiting.pop()
        if isinstance(value, float):
            raise Invalid(f"Expected one of null, boolean, integer, string (got {value})")
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


_Fault = tuple[str, str]  # where in the record, and what is wrong there


def _faults_of_a_post(post: dict[str, Any]) -> Iterator[_Fault]:
    yield from _text(post, "", "text", most=MOST_GRAPHEMES, largest=MOST_BYTES)
    yield from _formed(post, "", "createdAt", "datetime", _is_datetime)
    langs = post.get("langs", [])
    if not isinstance(langs, list):
        yield ".langs", "Expected array value type"
    elif len(langs) > 3:
        yield ".langs", f"array too big (maximum 3, got {len(langs)})"
    else:
        for number, lang in enumerate(langs):
            if not (isinstance(lang, str) and _LANGUAGE.fullmatch(lang)):
                yield f".langs[{number}]", f'Invalid language (got "{lang}")'
    if "reply" in post:
        for end in ("root", "parent"):
            yield from _object(post["reply"], ".reply", end, _faults_of_a_reference)
    facets = post.get("facets", [])
    for number, facet in enumerate(facets if isinstance(facets, list) else [None]):
        yield from _faults_of_a_facet(facet, f".facets[{number}]")


def _faults_of_a_reference(reference: dict[str, Any], path: str) -> Iterator[_Fault]:
    yield from _formed(reference, path, "cid", "CID string", _matches(_CID))
    yield from _formed(reference, path, "uri", "AT URI", _matches(_AT_URI))


def _faults_of_a_facet(facet: Any, path: str) -> Iterator[_Fault]:
    yield from _object(facet, path, "index", _faults_of_an_index)
    features = facet.get("features") if isinstance(facet, dict) else None
    if not isinstance(features, list):
        yield path, 'Missing required key "features"'
    else:
        for number, feature in enumerate(features):
            yield from _faults_of_a_feature(feature, f"{path}.features[{number}]")


def _faults_of_an_index(index: dict[str, Any], path: str) -> Iterator[_Fault]:
    for end in ("byteStart", "byteEnd"):
        value = index.get(end)
        if value is None:
            yield path, f'Missing required key "{end}"'
        elif type(value) is not int or value < 0:
            yield f"{path}.{end}", f"integer too small (minimum 0, got {value})"


def _faults_of_a_feature(feature: Any, path: str) -> Iterator[_Fault]:
    kind = feature.get("$type") if isinstance(feature, dict) else None
    if not isinstance(kind, str):
        yield path, 'Missing required key "$type"'
    elif kind == f"{_FACETS}#link":
        yield from _formed(feature, path, "uri", "uri", _matches(_URI))
    elif kind == f"{_FACETS}#mention":
        yield from _formed(feature, path, "did", "DID", _matches(_DID))
    elif kind == f"{_FACETS}#tag":
        yield from _text(feature, path, "tag", most=64, largest=640)


def _object(
    holder: Any, path: str, name: str, faults: Callable[[dict[str, Any], str], Iterator[_Fault]]
) -> Iterator[_Fault]:
    found = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(found, dict):
        yield from faults(found, f"{path}.{name}")
    else:
        yield path, f'Missing required key "{name}"'


def _text(holder: dict[str, Any], path: str, name: str, *, most: int, largest: int) -> Iterator[_Fault]:
    text = holder.get(name)
    if text is None:
        yield path, f'Missing required key "{name}"'
    elif not isinstance(text, str):
        yield f"{path}.{name}", f"Expected string value type (got {text})"
    elif size(text) > largest:
        yield f"{path}.{name}", f"string too big (maximum {largest}, got {size(text)})"
    elif graphemes(text) > most:
        yield f"{path}.{name}", f"grapheme too big (maximum {most}, got {graphemes(text)})"


def _formed(
    holder: dict[str, Any], path: str, name: str, form: str, is_one: Callable[[str], bool]
) -> Iterator[_Fault]:
    value = holder.get(name)
    if value is None:
        yield path, f'Missing required key "{name}"'
    elif not (isinstance(value, str) and is_one(value)):
        yield f"{path}.{name}", f'Invalid {form} (got "{value}")'


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: bool(pattern.fullmatch(text))


def _is_datetime(text: str) -> bool:
    return bool(_DATETIME.fullmatch(text)) and not text.endswith("-00:00")


_FORMS: dict[str, Callable[[str], bool]] = {
    "AT identifier": lambda text: bool(_HANDLE.fullmatch(text) or _DID.fullmatch(text)),
    "CID string": _matches(_CID),
    "DID": _matches(_DID),
    "NSID": _matches(_NSID),
    "handle": _matches(_HANDLE),
    "record key": lambda text: bool(_RECORD_KEY.fullmatch(text)) and text not in (".", ".."),
}


def cid(record: dict[str, Any]) -> str:
    """Return the hash of a record: SHA-256 of its DAG-CBOR, as a CID of version 1 in base32."""
    digest = b"\x01\x71\x12\x20" + hashlib.sha256(_cbor(record)).digest()
    return "b" + base64.b32encode(digest).decode().lower().rstrip("=")


def _cbor(value: Any) -> bytes:
    """Return `value` in DAG-CBOR: shortest heads, the keys of a map by their length and then by their bytes."""
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value]
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, str):
        encoded = value.encode("utf-8", "replace")
        return _head(3, len(encoded)) + encoded
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(_cbor, value))
    pairs = sorted(((_cbor(key), _cbor(each)) for key, each in value.items()), key=lambda pair: pair[0])
    return _head(5, len(value)) + b"".join(key + each for key, each in pairs)


def _head(major: int, number: int) -> bytes:
    for extra, limit, length in ((None, 24, 0), (24, 1 << 8, 1), (25, 1 << 16, 2), (26, 1 << 32, 4)):
        if number < limit:
            first = number if extra is None else extra
            return bytes([major << 5 | first]) + (number.to_bytes(length) if length else b"")
    return bytes([major << 5 | 27]) + number.to_bytes(8)
