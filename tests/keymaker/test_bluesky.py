"""Keys for Bluesky: handle and app password, against the practice server and a directory of accounts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from flock.errors import KeyNotMade
from flock.keymaker import Keymaker
from flock.keymaker.bluesky import BlueskyFlow
from flock.keymaker.sessions import Sessions
from flock.pasture import Pasture
from tests.keymaker.person import Person, code_on, press

Make = Callable[..., Keymaker]


def app_password(pasture: Pasture, handle: str = "dolly.test") -> str:
    """Make an app password on the page for them."""
    return code_on(press(f"{pasture.url}/settings/app-passwords", handle))


def test_an_app_password_becomes_a_key(make: Make, poem: Path, pasture: Pasture) -> None:
    """The handle is asked for, and may have an @ and capitals."""
    password = app_password(pasture)
    person = Person(["@Dolly.Test", password])
    made = make(person).new("bluesky", poem)

    assert ("dolly.test", "bluesky", "dolly.test.json") == (
        made.key.screen_name,
        made.key.network,
        made.key.file.name,
    )
    assert "pasture" == made.key.params["server"]
    assert password not in person.log + repr(made)


def test_a_wrong_password_and_no_password_are_asked_for_again(make: Make, poem: Path, pasture: Pasture) -> None:
    """One line each."""
    right = app_password(pasture)
    person = Person(["", "abcd-abcd-abcd-abcd", right])
    make(person).new("bluesky", poem, screen_name="dolly.test")

    no_password, wrong_password = person.told
    assert no_password.startswith("This is no app password")
    assert wrong_password.startswith(f"{pasture.url}: HTTP 401 AuthenticationRequired")
    with pytest.raises(KeyNotMade, match=r"took none of the app passwords for ewe\.test"):
        make(Person(["abcd-abcd-abcd-abcd"] * 3)).new("bluesky", poem, screen_name="ewe.test")


def test_the_accounts_own_password_is_not_sent_to_a_network(make: Make, poem: Path) -> None:
    """A key file with it would give the account away."""
    keymaker = make(Person(["my own password"] * 3), base_url=None, server="http://127.0.0.1:9")
    with pytest.raises(KeyNotMade, match="no app password is given"):
        keymaker.new("bluesky", poem, screen_name="dolly.test")


def test_a_name_that_is_no_handle_is_told(make: Make, poem: Path) -> None:
    """On the command line, and as an answer."""
    with pytest.raises(KeyNotMade, match="expected the whole handle"):
        make(Person()).new("bluesky", poem, screen_name="dolly")
    person = Person(["dolly"] * 3)
    with pytest.raises(KeyNotMade, match="no handle is given"):
        make(person).new("bluesky", poem)
    assert ["expected the whole handle of the account, such as dolly.bsky.social"] * 3 == person.told


@contextmanager
def directory(home: str | None) -> Iterator[str]:
    """Run a directory in which each account has its server at `home`; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            did = unquote(self.path.removeprefix("/"))
            service = [{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": home}]
            content = json.dumps({"id": did, "service": service if home else []}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def flow(person: Person, entrance: str, home: str | None) -> Iterator[BlueskyFlow]:
    """Yield a flow that looks accounts up at `entrance`, and finds their servers at `home`."""
    sessions = Sessions()
    with directory(home) as url:
        yield BlueskyFlow(
            None, sessions=sessions, questions=person, practises=False, entrance=entrance, directory=url
        )
        sessions.close()


def test_an_account_on_a_server_of_its_own_signs_in_there(pasture: Pasture) -> None:
    """The entrance, here another practice server, never sees the password; the key file names the server."""
    app_password(pasture)
    with Pasture(()) as own:
        password = app_password(own)
        with flow(Person([password]), pasture.url, own.url) as bluesky:
            account = bluesky.authorize("dolly.test")

    assert (own.url, password) == (account.fields["server"], account.fields["app_password"])


def test_an_account_of_bluesky_signs_in_at_the_entrance(pasture: Pasture) -> None:
    """As all that are on Bluesky's own servers do: the password is sent to no server behind it."""
    app_password(pasture)
    with flow(Person(), pasture.url, "https://morel.us-east.host.bsky.network") as bluesky:
        assert pasture.url == bluesky._server_of("dolly.test")


@pytest.mark.parametrize(
    ("handle", "home", "line"),
    [
        ("nobody.test", "https://pds.example", "no account has this handle"),
        ("dolly.test", None, "names no server of dolly.test; give --server"),
        ("dolly.test", "http://pds.example", "without https; no token is sent there"),
    ],
)
def test_an_account_without_a_server_is_one_line(
    pasture: Pasture, handle: str, home: str | None, line: str
) -> None:
    """The password is not even asked for."""
    app_password(pasture)
    person = Person()
    with flow(person, pasture.url, home) as bluesky, pytest.raises(KeyNotMade, match=line):
        bluesky.authorize(handle)
    assert "" == person.log
