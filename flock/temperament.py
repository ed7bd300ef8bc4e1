"""Temperaments: what a sheep makes of its poem as it ages.

A temperament is a pure function from a poem, the number of earlier recitations (the age) and a seed to one
recitation. So a restart, a rehearsal and a real run say the same, and recitation 100,000 costs no more than the
first. The random numbers are those of numpy's Philox, a counter-based generator: the seed is its key and the
recitation its counter, so that no recitation depends on the numbers drawn for another.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np

from flock.poem import ELLIPSIS

TENDENCIES = ("erratic", "mix_up", "forget", "boredom", "fixation")

# A line loses a word, its second half, or all of it when forgetfulness exceeds its strength by more than this.
_WORD_GONE, _HALF_GONE, _LINE_GONE = 0.0, 0.08, 0.2
_COMES_BACK = 0.02  # probability, in each recitation, that a forgotten line comes back
_LONGEST_FIXATION = 5  # repetitions of one line: each is a post that is paid for, and looks like spam
_TAIL = 1.1  # the exponent of the Pareto distribution of fixation's length, up to the longest
_FIXATED_EVERY = 16  # recitations, of which one may have a fixation: at the default intervals they take a day
_TRIED_VARIATIONS = 400  # of one line
_SKIPS = 3  # most lines that a bored sheep skips


class Utterance(NamedTuple):
    """One line of a recitation: its text, its place in the poem (from 0), and its mood.

    `pause` is a factor of the interval that follows the line, at least 0.5.
    """

    text: str
    line: int
    mood: str = "faithful"
    pause: float = 1.0


@dataclass(frozen=True, slots=True)
class Recitation:
    """One recitation of a poem: at least one utterance.

    `entropy` is from 0 to 1. `memory` is the share of the poem's words that the sheep still remembers, from 0 to
    1. `rest` is a factor of the poem interval, which follows the last line.
    """

    utterances: Sequence[Utterance]
    entropy: float = 0.0
    memory: float = 1.0
    rest: float = 1.0


class Temperament(Protocol):
    """A function from a poem, the number of the recitation (from 0) and the sheep's seed to the recitation.

    It must be pure: the same arguments give the same recitation.
    """

    def __call__(self, poem: tuple[str, ...], recitation: int, seed: int) -> Recitation:
        """Return the recitation."""


@dataclass(frozen=True, slots=True)
class Character:
    """A temperament of five tendencies, each from 0 to 1. With all at 0 the poem is recited as it is written.

    erratic: the sleep between lines varies. mix_up: neighbouring lines change places, or the first half of one is
    joined to the second half of the other. forget: lines lose a word, then a half, then everything. boredom: the
    sheep skips lines, leaves the poem early, and rests longer. fixation: the sheep repeats one line with
    variations, up to five times, in one of sixteen recitations at most: some five posts more a day at the default
    intervals.

    Each tendency is multiplied by the entropy, which grows with age: `maturity` is the age, in recitations, at
    which the entropy is 0.5. The default is some ten weeks at the default intervals.
    """

    erratic: float = 0.0
    mix_up: float = 0.0
    forget: float = 0.0
    boredom: float = 0.0
    fixation: float = 0.0
    maturity: float = 1000.0

    def entropy(self, age: float) -> float:
        """Return the entropy at `age` recitations: 0 at birth, 0.5 at maturity, and close to 1 later."""
        ratio = age / self.maturity
        return 1.0 - math.exp2(-ratio * ratio)

    def at(self, age: float) -> Character:
        """Return the tendencies multiplied by the entropy at `age` (in recitations)."""
        entropy = self.entropy(age)
        return replace(self, **{name: getattr(self, name) * entropy for name in TENDENCIES})

    def __call__(self, poem: tuple[str, ...], recitation: int, seed: int) -> Recitation:
        if not any(getattr(self, name) for name in TENDENCIES) or recitation == 0:
            return Recitation(_faithfully(poem))
        now, chance = self.at(recitation), chance_of(seed, recitation)
        said, memory = self._utter(poem, recitation, seed, chance)
        if recitation % 2:
            # No recitation may begin with the text that ended the one before. The odd ones are changed.
            before, after = (
                self._utter(poem, number, seed, chance_of(seed, number))[0]
                for number in (recitation - 1, recitation + 1)
            )
            said = _never_twice(said, before[-1].text, after[0].text)
        rest = 1.0 + 2.0 * now.boredom * float(chance.exponential())
        return Recitation(_wander(said, now.erratic, chance), self.entropy(recitation), memory, rest)

    def remembered(self, poem: tuple[str, ...], recitation: int, seed: int) -> Sequence[Utterance]:
        """Return the lines that the sheep still knows in that recitation, as far as it does, in the poem's order.

        Of these it makes what it says: it mixes them up, skips some, or repeats one.
        """
        return self._remember(poem, recitation, seed, chance_of(seed, recitation))[0]

    def _remember(
        self, poem: tuple[str, ...], recitation: int, seed: int, chance: np.random.Generator
    ) -> tuple[list[Utterance], float]:
        """Return these lines, and the share of the poem's words that are left."""
        if recitation == 0:
            return list(_faithfully(poem)), 1.0
        return _forget(poem, self.at(recitation).forget, seed, chance)

    def _utter(
        self, poem: tuple[str, ...], recitation: int, seed: int, chance: np.random.Generator
    ) -> tuple[list[Utterance], float]:
        """Return the utterances, none the same twice in a row, and the share of the poem's words that are left."""
        remembered, memory = self._remember(poem, recitation, seed, chance)
        if recitation == 0:
            return remembered, memory
        now = self.at(recitation)
        mixed = _mix_up(remembered, now.mix_up, chance)
        awake = _get_bored(mixed, now.boredom, chance)
        may_stay = (recitation - seed) % _FIXATED_EVERY == 0
        return _never_twice(_fixate(awake, now.fixation, chance, may_stay=may_stay)), memory


