"""Which bots the field draws."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from flock.overview import State
from flock.web.field import MOST_PLAIN, MOST_SHEEP, dots, field_values, in_words


def bots(count: int, state: str = "asleep") -> list[dict[str, Any]]:
    """Return so many bots."""
    return [{"name": f"bot{number}", "state": state} for number in range(count)]


@pytest.mark.parametrize(
    ("count", "density", "drawn", "leads"),
    [
        (0, "few", 0, False),
        (24, "few", 24, False),
        (25, "some", 25, False),
        (151, "many", 151, False),
        (MOST_PLAIN + 1, "many", 301, True),
        (MOST_SHEEP, "many", 1500, True),
        (MOST_SHEEP + 1, "many", 0, True),
    ],
)
def test_sheep_get_smaller_and_then_become_dots(count: int, density: str, drawn: int, leads: bool) -> None:
    """And a page without JavaScript leads to the table."""
    values = field_values(bots(count))
    assert (density, drawn, leads) == (values["density"], len(values["drawn"]), values["leads_to_table"])
    assert (count > MOST_SHEEP) == values["is_dotted"]


def test_the_words_count_the_states() -> None:
    """The most common first."""
    assert "1,000 asleep, 1 penned" == in_words(bots(1000) + bots(1, "penned"))
    assert "" == in_words([])


def test_a_dot_is_a_name_a_colour_and_a_state() -> None:
    """The state as its number in the list of words."""
    found = dots(bots(1, "penned"))
    [[name, tint, state]] = found["bots"]
    assert ("bot0", "penned") == (name, found["states"][state])
    assert tint in range(12)


def test_the_page_in_docs_names_each_state() -> None:
    """In its table of what the sheep do."""
    page = (Path(__file__).parents[2] / "docs" / "web.md").read_text(encoding="utf-8")
    table = " ".join(re.findall(r"^\| .* \| (.*) \|$", page, re.MULTILINE))
    words = {"waiting": "waits", "backing off": "backs off", "not running": "not run by any flock"}
    assert [] == [state for state in State if words.get(state, state.value) not in table]
