"""Temperaments are pure, stay within bounds for all numbers, and each tendency does what its name says."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from flock import temperament
from flock.networks.x.length import fits_a_tweet
from flock.poem import ELLIPSIS
from flock.temperament import (
    TEMPERAMENTS,
    TENDENCIES,
    Character,
    Recitation,
    chance_of,
    parse_temperament,
    seed_of,
)

PUNCTUATION = ".,;:!?" + ELLIPSIS
OLD = 100_000  # recitations: entropy is 1
EVERY = 16  # recitations, of which one may have a fixation
LETTERS = "abcxyz", "άβγδώ", "אבגד", "مرحبا", "क्षेत्र", "眠れぬ夜ひつじ", "각한글", "🐑🐏💤"

Poem = tuple[str, ...]


def _line(words: list[str]) -> str:
    return unicodedata.normalize("NFC", " ".join(words)).strip()


words = st.one_of(
    *(st.text(letters, min_size=1, max_size=12) for letters in LETTERS),
    st.sampled_from(["…", "—", "...", "a.co", "x.com/y,", "«non»", "🐑.", "#baa", "@ewe", "la"]),
    st.sampled_from(["눈", "夜", "w"]).flatmap(
        lambda letter: st.integers(30, 130).map(lambda size: letter * size)
    ),
)
lines = st.lists(words, min_size=1, max_size=14).map(_line).filter(bool)
poems = st.lists(lines, min_size=1, max_size=8).map(tuple)
shares = st.one_of(st.just(0.0), st.just(1.0), st.floats(0, 1))
maturities = st.one_of(st.sampled_from([5e-324, 1e-200, 0.5, 3.0, 1e300]), st.floats(1e-3, 1e6))
characters = st.builds(
    Character,
    erratic=shares,
    mix_up=shares,
    forget=shares,
    boredom=shares,
    fixation=shares,
    maturity=maturities,
)
recitations = st.one_of(st.integers(0, 5), st.integers(0, 10**6))
seeds = st.integers(0, 2**128 - 1)


def bare(text: str) -> set[str]:
    """Return the words of `text` without their punctuation."""
    return {word.strip(PUNCTUATION) for word in text.split()}


# Whatever the numbers


@given(characters, poems, recitations, seeds)
def test_nothing_is_said_but_the_poems_own_words(
    character: Character, poem: Poem, recitation: int, seed: int
) -> None:
    """No utterance is empty, invents a word, or points at a line that there is not."""
    own = {""}.union(*map(bare, poem))

    said = character(poem, recitation, seed).utterances

    assert said
    assert [] == [utterance for utterance in said if not utterance.text.strip()]
    assert [] == [utterance for utterance in said if not bare(utterance.text) <= own]
    assert {utterance.line for utterance in said} <= set(range(len(poem)))


@example(Character(fixation=1, maturity=0.01), ("…",), 5, 1)
@example(Character(forget=1, maturity=1e-200), ("a b",), 5, 1)
@given(characters, poems, recitations, seeds)
def test_everything_stays_within_its_bounds(character: Character, poem: Poem, recitation: int, seed: int) -> None:
    """Pauses are half the interval or longer, rests whole; entropy and memory are shares."""
    said = character(poem, recitation, seed)

    assert min(utterance.pause for utterance in said.utterances) >= 0.5
    assert 1 <= said.rest < np.inf
    assert 0 <= said.entropy <= 1
    assert 0 < said.memory <= 1


@given(characters, poems, recitations, seeds)
def test_the_same_arguments_are_the_same_recitation(
    character: Character, poem: Poem, recitation: int, seed: int
) -> None:
    """Nothing but its arguments goes into a recitation, and none leaves anything behind for the next."""
    first = character(poem, recitation, seed)
    character(poem, recitation + 1, seed + 1 if seed + 1 < 2**128 else 0)

    assert first == character(poem, recitation, seed)


LINKS = tuple(" ".join(f"a{number}.co" for number in range(8)) for _ in range(2))
KANJI_AT_THE_END = ("w " * 69 + "夜" * 33 + " " + "夜" * 33,)


@example(Character(fixation=1, maturity=0.01), LINKS, 7, 3)
@example(Character(fixation=1, maturity=0.01), KANJI_AT_THE_END, 7, 3)
@example(Character(mix_up=1, maturity=0.01), ("w" * 250 + " w", "w " + "w" * 250), 7, 3)
@given(characters, st.lists(lines.filter(fits_a_tweet), min_size=1, max_size=8).map(tuple), recitations, seeds)
def test_what_becomes_of_lines_that_fit_a_tweet_fits_a_tweet(
    character: Character, poem: Poem, recitation: int, seed: int
) -> None:
    """Neither an echo nor a crossed line is longer than one post on X."""
    said = character(poem, recitation, seed).utterances

    assert [] == [utterance for utterance in said if not fits_a_tweet(utterance.text)]


short_words = st.text("abcέ眠🐑", min_size=1, max_size=6)
short_poems = st.lists(st.lists(short_words, min_size=1, max_size=8).map(_line), min_size=1, max_size=6).map(tuple)


@example(Character(boredom=1, maturity=0.01), ("la la", "li", "lo"), 1, 1)
@example(Character(forget=1, maturity=0.01), ("la", "li lo"), 1, 1)
@example(Character(mix_up=1, maturity=0.01), ("la la", "li", "la la", "li"), 1, 1)
@example(Character(fixation=1, maturity=0.01), ("la", "la la", "la la la"), 1, 1)
@given(characters, short_poems, st.integers(1, 10**6), seeds)
def test_nothing_is_said_twice_in_a_row(character: Character, poem: Poem, recitation: int, seed: int) -> None:
    """No text comes twice in a row, within a recitation or from one to the next: networks refuse it."""
    assume(any(getattr(character, name) for name in TENDENCIES))

    said = [
        utterance.text
        for number in range(recitation, recitation + 4)
        for utterance in character(poem, number, seed).utterances
    ]

    assert [] == [here for here, there in pairwise(said) if here == there]


@given(poems, recitations, seeds, maturities)
def test_without_a_tendency_a_sheep_is_faithful_for_ever(
    poem: Poem, recitation: int, seed: int, maturity: float
) -> None:
    """All tendencies at 0: the poem as it stands, at the interval, with all its memory and no entropy."""
    said = Character(maturity=maturity)(poem, recitation, seed)

    assert poem == tuple(utterance.text for utterance in said.utterances)
    assert {(1.0, "faithful")} == {(utterance.pause, utterance.mood) for utterance in said.utterances}
    assert (0.0, 1.0, 1.0) == (said.entropy, said.memory, said.rest)


@given(characters, poems, seeds)
def test_at_birth_every_sheep_is_faithful(character: Character, poem: Poem, seed: int) -> None:
    """The first recitation has no entropy, and so no tendency shows."""
    assert Character()(poem, 0, 0) == character(poem, 0, seed)


def test_steadfast_is_the_one_without_tendencies() -> None:
    """The default is the article's sheep; no other named temperament is."""
    faithful = [name for name, it in TEMPERAMENTS.items() if not any(getattr(it, each) for each in TENDENCIES)]

    assert ["steadfast"] == faithful


