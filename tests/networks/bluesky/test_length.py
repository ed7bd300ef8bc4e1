"""What fits into a post on Bluesky: 300 grapheme clusters and 3,000 bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.networks.bluesky.length import fits_a_post, graphemes, is_broken, shows_nothing, size
from flock.poem import cut

FAMILY = "👨‍👩‍👧‍👦"  # 25 bytes, one cluster


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("baa", 3),
        ("e\u0301", 1),
        ("\r\n", 1),
        (FAMILY, 1),
        ("🇩🇪🇬🇧", 2),
        ("क्षत्रिय", 3),
        ("ক্ষ", 1),
        ("தமிழ்", 3),
        ("က္က", 2),  # only six scripts of India join their consonants there
        ("ស្ត្រី", 3),
        ("ꦏ꧀ꦏ", 2),
        ("\u094dक", 2),  # nothing before the virama
        ("한글", 2),
    ],
)
def test_clusters_are_counted_as_the_server_counts_them(text: str, expected: int) -> None:
    """All of these numbers are its own (0.5.35)."""
    assert expected == graphemes(text)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("a" * 300, True),
        ("a" * 301, False),
        ("e\u0301" * 300, True),
        ("e\u0301" * 301, False),
        (FAMILY * 120, True),
        (FAMILY * 121, False),  # 3,025 bytes
        ("က္က" * 150, True),
        ("က္က" * 151, False),
    ],
)
def test_both_limits_hold(text: str, fits: bool) -> None:
    """A short text may have too many bytes, and one of few bytes too many clusters."""
    assert fits is fits_a_post(text)


@given(st.text(max_size=400))
def test_what_fits_is_within_both_limits(text: str) -> None:
    """Also on the quick way for short texts."""
    assert fits_a_post(text) is (graphemes(text) <= 300 and size(text) <= 3000)


PARTS = ["a ", FAMILY, "क्", "ष", "က္", "\u0301", "🇩", "\u200d", "word "]


@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=40), st.integers(1, 40))
def test_each_piece_of_a_long_line_fits(parts: list[str], times: int) -> None:
    """Whatever scripts it is written in."""
    pieces = cut("x" + "".join(parts) * times, fits_a_post)
    assert [] == [piece for piece in pieces if graphemes(piece) > 300 or size(piece) > 3000]


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000", "\u200b\u2060", "\ufeff"])
def test_a_text_that_shows_nothing_is_known(text: str) -> None:
    """The server would store it."""
    assert shows_nothing(text)
    assert not shows_nothing(f"{text}.")


@pytest.mark.parametrize(("text", "broken"), [("a\0b", True), ("\ud83d", True), ("🐑", False), ("a\nb", False)])
def test_a_text_that_readers_could_not_read_is_known(text: str, broken: bool) -> None:
    """A NUL, or half of a surrogate pair."""
    assert broken is is_broken(text)
