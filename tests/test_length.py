"""How X counts the length of a tweet."""

import pytest
import twitter_text
from hypothesis import example, given
from hypothesis import strategies as st

from flock.networks.dry_run import DryRun
from flock.networks.length import fits_a_tweet, weighted_length


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("baa", 3),
        ("羊", 2),
        ("🐑", 2),
        ("👩‍👩‍👧‍👦", 2),
        ("🇬🇷", 2),
        ("cafe\u0301", 4),
        ("…", 2),
        ("https://example.com/" + "a" * 500, 23),
        ("so.in", 23),
        ("one\r\ntwo", 7),
    ],
)
def test_length_is_weighted_as_x_weighs_it(text: str, expected: int) -> None:
    """Most Latin letters count 1, others 2, an emoji 2, a URL 23, a line's end 1."""
    assert expected == weighted_length(text)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("a" * 280, True),
        ("a" * 281, False),
        ("羊" * 140, True),
        ("羊" * 141, False),
        ("🐑" * 140, True),
        ("🐑" * 141, False),
        ("e\u0301" * 280, True),
        ("http://example.com/" + "a" * 400, True),
        ("so.in " * 13, False),
    ],
)
def test_a_tweet_holds_280(text: str, fits: bool) -> None:
    """Not one more, and a letter with its accent is one."""
    assert fits == fits_a_tweet(text)
    assert fits == DryRun().fits(text)


@given(
    st.text(st.characters(codec="utf-8"), max_size=150)
    | st.lists(st.sampled_from(["so.in", "🇬🇷", "\u0958", "e\u0301", "\uac00", " ", "羊"])).map("".join)
)
@example("\u0958" * 140)
@example("x.co " * 12)
def test_the_short_cut_agrees_with_the_full_count(text: str) -> None:
    """Short texts are not counted at all, and that must never change the answer."""
    assert (twitter_text.parse_tweet(text.replace("\r\n", "\n")).weightedLength <= 280) == fits_a_tweet(text)
