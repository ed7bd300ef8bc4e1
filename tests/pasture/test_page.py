"""The timeline: the page with the latest posts."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import requests
from requests import Response

from flock.pasture import Account, Pasture
from flock.pasture.timeline import MOST


@pytest.fixture
def page(pasture: Pasture) -> Callable[..., Response]:
    """The page as it is now."""
    return lambda view="": requests.get(f"{pasture.url}/{view}", timeout=10)


def test_the_page_escapes_what_was_said(say_v2: Callable[[str], Response], page: Callable[..., Response]) -> None:
    """The page escapes a poem's text."""
    say_v2("""<script>alert('"1" & 2')</script> {name} {{ 7 * 7 }}""")

    html = page().text

    assert "<script>" not in html
    assert "&lt;script&gt;alert(&#39;&#34;1&#34; &amp; 2&#39;)&lt;/script&gt; {name} {{ 7 * 7 }}" in html


@pytest.mark.parametrize("hidden", ["\x1b", "\x00", "\x85", "\x9b", "\u2028", "\u202e", "\u2066"])
def test_what_reorders_or_controls_a_text_is_shown(
    say_v1: Callable[[str], Response], page: Callable[..., Response], hidden: str
) -> None:
    """As on the page of a flock; emoji and line feeds stay."""
    say_v1(f"one{hidden}two\nthree 👩‍👧")

    html = page().text

    assert hidden not in html
    assert "one\ufffdtwo\nthree 👩‍👧" in html


def test_a_poem_is_read_from_either_end(say_v2: Callable[[str], Response], page: Callable[..., Response]) -> None:
    """A hundred posts, the newest first, or the oldest of them first."""
    for number in range(MOST + 1):
        say_v2(f"line {number}.")
    expected = [str(number) for number in range(1, MOST + 1)]

    assert expected[::-1] == re.findall(r"line (\d+)\.", page().text)
    assert expected == re.findall(r"line (\d+)\.", page("?order=oldest").text)
    assert expected == re.findall(r"line (\d+)\.", page("?network=x&by=WOLF&order=oldest").text)


def test_the_page_loads_only_what_is_its_own(pasture: Pasture, page: Callable[..., Response]) -> None:
    """No inline script or style; each script, style and picture that it names is there."""
    response = page()

    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert "text/html; charset=utf-8" == response.headers["Content-Type"]
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src=)|https?://", response.text)
    names = re.findall(r'"/static/([^"]+)"', response.text)
    assert {"style.css", "pasture.css", "timeline.js", "sheep.svg"} == set(names)
    for name in (*names, "aloud.js"):
        assert 200 == requests.get(f"{pasture.url}/static/{name}", timeout=10).status_code
    assert [404, 404] == [page(f"static/{name}").status_code for name in ("page.py", "..%2Fpage.py")]


def test_a_page_that_has_not_changed_is_not_sent_again(
    say_v2: Callable[[str], Response], pasture: Pasture, page: Callable[..., Response]
) -> None:
    """It is asked for each second."""
    say_v2("one")
    known = {"If-None-Match": page().headers["ETag"]}
    same = requests.get(pasture.url, headers=known, timeout=10)
    say_v2("two")
    changed = requests.get(pasture.url, headers=known, timeout=10)

    assert (304, b"", 200, True) == (same.status_code, same.content, changed.status_code, "two" in changed.text)


def test_the_page_tells_no_secrets(
    wolf: Account, say_v2: Callable[[str], Response], page: Callable[..., Response]
) -> None:
    """Names and texts, no keys and no tokens."""
    say_v2("hello")

    html = page().text

    assert "wolf" in html
    assert wolf.token not in html
    assert wolf.consumer_key not in html


def test_the_page_of_a_silent_pasture_says_so(page: Callable[..., Response]) -> None:
    """A page without posts shows a sentence instead of an empty list."""
    assert '<p id="none" class="faint">Nothing has been said yet.</p>' in page().text