TEMPERAMENTS: Mapping[str, Character] = {
    "steadfast": Character(),
    "wistful": Character(erratic=0.3, forget=0.5, boredom=0.1, fixation=0.2, maturity=1600),
    "restless": Character(erratic=0.9, mix_up=0.2, forget=0.1, boredom=0.8, maturity=600),
    "senile": Character(erratic=0.5, mix_up=0.6, forget=0.9, boredom=0.3, fixation=0.3, maturity=1000),
    "obsessive": Character(erratic=0.2, mix_up=0.1, forget=0.2, fixation=1.0, maturity=800),
}


def parse_temperament(value: object) -> Character:
    """Return the temperament for a name, a text such as `forget=0.4,maturity=30`, or a mapping of tendencies.

    Raises ValueError, with a message that says what was expected.
    """
    if isinstance(value, str) and value in TEMPERAMENTS:
        return TEMPERAMENTS[value]
    if isinstance(value, str) and "=" in value:
        value = dict(part.partition("=")[::2] for part in value.split(","))
    if not isinstance(value, Mapping) or not value:
        raise ValueError(f"expected {', '.join(TEMPERAMENTS)}, or numbers such as forget=0.4,maturity=30")
    known = [field.name for field in fields(Character)]
    given = {}
    for name, number in value.items():
        key = str(name).strip().replace(" ", "_").replace("-", "_")
        if key not in known:
            raise ValueError(f"expected tendencies out of {', '.join(known)}, such as forget=0.4")
        given[key] = _number(key, number)
    return Character(**given)


def temperament_name(temperament: object) -> str:
    """Return what people call a temperament: its name, its numbers, or the name of the function that it is."""
    if named := next((name for name, each in TEMPERAMENTS.items() if each == temperament), None):
        return named
    if isinstance(temperament, Character):
        given = {name: getattr(temperament, name) for name in (*TENDENCIES, "maturity")}
        return ",".join(f"{name}={number:g}" for name, number in given.items() if number)
    return str(getattr(temperament, "__name__", type(temperament).__name__))


def _number(name: str, value: object) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        number = math.nan
    if name == "maturity" and 0 < number < math.inf:
        return number
    if name != "maturity" and 0 <= number <= 1:
        return number
    raise ValueError(f"{name}: expected a number {'over 0' if name == 'maturity' else 'from 0 to 1'}")


def seed_of(flock_seed: int, bot: str) -> int:
    """Return the sheep's own seed (128 bits): a hash of the flock's seed and the bot's name."""
    digest = hashlib.blake2b(f"{flock_seed} {bot.casefold()}".encode(), digest_size=16)
    return int.from_bytes(digest.digest(), "big")


