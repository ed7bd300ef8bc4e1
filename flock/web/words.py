"""Age, temperament and mood of a bot, in words."""

from __future__ import annotations

from flock.temperament import TENDENCIES, Character, Temperament, temperament_name
from flock.web.looks import age_of

_AGES = {
    "lamb": "a lamb, in its first recitation",
    "grown": "grown",
    "grey": "grey",
    "old": "old",
}
_HABITS = {
    "erratic": "keeps no time",
    "mix_up": "mixes up lines",
    "forget": "forgets words",
    "boredom": "gets bored",
    "fixation": "cannot let go of a line",
}
_MOODS = {
    "faithful": "faithful: the next line is as it is written",
    "forgets": "it forgets some of the next line",
    "comes back to it": "the next line has come back to it",
    "mixes up lines": "it mixes up lines",
    "is bored": "it is bored",
    "is fixated": "it cannot let go of a line",
}


def age_in_words(recitations: float) -> str:
    """Return how old a bot of so many recitations is."""
    return f"{_AGES[age_of(recitations)]}; {recitations:,.2f} recitations"


def temperament_in_words(temperament: Temperament) -> str:
    """Return the name of the temperament, and what it does."""
    name = temperament_name(temperament)
    if not isinstance(temperament, Character):
        return name
    habits = [_HABITS[each] for each in TENDENCIES if getattr(temperament, each)]
    if not habits:
        return f"{name}: says its poem as it is written"
    *first, last = habits
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"{name}: {listed}; half of that shows after {temperament.maturity:,g} recitations"


def mood_in_words(mood: str) -> str:
    """Return a mood as a sentence about the next line; one that a temperament of a user names stands as it is."""
    return _MOODS.get(mood, mood)
