"""Links, hashtags and mentions in a text, by their bytes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.networks.bluesky.facets import facets
from flock.pasture.lexicon import POST, check_record

DID = "did:plc:abcdefghijklmnopqrstuvwx"


def found(text: str, **parts: Any) -> list[tuple[str, str]]:
    """Return what stands at the bytes of each facet, and what it leads to."""
    content = text.encode()
    return [
        (
            content[each["index"]["byteStart"] : each["index"]["byteEnd"]].decode(),
            next(value for name, value in each["features"][0].items() if name != "$type"),
        )
        for each in facets(text, **parts)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", []),
        ("see https://example.com/a?b=c#d.", ["https://example.com/a?b=c#d"]),
        ("羊 https://example.com 🐑 http://example.org/x", ["https://example.com", "http://example.org/x"]),
        ("(https://example.com/wiki/Ewe_(animal))", ["https://example.com/wiki/Ewe_(animal)"]),
        ("“https://example.com/x”, she said", ["https://example.com/x"]),
        ("HTTPS://EXAMPLE.COM!?", ["HTTPS://EXAMPLE.COM"]),
        ("https://例え.jp/羊", ["https://例え.jp/羊"]),
        ("so.in the end, www.example.com and example.com", []),
        ("xhttps://example.com", []),
        ("https:// https://. https:///a ftp://example.com", []),
    ],
)
def test_a_link_begins_with_its_scheme_and_ends_before_the_sentence_does(text: str, expected: list[str]) -> None:
    """A full stop without a space behind it makes no link."""
    assert [(link, link) for link in expected] == found(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#wool and #grass.", ["wool", "grass"]),
        ("羊 #羊毛! ＃フルワイド", ["羊毛", "フルワイド"]),
        ("#1 #2026 #4ewes #", ["4ewes"]),
        ("a#b ##", []),
        ("#" + "w" * 64, ["w" * 64]),
        ("#" + "w" * 65, []),
        ("#" + ("e" + "\u0301" * 20) * 20, []),  # 820 bytes
        ("https://example.com/#top", []),
    ],
)
def test_a_hashtag_is_a_word_with_a_letter_in_it(text: str, expected: list[str]) -> None:
    """Numbers are none, and nothing inside a word or a link is."""
    assert expected == [tag for shown, tag in found(text) if shown[0] in "#＃"]


def test_a_mention_is_plain_text_unless_it_is_asked_for() -> None:
    """And then, too, where nobody has the handle."""
    text = "for @Dolly.test, not @nobody.test or mail@dolly.test"
    handles = {"dolly.test": DID}
    assert [] == found(text)
    assert [("@Dolly.test", DID)] == found(text, find_did=handles.get)


PARTS = [
    "https://",
    "http://a.example/",
    "#",
    "＃",
    "@",
    "dolly.test",
    ".",
    ")",
    "(",
    "羊",
    "🐑",
    " ",
    "\n",
    "x",
    "1",
]


@given(st.lists(st.sampled_from(PARTS), max_size=40).map("".join) | st.text(max_size=100))
def test_facets_of_any_text_are_taken_by_the_server(text: str) -> None:
    """In order, none over another, each around whole characters; else the post would be refused, or look odd."""
    text = text.encode("utf-8", "replace").decode()
    made = facets(text, lambda _: DID)
    check_record(POST, {"text": "", "createdAt": "2026-11-27T00:00:00.000Z", "facets": made})
    ends = [0, *(place for each in made for place in each["index"].values())]
    assert ends == sorted(ends)
    assert all(shown for shown, _ in found(text, find_did=lambda _: DID))
