"""The field, in Chromium: lines appear above sheep, sheep change with their bots, and all of it by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
import requests
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from flock.journal import Condition, Standing
from flock.web import field
from tests.browser.pages import Relay, Shown
from tests.chromium import TELEPHONE, text_of, texts_of
from tests.conftest import until

HOSTILE = (
    "<script>document.title = 'evil'</script><img src=x onerror=\"document.title = 'evil'\">",
    "\x1b[31mred\x1b[0m \x07 and \u202egnihtyreve\u202c \u2066isolated",
    "🐑" * 280,
    "w" * 280,
)


def state_of(browser: Chrome, name: str) -> tuple[str, str]:
    """Return the state of a sheep: as it is drawn, and as it is read."""
    item = f'li[data-name="{name}"]'
    drawn = browser.find_element(By.CSS_SELECTOR, f"{item} .sheep").get_attribute("data-state")
    return str(drawn), text_of(browser, f"{item} .how")


def complaints(browser: Chrome) -> list[Any]:
    """Return what the browser has complained about: scripts that failed, or that the policy has blocked."""
    log: list[Any] = browser.get_log("browser")  # type: ignore[no-untyped-call]  # selenium's own
    return log


def is_within(browser: Chrome) -> bool:
    """Return whether the page needs no scrolling to the side."""
    return bool(browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"))


def test_a_line_appears_above_its_sheep_without_a_reload(flock: Shown, browse: Callable[..., Chrome]) -> None:
    """And is read to a screen reader, and heads the list of what was said last."""
    browser = browse()
    browser.get(f"{flock.url}/")
    browser.execute_script("window.stays = true")
    flock.say("dolly", "baa, says the line")

    assert "baa, says the line" == text_of(browser, ".bubble p")
    assert "speaks" in str(
        browser.find_element(By.CSS_SELECTOR, 'li[data-name="dolly"] svg').get_attribute("class")
    )
    assert "dolly: baa, says the line" == text_of(browser, "#aloud:not(:empty)")
    assert "baa, says the line" == text_of(browser, "#lines li p")
    assert True is browser.execute_script("return window.stays")
    assert [] == complaints(browser)


def test_a_sheep_changes_as_its_bot_does(flock: Shown, browse: Callable[..., Chrome]) -> None:
    """A penned sheep stands behind a fence; one that is well again sleeps."""
    browser = browse()
    browser.get(f"{flock.url}/")
    assert ("asleep", "asleep") == state_of(browser, "shaun")

    flock.rest("shaun", Standing(Condition.PENNED, "the tokens were refused", "Revoked"))
    until("the sheep is penned", lambda: state_of(browser, "shaun") == ("penned", "penned"))
    fence = browser.find_element(By.CSS_SELECTOR, 'li[data-name="shaun"] .prop').get_attribute("href")
    assert "#s-at-penned" == fence
    until("the words say so", lambda: text_of(browser, "#states") == "4 asleep, 1 penned")

    flock.rest("shaun")
    until("the sheep is well", lambda: state_of(browser, "shaun") == ("asleep", "asleep"))


def test_without_javascript_each_sheep_is_there(flock: Shown, browse: Callable[..., Chrome]) -> None:
    """With its name, its state and its latest line."""
    flock.say("timmy", "the last line")
    address = f"{flock.url}/"
    until(
        "the page has seen it", lambda: "the last line" in requests.get(address, timeout=10).text.split("</ul>")[0]
    )
    browser = browse(javascript=False)
    browser.get(f"{flock.url}/")

    assert 5 == len(browser.find_elements(By.CSS_SELECTOR, "#flock li svg use[href='#s-eyes']"))
    assert "the last line" == browser.find_element(By.CSS_SELECTOR, 'li[data-name="timmy"] .last').text
    assert not browser.find_element(By.ID, "tools").is_displayed()
    assert is_within(browser)


def test_the_keyboard_leads_from_sheep_to_sheep_and_to_a_page(flock: Shown, browse: Callable[..., Chrome]) -> None:
    """One Tab leads to the flock, arrows lead through it, a search leaves out the others, Enter opens."""
    browser = browse(size=(1280, 800))
    browser.get(f"{flock.url}/")
    assert 1 == len(browser.find_elements(By.CSS_SELECTOR, '#flock a[tabindex="0"]'))

    def focus() -> str:
        return str(browser.switch_to.active_element.get_attribute("href")).rpartition("/")[2]

    browser.find_element(By.CSS_SELECTOR, '#flock a[tabindex="0"]').send_keys(Keys.ARROW_RIGHT)
    assert "nuts" == focus()
    browser.switch_to.active_element.send_keys(Keys.END)
    assert "timmy" == focus()
    browser.switch_to.active_element.send_keys(Keys.HOME)
    assert "dolly" == focus()

    browser.find_element(By.ID, "find").send_keys("SHIR")
    shown = [item for item in browser.find_elements(By.CSS_SELECTOR, "#flock li") if item.is_displayed()]
    assert ["shirley"] == [item.get_attribute("data-name") for item in shown]
    browser.find_element(By.ID, "find").send_keys(Keys.ENTER)
    assert "shirley" == focus()
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    until("its page is there", lambda: browser.current_url == f"{flock.url}/bots/shirley")


@pytest.mark.parametrize("text", HOSTILE, ids=["markup", "controls", "emoji", "word"])
def test_a_hostile_line_harms_nothing(flock: Shown, browse: Callable[..., Chrome], text: str) -> None:
    """It is shown as text, on a telephone, without scrolling to the side."""
    browser = browse()
    browser.get(f"{flock.url}/")
    flock.say("dolly", text)

    seen = text_of(browser, ".bubble p")
    assert text.translate(dict.fromkeys(map(ord, "\x1b\x07\u202e\u202c\u2066"), "\ufffd")) == seen
    assert is_within(browser)
    box = browser.find_element(By.CSS_SELECTOR, ".bubble").rect
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= TELEPHONE[0]
    browser.refresh()
    assert seen == text_of(browser, "#lines li p")
    assert "The field" == browser.title
    assert [] == complaints(browser)


def test_a_connection_that_stands_still_is_made_anew(flock: Shown, browse: Callable[..., Chrome]) -> None:
    """As after a laptop has slept: no error tells of it. What was missed comes, each line once."""
    with closing(Relay(int(flock.url.rpartition(":")[2]))) as relay:
        browser = browse()
        browser.get(f"{relay.url}/")
        flock.say("dolly", "before")
        until("the first line is there", lambda: text_of(browser, "#lines").strip().startswith("before"))
        relay.freeze()
        flock.say("dolly", "missed")
        browser.execute_script(
            "const now = Date.now; Date.now = () => now() + 60_000; dispatchEvent(new Event('online'));"
        )

        until("the missed line is there", lambda: text_of(browser, "#lines").strip().startswith("missed"))
        said = texts_of(browser, "#lines p")
    assert ["missed", "before"] == said


def test_pause_keeps_the_field_still(flock: Shown, browse: Callable[..., Chrome]) -> None:
    """Lines go on to the list below, where nothing moves."""
    browser = browse()
    browser.get(f"{flock.url}/")
    browser.find_element(By.ID, "still").click()
    flock.say("dolly", "unheard")

    until("the line is in the list", lambda: text_of(browser, "#lines").strip().startswith("unheard"))
    assert 0 == browser.execute_script("return document.querySelectorAll('.bubble').length")
    assert "true" == browser.find_element(By.ID, "still").get_attribute("aria-pressed")


def test_a_large_flock_is_a_meadow_of_dots(
    flock: Shown, browse: Callable[..., Chrome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is searched, and what is found is a link; a line is read and listed."""
    monkeypatch.setattr(field, "MOST_SHEEP", 4)
    browser = browse()
    browser.get(f"{flock.url}/")
    assert browser.find_element(By.ID, "dots").is_displayed()
    browser.find_element(By.ID, "find").send_keys("h")
    until("two are found", lambda: text_of(browser, "#spot") == "2 found")
    assert "shaun, asleep" == text_of(browser, "#found a")

    flock.say("nuts", "from far away")
    assert "nuts: from far away" == text_of(browser, "#aloud:not(:empty)")
    browser.find_element(By.ID, "find").send_keys(Keys.ENTER)
    assert "/bots/shaun" in str(browser.switch_to.active_element.get_attribute("href"))
    assert is_within(browser)
    assert [] == complaints(browser)


def test_a_meadow_follows_its_bots_and_goes_on_after_the_page_was_away(
    flock: Shown, browse: Callable[..., Chrome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads states alone, never all that is known of ten thousand bots."""
    monkeypatch.setattr(field, "MOST_SHEEP", 4)
    browser = browse()
    browser.get(f"{flock.url}/")

    def found() -> str:
        find = browser.find_element(By.ID, "find")
        find.clear()
        find.send_keys("shaun")
        return text_of(browser, "#found a")

    flock.rest("shaun", Standing(Condition.PENNED, "the tokens were refused", "Revoked"))
    until("the dot is penned", lambda: found() == "shaun, penned")
    flock.close()
    flock.rest("shaun")
    flock.open()
    until("it is well", lambda: found() == "shaun, asleep")
    read = browser.execute_script("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert f"{flock.url}/field.json" in read
    assert not [each for each in read if each.endswith("/flock.json")]
