"""How X counts the length of a tweet, compared with twitter-text-parser itself."""

import importlib
import pkgutil
import subprocess
import sys
import time
from types import ModuleType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flock.networks.dry_run import DryRun
from flock.networks.service import Service
from flock.networks.x import tables
from flock.networks.x.length import PLAIN, fits_a_tweet, holds_url, weighted_length

HOSTILE = 20_000  # characters: a quadratic count of so many takes minutes, a linear one a tenth of a second
CPU = 2.0  # seconds, on a slow machine


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """twitter-text-parser, with a stand-in for the one function of pkg_resources that it calls."""
    pkg_resources = ModuleType("pkg_resources")
    vars(pkg_resources)["resource_string"] = pkgutil.get_data
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "pkg_resources", pkg_resources)
        return importlib.import_module("twitter_text")


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
        ("https://t.co/abc/def", 27),
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
    assert fits == DryRun(Service("nowhere")).fits(text)


# What the rules for links, emoji and accents turn on.
VISIBLE = """
a com .com x.co so.in b. . .. - _ / // http:// https:// HTTP:// https://t.co/ é 中 みんな .みんな xn-- xn--p1ai
嘉里 嘉里大酒店 @ # $ ＠ ＃ + ? ?a=b& ( ) (a) (a(b)c) ! : :80 ſ K ı İ ß ﬁ 1 1️⃣ 👩‍👩‍👧‍👦 🐑 🇬🇷 … ж ' " ~ |
/a /é @a/ & ; =
"""
INVISIBLE = "\n \x1c \x85 \u0301 \u200d \u202a \u20e3 \u3000 \ufe0f \ufeff \U0001f3fd"
PARTS = st.sampled_from(
    [*VISIBLE.split(), *INVISIBLE.split(" "), " ", "\r\n", "e\u0301", "\u0958", "\u2013", "a" * 41, "a" * 64]
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=150) | st.lists(PARTS, max_size=12).map("".join)


@given(TEXTS)
@example("x.co/é–(a)|")  # a path ends before what ends none
@example("éa.com")  # the first character is before the link
@example("中x.com/中x.com")
@example("_a.b_c.com")
@example("https://t.co/" + "a" * 41)
@example("http://a.com/" + "a" * 4096)
@example("1️⃣x.co/1️⃣")
def test_every_text_is_as_long_as_twitter_text_says(reference: Any, text: str) -> None:
    """Also where its rules are odd, since they are X's."""
    assert reference.parse_tweet(text).weightedLength == weighted_length(text)
    assert bool(reference.extract_urls(text)) == holds_url(text)


@given(TEXTS)
@example("\u0958" * 140)
@example("x.co " * 12)
def test_the_short_cut_agrees_with_the_full_count(reference: Any, text: str) -> None:
    """Short texts are not counted at all, and that must never change the answer."""
    assert (reference.parse_tweet(text).weightedLength <= 280) == fits_a_tweet(text)


@pytest.mark.usefixtures("reference")
def test_the_emoji_are_those_of_twitter_text() -> None:
    """All but the bare skin tones and hair, in each way to write them."""
    listed = importlib.import_module("twitter_text.regexp.emoji").emoji_list
    expected = {"".join(chr(int(point, 16)) for point in each.codepoint.split()) for each in listed}
    assert expected == set(tables.emoji())


@pytest.mark.usefixtures("reference")
def test_the_top_level_domains_are_those_of_twitter_text() -> None:
    """As its two regular expressions list them."""
    patterns = [importlib.import_module(f"twitter_text.regexp.valid_{kind}tld") for kind in ("g", "cc")]
    expected = "(?:(?:{})(?=[^0-9a-zA-Z@+-]|$))"
    found = tables.top_level_domains()
    assert 1574 == len(set(found)) == len(found)
    for module, kind, names in zip(patterns, ("g", "cc"), (found[:1259], found[1259:]), strict=True):
        assert expected.format("|".join(names)) == getattr(module, f"valid_{kind}tld").pattern


@pytest.mark.parametrize(
    "unit",
    [
        "a.",
        "a.中.",
        "_a.",
        "-.x.co ",
        "https://",
        "http://a.",
        "x.co/(",
        "x.co(a)",
        "x.co!",
        "(",
        "?!",
        "1",
        "é",
        "👩‍",
    ],
)
@pytest.mark.parametrize("start", ["", "x.co/", "x.co?"])
def test_a_hostile_text_is_counted_in_linear_time(start: str, unit: str) -> None:
    """twitter-text's own time grows with the cube of the length: seconds for 900 letters."""
    text = (start + unit * HOSTILE)[:HOSTILE]
    before = time.process_time()
    weighted_length(text)
    assert time.process_time() - before < CPU


def test_counting_needs_neither_setuptools_nor_twitter_text_as_a_module() -> None:
    """The one is not installed with flock, and the other would import it."""
    program = """if True:
        import sys
        sys.modules.update(pkg_resources=None, setuptools=None)
        import twitter
        from flock.networks.x.length import weighted_length
        assert 25 == weighted_length("🐑so.in")
        assert "twitter_text" not in sys.modules
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)


plain_characters = st.one_of(
    st.characters(max_codepoint=0x2FF), st.sampled_from(". .. \u2019\u2014.\n"), st.characters()
)


@given(st.lists(plain_characters, max_size=300).map("".join))
@example("baa.com" + "a" * 274)
@example("Baa. Moo... (No?) - Yes; it’s “the” end.")
def test_a_plain_text_is_as_long_as_it_looks(text: str) -> None:
    """Its characters weigh one each, none of them is part of a link or an emoji, and NFC leaves their number."""
    if PLAIN.fullmatch(text):
        assert len(text.replace("\r\n", "\n")) == weighted_length(text)


@pytest.mark.parametrize("text", ["Baa. Moo... (No?) - Yes; it’s the end.", "a" * 281, ""])
def test_most_lines_are_plain(text: str) -> None:
    """So that nobody weighs them."""
    assert PLAIN.fullmatch(text)
    assert not PLAIN.fullmatch(text + " so.in")
    assert not PLAIN.fullmatch(text + "…")
