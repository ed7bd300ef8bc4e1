"""A person presses the buttons of the pasture's pages, in Chromium, on a telephone."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import SecretStr
from requests_oauthlib import OAuth1Session
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from flock.pasture import Pasture
from tests.chromium import TELEPHONE
from tests.conftest import until

APP = ("app-key", "app-secret")


@pytest.fixture
def pasture() -> Iterator[Pasture]:
    """A pasture that knows an app, and no account."""
    with Pasture(()) as pasture:
        pasture.admit_app(APP[0], SecretStr(APP[1]))
        yield pasture


def ask_for_pin(pasture: Pasture) -> OAuth1Session:
    """Return a session that has a request token."""
    session = OAuth1Session(*APP, callback_uri="oob")
    session.fetch_request_token(f"{pasture.url}/oauth/request_token")
    return session


def press(browser: Chrome, name: str, *, enter: bool = False) -> str:
    """Type a name, press the button (or Enter), and return the code that the next page shows."""
    browser.find_element(By.ID, "account").send_keys(name, *([Keys.ENTER] if enter else []))
    if not enter:
        browser.find_element(By.CSS_SELECTOR, "button.main").click()
    return browser.find_element(By.TAG_NAME, "code").text


def fits(browser: Chrome) -> bool:
    """Return whether the page needs no scrolling to the side, and its buttons can be hit by a thumb."""
    measure = (
        "return [document.documentElement.scrollWidth, window.innerWidth,"
        " Math.min(...Array.from(document.querySelectorAll('button'), button => button.offsetHeight), 1000)]"
    )
    content, width, lowest = browser.execute_script(measure)
    return bool(content <= width == TELEPHONE[0] and lowest >= 44)


@pytest.mark.parametrize("javascript", [True, False])
def test_the_button_gives_a_pin_and_the_pin_a_token(
    pasture: Pasture, browse: Callable[..., Chrome], javascript: bool
) -> None:
    """The PIN that is read there is good, also where pages may run no scripts.

    There Enter is pressed: chromedriver's click waits for a script.
    """
    browser = browse(javascript=javascript)
    browser.get("data:text/html,<title>False</title><script>document.title = 'True'</script>")
    assert str(javascript) == browser.title
    with ask_for_pin(pasture) as session:
        browser.get(session.authorization_url(f"{pasture.url}/oauth/authorize"))
        assert fits(browser)
        pin = press(browser, "dolly", enter=not javascript)
        assert fits(browser)
        tokens = session.fetch_access_token(f"{pasture.url}/oauth/access_token", verifier=pin)
        posted = session.post(f"{pasture.url}/2/tweets", json={"text": "baa"}, timeout=10)

    assert ("dolly", 7, 201) == (tokens["screen_name"], len(pin), posted.status_code)
    log: Any = browser.get_log("browser")  # type: ignore[no-untyped-call]  # selenium's own
    assert [] == log  # the policy blocks nothing that the pages want


def test_cancel_needs_no_name(pasture: Pasture, browse: Callable[..., Chrome]) -> None:
    """The page says that nothing was authorized."""
    browser = browse()
    with ask_for_pin(pasture) as session:
        address = session.authorization_url(f"{pasture.url}/oauth/authorize")
    browser.get(address)
    browser.find_element(By.CSS_SELECTOR, "button[value=cancel]").click()

    until("the next page is there", lambda: browser.title == "Nothing was authorized")
    assert 403 == requests.get(address, timeout=10).status_code


def test_codes_and_app_passwords_are_read_there_too(pasture: Pasture, browse: Callable[..., Chrome]) -> None:
    """Mastodon's code becomes a token, and the app password a session."""
    browser = browse()
    fields = {"client_name": "flock", "redirect_uris": "urn:ietf:wg:oauth:2.0:oob", "scopes": "read:accounts"}
    app = requests.post(f"{pasture.url}/api/v1/apps", data=fields, timeout=10).json()
    asked = {"client_id": app["client_id"], "redirect_uri": fields["redirect_uris"], "response_type": "code"}
    address = requests.Request("GET", f"{pasture.url}/oauth/authorize", params={**asked, "scope": "read:accounts"})
    browser.get(str(address.prepare().url))
    assert fits(browser)
    code = press(browser, "dolly")
    assert fits(browser)
    grant = {"grant_type": "authorization_code", "client_secret": app["client_secret"], "code": code}
    token = requests.post(f"{pasture.url}/oauth/token", data={**asked, **grant}, timeout=10)
    assert 200 == token.status_code

    browser.get(f"{pasture.url}/settings/app-passwords")
    assert fits(browser)
    login = {"identifier": "dolly.test", "password": press(browser, "dolly")}
    assert fits(browser)
    session = requests.post(f"{pasture.url}/xrpc/com.atproto.server.createSession", json=login, timeout=10)
    assert 200 == session.status_code


def test_another_site_s_form_is_refused(pasture: Pasture, browse: Callable[..., Chrome], tmp_path: Path) -> None:
    """It sends the form with all that belongs into it, but the browser says that it comes from elsewhere."""
    browser = browse()
    with ask_for_pin(pasture) as session:
        address = session.authorization_url(f"{pasture.url}/oauth/authorize")
    browser.get(address)
    seal = browser.find_element(By.NAME, "seal").get_attribute("value")
    own = f'<form method="post" action="{html.escape(address)}"><input id="account" name="screen_name">'
    rest = f'<input type="hidden" name="seal" value="{seal}"><button class="main">Win a sheep</button></form>'
    (tmp_path / "evil.html").write_text(own + rest, encoding="utf-8")
    browser.get((tmp_path / "evil.html").as_uri())
    browser.find_element(By.ID, "account").send_keys("dolly")
    browser.find_element(By.CSS_SELECTOR, "button.main").click()

    until("the next page is there", lambda: browser.title == "Nothing was authorized")
    browser.get(address)
    assert press(browser, "dolly").isdecimal()  # the person's own form still works