# Entropy


@given(characters, st.floats(0, 1e6), st.floats(0, 1e6))
def test_entropy_only_grows(character: Character, age: float, other: float) -> None:
    """Entropy never falls with age, for every maturity."""
    young, old = sorted([age, other])

    assert 0 <= character.entropy(young) <= character.entropy(old) <= 1


def test_entropy_rises_smoothly_from_nothing_through_a_half_at_maturity() -> None:
    """Entropy rises from 0 without a jump, to 0.5 at maturity and to nearly 1 at three times that age."""
    ages = np.linspace(0, 120, 1201)
    curve = np.array([Character(maturity=30).entropy(float(age)) for age in ages])

    assert 0 == curve[0]
    assert 0.5 == pytest.approx(Character(maturity=30).entropy(30))
    assert curve[ages >= 90].min() > 0.99
    assert np.diff(curve).max() < 0.01
    assert curve[10] < 0.001


@given(characters, st.floats(0, 1e6))
def test_tendencies_are_scaled_by_entropy(character: Character, age: float) -> None:
    """What shows of each tendency is its number times the entropy."""
    now, entropy = character.at(age), character.entropy(age)

    assert [getattr(character, name) * entropy for name in TENDENCIES] == [
        getattr(now, name) for name in TENDENCIES
    ]


# Each tendency alone

POEM = tuple(" ".join(f"line{line}word{word}" for word in range(8)) for line in range(20))
MATURITY = 30.0


def lives(character: Character, ages: list[int], sheep: int = 60) -> Iterator[list[Recitation]]:
    """Yield, age by age, a recitation by each of so many sheep."""
    for age in ages:
        yield [character(POEM, age, seed_of(0, f"sheep{number}")) for number in range(sheep)]


def is_rising(values: list[float]) -> bool:
    """Return whether each value is greater than the one before."""
    return all(before < after for before, after in pairwise(values))


