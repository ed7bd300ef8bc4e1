"""The stage, in Chromium: one line, as large as it fits, and it goes on by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from flock.journal import Outcome
from tests.browser.pages import Shown
from tests.chromium import text_of, texts_of
from tests.conftest import until

SCREEN = (1920, 1080)
LINES = (
    "baa",
    "夜が明けて　門に残った　毛ひとすじ",
    "ثم تعود النعجة إلى البيت",
    "🐑" * 280,
    "wide " * 56,
    "w" * 280,
)


def now(browser: Chrome) -> str:
    """Return the line that stands on the stage."""
    return text_of(browser, "#now blockquote")


def test_the_stage_shows_the_latest_line_over_the_last_few(flock: Shown, browse: Callable[..., Chrome]) -> None:
    """Without what was skipped; and what comes next takes its place."""
    flock.say("dolly", "first")
    flock.say("shaun", "second")
    flock.say("timmy", "refused", Outcome.SKIPPED)
    browser = browse(size=SCREEN)
    browser.get(f"{flock.url}/stage")
    assert "second" == now(browser)
    assert "first" == text_of(browser, "#before li")

    flock.say("nuts", "third")
    until("the third line stands there", lambda: now(browser) == "third")
    before = texts_of(browser, "#before li")
    assert ["second", "first"] == before
    assert "nuts" == text_of(browser, "#now figcaption")


@pytest.mark.parametrize("line", LINES, ids=["short", "japanese", "arabic", "emoji", "words", "one word"])
def test_every_line_fits_and_is_as_large_as_it_can_be(
    flock: Shown, browse: Callable[..., Chrome], line: str
) -> None:
    """Letters of 64 of 1,920 pixels are 3 cm high on a screen 1.4 m wide, and are read from ten metres.

    280 emoji, and a word of 280 letters, are smaller.
    """
    flock.say("dolly", line)
    browser = browse(size=SCREEN)
    browser.get(f"{flock.url}/stage")
    measure = (
        "const quote = document.querySelector('#now blockquote'), box = quote.getBoundingClientRect();"
        "const below = document.querySelector('#now figcaption').getBoundingClientRect();"
        "return [parseFloat(getComputedStyle(quote).fontSize), getComputedStyle(quote).direction,"
        " box.left >= 0 && box.right <= innerWidth && box.top >= 0 && below.bottom <= innerHeight"
        " && box.bottom <= below.top && quote.scrollWidth <= quote.clientWidth]"
    )
    until("it is set", lambda: browser.execute_script("return document.querySelector('.idle, .stage') !== null"))
    until("it fits", lambda: browser.execute_script(measure)[2])
    size, direction, _ = browser.execute_script(measure)

    assert size >= (64 if len(line) < 280 or " " in line else 50)
    assert ("rtl" if line == LINES[2] else "ltr") == direction


def test_after_a_break_it_goes_on_with_the_latest_line(flock: Shown, browse: Callable[..., Chrome]) -> None:
    """Ten lines were missed; the last of them comes, and then what is said next."""
    flock.say("dolly", "before")
    browser = browse(size=SCREEN)
    browser.get(f"{flock.url}/stage")
    assert "before" == now(browser)

    flock.close()
    for number in range(10):
        flock.say("dolly", f"missed {number}")
    flock.open()
    until("the latest line stands there", lambda: now(browser) == "missed 9")
    flock.say("shaun", "after")
    until("it goes on", lambda: now(browser) == "after")
    before = texts_of(browser, "#before li")
    assert ["missed 9", "before"] == before


def test_the_stage_can_be_one_bot_s_own(flock: Shown, browse: Callable[..., Chrome]) -> None:
    """With its name in the address."""
    browser = browse(size=SCREEN)
    browser.get(f"{flock.url}/stage?bot=Dolly")
    flock.say("shaun", "of another bot")
    flock.say("dolly", "of the bot")

    until("its line stands there", lambda: now(browser) == "of the bot")
    assert [] == browser.find_elements(By.CSS_SELECTOR, "#before li")[:1]
