"""What axe-core finds on the pages, in Chromium: nothing. It is not part of flock, and these tests ask for it:

AXE=$(.ci/axe /tmp/axe) scripts/test tests/browser/axe.py
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from flock import watch
from flock.journal import Condition, Standing
from flock.overview import State
from flock.pasture import Pasture
from flock.web import field
from tests.browser.pages import Shown
from tests.chromium import TELEPHONE
from tests.conftest import TIMEOUT, until

AXE = Path(os.environ["AXE"]).read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = """
const done = arguments[arguments.length - 1];
const told = (node) => `${node.html} ${node.failureSummary}`;
const line = (each) => `${each.id}: ${each.help}: ${each.nodes.map(told).join("; ")}`;
axe.run(document, { runOnly: arguments[0] }).then((found) => done(found.violations.map(line)));
"""


def wrong(browser: Chrome) -> list[str]:
    """Return what is wrong with the page."""
    browser.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE})
    browser.set_script_timeout(60)
    found: list[str] = browser.execute_async_script(_RUN, RULES)
    return found


def bots_in_every_state(flock: Shown, write_key: Callable[..., Path]) -> None:
    """Let the flock have a bot in each of the states, and write the keys of those that it has not."""
    now = time.time()
    flock.rest("shaun", Standing(Condition.PENNED, "the tokens were refused", "Revoked"))
    flock.say("timmy", "baa")
    flock.rest("timmy", recitations=3000)
    flock.rest("shirley", Standing(Condition.BACKING_OFF, "no connection", "Unreachable", until=now + 60))
    flock.rest("nuts", paused=now)
    for number, name in enumerate(("waits", "late", "due", "away", "young")):
        key = {"oauth_token": f"{2000 + number}-token", "oauth_token_secret": name, "temperament": "senile"}
        write_key(f"{name}.json", screen_name=name, line_interval=0.5 if name == "late" else 900, **key)
    for name in ("waits", "late", "due", "away"):
        flock.take(name)
    flock.rest("waits", Standing(Condition.WAITING, "too many posts", "RateLimited", until=now + 600))
    flock.rest("late", due=now - 9000)
    flock.rest("due", due=now - 1)
    flock.rest("away", recitations=900)
    flock.leave("away")


def seeing(browse: Callable[..., Chrome], size: tuple[int, int], scheme: str) -> Chrome:
    """Return a browser of that size, by day or by night."""
    browser = browse(size=size)
    media = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}  # what fades in is pale at first
    features: list[Any] = [{"name": name, "value": value} for name, value in media.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    return browser


VIEWS = [(TELEPHONE, "light"), ((1280, 800), "dark")]


@pytest.mark.parametrize("view", VIEWS, ids=["telephone, by day", "desk, by night"])
@pytest.mark.parametrize("path", ["/", "/?dots", "/stage", "/bots?sort=-state", "/bots/nobody"])
def test_nothing_is_wrong_with_a_page(
    flock: Shown,
    browse: Callable[..., Chrome],
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    view: tuple[tuple[int, int], str],
) -> None:
    """With a bubble, and a bot that is penned."""
    if "dots" in path:
        monkeypatch.setattr(field, "MOST_SHEEP", 1)
    flock.rest("shaun", Standing(Condition.PENNED, "the tokens were refused", "Revoked"))
    flock.say("timmy", "baa")
    browser = seeing(browse, *view)
    browser.get(flock.url + path)
    flock.say("dolly", "baa, says the line")
    if path == "/":
        until(
            "a bubble is there", lambda: bool(browser.execute_script("return document.querySelector('.bubble')"))
        )
    assert [] == wrong(browser)


@pytest.mark.parametrize("view", VIEWS, ids=["telephone, by day", "desk, by night"])
def test_nothing_is_wrong_with_the_pages_of_bots(
    flock: Shown,
    browse: Callable[..., Chrome],
    write_key: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    view: tuple[tuple[int, int], str],
) -> None:
    """In each state that a bot may be in; in the table, too; with the note that a button leaves."""
    monkeypatch.setattr(watch, "_MARGIN", 0.5)  # seconds, not a minute, until a bot is quiet
    bots_in_every_state(flock, write_key)
    until("all are seen", lambda: len(states(flock)) == len(State))
    browser = seeing(browse, *view)
    found: dict[str, list[str]] = {}
    for name, state in {"": "the table", **states(flock)}.items():
        browser.get(f"{flock.url}/bots/{name}" if name else f"{flock.url}/bots")
        if state == State.ASLEEP:
            browser.find_element(By.ID, "tell-skip").click()
            assert browser.find_element(By.CSS_SELECTOR, ".note")
            browser.find_element(By.CSS_SELECTOR, "summary").click()
        found[state] = wrong(browser)
    assert {"the table": [], **{state.value: [] for state in State}} == found


def states(flock: Shown) -> dict[str, str]:
    """Return a bot in each state that bots are in."""
    bots = requests.get(f"{flock.url}/flock.json", timeout=TIMEOUT).json()["bots"]
    return {name: state for state, name in {bot["state"]: bot["name"] for bot in bots}.items()}


@pytest.mark.parametrize("view", VIEWS, ids=["telephone, by day", "desk, by night"])
@pytest.mark.parametrize("path", ["/", "/?network=mastodon&by=dolly&order=oldest", "/settings/app-passwords"])
def test_nothing_is_wrong_with_a_page_of_the_pasture(
    browse: Callable[..., Chrome], path: str, view: tuple[tuple[int, int], str]
) -> None:
    """With posts in two languages, one of them behind a warning; and where a form is."""
    with Pasture(()) as pasture:
        pasture.mastodon.admit("dolly", "sesame")
        for fields in ({"status": "baa"}, {"status": "ثم", "language": "ar", "spoiler_text": "verse"}):
            token = {"Authorization": "Bearer sesame"}
            requests.post(f"{pasture.url}/api/v1/statuses", json=fields, headers=token, timeout=TIMEOUT)
        browser = seeing(browse, *view)
        browser.get(pasture.url + path)
        assert [] == wrong(browser)