def test_erratic_pauses_spread_with_age_and_nothing_else_changes() -> None:
    """The sleep wanders further with age; what is said stays the poem."""
    flocks = list(lives(Character(erratic=1, maturity=MATURITY), [3, 15, 30, 90]))

    pauses = [[utterance.pause for said in flock for utterance in said.utterances] for flock in flocks]

    assert is_rising([float(np.std(each)) for each in pauses])
    assert 0.5 == min(pauses[-1])
    assert max(pauses[-1]) > 5
    assert 1.0 == pytest.approx(float(np.median(pauses[-1])), abs=0.1)
    assert {POEM} == {tuple(each.text for each in said.utterances) for flock in flocks for said in flock}


def test_mixed_up_lines_change_places_and_cross_over_more_with_age() -> None:
    """Lines come in another order, or end in their neighbour's half; none is lost."""
    flocks = list(lives(Character(mix_up=1, maturity=MATURITY), [5, 15, 30, 90]))
    halves = {" ".join(line.split()[:4]): number for number, line in enumerate(POEM)}
    ends = {" ".join(line.split()[4:]): number for number, line in enumerate(POEM)}

    out_of_order, crossed = [], []
    for flock in flocks:
        places = [[utterance.line for utterance in said.utterances] for said in flock]
        assert all(sorted(each) == list(range(len(POEM))) for each in places)
        out_of_order.append(float(np.mean([here > there for each in places for here, there in pairwise(each)])))
        texts = [utterance.text for said in flock for utterance in said.utterances if utterance.text not in POEM]
        assert all(
            halves[" ".join(text.split()[:4])] != ends[" ".join(text.split()[4:])] for text in texts
        )  # and each is made of two halves: anything else is a KeyError
        crossed.append(float(len(texts)))

    assert is_rising(out_of_order)
    assert is_rising(crossed)
    assert out_of_order[-1] > 0.2
    assert crossed[-1] > 0.2 * 60 * len(POEM)


def test_a_forgetful_sheep_says_fewer_lines_the_older_it_gets() -> None:
    """N shrinks with age, memory with it, and something is always left."""
    flocks = list(lives(Character(forget=1, maturity=MATURITY), [0, 20, 30, 45, 90]))

    lengths = [float(np.mean([len(said.utterances) for said in flock])) for flock in flocks]
    memories = [float(np.mean([said.memory for said in flock])) for flock in flocks]

    assert is_rising(lengths[::-1])
    assert is_rising(memories[::-1])
    assert (20, 1) == (lengths[0], memories[0])
    assert lengths[-1] < 6
    assert min(len(said.utterances) for flock in flocks for said in flock) >= 1


def test_a_line_fades_by_a_word_then_the_half_then_the_whole() -> None:
    """Of eight words, seven are left, then four and an ellipsis, then none; only a whole line comes back."""
    forgetful = Character(forget=1, maturity=MATURITY)
    left: dict[int, list[int]] = {line: [] for line in range(len(POEM))}
    for recitation in range(200):
        said = {each.line: each for each in forgetful(POEM, recitation, 7).utterances}
        for line, words_left in left.items():
            text = said[line].text if line in said else ""
            if line in said and said[line].mood == "comes back to it":
                assert POEM[line] == text
                continue
            words_left.append(len(text.split()))
            assert (len(text.split()) == 4) == text.endswith(ELLIPSIS)
            assert bare(text) <= bare(POEM[line])

    assert all(sorted(each, reverse=True) == each for each in left.values())
    assert {(8, 7, 4, 0), (8, 7, 4), (8, 7), (8,)} >= {tuple(dict.fromkeys(each)) for each in left.values()}
    assert sum(tuple(dict.fromkeys(each)) == (8, 7, 4, 0) for each in left.values()) > 10


def test_a_forgotten_line_comes_back_in_a_fiftieth_of_the_recitations() -> None:
    """A forgotten line sometimes comes back in full, for one recitation."""
    character = Character(forget=1, maturity=MATURITY)
    forgotten, back = 0, 0
    for number in range(2_000):
        moods = [utterance.mood for utterance in character(POEM, OLD + number, 11).utterances]
        returned = moods.count("comes back to it")
        back += returned
        forgotten += len(POEM) - len(moods) + returned

    assert 0.02 == pytest.approx(back / forgotten, abs=0.003)


