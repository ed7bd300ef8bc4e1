"""The Host header: names of this machine are answered, and no others."""

from __future__ import annotations

import http.client
from contextlib import closing

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from flock.pasture import Account, Pasture
from flock.pasture.hosts import is_own

OWN = ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.8.9.1", "[::1]", "[0:0::1]", "[::ffff:127.0.0.1]"]
FOREIGN = [
    *("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:80", "169.254.169.254"),
    *("0.0.0.0", "192.168.1.1", "[::]", "[fe80::1%eth0]", "127.1", "2130706433", "0x7f.1", "localhost:80:80"),
    *("", " ", ":80", "localhost evil.example", "evil@localhost", "localhost@evil.example", "localhost/evil"),
    *(
        "localhost,evil.example",
        "localhost\x00",
        "[127.0.0.1",
        "127.0.0.1]",
        "[]",
        "[localhost]",
        "lo\u212aalhost",
    ),
]


@pytest.mark.parametrize("port", ["", ":", ":80", ":8280"])
@pytest.mark.parametrize("name", OWN)
def test_names_of_loopback_are_ours(name: str, port: str) -> None:
    """With any port: a tunnel has another one at its other end."""
    assert is_own(name + port, own=())


@pytest.mark.parametrize("host", FOREIGN)
def test_other_names_are_not(host: str) -> None:
    """A name is not resolved to find out: that is what the attack is about."""
    assert not is_own(host, own=("::1", "pasture.example"))


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("Pasture.Example:8280", "pasture.example"),
        ("0.0.0.0:8280", "0.0.0.0"),
        ("192.168.1.5", "192.168.1.5"),
        ("[FE80:0::1]:8280", "fe80::1%eth0"),
    ],
)
def test_the_address_that_it_listens_on_is_ours(host: str, own: str) -> None:
    """As a name or as an address, however that is written."""
    assert is_own(host, own=("127.0.0.1", own))


@given(st.text())
def test_any_text_is_answered_with_yes_or_no(host: str) -> None:
    """Nothing that a client sends is an error of the pasture."""
    assert not is_own(f"{host}.example", own=("127.0.0.1",))


@pytest.mark.parametrize("path", ["/", "/2/users/me", "/1.1/statuses/update.json", "/nowhere"])
def test_a_page_that_leads_its_own_name_to_us_learns_nothing(pasture: Pasture, path: str) -> None:
    """The answer is 421, for every path, and for a request line with a full URL, which overrides the header."""
    for target, host in [(path, "evil.example"), (f"http://evil.example{path}", "localhost")]:
        with closing(http.client.HTTPConnection(pasture.url.removeprefix("http://"), timeout=10)) as connection:
            connection.putrequest("GET", target, skip_host=True)
            connection.putheader("Host", host)
            connection.endheaders()
            response = connection.getresponse()

            assert 421 == response.status
            assert b"nothing has been said" not in response.read().lower()


def test_a_request_without_a_host_is_refused(pasture: Pasture) -> None:
    """HTTP/1.1 wants one."""
    with closing(http.client.HTTPConnection(pasture.url.removeprefix("http://"), timeout=10)) as connection:
        connection.putrequest("GET", "/", skip_host=True)
        connection.endheaders()

        assert 400 == connection.getresponse().status


def test_a_pasture_for_the_whole_network_is_found_by_each_of_its_addresses(wolf: Account) -> None:
    """Listening on 0.0.0.0, and asked at 127.0.0.1."""
    with Pasture([wolf], host="0.0.0.0") as pasture:
        port = pasture.url.rpartition(":")[2]

        assert 200 == requests.get(f"http://127.0.0.1:{port}/").status_code
        assert 200 == requests.get(f"{pasture.url}/").status_code
