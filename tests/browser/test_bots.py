"""The table of the flock and the page of a bot, in Chromium: what is said appears, and the keyboard does all."""

from __future__ import annotations

from collections.abc import Callable

import requests
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.pages import Shown
from tests.browser.test_field import HOSTILE, complaints, is_within
from tests.chromium import TELEPHONE, text_of, texts_of
from tests.conftest import TIMEOUT, until


def test_a_new_line_appears_on_the_page_of_its_bot(flock: Shown, browse: Callable[..., Chrome]) -> None:
    """Without a reload, and read aloud; lines of others do not; hostile ones harm nothing, also on a telephone."""
    browser = browse(size=TELEPHONE)
    browser.get(f"{flock.url}/bots/dolly")
    browser.execute_script("window.stays = true")
    for line in HOSTILE:
        flock.say("dolly", line)
        flock.say("shaun", "a line of another")
    flock.say("dolly", "baa, says the line")
    until("the line is there", lambda: text_of(browser, "#said li p") == "baa, says the line")

    until("it is read aloud", lambda: text_of(browser, "#aloud") == "dolly: baa, says the line")
    assert [HOSTILE[-1], HOSTILE[0]] == [
        text_of(browser, f"#said li:nth-child({number}) p") for number in (2, len(HOSTILE) + 1)
    ]
    assert "�[31mred" in text_of(browser, "#said li:nth-child(4) p")
    assert "another" not in text_of(browser, "#said")
    assert "dolly" == browser.title
    assert True is browser.execute_script("return window.stays")
    assert is_within(browser)
    assert [] == complaints(browser)


def test_a_button_is_pressed_by_keyboard(flock: Shown, browse: Callable[..., Chrome]) -> None:
    """The browser sends where the form comes from; the page says what came of it. JavaScript is not needed."""
    for javascript, what in ((True, "pause"), (False, "skip")):
        browser = browse(javascript=javascript)
        browser.get(f"{flock.url}/bots/shaun")
        button = browser.find_element(By.ID, f"tell-{what}")
        button.send_keys(Keys.ENTER)
        note = text_of(browser, ".note[role=status]")
        assert note.startswith(f"Told: {what}; process ")
        assert what in text_of(browser, "#facts")
        assert [] == complaints(browser)
        browser.quit()
    bots = requests.get(f"{flock.url}/flock.json", timeout=TIMEOUT).json()["bots"]
    assert [["pause", "skip"]] == [bot["told"] for bot in bots if bot["name"] == "shaun"]


def test_the_table_keeps_its_order_and_the_focus(flock: Shown, browse: Callable[..., Chrome]) -> None:
    """While what bots say appears in it."""
    browser = browse(size=(1280, 800))
    browser.get(f"{flock.url}/bots?find=sh&sort=-name")
    heading = browser.find_element(By.ID, "by-today")
    assert "by-today" == browser.execute_script("arguments[0].focus(); return document.activeElement.id", heading)
    flock.say("shaun", "<b>baa</b>")
    until("the line is there", lambda: "<b>baa</b>" in text_of(browser, "#table"))
    until("the table is another", lambda: text_of(browser, "tr[data-name=shaun] .last-line time") != "now")

    assert "by-today" == browser.execute_script("return document.activeElement.id")
    assert ["shirley", "shaun"] == texts_of(browser, "#table tbody bdi")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    until("it is sorted", lambda: text_of(browser, "th[aria-sort]").startswith("Today"))
    assert "find=sh&sort=today" in browser.current_url
    assert is_within(browser)
    assert [] == complaints(browser)


def test_a_new_line_appears_in_the_table_before_the_rest_of_it(
    flock: Shown, browse: Callable[..., Chrome]
) -> None:
    """A table of ten thousand bots takes a while to be made anew; here that never ends."""
    browser = browse(size=(1280, 800))
    browser.get(f"{flock.url}/bots")
    browser.execute_script("window.fetch = () => new Promise(() => {})")
    for line in HOSTILE:
        flock.say("dolly", line)
    flock.say("dolly", "baa, says the table")
    until(
        "the line is there",
        lambda: text_of(browser, "tr[data-name=dolly] .last-line") == "baa, says the table now",
    )
    assert [] == complaints(browser)