def test_a_bored_sheep_leaves_early_and_rests_longer_the_older_it_gets() -> None:
    """Recitations shrink and rests grow; what is said is in order, with a gap or an early end."""
    flocks = list(lives(Character(boredom=1, maturity=MATURITY), [3, 20, 35, 90], sheep=200))

    assert is_rising([float(np.mean([len(said.utterances) for said in flock])) for flock in flocks[::-1]])
    assert is_rising([float(np.mean([said.rest for said in flock])) for flock in flocks])
    assert all(
        is_rising([float(each.line) for each in said.utterances]) and said.utterances[0].line == 0
        for flock in flocks
        for said in flock
    )


def test_a_bored_sheep_skips_ahead_and_leaves_before_the_end() -> None:
    """Both kinds of boredom show."""
    character = Character(boredom=0.5, maturity=MATURITY)
    places = [[each.line for each in character(POEM, OLD + number, 5).utterances] for number in range(300)]

    gaps = {there - here for each in places for here, there in pairwise(each)}

    assert {1, 2, 3, 4} == gaps
    assert sum(each[-1] < len(POEM) - 1 for each in places) > 100
    assert sum(len(each) == len(POEM) for each in places) > 30


def returns_of(recitation: Recitation) -> int:
    """Return how often the line was said once more."""
    return sum(utterance.mood == "is fixated" for utterance in recitation.utterances)


@given(characters, st.lists(lines, min_size=1, max_size=4).map(tuple), st.integers(0, 10**6), seeds)
def test_a_fixation_ends_by_itself_after_a_handful_of_returns_a_day(
    character: Character, poem: Poem, recitation: int, seed: int
) -> None:
    """At the default intervals 16 recitations take a day or more: in them, one line comes back five times at
    most, whatever the numbers are."""
    returns = [returns_of(character(poem, recitation + number, seed)) for number in range(EVERY)]

    assert sum(returns) <= 5
    assert sum(each > 0 for each in returns) <= 1


def test_most_fixations_are_short_and_some_are_as_long_as_they_may_be() -> None:
    """Half of them are one return, and a sixth of them five."""
    character = Character(fixation=1, maturity=MATURITY)

    returns = [returns_of(character(POEM, OLD + number, 0)) for number in range(0, 1_000 * EVERY, EVERY)]

    assert {1, 2, 3, 4, 5} == set(returns)
    shares = [returns.count(1) / len(returns), returns.count(5) / len(returns)]
    assert [0.53, 0.17] == pytest.approx(shares, abs=0.04)


def test_fixations_get_more_frequent_with_age() -> None:
    """At birth none, at maturity in half of the recitations that may have one, at last in all."""
    character = Character(fixation=1, maturity=MATURITY)

    shares = [
        float(np.mean([returns_of(character(POEM, age, seed)) > 0 for seed in range(age % EVERY, 5_000, EVERY)]))
        for age in (0, 15, 30, 300)
    ]

    assert [0, 0.16, 0.5, 1] == pytest.approx(shares, abs=0.08)


def test_a_poem_at_the_default_intervals_ages_over_months() -> None:
    """In the first week hardly anything is said otherwise, after a quarter of a year something is, and after a
    year more: by each of the named temperaments but the steadfast one, at 14 recitations a day."""
    for character in (each for name, each in TEMPERAMENTS.items() if name != "steadfast"):
        flocks = lives(character, [7 * 14, 90 * 14, 365 * 14], sheep=100)
        week, quarter, year = (np.mean([is_changed(said) for said in flock]) for flock in flocks)
        assert week < 0.2
        assert 0.1 < quarter
        assert quarter < year or quarter == 1
    assert 1000 == Character().maturity


def is_changed(recitation: Recitation) -> bool:
    """Return whether the texts are not the poem."""
    return [each.text for each in recitation.utterances] != list(POEM)


def test_a_fixation_is_one_line_said_a_little_differently_each_time() -> None:
    """All returns are to the same line, follow it, and no two texts of it are the same."""
    character = Character(fixation=1, maturity=MATURITY)
    for number in range(0, 200 * EVERY, EVERY):
        said = character(POEM, OLD + number, 16).utterances
        stuck = [at for at, utterance in enumerate(said) if utterance.mood == "is fixated"]
        texts = [said[at].text for at in (stuck[0] - 1, *stuck)]

        assert list(range(stuck[0], stuck[-1] + 1)) == stuck
        assert {said[stuck[0] - 1].line} == {said[at].line for at in stuck}
        assert len(texts) == len(set(texts))


