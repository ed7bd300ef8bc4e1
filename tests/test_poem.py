"""Poems: reading them, cutting their lines, finding a line again."""

import itertools
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flock.errors import BadPoem
from flock.networks.x.length import fits_a_tweet, weighted_length
from flock.poem import ELLIPSIS, cut, find_again, read_poem

POEMS = sorted(Path(__file__).parents[1].joinpath("poems").glob("*.txt"))

WORDS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=20),
    st.sampled_from(
        ["baa", "the", "wool", "—", "so.in", "sea.me", "naïve", "ἀρνίον", "羊", "ひつじ", "خروف", "ovečka"]
    ),
    st.sampled_from(["https://example.com/" + "a" * 300, "http://t.co/x", "www.example.org", "@dolly", "#wool"]),
    st.sampled_from(["👩‍👩‍👧‍👦", "🐑", "🏴‍☠️", "🇬🇷🇯🇵", "👍🏽", "❤️‍🔥", "1️⃣", "q\u0323\u0307", "ง่ำ", "नि", "각"]),
    st.builds(
        lambda unit, times: unit * times,
        st.sampled_from("a羊🐑é"),
        st.sampled_from([1, 3, 140, 141, 280, 281, 300, 560]),
    ),
    st.builds(
        "".join,
        st.lists(st.sampled_from(["👩‍👩‍👧‍👦", "🇬🇷", "e\u0301\u0323", "x"]), min_size=90),
    ),
)
GAPS = st.sampled_from([" ", " ", " ", "  ", "\t", " \t ", "\u3000"])


@st.composite
def lines(draw: st.DrawFn) -> str:
    """Draw a line as a poem would hold it: in NFC, stripped, not empty."""
    words = draw(st.lists(WORDS, min_size=1, max_size=14))
    gaps = draw(st.lists(GAPS, min_size=len(words), max_size=len(words)))
    line = unicodedata.normalize("NFC", "".join(word + gap for word, gap in zip(words, gaps, strict=True)).strip())
    return line or "baa"


def bare(text: str) -> str:
    """Return `text` without its white space."""
    return "".join(text.split())


def said(pieces: Sequence[str]) -> list[str]:
    """Return what each piece says, without the ellipsis that cutting added."""
    return [piece.removesuffix(ELLIPSIS) for piece in pieces[:-1]] + [pieces[-1]]


def places(line: str, pieces: Sequence[str]) -> list[tuple[int, int]]:
    """Return where in `line` each piece begins and ends."""
    found, at = [], 0
    for words in said(pieces):
        begin = line.index(words, at)
        assert "" == line[at:begin].strip()
        at = begin + len(words)
        found.append((begin, at))
    return found


@settings(max_examples=30)
@given(lines())
def test_every_piece_fits_a_tweet_and_none_is_empty(line: str) -> None:
    """twitter-text counts at most 280 for each piece of any line."""
    pieces = cut(line, fits_a_tweet)
    assert [] == [
        piece for piece in pieces if weighted_length(piece) > 280 or not bare(piece).removesuffix(ELLIPSIS)
    ]


@settings(max_examples=30)
@given(lines())
def test_every_piece_but_the_last_ends_in_an_ellipsis_and_no_word_is_lost(line: str) -> None:
    """Put together again without the ellipses, the pieces are the line but for white space at the cuts."""
    pieces = cut(line, fits_a_tweet)
    assert all(piece.endswith(ELLIPSIS) for piece in pieces[:-1])
    assert bare(line) == bare("".join(said(pieces)))


@settings(max_examples=30)
@given(lines())
@example("a" * 280 + " b")
@example("b " + "a" * 280)
def test_a_word_is_cut_only_if_it_is_too_long_for_a_tweet_of_its_own(line: str) -> None:
    """A cut without white space is inside a word that does not fit with the ellipsis that it would need."""
    pieces = cut(line, fits_a_tweet)
    found = places(line, pieces)
    for (_, end), (begin, _) in pairwise(found):
        if end == begin:
            head = regex.split(r"\s", line[:end])[-1]
            tail = regex.split(r"\s", line[end:])[0]
            is_last = end + len(tail) == len(line)
            assert weighted_length(head + tail + ("" if is_last else ELLIPSIS)) > 280


