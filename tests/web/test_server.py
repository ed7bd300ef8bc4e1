"""`flock web` as a process: its pages, what it refuses, what it keeps, and its end."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import simplejson as json

from flock.errors import BadOption
from flock.web.listening import parse_address
from flock.web.page import static_files
from tests.conftest import until
from tests.endtoend.conftest import Flock
from tests.web.conftest import Site

PAGES = ("/", "/stage", "/bots", "/bots?find=bot&page=2", "/bots/bot0", "/bots/mean", "/flock.json", "/field.json")
SECRETS = re.compile(r"secret-of-|-token-of-|the-app")
HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Yield the name, id and data of each event."""
    fields: dict[str, str] = {}
    for line in answer:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        elif "event" in fields:
            yield fields["event"], fields.get("id", ""), json.loads(fields["data"])
            fields = {}


@contextmanager
def following(
    site: Site, after: str, header: str | None = None
) -> Iterator[Iterator[tuple[str, str, dict[str, object]]]]:
    """Follow the events."""
    with closing(http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)) as connection:
        connection.request("GET", f"/events?after={after}", headers={"Last-Event-ID": header} if header else {})
        answer = connection.getresponse()
        assert (200, "text/event-stream") == (answer.status, answer.headers["Content-Type"])
        yield events(answer)


def test_every_page_shows_the_flock_and_no_secret(open_site: Callable[[], Site]) -> None:
    """With the headers that keep a browser safe, mean texts harmless, and unknown ones not found."""
    site = open_site()
    site.run_until(12)
    for path in (*PAGES, *(f"/static/{name}" for name in static_files())):
        answer = site.ask(path)
        assert 200 == answer.status, path
        assert not SECRETS.search(answer.text + str(answer.headers)), path
        assert not HARMFUL.search(answer.text), path
        assert "<script>alert" not in answer.text, path
        assert "onerror=alert(2)>" not in answer.text or "json" in path, path
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert ("nosniff", "same-origin") == (
            answer.headers["X-Content-Type-Options"],
            answer.headers["Referrer-Policy"],
        )
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in site.ask("/bots/mean").text
    assert "{{ 7 * 7 }}" in site.ask("/bots/mean").text
    assert 404 == site.ask("/bots/nobody").status
    assert 404 == site.ask("/bots/%3Cscript%3E").status
    assert 404 == site.ask("/static/..%2Fpage.py").status


def test_no_page_has_an_inline_script_or_style(open_site: Callable[[], Site]) -> None:
    """The policy would forbid it."""
    site = open_site()
    for path in ("/", "/stage", "/bots", "/bots/bot0", "/bots/nobody"):
        text = site.ask(path).text
        assert [] == re.findall(r"<style|<[^>]*\s(?:style|on\w+)=|<script(?![^>]*\bsrc=\"/static/)", text), path


def test_the_page_of_a_bot_marks_its_place(open_site: Callable[[], Site]) -> None:
    """And shows what it said last, and what comes next; the table has a row for each bot."""
    site = open_site()
    site.run_until(12)
    [bot] = [each for each in site.ask("/flock.json").json["bots"] if each["name"] == "bot0"]
    page = site.ask("/bots/bot0").text
    assert [bot["next"]] == re.findall(
        r'<li value="\d+" class="next" id="place" aria-current="true">(.*)</li>', page
    )
    assert bot["next"] in page.partition("<h2>Next</h2>")[2].partition("<h2>")[0]
    assert bot["last"]["text"] in page.partition("<h2>Said last</h2>")[2].partition("<h2>")[0]
    table = site.ask("/bots").text
    assert ["bot0", "bot1", "mean"] == re.findall(r'<th scope="row"><a href="/bots/\w+"><bdi>(\w+)</bdi>', table)
    assert ["bot1"] == re.findall(r"<bdi>(\w+)</bdi>", site.ask("/bots?find=BOT1&page=77").text)
    assert [] == re.findall(r"<bdi>(\w+)</bdi>", site.ask("/bots?find=%3Cscript%3E").text)


def test_foreign_hosts_and_other_methods_are_refused(open_site: Callable[[], Site]) -> None:
    """A name that leads to loopback is foreign; loopback at the port of a tunnel is not."""
    site = open_site()
    for host in ("evil.example", f"evil.example:{site.port}", "127.0.0.1.evil.example", "["):
        for path in ("/", "/bots/bot0", "/flock.json", "/events", "/static/live.js"):
            assert 421 == site.ask(path, Host=host).status, (host, path)
    for host in ("localhost:9000", "127.0.0.1", "[::1]:8140"):
        assert 200 == site.ask("/bots", Host=host).status
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        answer = site.ask("/bots", method)
        assert (405, "GET, HEAD") == (answer.status, answer.headers["Allow"]), method
    head = site.ask("/bots", "HEAD")
    assert (200, "") == (head.status, head.text)