def test_a_fixation_is_an_echo_a_stammer_a_fragment_or_a_growing_ellipsis() -> None:
    """All four kinds of variation occur."""
    (line,) = poem = ("one light is still on",)
    texts = {
        each.text
        for number in range(0, 50 * EVERY, EVERY)
        for each in Character(fixation=1, maturity=MATURITY)(poem, OLD + number, 16).utterances
    }

    assert {
        "still on… still on",
        "one one one light is still on",
        "…is still on",
        f"{line}…",
        f"{line}……",
    } <= texts


# The cost, and the seed


def test_the_millionth_recitation_draws_no_more_than_the_third(monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator is counter-based: no recitation draws the numbers of those before it."""
    made: list[np.random.Generator] = []

    def counted(seed: int, recitation: int) -> np.random.Generator:
        made.append(chance_of(seed, recitation))
        return made[-1]

    def cost(recitation: int) -> tuple[int, int]:
        """Return the generators made and the blocks of four numbers drawn."""
        made.clear()
        Character(1, 1, 1, 1, 1, maturity=0.001)(POEM, recitation, 4)
        return len(made), sum(int(each.bit_generator.state["state"]["counter"][0]) for each in made)

    monkeypatch.setattr(temperament, "chance_of", counted)
    generators, blocks = cost(3)
    late_generators, late_blocks = cost(10**6 + 1)

    assert generators == late_generators
    assert late_blocks < 3 * blocks
    assert blocks < 200


def test_sheep_and_recitations_and_seeds_have_chances_of_their_own() -> None:
    """No two of them draw the same numbers; the bot's name is the same in capitals."""
    draws = {
        float(chance_of(seed_of(flock_seed, bot), recitation).random())
        for flock_seed in range(3)
        for bot in ("dolly", "ewe")
        for recitation in (-1, 0, 1, 2**40)
    }

    assert 3 * 2 * 4 == len(draws)
    assert seed_of(1, "Dolly") == seed_of(1, "dolly")


PHILOX = (0.617965706585091, 0.2095241745475387, 0.4229977781666311)


def test_chance_is_philox_and_stays_what_it_is() -> None:
    """Sheep of a running flock say the same after an update of flock or of numpy."""
    assert isinstance(chance_of(1, 1).bit_generator, np.random.Philox)
    assert pytest.approx(PHILOX, abs=1e-12) == chance_of(seed_of(0, "dolly"), 7).random(3).tolist()


# What an operator may write


@pytest.mark.parametrize("name", TEMPERAMENTS)
def test_a_name_is_a_temperament(name: str) -> None:
    """The five names are known."""
    assert TEMPERAMENTS[name] == parse_temperament(name)


@pytest.mark.parametrize(
    "value",
    [
        "forget=0.4,mix_up=1,maturity=12.5",
        " forget = 0.4 , mix up=1,maturity=12.5",
        {"forget": 0.4, "mix_up": 1, "maturity": 12.5},
        {"forget": "0.4", "mix up": 1, "maturity": 12.5},
        {"forget": 0.4, "mix-up": 1.0, "maturity": 12.5, "boredom": 0},
    ],
)
def test_numbers_are_a_temperament(value: object) -> None:
    """As text or as an object, with any way to write "mix up"; what is left out is 0."""
    assert Character(forget=0.4, mix_up=1, maturity=12.5) == parse_temperament(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("grumpy", "expected steadfast, wistful, restless, senile, obsessive, or numbers such as forget=0.4"),
        ("", "expected steadfast"),
        ({}, "expected steadfast"),
        (None, "expected steadfast"),
        (0.5, "expected steadfast"),
        (["forget", 0.4], "expected steadfast"),
        ("forgetful=0.4", "expected tendencies out of erratic, mix_up, forget, boredom, fixation, maturity"),
        ({"forget": 0.4, "": 1}, "expected tendencies out of"),
        ("forget=", "forget: expected a number from 0 to 1"),
        ("forget=1.01", "forget: expected a number from 0 to 1"),
        ({"forget": -0.1}, "forget: expected a number from 0 to 1"),
        ({"forget": True}, "forget: expected a number from 0 to 1"),
        ({"forget": None}, "forget: expected a number from 0 to 1"),
        ({"forget": float("nan")}, "forget: expected a number from 0 to 1"),
        ("forget=0.4,maturity=0", "maturity: expected a number over 0"),
        ("forget=0.4,maturity=inf", "maturity: expected a number over 0"),
    ],
)
def test_what_is_no_temperament_says_what_was_expected(value: object, expected: str) -> None:
    """The message says what was expected."""
    with pytest.raises(ValueError, match=expected):
        parse_temperament(value)
