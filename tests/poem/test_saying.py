"""What is said in one go: lines, stanzas, sentences."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.errors import BadPoem
from flock.poem import Say, cut, parse_say, read_poem, read_poem_file
from flock.poem.reading import LONGEST_LINE
from flock.poem.saying import sentences_in
from tests.poem.test_about import write

POEM = (
    "\nThe fog comes\non little cat feet.\n\u200b\nIt sits looking\nover harbour. And city\n\n\n"
    "  on silent haunches\n"
)


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (
            "lines",
            [
                *[(2, "The fog comes"), (3, "on little cat feet."), (5, "It sits looking")],
                *[(6, "over harbour. And city"), (9, "on silent haunches")],
            ],
        ),
        (
            "stanzas",
            [
                (2, "The fog comes\non little cat feet."),
                (5, "It sits looking\nover harbour. And city"),
                (9, "on silent haunches"),
            ],
        ),
        (
            "sentences",
            [
                *[(2, "The fog comes on little cat feet."), (5, "It sits looking over harbour.")],
                *[(6, "And city"), (9, "on silent haunches")],
            ],
        ),
    ],
)
def test_a_poem_is_said_in_lines_stanzas_or_sentences(
    tmp_path: Path, say: Say, expected: list[tuple[int, str]]
) -> None:
    """A line that shows nothing separates stanzas and ends a sentence. Each has the number of its first line."""
    path = write(tmp_path, POEM)
    assert expected == [tuple(unit) for unit in read_poem_file(path, say).said]
    assert tuple(text for _, text in expected) == read_poem(path, say) == read_poem(path, None, say)


def test_the_key_goes_before_the_poem_and_the_poem_before_the_option(tmp_path: Path) -> None:
    """What is said of one bot alone goes before what is said of many."""
    path = write(tmp_path, "---\nsay: stanzas\n---\none\ntwo\n")
    assert ("one\ntwo",) == read_poem(path) == read_poem(path, None, "sentences")
    assert ("one two",) == read_poem(path, "sentences", "lines")


@pytest.mark.parametrize(
    "sentences",
    [
        [
            "Mr. Smith met J. R. R. Tolkien!",
            "Then... what?",
            '"Stop!" he cried.',
            '"No."',
            "(Yes.)",
            "It is 3.14 long.",
        ],
        ["Wow!!!", "Really?!", "Yes… no.", "Et moi…", "Je pars."],
        ["Am 3. Mai ging er usw. und so fort.", "»Nein.«", "Sie rief: »Komm!«", "Ende."],
        ["Ça va ?", "Oui !", "« Non. »", "Bon."],
        ["¿Quién es?", "¡Nadie!", "La Sra. López."],
        ["Он пришёл.", "А. С. Пушкин ушёл!", "«Да.»", "Вот."],
        ["यह एक वाक्य है।", "दूसरा वाक्य।"],
        ["هل نامت؟", "نعم.", "لا!"],
        ["www.example.com is 1.5 km away, e.g. here.", "We saw Dr. No."],
    ],
)
def test_sentences_of_languages_with_blanks(sentences: list[str]) -> None:
    """An initial, a number, an abbreviation and a small letter behind it end none."""
    assert sentences == [text for _, text in sentences_in(" ".join(sentences))]


@pytest.mark.parametrize(
    "sentences",
    [
        ["吾輩は猫である。", "名前はまだ無い。", "「行こう！」と言った。", "「はい。」", "「いいえ。」"],
        ["春眠不觉晓，处处闻啼鸟。", "夜来风雨声！", "花落知多少？"],
    ],
)
def test_sentences_of_languages_without_blanks(tmp_path: Path, sentences: list[str]) -> None:
    """A line break within one stands for nothing."""
    assert sentences == [text for _, text in sentences_in("".join(sentences))]
    text = "".join(sentences)
    assert tuple(sentences) == read_poem(write(tmp_path, f"{text[:3]}\n{text[3:]}"), "sentences")


_TEXT = st.text(st.sampled_from('ab A.!?…。！「」»«"( \n\t।3é'))


@given(_TEXT)
def test_no_letter_of_any_text_is_lost_between_sentences(text: str) -> None:
    """Each is where it is said to be, has no blanks at its end, and only blanks lie between two."""
    text = " ".join(text.split())
    found = [*sentences_in(text)]
    assert all(text.startswith(sentence, at) and sentence == sentence.strip() for at, sentence in found)
    assert "".join(text.split()) == "".join("".join(sentence.split()) for _, sentence in found)


@given(_TEXT, st.sampled_from(get_args(Say)))
def test_every_format_says_all_of_a_poem(tmp_path_factory: pytest.TempPathFactory, text: str, say: Say) -> None:
    """In order, and nothing else."""
    try:
        units = read_poem(write(tmp_path_factory.mktemp("any"), text), say)
    except BadPoem:
        assert not text.strip()
        return
    assert "".join(text.split()) == "".join("".join(unit.split()) for unit in units)


def test_a_stanza_beyond_reason_is_refused_by_its_number(tmp_path: Path) -> None:
    """As a line is."""
    path = write(tmp_path, "one\n\n" + "baa\n" * (LONGEST_LINE // 4 + 1))
    with pytest.raises(BadPoem, match=r"line 3 of .* has 20,003 letters"):
        read_poem(path, "stanzas")


def test_a_long_stanza_is_cut_between_its_lines() -> None:
    """And within a line only where the line alone is too long."""
    stanza = "the fog comes\non little cat feet\nover harbour and city"
    assert ["the fog comes\non little cat feet…", "over harbour and city"] == cut(
        stanza, lambda text: len(text) < 40
    )
    assert ["the fog…", "comes…", "on little…", "cat feet…"] == cut(stanza, lambda text: len(text) < 12)[:4]


@pytest.mark.parametrize("value", ["verses", "", 3, None, ["lines"]])
def test_another_format_is_refused(value: object) -> None:
    """With what was expected."""
    with pytest.raises(ValueError, match="expected lines, stanzas or sentences"):
        parse_say(value)
    assert "stanzas" == parse_say(" Stanzas ")


@pytest.mark.parametrize("unit", ["a. ", ". ", "…", "「。", '."', "a.b", "A.\n", "- . "])
def test_the_sentences_of_megabytes_are_found_in_no_time(unit: str) -> None:
    """The time is linear in the length, of anything."""
    text = " ".join((unit * 100_000).split())
    assert sum(len(sentence) for _, sentence in sentences_in(text)) <= len(text)
