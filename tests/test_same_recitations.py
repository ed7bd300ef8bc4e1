"""Recitations stay the same from version to version.

A temperament is a pure function, and the journal stores only the place in the recitation: if a new version recited
otherwise, a bot would jump to another line after the update. data/recitations.json holds a hash for each poem and
temperament, computed with commit c82773e. A poem that is edited gets a new hash; a temperament that is edited
does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
import simplejson as json

from flock.poem import read_poem
from flock.temperament import TEMPERAMENTS, Character, seed_of

POEMS = Path(__file__).parents[1] / "poems"
RECITED = json.loads((Path(__file__).parent / "data" / "recitations.json").read_text(encoding="utf-8"))

AGES = (0, 1, 2, 7, 20, 41, 100, 1_000, 100_000)  # recitations
BOTS = ("ewe_turn", "baarometer")
TROUBLED = Character(erratic=1, mix_up=1, forget=0.7, boredom=0.5, fixation=1, maturity=5)
CHARACTERS: Mapping[str, Character] = {**TEMPERAMENTS, "troubled": TROUBLED}

# Lines of which some variations are too long: by letters, by letters that count 2, by dots, and by one.
LONG_LINES = (
    "w " * 120 + "fog",
    "夜 " * 90 + "羊",
    "so.in " * 11 + "the end",
    "\u10ff " * 130 + "x",
    "\u1100 " * 100 + "y",
    f"a {'w' * 137} {'x' * 140}",
    "baa baa",
    "a b. " * 9 + "c",
)


def digest(poem: tuple[str, ...], character: Character) -> str:
    """Return a hash of everything that is said of `poem` at each of the ages."""
    hashed = hashlib.sha256()
    for bot in BOTS:
        for age in AGES:
            said = character(poem, age, seed_of(0, bot))
            # Six digits: the last bits of exp() differ between processors.
            numbers = f"{said.entropy:.6g} {said.memory:.6g} {said.rest:.6g}"
            lines = (f"{each.line}\t{each.mood}\t{each.pause:.6g}\t{each.text}" for each in said.utterances)
            hashed.update("\n".join([numbers, *lines, ""]).encode())
    return hashed.hexdigest()[:32]


@pytest.mark.parametrize("name", CHARACTERS)
def test_every_poem_is_recited_as_before(name: str) -> None:
    """Every temperament at every age: the texts, their order, their moods and their pauses."""
    poems = {path.name: read_poem(path) for path in sorted(POEMS.glob("*.txt"))} | {"long lines": LONG_LINES}

    assert RECITED[name] == {poem: digest(lines, CHARACTERS[name]) for poem, lines in poems.items()}
