"""From three accounts and no keys to a flock that posts, by the commands alone.

A person types into a pseudo-terminal what Chromium shows on the practice server's pages.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from selenium.webdriver import Chrome

from tests.browser.test_authorize import press
from tests.conftest import until
from tests.endtoend.test_keys import PIN, Terminal, terminal

FLOCK = (sys.executable, "-m", "flock")
NETWORKS = ("x", "bluesky", "mastodon")
ACCOUNTS = {"dolly", "molly.test", "polly"}  # one on each


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A working directory with a poem for each network, and nothing else."""
    for network in NETWORKS:
        (tmp_path / f"{network}.txt").write_text("".join(f"line {n} for {network}\n" for n in range(9)))
    return tmp_path


@contextmanager
def pasture(home: Path, port: int = 0) -> Iterator[tuple[str, str]]:
    """Run `flock pasture` with a state file; yield its address, and the key file that it prints."""
    command = (*FLOCK, "pasture", "--port", str(port), "--state", str(home / "pasture.db"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = ""
        while "read along" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        try:
            url = re.search(r"read along: (\S+)/", said)
            key = re.search(r"^\{.*?^\}", said, re.MULTILINE | re.DOTALL)
            assert url
            assert key
            yield url[1], key[0]
        finally:
            process.terminate()
            process.stdout.read()
            assert 0 == process.wait(10)


def make_on_x(home: Path, url: str, browser: Chrome) -> Terminal:
    """Let the app in as dolly, and type the PIN."""
    options = ("--network", "x", "--poem", "x.txt", "--app", "app.json", "--base-url", url)
    with terminal(home, "new", "keys", *options) as console:
        browser.get(console.wait_for(r"(http://\S+/oauth/authorize\S+)\r"))
        pin = press(browser, "dolly")
        console.wait_for(PIN)
        console.type(pin)
        assert 0 == console.end(), console.seen
    return console


def make_on_bluesky(home: Path, url: str, browser: Chrome) -> Terminal:
    """Make an app password for molly, and type it."""
    browser.get(f"{url}/settings/app-passwords")
    password = press(browser, "molly")
    with terminal(
        home, "new", "keys", "--network", "bluesky", "--poem", "bluesky.txt", "--base-url", url
    ) as console:
        console.wait_for("handle")
        console.type("molly.test")
        console.wait_for("app password")
        until("what is typed is hidden", lambda: not console.echoes())
        console.type(password)
        assert 0 == console.end(), console.seen
    assert password not in console.seen
    return console


def make_on_mastodon(home: Path, url: str, browser: Chrome) -> Terminal:
    """Let flock in as polly, and type the code."""
    with terminal(
        home, "new", "keys", "--network", "mastodon", "--poem", "mastodon.txt", "--base-url", url
    ) as console:
        console.wait_for("automated")
        console.type("y")
        browser.get(console.wait_for(r"(http://\S+/oauth/authorize\S+)\r"))
        code = press(browser, "polly")
        console.wait_for("code")
        console.type(code)
        assert 0 == console.end(), console.seen
    return console


def speakers(url: str) -> set[str]:
    """Return who has posted, by the pasture's page."""
    return set(re.findall(r'class="by"><a [^>]*>(\S+)</a>', requests.get(url, timeout=10).text))


def test_from_no_keys_to_a_flock_that_posts(home: Path, browse: Callable[..., Chrome]) -> None:
    """On all three networks, and also after the practice server has started anew."""
    browser = browse()
    with pasture(home) as (url, key):
        (home / "app.json").write_text(key)
        (home / "app.json").chmod(0o600)
        shown = [make(home, url, browser).seen for make in (make_on_x, make_on_bluesky, make_on_mastodon)]
    made = {file.name: json.loads(file.read_text()) for file in (home / "keys").glob("[!.]*.json")}
    assert ACCOUNTS == {each["screen_name"] for each in made.values()}
    secret = ("oauth_token", "oauth_token_secret", "app_password", "access_token")
    secrets = [each[name] for each in made.values() for name in secret if name in each]
    assert 4 == len(secrets)
    assert not any(each in text for each in secrets for text in shown)

    with pasture(home, int(url.rpartition(":")[2])) as (again, _):
        assert url == again
        looked = subprocess.run(
            (*FLOCK, "keys", "verify", "keys", "--online", "--base-url", url), cwd=home, check=False
        )
        assert 0 == looked.returncode
        run = (*FLOCK, "run", "keys", "--base-url", url, "--line-interval", "0.2", "--poem-interval", "0.5")
        with subprocess.Popen((*run, "--state", str(home / "flock.db")), cwd=home) as flock:
            try:
                until("each has posted", lambda: speakers(url) == ACCOUNTS)
            finally:
                flock.terminate()
            assert 0 == flock.wait(20)
