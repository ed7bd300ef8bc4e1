"""Who may see the page: over real HTTP, with what browsers and others' pages send."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from flock.cli.times import midnight
from flock.errors import BadOption
from flock.options import Options
from flock.web.gate import Token
from flock.web.listening import listen
from flock.web.server import WebPage
from tests.conftest import TIMEOUT

PATHS = ("/", "/stage", "/bots", "/bots/dolly", "/flock.json", "/field.json", "/static/style.css")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""])
def test_a_foreign_name_is_refused(
    serve: Callable[..., WebPage], write_key: Callable[..., Path], host: str
) -> None:
    """As after DNS rebinding; on each path, the stream among them."""
    write_key()
    page = serve()
    for path in (*PATHS, "/events"):
        answer = requests.get(page.url + path, headers={"Host": host}, timeout=TIMEOUT)
        assert (421, False) == (answer.status_code, "dolly" in answer.text)


def test_what_is_served_can_run_nothing_foreign(
    serve: Callable[..., WebPage], write_key: Callable[..., Path]
) -> None:
    """Each page has a strict policy, and what a browser is not to guess."""
    write_key()
    page = serve()
    for path in PATHS:
        answer = requests.get(page.url + path, timeout=TIMEOUT)
        assert 200 == answer.status_code
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "nosniff" == answer.headers["X-Content-Type-Options"]
        assert answer.headers["Referrer-Policy"] in ("no-referrer", "same-origin")
        assert "sesame" not in answer.text  # each secret of the key holds that word


@pytest.fixture
def beyond(tmp_path: Path, options: Options, write_key: Callable[..., Path]) -> Iterator[WebPage]:
    """A page that is served beyond loopback."""
    write_key()
    with listen("0.0.0.0", 0) as listener:
        page = WebPage(tmp_path, options, listener, midnight=midnight, name="0.0.0.0")
    page.start()
    yield page
    page.close()


def test_beyond_loopback_the_token_is_asked_for(beyond: WebPage, tmp_path: Path) -> None:
    """Once; then the cookie is enough. The file keeps its hash alone, and is private."""
    url = beyond.url.replace("0.0.0.0", "127.0.0.1")
    token = beyond.fresh_token
    file = tmp_path / "flock.db.web-token"
    with requests.Session() as browser:
        assert [401] * 7 == [browser.get(url + path, timeout=TIMEOUT).status_code for path in PATHS]
        assert 401 == browser.get(f"{url}/?token={token}x", timeout=TIMEOUT).status_code
        first = browser.get(f"{url}/bots?token={token}", timeout=TIMEOUT, allow_redirects=False)
        assert (303, "/bots") == (first.status_code, first.headers["Location"])
        assert {"HttpOnly", "SameSite=Strict"} <= set(first.headers["Set-Cookie"].split("; "))
        assert [200] * 7 == [browser.get(url + path, timeout=TIMEOUT).status_code for path in PATHS]
    program = requests.get(f"{url}/flock.json", headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT)

    assert 200 == program.status_code
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert token not in file.read_text()
    assert "" == Token(file).fresh
    assert Token(file).is_right(token)


def test_a_damaged_file_lets_nobody_in(tmp_path: Path) -> None:
    """The operator is told what to do."""
    file = tmp_path / "flock.db.web-token"
    file.write_text("")
    file.chmod(0o600)
    with pytest.raises(BadOption, match="delete it, for another token"):
        Token(file)
