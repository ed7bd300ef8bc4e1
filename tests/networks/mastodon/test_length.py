"""How servers count, and what they say about it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.networks.mastodon.length import Rules, fits_a_post, length_of, rules_of
from flock.networks.mastodon.text import defuse
from flock.poem import cut

IN_FULL = Rules(most=5000, counts_in_full=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("baa", 3),
        ("羊", 1),
        ("👨‍👩‍👧‍👦 e\u0301", 3),
        ("a\r\nb", 3),
        ("https://example.com/" + "x" * 200, 23),
        ("http://a.de", 23),
        ("see https://example.com/x, and http://example.org.", 4 + 23 + 6 + 23 + 1),
        ("example.com/" + "x" * 20, 32),
        ("@dolly@botsin.example", 6),
        ("@dolly@botsin.example, @ewe", 12),
        ("mail@dolly@botsin.example", 25),
        ("https://example.notatld/" + "x" * 20, 44),
        ("http://a.notatld", 23),
        ("https://example.com/@dolly@botsin.example", 23),
    ],
)
def test_mastodon_counts_links_and_mentions_by_their_price(text: str, expected: int) -> None:
    """And grapheme clusters otherwise. What it may not see as a link counts in full."""
    assert expected == length_of(text, Rules())


def test_the_content_warning_counts() -> None:
    """As a part of the post."""
    assert 8 == length_of("baa", Rules(), "sheep")
    assert 8 == length_of("baa", IN_FULL, "sheep")


def test_a_server_names_the_price_of_a_link() -> None:
    """snac: 32; without a price a link counts in full."""
    assert 32 == length_of("https://example.com/", Rules(per_link=32))
    assert 20 == length_of("https://example.com/", Rules(per_link=0))


def test_some_servers_count_everything() -> None:
    """Pleroma, Akkoma and GoToSocial."""
    text = "@dolly@botsin.example https://example.com/" + "x" * 50
    assert len(text) == length_of(text, IN_FULL)


def test_a_mention_that_is_none_counts_in_full() -> None:
    """The invisible character itself counts nothing: it belongs to the character before it."""
    assert 21 == length_of(defuse("@dolly@botsin.example"), Rules())
    assert 6 == length_of(defuse("@dolly"), Rules())


@given(
    text=st.lists(
        st.sampled_from(["baa", " ", "@dolly@botsin.example", "https://example.com/x", "羊", "."]), max_size=60
    ).map("".join),
    most=st.integers(min_value=60, max_value=200),
)
def test_a_line_is_cut_into_posts_that_fit(text: str, most: int) -> None:
    """By this count."""
    rules = Rules(most=most)

    def fits(piece: str) -> bool:
        return fits_a_post(piece, rules, content_warning="sheep")

    assert all(fits(piece) for piece in cut(text, fits))


def instance(version: str = "4.7.2", **statuses: Any) -> dict[str, Any]:
    """Return an answer to /api/v2/instance."""
    return {"version": version, "configuration": {"statuses": statuses}}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (instance(max_characters=640, characters_reserved_per_url=30), Rules(640, 30, keeps_keys=True)),
        (instance("4.0.0 (not true; really snac/2.96)", max_characters=100_000), Rules(100_000)),
        ({"version": "2.7.2 (compatible; Pleroma 2.4)", "max_toot_chars": 5000}, Rules(5000, 23, True, True)),
        (instance("0.19.1+git-0fb2f92") | {"source_url": "https://e.example/gotosocial"}, Rules(500, 23, True)),
        (instance("3.5.3+0.19.1") | {"source_url": "https://e.example/gotosocial"}, Rules(500, 23, True)),
        (instance("4.5.0-beta.1+glitch.1"), Rules(keeps_keys=True)),
        (instance("3.0.0rc2"), Rules(keeps_keys=True)),
        (instance("4.7.2", max_characters="many", characters_reserved_per_url=None), Rules(keeps_keys=True)),
        (instance("4.7.2", max_characters=True, characters_reserved_per_url=-1), Rules(keeps_keys=True)),
        (instance("4.7.2", max_characters=0), Rules(keeps_keys=True)),
        (instance("4.7.2", max_characters=10**12), Rules(keeps_keys=True)),
        ({"configuration": []}, Rules()),
        ({"version": 4}, Rules()),
        ({"error": "no"}, None),
        ([], None),
        (None, None),
    ],
)
def test_what_a_server_says_is_read_with_care(told: object, expected: Rules | None) -> None:
    """What it does not say, or not in the form that it should have, is as on Mastodon."""
    assert expected == rules_of(told)
