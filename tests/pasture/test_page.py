"""The page with the latest posts."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable

import pytest
import requests
from requests import Response

from flock.pasture import Account, Pasture


@pytest.fixture
def page(pasture: Pasture) -> Callable[[], Response]:
    """The page as it is now."""
    return lambda: requests.get(f"{pasture.url}/")


def test_the_page_escapes_what_was_said(say_v2: Callable[[str], Response], page: Callable[[], Response]) -> None:
    """The page escapes a poem's text."""
    say_v2("""<script>alert('"1" & 2')</script> {name}""")

    html = page().text

    assert "<script" not in html
    assert "&lt;script&gt;alert(&#39;&#34;1&#34; &amp; 2&#39;)&lt;/script&gt; {name}" in html


@pytest.mark.parametrize(
    "hidden", ["\x1b", "\x00", "\x85", "\x9b", "\u2028", "\u202e", "\u2066", "\u200f", "\u061c"]
)
def test_what_reorders_or_controls_a_text_is_shown(
    say_v1: Callable[[str], Response], page: Callable[[], Response], hidden: str
) -> None:
    """Controls, line separators and bidirectional controls have an escape each; emoji and line feeds stay."""
    say_v1(f"one{hidden}two\nthree 👩‍👧")

    html = page().text

    assert hidden not in html
    assert f"one\\u{ord(hidden):04x}two\nthree 👩‍👧" in html


def test_the_page_shows_the_newest_first(say_v2: Callable[[str], Response], page: Callable[[], Response]) -> None:
    """It shows fifty posts."""
    for number in range(51):
        say_v2(f"line {number}.")

    assert re.findall(r"line (\d+)\.", page().text) == [str(number) for number in range(50, 0, -1)]


def test_the_page_allows_nothing_but_its_own_style(page: Callable[[], Response]) -> None:
    """The Content-Security-Policy allows the style by its hash, and the page links to nothing else."""
    response = page()

    (style,) = re.findall(r"<style>(.*?)</style>", response.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = response.headers["Content-Security-Policy"].split("; ")
    assert policy[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert not re.search(r"\b(src|href|url)\b", response.text)


def test_the_page_tells_no_secrets(
    wolf: Account, say_v2: Callable[[str], Response], page: Callable[[], Response]
) -> None:
    """Names and texts, no keys and no tokens."""
    say_v2("hello")

    html = page().text

    assert "wolf" in html
    assert wolf.token not in html
    assert wolf.consumer_key not in html


def test_the_page_of_a_silent_pasture_says_so(page: Callable[[], Response]) -> None:
    """A page without posts shows a sentence instead of an empty list."""
    assert "Nothing has been said yet." in page().text