@settings(max_examples=30)
@given(lines())
def test_what_looks_like_one_letter_is_never_split(line: str) -> None:
    """Flags, families and letters under accents stay whole: cuts are between grapheme clusters."""
    borders = {0} | {match.end() for match in regex.finditer(r"\X", line)}
    ends = {place for span in places(line, cut(line, fits_a_tweet)) for place in span}
    assert set() == ends - borders


@given(lines().filter(fits_a_tweet))
@example("tabs\tand  double   spaces")
@example("a" * 280)
@example("羊" * 140)
@example("👩‍👩‍👧‍👦" * 140)
def test_a_line_that_fits_is_left_as_it_is(line: str) -> None:
    """Tabs and double spaces included."""
    assert [line] == cut(line, fits_a_tweet)


def test_a_long_line_is_cut_at_the_last_gap_that_fits() -> None:
    """As few pieces as it takes: the first holds all the words that it can."""
    line = " ".join(["baa"] * 100)
    first, second = cut(line, fits_a_tweet)
    assert " ".join(["baa"] * 69) + ELLIPSIS == first
    assert " ".join(["baa"] * 31) == second


def test_a_letter_under_too_many_accents_is_cut_all_the_same() -> None:
    """A cluster that is too long for one tweet is cut between code points."""
    line = "a" + "\u0335" * 600
    pieces = cut(line, fits_a_tweet)
    assert bare(line) == bare("".join(said(pieces)))
    assert all(weighted_length(piece) <= 280 for piece in pieces)


def test_a_line_of_which_no_piece_fits_is_a_value_error() -> None:
    """The alternative would be an endless loop."""
    with pytest.raises(ValueError, match="no piece"):
        cut("baa baa", lambda _: False)


def write(folder: Path, content: str | bytes) -> Path:
    """Write a poem and return its path."""
    path = folder / "poem.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("one\ntwo\n", ("one", "two")),
        ("one\r\ntwo\r\n", ("one", "two")),
        ("one\rtwo", ("one", "two")),
        ("one\ntwo", ("one", "two")),
        ("\ufeffone\ntwo\n", ("one", "two")),
        ("\n\n  one  \n \t \n\n\ttwo\n\n", ("one", "two")),
        ("a\tb  c\n", ("a\tb  c",)),
        ("cafe\u0301\n", ("café",)),
        ("Μῆνιν ἄειδε θεά\n羊眠れず\nبأ\u0640 بأ\n", ("Μῆνιν ἄειδε θεά", "羊眠れず", "بأ\u0640 بأ")),
        ("\u3000羊\u3000\n", ("羊",)),
        ("baa\nbaa\n", ("baa", "baa")),
    ],
)
def test_a_poem_is_its_stripped_lines(tmp_path: Path, content: str, expected: tuple[str, ...]) -> None:
    """Files of every editor give the same lines; a tab inside a line stays, and equal lines stay two lines."""
    assert expected == read_poem(write(tmp_path, content))


