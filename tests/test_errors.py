"""The error tree, and its drawing in flock/errors.py."""

from __future__ import annotations

import re

from flock import errors
from flock.errors import FlockError


def tree_of(kind: type[FlockError], depth: int = 0) -> list[tuple[int, str]]:
    """Return the classes of flock/errors.py below `kind`, each with its depth, in the order of definition."""
    found = [(depth, kind.__name__)]
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            found += tree_of(child, depth + 1)
    return found


def test_the_drawing_shows_every_error_in_its_place() -> None:
    """Depth and order are those of the classes."""
    drawn = re.findall(r"^    ([ │├└─]*)([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE)

    assert tree_of(FlockError) == [(len(branch) // 4, name) for branch, name in drawn]


def test_unstorable_is_a_value_error_too() -> None:
    """A journal raises it where other code expects a ValueError."""
    assert issubclass(errors.Unstorable, ValueError)
