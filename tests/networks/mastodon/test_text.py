"""A server's HTML becomes the text that it was made of, and no line addresses a stranger."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flock.networks.base import is_same_text
from flock.networks.mastodon.text import defuse, is_plain, restore, text_of
from flock.pasture.entities import html_of

URL = "https://e.example/x"
# Mastodon's own: Account::MENTION_RE, Ruby's [[:word:]] being Python's \w.
MENTION = re.compile(r"(?<![=/\w])@(([a-z0-9_]+([.-]+[a-z0-9_]+)*)(?:@\w+([.-]+\w+)*)?)", re.IGNORECASE)
CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"])
LINES = st.text(st.one_of(CHARACTERS, st.sampled_from("\n <>&;\"'@#/:.-_\u200cab1")), max_size=80)
PARTS = st.sampled_from(
    ["@", "@ab", "\u200c", "a", ".", "/", "=", " ", "\n", "&amp;", "<p>", "https://ab.example/@ab"]
)
TEXTS = st.one_of(LINES, st.lists(PARTS, max_size=12).map("".join))


@given(text=TEXTS)
@example(text="a\n\n\n\nb\n")
@example(text="<br>\n&lt;p&gt;")
@example(text="https://www.example.com/?a=b&amp=c")
def test_html_becomes_the_text_that_it_was_made_of(text: str) -> None:
    """As the practice server makes it, blanks aside."""
    assert is_same_text(text_of(html_of(text, {"ab"})), text)
    assert is_plain(html_of(text, {"ab"}))


@given(text=TEXTS)
def test_what_is_made_harmless_is_read_back_as_it_was(text: str) -> None:
    """Also where the poem has the invisible character itself."""
    assert text == restore(defuse(text))
    assert is_same_text(restore(text_of(html_of(defuse(text), {"ab"}))), text)


@given(text=TEXTS)
def test_no_line_addresses_an_account(text: str) -> None:
    """By the rule of Mastodon; and nothing but an invisible character is put into the text."""
    assert MENTION.search(defuse(text)) is None
    assert text.replace("\u200c", "") == defuse(text).replace("\u200c", "")


@pytest.mark.parametrize(
    "text", ["mail@example.com", "https://botsin.example/@dolly", "@ home", "a@b", "@", "@羊"]
)
def test_what_is_no_mention_is_left_alone(text: str) -> None:
    """A link and an address still work."""
    assert text == defuse(text)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<p>a<br>b</p>", "a\nb"),
        ("<p>a<br/>b</p><p>c</p>", "a\nb\n\nc"),
        ("a&#39;b&apos;c &amp;amp; &lt;", "a'b'c &amp; <"),
        ("<p>a &#128017; <!-- b -->c</p>", "a 🐑 c"),
        ('<p><a href="https://e.example/x"><span class="invisible">https://</span>e.example/x</a></p>', URL),
        ('<p><a href="https://e.example/tags/baa" class="mention hashtag">#<span>baa</span></a></p>', "#baa"),
        ("", ""),
    ],
)
def test_html_as_servers_write_it(content: str, expected: str) -> None:
    """Mastodon, Pleroma, snac, and broken HTML."""
    assert expected == text_of(content)


def test_a_declaration_that_is_none_is_no_error() -> None:
    """Since Python 3.14 it is a comment, as in browsers; before, html.parser gave up there."""
    assert text_of("<![nonsense <p>a") in ("", "a")


@pytest.mark.parametrize(
    ("content", "expected"),
    [("<p>a<br />b</p>", True), ("<p><em>a</em></p>", False), ("<LI>a", False), ("a", True)],
)
def test_html_of_markup_is_told_from_that_of_plain_text(content: str, expected: bool) -> None:
    """Its text is not all there."""
    assert expected is is_plain(content)


@given(content=st.text(st.sampled_from("<>!-[]&#;/pab \"'=\n"), max_size=200))
def test_any_html_is_read(content: str) -> None:
    """A server may send anything."""
    assert isinstance(text_of(content), str)
