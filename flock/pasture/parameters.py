"""Reads whole numbers from a query string."""

from __future__ import annotations

from werkzeug.datastructures import MultiDict

from flock.pasture.answers import Refused, invalid

MOST_DIGITS = 19  # of an id that fits in 63 bits


def whole_number(
    values: MultiDict[str, str], name: str, *, default: int, least: int = 0, most: int | None = None
) -> int:
    """Return the parameter `name`, or `default` without one. Raises Refused unless least <= number <= most."""
    value = values.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdecimal() and len(value) <= MOST_DIGITS):
        raise Refused(invalid(f"The `{name}` query parameter value [{value}] is not a whole number"))
    number = int(value)
    if number < least or (most is not None and number > most):
        raise Refused(invalid(f"The `{name}` query parameter value [{value}] is not between {least} and {most}"))
    return number
