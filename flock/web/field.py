"""The field: which of the flock's bots a page draws as sheep, and what it needs for that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from flock.overview import State
from flock.web.looks import look_of, sheep, sheet

MOST_SHEEP = 1_500  # that are drawn; a larger flock is a meadow of dots
MOST_PLAIN = 300  # sheep of a page without JavaScript; beyond that it leads to the table
_FEW, _SOME = 24, 150  # up to so many sheep are large, or of middle size

_STATES = tuple(state.value for state in State)


def field_values(bots: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the template of the field needs besides the snapshot; `bots` are those of the snapshot."""
    count = len(bots)
    return {
        "drawn": bots if count <= MOST_SHEEP else (),
        "is_dotted": count > MOST_SHEEP,
        "leads_to_table": count > MOST_PLAIN,
        "density": "few" if count <= _FEW else "some" if count <= _SOME else "many",
        "sheep": sheep,
        "sheet": sheet(),
        "states": in_words(bots),
    }


def in_words(bots: Sequence[Mapping[str, Any]]) -> str:
    """Return how many bots do what, such as "6 asleep, 1 penned"."""
    return ", ".join(f"{count:,} {state}" for state, count in Counter(bot["state"] for bot in bots).most_common())


def dots(bots: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the bots of a large flock as small as they get.

    `states` are words; each of `bots` is [name, the number of its colour, the number of its state in
    `states`]. Its page is at /bots/ and its name.
    """
    numbers = {state: number for number, state in enumerate(_STATES)}
    return {
        "states": _STATES,
        "bots": [[bot["name"], look_of(bot["name"]).tint, numbers[bot["state"]]] for bot in bots],
    }


def dot(bot: Mapping[str, Any]) -> dict[str, Any]:
    """Return what has changed of a dot."""
    return {"name": bot["name"], "state": bot["state"]}
