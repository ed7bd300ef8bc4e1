"""What a post's id can be, and when a network's copy of a text is ours."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.networks.base import is_post_id, is_same_text


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("baa", "baa"),
        ("a &amp; b &lt;c&gt;", "a & b <c>"),
        ("a &amp; b", "a &amp; b"),
        ("&amp;amp;", "&amp;"),
        (" a\n\nb ", "a b"),
        ("caf\u00e9", "cafe\u0301"),
        ("see https://t.co/x now", "see https://example.com/a/b now"),
        ("a long li…", "a long line"),
    ],
)
def test_a_copy_is_recognised(theirs: str, ours: str) -> None:
    """However the network has tidied it."""
    assert is_same_text(theirs, ours)


@pytest.mark.parametrize(
    ("theirs", "ours"), [("baa", "moo"), ("…", "baa"), ("", "baa"), ("baa!", "baa"), ("b", "B")]
)
def test_another_text_is_not_ours(theirs: str, ours: str) -> None:
    """Not even one that is nearly the same."""
    assert not is_same_text(theirs, ours)


@given(text=st.text(), form=st.sampled_from(["NFC", "NFD"]))
def test_a_text_is_the_same_as_itself(text: str, form: str) -> None:
    """Also where it looks like HTML, and in another form of Unicode."""
    assert is_same_text(text, text)
    assert is_same_text(unicodedata.normalize(form, text), text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", True), ("at://did:plc:x/app.bsky.feed.post/3k", True), ("a" * 200, True)]
    + [(value, False) for value in ("", "a" * 201, "a b", "a\n", "é", 7, None)],
)
def test_an_id_is_a_short_text(value: object, expected: bool) -> None:
    """Of printable ASCII without spaces."""
    assert expected is is_post_id(value)
