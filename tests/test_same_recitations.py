"""Recitations stay the same from version to version, unless a temperament is changed on purpose.

A temperament is a pure function, and the journal stores only the place in the recitation: if a new version recited
otherwise by mistake, bots would jump to other lines after the update. data/recitations.json holds a hash for each
poem and temperament. A poem that is edited gets a new hash. A temperament that is changed gets new ones and a line
in CHANGELOG.md; what a running flock makes of that is in the last test.

The hashes of "steadfast" and "unfixated" were computed with the version before fixations became short and the
named temperaments slow: poems recited by numbers, without fixation, have stayed the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import simplejson as json

from flock.events import PoemChanged, Stumbled, TemperamentChanged
from flock.options import Options
from flock.poem import read_poem
from flock.temperament import TEMPERAMENTS, Character, seed_of
from tests.world import World

POEMS = Path(__file__).parents[1] / "poems"
RECITED = json.loads((Path(__file__).parent / "data" / "recitations.json").read_text(encoding="utf-8"))

AGES = (0, 1, 2, 7, 20, 41, 100, *range(1_000, 1_016), 100_000)  # recitations, of which one has a fixation
BOTS = ("ewe_turn", "baarometer")
TROUBLED = Character(erratic=1, mix_up=1, forget=0.7, boredom=0.5, fixation=1, maturity=5)
UNFIXATED = replace(TROUBLED, fixation=0)
CHARACTERS: Mapping[str, Character] = {**TEMPERAMENTS, "troubled": TROUBLED, "unfixated": UNFIXATED}

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


@pytest.mark.parametrize("age", [40.5, 60.7])
def test_a_running_flock_goes_on_where_it_was_after_a_temperament_has_changed(
    make_world: Callable[..., World], age: float
) -> None:
    """The sheep goes on in the same recitation, at a line that it names, and not with the poem's first line."""
    before = replace(TEMPERAMENTS["senile"], maturity=25)  # as it was before named temperaments became slow
    world = make_world(options=Options(temperament=before))
    world.folder.joinpath("dolly.txt").write_text("\n".join(read_poem(POEMS / "one-light-still-on.txt")))
    sheep = world.raise_sheep()
    sheep.grow_to(age)
    world.live(100, sheep)  # two lines
    said = len(world.stage().posts)

    world.options = replace(world.options, temperament=TEMPERAMENTS["senile"])
    world.anew()
    after = world.raise_sheep()
    world.live(200, after)

    assert int(age) == sheep.place.recitations == after.place.recitations
    assert [] == [*world.told(Stumbled), *world.told(PoemChanged)]
    (event,) = world.told(TemperamentChanged)
    assert isinstance(event, TemperamentChanged)
    assert event.line > 0
    assert [each.text for each in after.recitation.utterances[event.line :][:3]] == world.stage().posts[said:]
