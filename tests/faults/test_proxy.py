"""A flock behind a proxy: one that fails in every way, and a good one before a network that does.

Only where the proxy made no connection is it sure that a post did not land.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.ground import make_certificate
from tests.conftest import TIMEOUT
from tests.endtoend.conftest import Flock, Folder, recital
from tests.faults.campaign import Where, hold
from tests.faults.hostile import Fate, HostileServer
from tests.faults.modes import GROUPS
from tests.faults.proxy import FORWARDS, NOT_FOUND, TUNNELS, Act, Proxy

HOST = "flock.invalid"  # no name of this machine, which would need no proxy
BOTS = 12


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make a certificate for the host; return it with its key, and the CA bundle that trusts it."""
    return make_certificate(tmp_path_factory.mktemp("certificate"), HOST)


def behind(url: str, bundle: Path) -> dict[str, str]:
    """Return the variables that make a flock use a proxy, and trust the network's certificate."""
    return {"http_proxy": url, "https_proxy": url, "REQUESTS_CA_BUNDLE": str(bundle)}


@pytest.mark.parametrize(
    ("scheme", "acts", "refuses"),
    [
        pytest.param("http", FORWARDS, False, id="forwards"),
        pytest.param("http", NOT_FOUND, True, id="has no such page"),
        pytest.param("https", TUNNELS, False, id="tunnels"),
    ],
)
def test_behind_a_failing_proxy_each_line_is_posted_once(
    make_folder: Callable[..., Folder],
    start: Callable[..., Flock],
    certificate: tuple[Path, Path],
    scheme: str,
    acts: Mapping[str, Act],
    *,
    refuses: bool,
) -> None:
    """Refusals, lost answers, half requests, tunnels that break.

    The network refuses no duplicates, but where the proxy says that it has no timelines.
    """
    folder = make_folder(BOTS, lines=4000)
    pem = certificate[0] if scheme == "https" else None
    with (
        HostileServer(certificate=pem, closing=True, refuses=refuses) as network,
        Proxy(network.port, acts) as proxy,
    ):
        command = ("run", folder.path, "--base-url", f"{scheme}://{HOST}", "--line-interval", "0.05")
        haste = {"HURRY": "0.001", "IMPATIENCE": "0.03"}
        flock = start(*command, "--poem-interval", "0.05", **haste, **behind(proxy.url, certificate[1]))
        met = network.wait_until(lambda: all(proxy.met[name] >= 3 for name in acts), TIMEOUT)
        proxy.calm = True
        goal = {name: len(network.said(name)) + 3 for name in folder.poems}
        done = network.wait_until(lambda: all(len(network.said(name)) >= goal[name] for name in goal), TIMEOUT)
        code, output, errors = flock.stop()

        assert met, {name: proxy.met[name] for name in acts}
        assert done, output[-2000:]
        for name, poem in folder.poems.items():
            assert recital(poem, len(network.said(name))) == network.said(name)
    assert 0 == code
    assert "Traceback" not in errors
    assert proxy.requests[0].startswith("CONNECT" if scheme == "https" else "POST")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("group", ["closes", "extras"])
def test_behind_a_good_proxy_a_hostile_network_is_no_worse(
    tmp_path: Path, certificate: tuple[Path, Path], scheme: str, group: str
) -> None:
    """What the network does to connections reaches the flock through the proxy."""
    pem, bundle = certificate

    @contextmanager
    def behind_a_proxy(fates: Mapping[str, Fate]) -> Iterator[Where]:
        with (
            HostileServer(fates, certificate=pem if scheme == "https" else None) as network,
            Proxy(network.port) as proxy,
        ):
            yield Where(network, f"{scheme}://{HOST}", behind(proxy.url, bundle))

    done = hold(tmp_path / "flock", group, GROUPS[group], where=behind_a_proxy)

    assert done.poems == done.posts
    assert 0 == done.exit_code
    assert "Traceback" not in done.output