def chance_of(seed: int, recitation: int) -> np.random.Generator:
    """Return the random generator of one recitation. Recitation -1 is for numbers that stay the same for life."""
    return np.random.Generator(np.random.Philox(key=seed, counter=(recitation + 1) << 128))


@lru_cache(maxsize=1024)
def _faithfully(poem: tuple[str, ...]) -> tuple[Utterance, ...]:
    """Return the poem as it is written. It is cached, so that sheep with one poem share its utterances."""
    return tuple(Utterance(text, line) for line, text in enumerate(poem))


def _words(text: str) -> list[str]:
    """Return the words of `text`; the last one of each line but the last has the line's end behind it."""
    lines = [line.split() for line in text.split("\n")]
    ends = [[*words[:-1], f"{words[-1]}\n"] for words in lines[:-1] if words]
    return [word for words in (*ends, lines[-1]) for word in words]


def _joined(words: Sequence[str]) -> str:
    """Return words as a text again, with their line ends but the last."""
    return " ".join(words).replace("\n ", "\n").removesuffix("\n")


def _forget(
    poem: tuple[str, ...], forget: float, seed: int, chance: np.random.Generator
) -> tuple[list[Utterance], float]:
    """Remove words and lines, and return what is left, and the share of the poem's words that are left.

    Each line has a random strength for life: weaker lines are forgotten at a younger age.
    """
    if not forget:
        return list(_faithfully(poem)), 1.0
    strengths = chance_of(seed, -1).random(len(poem))
    returns = chance.random(len(poem)) < _COMES_BACK
    strongest = int(strengths.argmax())
    utterances, kept, all_words = [], 0.0, 0
    for line, text in enumerate(poem):
        words = _words(text)
        past = forget - float(strengths[line])
        all_words += len(words)
        back = bool(returns[line]) and past > _LINE_GONE
        left = words if back or past <= _WORD_GONE else _fade(words, past, float(strengths[line]))
        if not left and line == strongest:
            left = words  # one line is never forgotten
        kept += len(left)
        if left == words:
            utterances.append(Utterance(text, line, "comes back to it" if back else "faithful"))
        elif left:
            utterances.append(Utterance(_with_a_gap(left, past), line, "forgets"))
    return utterances, kept / all_words


def _with_a_gap(left: list[str], past: float) -> str:
    """Return what is left of a line, with an ellipsis if its second half is missing."""
    said = _joined(left)
    return (said.rstrip(".,;:!?") or said) + ELLIPSIS if past > _HALF_GONE else said


