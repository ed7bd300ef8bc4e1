"""The environment's proxies: which one is used, and what is said at the start about one that cannot be."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from flock import errors
from flock.networks.environment import proxies_for
from flock.networks.http import Session

ROOT = "https://api.x.com"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without one."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:notaport",
        "http://me:sesame@127.0.0.1:99999",
        "http://",
        "http://a..b:3128",
        "http:127.0.0.1:1",
        f"http://{'a' * 64}.example",
        "ftp://proxy.example",
    ],
)
def test_a_proxy_that_cannot_be_is_named_at_the_start(
    name: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its variable; its value may hold a password."""
    monkeypatch.setenv(name, address)
    with pytest.raises(errors.BadOption) as caught:
        Session(ROOT)
    assert str(caught.value).startswith(f"{name}: expected the address of a proxy, such as http://")
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["proxy.example:3128", "http://me:sesame@proxy.example", "socks5h://127.0.0.1:9050", "http://[::1]:1"],
)
def test_a_proxy_that_can_be_is_used(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it answers is seen at the first post."""
    monkeypatch.setenv("HTTPS_PROXY", address)
    assert {"https": address} == proxies_for(ROOT)


def test_a_loopback_address_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a bad one is looked at."""
    monkeypatch.setenv("HTTPS_PROXY", "http://a..b")
    assert {} == proxies_for("https://localhost:8140")


def test_without_pysocks_a_socks_proxy_is_named_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says what to install."""
    monkeypatch.setenv("HTTPS_PROXY", "socks5h://127.0.0.1:9050")
    monkeypatch.setattr("flock.networks.environment.find_spec", lambda _name: None)
    with pytest.raises(errors.BadOption) as caught:
        Session(ROOT)
    assert "HTTPS_PROXY: a SOCKS proxy needs PySocks; run: pip install 'poem-flock[socks]'" == str(caught.value)


@contextlib.contextmanager
def socks_proxy(reply: bytes) -> Iterator[str]:
    """Run a SOCKS5 proxy that takes every client, and answers its request to connect with `reply`."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.recv(64)
                    connection.sendall(b"\x05\x00")
                    connection.recv(512)
                    connection.sendall(reply)
                    if connection.recv(65536):
                        connection.recv(65536)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"socks5h://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@pytest.mark.parametrize(("code", "expected"), [(b"\x05", errors.Unavailable), (b"\x00", errors.OutcomeUnknown)])
def test_a_socks_proxy_is_a_proxy(code: bytes, expected: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """One that refuses is blamed itself; once it has connected, a lost answer leaves doubt."""
    with socks_proxy(b"\x05" + code + b"\x00\x01\x00\x00\x00\x00\x00\x00") as address:
        monkeypatch.setenv("HTTP_PROXY", address)
        with Session("http://api.invalid") as session, pytest.raises(errors.NetworkError) as caught:
            session.post("http://api.invalid/2/tweets", json={"text": "baa"})
    assert expected is type(caught.value)
    assert ("the proxy 127.0.0.1 takes no connection" == str(caught.value)) is (expected is errors.Unavailable)