def test_a_line_is_told_once_also_after_a_break(open_site: Callable[[], Site]) -> None:
    """A reader that comes back with the id of its last line gets all that came since, and nothing twice."""
    site = open_site()
    after = site.ask("/flock.json").json["after"]
    flock = site.start("run", site.folder.path, "--pasture", *("--line-interval", "0.1"))
    lines: list[tuple[str, str, object, object]] = []

    def take(stream: Iterator[tuple[str, str, dict[str, object]]], count: int) -> None:
        for name, identity, data in stream:
            assert name != "reset"
            if name == "line":
                lines.append((identity, str(data["id"]), data["bot"], data["n"]))
                count -= 1
            if not count:
                return

    with following(site, after) as stream:
        assert "hello" == next(stream)[0]
        take(stream, 4)
    until("more lines", lambda: site.ask("/flock.json").json["flock"]["hour"] >= 9)
    with following(site, after, lines[-1][0]) as stream:
        take(stream, 6)
    flock.stop()
    assert all(identity == told for identity, told, _, _ in lines)
    for bot in {bot for _, _, bot, _ in lines}:
        numbers = [n for _, _, each, n in lines if each == bot]
        assert [*range(len(numbers))] == numbers, bot


def test_a_reader_with_an_unknown_id_reads_everything_anew(open_site: Callable[[], Site]) -> None:
    """It is told so at once."""
    site = open_site()
    with following(site, "1-0-nobody") as stream:
        assert ["hello", "reset"] == [next(stream)[0], next(stream)[0]]


def test_sigterm_ends_it_with_0_and_leaves_nothing(open_site: Callable[[], Site], tmp_path: Path) -> None:
    """Also with readers, and idle connections; the port is free, and the state folder as the flock left it."""
    site = open_site()
    site.run_until(3)
    before = sorted(file.name for file in (tmp_path / "state").iterdir())
    with socket.create_connection(("127.0.0.1", site.port)), following(site, "") as stream:
        next(stream)
        code, output, errors = site.web.stop(signal.SIGTERM)
    assert (0, "", "") == (code, output, errors)
    assert before == sorted(file.name for file in (tmp_path / "state").iterdir())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", site.port))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", ("127.0.0.1", 0)),
        ("localhost:1", ("localhost", 1)),
        ("[::1]:8140", ("::1", 8140)),
        ("127.0.0.2:65535", ("127.0.0.2", 65535)),
    ],
)
def test_loopback_addresses_are_taken(text: str, expected: tuple[str, int]) -> None:
    """As IPv4, as IPv6, and by the one name that leads there."""
    assert expected == parse_address(text)


@pytest.mark.parametrize("text", ["", "x", "127.0.0.1", "127.0.0.1:65536", "http://127.0.0.1:1", "-1", "::1:8140"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """And named."""
    with pytest.raises(BadOption, match="--web: expected HOST:PORT or a PORT"):
        parse_address(text)


def test_a_port_in_use_is_named(start: Callable[..., Flock], open_site: Callable[[], Site]) -> None:
    """With the code 2."""
    site = open_site()
    code, _, errors = start("web", site.folder.path, "--web", str(site.port)).end()
    assert (
        2,
        f"flock: --web: cannot listen on 127.0.0.1 port {site.port}: it is in use; choose another address\n",
    ) == (
        code,
        errors,
    )


def test_without_jinja2_one_line_says_what_to_install(tmp_path: Path) -> None:
    """The rest of the command does not need it."""
    without = "import sys; sys.modules['jinja2'] = None; from flock.__main__ import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", without, "web", str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (2, "", 1) == (ended.returncode, ended.stdout, ended.stderr.count("\n"))
    assert "jinja2 is not installed; type: pip install 'poem-flock[web]'" in ended.stderr


def test_it_takes_the_options_that_say_when_bots_speak(start: Callable[..., Flock]) -> None:
    """Those of `flock run`: without them the next line of a bot would be told for another time."""
    run, web = (set(re.findall(r"--[a-z-]+", start(name, "--help").end()[1])) for name in ("run", "web"))
    assert {"--schedule", "--awake", "--jitter", "--line-interval"} <= run & web
