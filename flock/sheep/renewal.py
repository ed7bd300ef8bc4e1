"""A key that was read anew while its bot is out, and what of it is other than before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import NamedTuple

from flock.keys import Key
from flock.sheep.keyfile import KeyFile

_NOT_NAMED = ("params", "credentials")


class Renewal(NamedTuple):
    """The key that is to be used from the next line on, and its file as it was when the key was read."""

    key: Key
    file: KeyFile


def connects_anew(before: Key, after: Key) -> bool:
    """Return whether a field has changed that the bot's network may know."""
    return before.params != after.params or before.file != after.file


def has_other_tokens(before: Key, after: Key) -> bool:
    """Return whether the credentials have changed: what was refused may be accepted now."""
    return before.credentials != after.credentials


def changed_fields(before: Key, after: Key) -> tuple[str, ...]:
    """Return the names of the fields that have changed, without their values."""
    return tuple(_changed(before, after))


def _changed(before: Key, after: Key) -> Iterator[str]:
    named = [each.name for each in fields(Key) if each.name not in _NOT_NAMED]
    found = [name for name in named if getattr(before, name) != getattr(after, name)]
    yield from found
    one, other = before.credentials, after.credentials
    if type(one) is type(other):
        tokens = [each.name for each in fields(one) if getattr(one, each.name) != getattr(other, each.name)]
        yield from tokens
        found += tokens
    if not found and before.params != after.params:
        yield "other fields"
