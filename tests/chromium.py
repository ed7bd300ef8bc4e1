"""A headless Chromium for tests of pages: Debian's packages `chromium` and `chromium-driver`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By

from tests.conftest import TIMEOUT

PROGRAM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
TELEPHONE = (390, 844)  # pixels, as CSS counts them

_TEXTS = "return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)"
_SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # root, as which CI runs, has none
    "--disable-dev-shm-usage",  # containers have little of it
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-proxy-server",
)


@contextmanager
def chromium(folder: Path, size: tuple[int, int] = TELEPHONE, *, javascript: bool = True) -> Iterator[Chrome]:
    """Start a browser that keeps its files in `folder`, and end it. `size` is that of a page, in pixels.

    It waits for the elements that it is asked for.
    """
    assert PROGRAM, "no chromium: .ci/chromium installs it"
    assert DRIVER, "no chromedriver: .ci/chromium installs it"
    options = ChromeOptions()
    options.binary_location = PROGRAM
    window = f"--window-size={size[0] + 100},{size[1] + 200}"  # what is outside it, no frame shows
    for switch in (*_SWITCHES, f"--user-data-dir={folder}", window):
        options.add_argument(switch)
    metrics = {"width": size[0], "height": size[1], "pixelRatio": 1.0}
    options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
    if not javascript:
        off = {"profile.managed_default_content_settings.javascript": 2}
        options.add_experimental_option("prefs", off)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, ChromeService(DRIVER))
    driver.implicitly_wait(TIMEOUT)  # a click does not wait for the page that it leads to
    try:
        yield driver
    finally:
        driver.quit()


def text_of(browser: Chrome, selector: str) -> str:
    """Return the text of the element, as the page has it, when it is there."""
    browser.find_element(By.CSS_SELECTOR, selector)
    return texts_of(browser, selector)[0]


def texts_of(browser: Chrome, selector: str) -> list[str]:
    """Return the texts of such elements, as the page has them at one moment."""
    texts: list[str] = browser.execute_script(_TEXTS, selector)
    return texts