@given(st.text(st.characters(codec="utf-8")))
def test_no_line_of_any_poem_is_empty_or_out_of_form(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """A text is either a poem, whose lines are stripped and in NFC, or a BadPoem: empty, or no plain text."""
    path = write(tmp_path_factory.mktemp("any"), text)
    try:
        poem = read_poem(path)
    except BadPoem:
        odd = [
            letter for letter in text if unicodedata.category(letter) == "Cc" and letter not in "\t\n\v\f\r\x85"
        ]
        assert odd or "" == text.replace("\ufeff", "").strip()
        return
    assert [] == [line for line in poem if not line or line != unicodedata.normalize("NFC", line.strip())]


def test_a_poem_in_latin_1_is_refused_with_the_way_to_mend_it(tmp_path: Path) -> None:
    """The message says where the first wrong byte is, and how to convert the file."""
    path = write(tmp_path, "na\xefve".encode("latin-1"))
    with pytest.raises(BadPoem) as caught:
        read_poem(path)
    way = "save it as UTF-8, or run: iconv -f WINDOWS-1252 -t UTF-8"
    assert f"not UTF-8 (byte 3 of {path}); {way}" == str(caught.value)


@pytest.mark.parametrize("content", ["", "\n\n", " \t\r\n", "\ufeff", "\ufeff\n \ufeff\n"])
def test_a_poem_without_a_line_is_refused(tmp_path: Path, content: str) -> None:
    """A poem without lines is refused."""
    path = write(tmp_path, content)
    with pytest.raises(BadPoem) as caught:
        read_poem(path)
    assert f"no line to say in {path}; write at least one" == str(caught.value)


def test_a_missing_poem_is_refused_by_its_path(tmp_path: Path) -> None:
    """The message names the file that was looked for."""
    with pytest.raises(BadPoem) as caught:
        read_poem(tmp_path / "lost.txt")
    assert str(caught.value).startswith(f"no such file: {tmp_path / 'lost.txt'}")


def test_a_folder_is_no_poem(tmp_path: Path) -> None:
    """The message says so in one line."""
    with pytest.raises(BadPoem) as caught:
        read_poem(tmp_path)
    assert f"cannot be read: {tmp_path}: Is a directory" == str(caught.value)


@pytest.mark.parametrize("name", ["x" * 5000, "\ud800.txt", "nul\0.txt"])
def test_a_path_that_can_be_no_file_is_refused_like_any_other(tmp_path: Path, name: str) -> None:
    """Too long a name, or one that no file system takes, is the operator's mistake and not a crash."""
    with pytest.raises(BadPoem):
        read_poem(tmp_path / name)


def test_an_edited_poem_is_read_anew_and_an_unchanged_one_is_shared(tmp_path: Path) -> None:
    """Five hundred sheep with one poem hold one copy of it; a saved edit is seen at the next reading."""
    path = write(tmp_path, "one\n")
    first = read_poem(path)
    assert first is read_poem(path)
    write(tmp_path, "one, and two\n")
    assert ("one, and two",) == read_poem(path)


@pytest.mark.parametrize(
    ("memory", "at", "text", "expected"),
    [
        (["a", "b", "c"], 1, "b", 1),
        (["new", "a", "b", "c"], 1, "b", 2),
        (["baa", "x", "baa", "y", "baa"], 3, "baa", 2),
        (["baa", "x", "y", "z", "baa"], 3, "baa", 4),
        (["The sheep sleeps", "Nothing alike"], 1, "The sheep slept", 0),
        (["one", "two", "three"], 1, "qqqqqqq", 1),
        (["one", "two"], 7, "qqqqqqq", 1),
    ],
)
def test_a_line_is_found_again_in_an_edited_poem(memory: list[str], at: int, text: str, expected: int) -> None:
    """The same text nearest to its place, else the line most like it, else the place, else the end."""
    assert expected == find_again(memory, at, text)


@given(st.lists(st.text(), min_size=1), st.integers(0, 50), st.text())
def test_a_line_is_always_found_inside_the_poem(memory: list[str], at: int, text: str) -> None:
    """After every edit the sheep goes on at one of the poem's lines, at the same one if it still exists."""
    place = find_again(memory, at, text)
    assert 0 <= place < len(memory)
    assert (text in memory) <= (memory[place] == text)


def test_there_are_poems_to_check() -> None:
    """The folder is not empty, so that the next test tests something."""
    assert [] != POEMS


@pytest.mark.parametrize("path", POEMS, ids=lambda path: path.stem)
def test_every_poem_of_ours_can_be_said(path: Path) -> None:
    """It reads, and all its lines cut into pieces that fit."""
    pieces = [piece for line in read_poem(path) for piece in cut(line, fits_a_tweet)]
    assert [] == [piece for piece in pieces if weighted_length(piece) > 280]


@pytest.mark.parametrize("line", ["la " * 400, "a" * 900, "one two " * 150])
def test_no_two_tweets_of_a_line_in_a_row_are_the_same(line: str) -> None:
    """A network refuses the same text twice in a row; not a word of a monotonous line is lost to that."""
    pieces = cut(line.strip(), fits_a_tweet)

    assert all(before != after for before, after in itertools.pairwise(pieces))
    assert line.replace(" ", "") == "".join(piece.removesuffix("…") for piece in pieces).replace(" ", "")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_poem_in_utf_16_is_refused(tmp_path: Path, encoding: str) -> None:
    """With its mark the advice names UTF-16; without it the text is full of NULs, which no poem needs."""
    path = write(tmp_path, "The hydra\nat night".encode(encoding))
    with pytest.raises(BadPoem, match=r"iconv -f UTF-16 -t UTF-8|a control character in line 1"):
        read_poem(path)
