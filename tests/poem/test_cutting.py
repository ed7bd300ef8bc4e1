"""Cutting a line into posts that fit."""

import itertools
import time
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flock.networks.x.length import fits_a_tweet, weighted_length
from flock.poem import ELLIPSIS, cut, read_poem
from flock.poem.reading import LONGEST_LINE

POEMS = sorted(Path(__file__).parents[2].joinpath("poems").glob("*.txt"))
CPU = 5.0  # seconds, on a slow and busy machine, for a line of LONGEST_LINE letters

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
@example(" ".join(["羊" * 130] * 3) + " b")
def test_a_word_is_cut_only_if_it_is_too_long_for_a_tweet_of_its_own(line: str) -> None:
    """A cut without white space is inside a word that does not fit with the ellipsis that it would need.

    Or the whole word would be the same post as the one before it, which X would refuse.
    """
    pieces = cut(line, fits_a_tweet)
    found = places(line, pieces)
    for before, ((_, end), (begin, _)) in zip(["", *pieces], pairwise(found), strict=False):
        if end == begin:
            head = regex.split(r"\s", line[:end])[-1]
            tail = regex.split(r"\s", line[end:])[0]
            is_last = end + len(tail) == len(line)
            whole = head + tail + ("" if is_last else ELLIPSIS)
            assert weighted_length(whole) > 280 or whole == before


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


HOSTILE = [
    *(
        "a.a.a.",
        "@a@a@",
        "#####",
        "://://",
        "http://a.",
        "x.co ",
        "x.co/(",
        "a.com/?",
        "www.",
        "1234567890",
        "...",
    ),
    *(
        "a",
        "a ",
        "word. ",
        "la ",
        "\u0301",
        "e\u0301\u0323",
        "\u200d",
        "🐑",
        "🇬🇷",
        "👩‍👩‍👧‍👦",
        "👩‍",
        "🏽",
        "羊",
        "中.com",
        "각",
    ),
    *("क\u094d", "กำ", "خروف", "a羊b🐑ж", "\u3164", "\u202e", "ﷺ", "_a.", "xn--a."),
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_the_longest_line_of_anything_is_cut_in_no_time(unit: str) -> None:
    """Nothing in it is quadratic: not the clusters (flags!), not the links, not the pieces."""
    line = unicodedata.normalize("NFC", (unit * LONGEST_LINE)[:LONGEST_LINE].strip())
    before = time.process_time()
    pieces = cut(line, fits_a_tweet)
    assert time.process_time() - before < CPU
    assert bare(line) == bare("".join(said(pieces)))


class Ruler:
    """Says what fits, by a length and not by X's rules, and counts the code points that it is asked about."""

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.measured = 0

    def fits(self, text: str) -> bool:
        """Return whether `text` has at most so many code points."""
        self.measured += len(text)
        return len(text) <= self.longest


@settings(max_examples=20)
@given(
    st.lists(
        st.sampled_from(["a", "羊", " ", "word ", "x" * 400, "\u0301", "👩‍", "🇬", "\t"]), min_size=1, max_size=8
    ),
    st.sampled_from([20, 280, 5000]),
    st.sampled_from([2_000, 20_000, 100_000]),
)
@example(["\u0301"], 280, 100_000)
@example(["word ", "x" * 400], 280, 100_000)
@example(["a"], 20, 100_000)
def test_what_is_measured_grows_with_the_line_and_no_faster(units: list[str], longest: int, length: int) -> None:
    """Each letter is measured some times, however long the line is."""
    line = "a" + ("".join(units) * length)[:length].rstrip()
    ruler = Ruler(longest)
    cut(line, ruler.fits)
    assert ruler.measured <= 100 * len(line)


@given(st.text(st.sampled_from("ab \u0301羊\t"), min_size=1), st.integers(4, 12))
def test_any_network_gets_pieces_that_fit(text: str, longest: int) -> None:
    """Not only one that counts as X does."""
    line = "a" + text.rstrip()
    pieces = cut(line, Ruler(longest).fits)
    assert [] == [piece for piece in pieces if len(piece) > longest]
    assert bare(line) == bare("".join(said(pieces)))
    assert all(piece.endswith(ELLIPSIS) for piece in pieces[:-1])


@given(st.lists(st.text("ab", min_size=1, max_size=9), min_size=1, unique=True), st.integers(12, 30))
def test_words_are_packed_as_full_as_they_go(words: list[str], longest: int) -> None:
    """The word that begins a piece would not have fitted into the one before."""
    pieces = cut(" ".join(words), Ruler(longest).fits)
    for before, after in pairwise(said(pieces)):
        assert len(f"{before} {after.split()[0]}{ELLIPSIS}") > longest
