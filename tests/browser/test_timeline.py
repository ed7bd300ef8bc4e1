"""The timeline of the practice server, in Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from flock.pasture import Pasture
from tests.chromium import texts_of
from tests.conftest import until

POSTS = "/api/v1/statuses"


@pytest.fixture
def pasture() -> Iterator[Pasture]:
    """A pasture with two accounts of Mastodon's kind."""
    with Pasture(()) as pasture:
        for name in ("dolly", "shaun"):
            pasture.mastodon.admit(name, f"sesame-{name}")
        yield pasture


@pytest.fixture
def say(pasture: Pasture) -> Callable[..., None]:
    """Return a function that lets an account post."""

    def post(name: str, text: str, **fields: str) -> None:
        token = {"Authorization": f"Bearer sesame-{name}"}
        answer = requests.post(pasture.url + POSTS, json={"status": text, **fields}, headers=token, timeout=10)
        assert 200 == answer.status_code

    return post


def texts(browser: Chrome) -> list[str]:
    """Return what the timeline shows, from its top."""
    return texts_of(browser, "#lines .text")


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_a_new_post_appears_without_a_reload(
    pasture: Pasture, say: Callable[..., None], browse: Callable[..., Chrome], order: str
) -> None:
    """At its end of the list; a reader of the page hears it; and the page is still the one that was loaded."""
    say("dolly", "one")
    browser = browse()
    browser.get(f"{pasture.url}/?network=mastodon&order={order}")
    browser.execute_script("window.isSame = true; document.querySelector('#lines a').focus()")
    assert ["one"] == texts(browser)

    say("shaun", "<b>two</b>")
    say("dolly", "ثم", language="ar")
    expected = ["one", "<b>two</b>", "ثم"]
    until("all of them are there", lambda: texts(browser) == (expected if order == "oldest" else expected[::-1]))
    until(
        "the last one is read",
        lambda: "dolly: ثم" == browser.find_element(By.ID, "aloud").get_property("textContent"),
    )
    direction = "return getComputedStyle(document.querySelector('#lines [lang=ar]')).direction"
    assert [True, "one", "rtl"] == [
        browser.execute_script("return window.isSame"),
        browser.execute_script("return document.activeElement.closest('li').querySelector('.text').textContent"),
        browser.execute_script(direction),
    ]
    log: Any = browser.get_log("browser")  # type: ignore[no-untyped-call]  # selenium's own
    assert [] == log  # the policy blocks nothing that the page wants


def test_one_account_is_followed_alone(
    pasture: Pasture, say: Callable[..., None], browse: Callable[..., Chrome]
) -> None:
    """From its first line on; what others say meanwhile does not come in between."""
    say("dolly", "one")
    browser = browse()
    browser.get(pasture.url)
    browser.find_element(By.LINK_TEXT, "dolly").click()
    until("its page is there", lambda: "dolly on Mastodon" == browser.find_element(By.TAG_NAME, "h1").text)
    browser.find_element(By.LINK_TEXT, "Oldest first").click()
    until("in that order", lambda: "order=oldest" in browser.current_url)
    say("shaun", "elsewhere")
    say("dolly", "two")

    until("the second line is there", lambda: texts(browser) == ["one", "two"])


def test_the_page_goes_on_when_the_pasture_is_back(
    pasture: Pasture, say: Callable[..., None], browse: Callable[..., Chrome]
) -> None:
    """At the same port; what was said before is not there any more, and what is said then comes."""
    say("dolly", "one")
    browser = browse()
    browser.get(pasture.url)
    port = int(pasture.url.rpartition(":")[2])
    pasture.close()
    with Pasture((), port=port) as again:
        again.mastodon.admit("dolly", "sesame-dolly")
        until("it is empty", lambda: browser.find_element(By.ID, "none").is_displayed())
        say("dolly", "two")
        until("the next line is there", lambda: texts(browser) == ["two"])