def _fade(words: list[str], past: float, strength: float) -> list[str]:
    """Return the words that are left of a line: all but one, the first half, or none.

    `past` is how far forgetfulness exceeds the line's `strength`.
    """
    if past > _LINE_GONE or len(words) == 1:
        return []
    if past > _HALF_GONE:
        return words[: (len(words) + 1) // 2]
    lost = int(strength * 1e6) % len(words)
    return words[:lost] + words[lost + 1 :]


def _mix_up(said: list[Utterance], mix_up: float, chance: np.random.Generator) -> list[Utterance]:
    """Let neighbouring lines change places, or join the first half of one to the second half of the next."""
    if not mix_up:
        return said
    said = list(said)
    kinds = chance.random(len(said))
    for at in range(len(said) - 1):
        here, there = said[at], said[at + 1]
        if kinds[at] < mix_up / 3:
            said[at], said[at + 1] = there._replace(mood="mixes up lines"), here._replace(mood="mixes up lines")
        elif kinds[at] < mix_up * 2 / 3:
            mine, other = _words(here.text), _words(there.text)
            crossed = mine[: (len(mine) + 1) // 2] + other[(len(other) + 1) // 2 :]
            text = _joined(crossed)
            if crossed != mine and _fits_one_post(text):
                said[at] = here._replace(text=text, mood="mixes up lines")
    return said


def _get_bored(said: list[Utterance], boredom: float, chance: np.random.Generator) -> list[Utterance]:
    """Skip some lines, and leave the poem early."""
    if not boredom or len(said) == 1:
        return said
    leaves, skips = chance.random(2) < boredom
    if skips:
        at, count = int(chance.integers(1, len(said))), int(chance.integers(1, _SKIPS + 1))
        said = said[:at] + [later._replace(mood="is bored") for later in said[at + count :]]
    if leaves and len(said) > 1:
        said = said[: int(chance.integers(1, len(said)))]
        said[-1] = said[-1]._replace(mood="is bored")
    return said


def _fixate(
    said: list[Utterance], fixation: float, chance: np.random.Generator, *, may_stay: bool
) -> list[Utterance]:
    """Repeat one line with variations, if the sheep may; the number of repetitions is Pareto distributed."""
    if chance.random() >= fixation or not may_stay:  # drawn in any case: what comes after stays the same
        return said
    at = int(chance.integers(len(said)))
    returns = min(_LONGEST_FIXATION, 1 + int(chance.pareto(_TAIL)))
    stuck = said[at]
    start = int(chance.integers(len(_VARIATIONS)))
    echoes = [
        stuck._replace(text=text, mood="is fixated")
        for _, text in zip(range(returns), _say_differently(stuck.text, start), strict=False)
    ]
    return [*said[: at + 1], *echoes, *said[at + 1 :]]


def _say_differently(text: str, start: int) -> Iterator[str]:
    """Yield variations of `text` made of its own words, all different and all short enough for one post."""
    words = _words(text.removesuffix(ELLIPSIS)) or [text]
    seen = {text}
    for turn in range(_TRIED_VARIATIONS):
        vary = _VARIATIONS[(start + turn) % len(_VARIATIONS)]
        said = vary(words, 1 + turn // len(_VARIATIONS))
        if said not in seen and len(said) <= max(len(text), _LONGEST_VARIATION) and _fits_one_post(said):
            seen.add(said)
            yield said


_LONGEST_VARIATION = 120  # code points, or the length of the line if that is longer

# A temperament does not know the bot's network, so it counts cautiously: what it makes up is short enough for one
# post on every network. Some networks count 2 for a code point of an East Asian script, and a fixed length for a
# link; each link has a dot. A change of these numbers changes what the bots of existing flocks say.
_LONGEST_POST = 280
_LINK = 23
_LAST_OF_ONE = "\u10ff"  # up to here a code point counts 1, and 2 above


def _fits_one_post(text: str) -> bool:
    """Return whether `text` is short enough for one post on any network, by a cautious count."""
    letters = sum(1 if letter <= _LAST_OF_ONE else 2 for letter in text)
    return letters + _LINK * text.count(".") <= _LONGEST_POST


def _never_twice(said: list[Utterance], before: str = "", after: str = "") -> list[Utterance]:
    """Return `said` with a variation for each text that is the same as the one before it: networks refuse those.

    With `before` or `after`, the texts of the neighbouring recitations, only the first and last are changed.
    """
    texts = [before, *(each.text for each in said), after]
    places = sorted({1, len(said)}) if before or after else range(2, len(said) + 1)
    for at in places:
        if texts[at] == texts[at - 1] or (at == len(said) and texts[at] == after):
            others = (text for text in _say_differently(texts[at], 3) if text not in texts[at - 1 : at + 2])
            texts[at] = next(others, texts[at])
    return [
        each if each.text == text else each._replace(text=text)
        for each, text in zip(said, texts[1:-1], strict=True)
    ]


def _echo(words: list[str], depth: int) -> str:
    last = words[-(1 + depth % len(words)) :]
    return f"{_joined(last)}{ELLIPSIS} {_joined(last)}" + ELLIPSIS * (depth // len(words))


def _stammer(words: list[str], depth: int) -> str:
    return _joined([words[0]] * (1 + depth % 5) + words) + ELLIPSIS * (depth // 5)


def _fragment(words: list[str], depth: int) -> str:
    start = depth % len(words)
    return ELLIPSIS + _joined(words[start:]) + ELLIPSIS * (depth // len(words))


def _trail_off(words: list[str], depth: int) -> str:
    return _joined(words) + ELLIPSIS * depth


_VARIATIONS = (_echo, _stammer, _fragment, _trail_off)


def _wander(said: list[Utterance], erratic: float, chance: np.random.Generator) -> tuple[Utterance, ...]:
    """Multiply the pause after each line by a random factor (log-normal), at least 0.5."""
    if not erratic:
        return tuple(said)
    pauses = np.maximum(0.5, np.exp(erratic * chance.normal(size=len(said)))).tolist()
    return tuple(each._replace(pause=pause) for each, pause in zip(said, pauses, strict=True))
