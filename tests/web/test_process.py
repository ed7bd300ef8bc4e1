"""`flock run --web`: the page in a process of its own, through kills of the flock and of the page, and its end."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from flock.errors import BadOption
from flock.web.listening import parse_names
from tests.conftest import runs, until
from tests.endtoend.conftest import Flock, Folder, make_keys
from tests.web.conftest import PACE, Site

Start = Callable[..., Flock]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder of three bots."""
    return make_keys(tmp_path, 3)


def run_with_page(start: Start, folder: Folder, *arguments: str, **variables: str) -> tuple[Site, int]:
    """Start a flock with a page; return both, and the process of the page."""
    flock = start("run", folder.path, "--pasture", *PACE, "--web", "0", *arguments, **variables)
    port = wait_for_page(flock)
    [page] = children(flock.process.pid)
    return Site(folder, flock, port, start), page


def wait_for_page(flock: Flock) -> int:
    """Wait until the flock says where its page is; return the port."""
    return int(hear(flock, r"the page is at http://127\.0\.0\.1:(\d+)/$"))


def hear(flock: Flock, pattern: str) -> str:
    """Wait until the flock logs a line that ends like this; return the group of the pattern."""
    assert flock.process.stderr
    for line in flock.process.stderr:
        if found := re.search(pattern, line):
            return found[1]
    raise AssertionError(f"the flock has ended without {pattern}: {flock.end()}")


def children(pid: int) -> list[int]:
    """Return the processes that this one has started, and that run."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return [child for child in found if runs(child)]


def refuses(port: int) -> bool:
    """Return whether nothing listens there."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # what listened has just ended
        return False
    return False


def posts(site: Site) -> int:
    """Return how many posts the bots have made, as the page says."""
    return sum(bot["posts"] for bot in site.ask("/flock.json").json["bots"])


def have_grown(site: Site, before: int) -> bool:
    """Return whether there are some more posts."""
    return posts(site) > before + 3


def test_a_killed_flock_leaves_no_page(start: Start, folder: Folder) -> None:
    """Its port is free. What the flock alone has to know is not in the page's environment."""
    site, page = run_with_page(start, folder, FLOCK_ALERT="json://127.0.0.1:1/sesame")
    until("posts", lambda: posts(site) > 3)
    environment = Path(f"/proc/{page}/environ").read_bytes()
    session = os.getsid(page)

    site.web.process.kill()
    until("the page has ended", lambda: not runs(page))
    until("nothing listens", lambda: refuses(site.port))

    assert b"sesame" not in environment
    assert session == page


def test_a_killed_page_comes_again_and_the_flock_goes_on(start: Start, folder: Folder) -> None:
    """At the same address, also when it is killed twice, or frozen at the end."""
    site, page = run_with_page(start, folder, "--web-name", "one.example,two.example")
    for _ in range(2):
        said = posts(site)
        os.kill(page, signal.SIGKILL)
        assert "SIGKILL" == hear(
            site.web, r"warning: the page has ended: (\w+); it starts again in \ds, and the flock"
        )
        assert site.port == wait_for_page(site.web)
        [page] = children(site.web.process.pid)
        until("more posts", partial(have_grown, site, said))
    asked = [site.ask("/bots", Host=host).status for host in ("ONE.example", "two.example:443", "three.example")]
    os.kill(page, signal.SIGSTOP)
    code, output, errors = site.web.stop()

    assert (0, [200, 200, 421]) == (code, asked), errors
    assert "the page" not in output
    assert not runs(page)


def test_beyond_loopback_the_log_has_the_token(start: Start, folder: Folder) -> None:
    """Also where it is to be quiet: it is told once."""
    flock = start("run", folder.path, "--pasture", *PACE, "--web", "0.0.0.0:0", "--quiet")
    port, token = hear(flock, r"the page is at http://0\.0\.0\.0:(\d+/\?token=[\w-]+)$").split("/?token=")
    site = Site(folder, flock, int(port), start)
    statuses = [site.ask("/bots").status, site.ask("/bots", Authorization=f"Bearer {token}").status]
    code, _, errors = flock.stop()
    assert (0, [401, 200], False) == (code, statuses, token in errors)


@pytest.mark.parametrize("signals", [(signal.SIGTERM,), (signal.SIGINT,), (signal.SIGTERM, signal.SIGTERM)])
def test_the_page_ends_with_the_flock(start: Start, folder: Folder, signals: tuple[signal.Signals, ...]) -> None:
    """Whatever the flock is told, and with a reader that follows along."""
    site, page = run_with_page(start, folder)
    with socket.create_connection(("127.0.0.1", site.port)) as reader:
        reader.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert reader.recv(4096)
        for number in signals:
            site.web.process.send_signal(number)
        code, _, errors = site.web.end()

    assert 0 == code, errors
    until("the page has ended", lambda: not runs(page))
    assert "the page has ended" not in errors


def test_what_cannot_be_is_told_before_anything_is_said(start: Start, folder: Folder) -> None:
    """In one line, with code 2; among it a port that is taken."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for arguments, message in (
            (("--web", str(port)), f"--web: cannot listen on 127.0.0.1 port {port}: it is in use; choose another"),
            (("--web", "x"), "--web: expected HOST:PORT or a PORT, such as 127.0.0.1:8140, found 'x'"),
            (("--web", "0", "--once"), "--web: there is no page with --once; leave one of the two out"),
            (("--web", "0", "--dry-run"), "--web: there is no page with --dry-run; leave one of the two out"),
            (("--web-name", "a.example"), "--web-name: there is no page without --web; give both, or neither"),
            (("--web", "0", "--web-name", "https://a"), "--web-name: expected the name of a host, such as flock"),
        ):
            code, output, errors = start("run", folder.path, *arguments).end()
            assert (2, "", 1) == (code, output, errors.count("\n")), errors
            assert f"flock: {message}" in errors


def test_names_of_hosts_have_commas_or_spaces_between() -> None:
    """What is no name is refused, and named."""
    assert ("a.example", "b", "c-d.example") == parse_names(["a.example,b", " c-d.example "])
    for text in ("a.example:80", "https://a.example", "a..b", "*", "a\x1b", "[::1]", "a" * 64):
        with pytest.raises(BadOption, match="--web-name: expected the name of a host, such as flock"):
            parse_names([text])
