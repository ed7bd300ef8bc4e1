"""`flock run` with alerts and metrics, and `flock alert-test`, as processes."""

from __future__ import annotations

import http.server
import json
import re
import shlex
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import until
from tests.endtoend.conftest import Flock, Folder, WatchedPasture

Make = Callable[..., Folder]
Start = Callable[..., Flock]
OpenPasture = Callable[[Folder], WatchedPasture]


@pytest.fixture
def hook() -> Iterator[tuple[list[Any], str]]:
    """Return what a web hook gets, and its address; the path of each request must end with the secret."""
    taken: list[Any] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            taken.append({**data, "path": self.path})
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Stay silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    yield taken, f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def keeping(file: Path) -> str:
    """Return a command that appends its standard input to the file, and prints it."""
    return shlex.join(["tee", "-a", str(file)])


def test_a_flock_whose_bots_are_all_penned_says_so_and_that_it_has_ended(
    make_folder: Make, start: Start, open_pasture: OpenPasture, hook: tuple[list[Any], str], tmp_path: Path
) -> None:
    """To a web hook and to a command. The secret in the URL is nowhere to be seen."""
    folder = make_folder(3)
    pasture = open_pasture(folder)
    for name in folder.poems:
        pasture.suspend(name)
    taken, address = hook
    heard = tmp_path / "heard"

    flock = start(
        *("run", folder.path, "--base-url", pasture.url, "--log-format", "json"),
        FLOCK_ALERT=f"json://{address}/sesame json://{address}/sesame2",
        FLOCK_ON_TROUBLE=keeping(heard),
    )
    code, output, errors = flock.end()

    assert (4, "") == (code, errors)
    assert "sesame" not in output
    told = [json.loads(line) for line in heard.read_text().splitlines()]
    assert [("penned", 3), ("ended", 0)] == [(each["kind"], each["count"]) for each in told]
    assert ["bot0", "bot1", "bot2"] == sorted(told[0]["bots"])
    assert {"/sesame": 2, "/sesame2": 2} == {
        path: [each["path"] for each in taken].count(path) for path in ("/sesame", "/sesame2")
    }
    ended = "flock: the flock has ended: every sheep is penned"
    assert 2 == [each["title"] for each in taken].count(ended)


def test_metrics_and_health_are_those_of_the_flock(
    make_folder: Make, start: Start, open_pasture: OpenPasture
) -> None:
    """One bot is penned: so /healthz is 503, and says why."""
    folder = make_folder(2)
    pasture = open_pasture(folder)
    intervals = ("--line-interval", "0.05", "--poem-interval", "0.05")
    flock = start("run", folder.path, *intervals, "--base-url", pasture.url, "--metrics", "0")
    assert flock.process.stderr
    found = re.search(r"metrics are served at (http://127.0.0.1:\d+)/metrics", flock.process.stderr.readline())
    assert found
    url = found[1]

    pasture.wait_for_posts(folder, 3)
    until("it is well", lambda: get(f"{url}/healthz") == (200, "the flock is well\n"))
    pasture.suspend("bot0")
    until("it is not well", lambda: get(f"{url}/healthz") == (503, "bot0 is penned\n"))
    text = get(f"{url}/metrics")[1]
    code, _, errors = flock.stop()

    assert (0, "") == (code, errors)
    service = pasture.url
    numbers = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(numbers[f'flock_posts_total{{outcome="said",service="{service}"}}']) >= 6
    assert 1 == float(numbers[f'flock_failures_total{{kind="Suspended",service="{service}"}}'])
    assert float(numbers["flock_journal_commit_seconds_count"]) >= 12
    assert float(numbers["process_cpu_seconds_total"]) > 0


def get(url: str) -> tuple[int, str]:
    """Return the status and the text of the answer."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_alert_test_says_for_each_target_whether_it_worked(
    start: Start, hook: tuple[list[Any], str], tmp_path: Path
) -> None:
    """It sends one alert of each kind. A target that fails makes the code 6."""
    taken, address = hook
    heard = tmp_path / "heard"
    targets = ("--alert", f"json://{address}/sesame", "--on-trouble", keeping(heard))

    code, output, errors = start("alert-test", *targets, "--json").end()
    assert (0, "") == (code, errors)
    assert [("--alert, URL 1 (JSON)", 7, 7, ""), ("--on-trouble", 7, 7, "")] == [
        (each["target"], each["sent"], each["of"], each["why"]) for each in json.loads(output)
    ]
    kinds = [json.loads(line)["kind"] for line in heard.read_text().splitlines()]
    assert ["penned", "quiet", "quiet", "journal", "credits", "died", "ended"] == kinds
    assert 7 == len([each for each in taken if "a test" in each["title"]])

    code, output, errors = start("alert-test", *targets, FLOCK_ALERT="ignored", COLUMNS="80", TERM="dumb").end()
    assert (0, "") == (code, errors)

    code, output, errors = start(
        "alert-test", "--alert", "json://127.0.0.1:1/sesame", "--on-trouble", "false", COLUMNS="80"
    ).end()
    assert (6, "") == (code, errors)
    assert "sesame" not in output
    assert "ended with the code 1" in output
    assert max(map(len, output.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("alert-test",), "there is nothing to test; give --alert URL"),
        (
            ("alert-test", "--alert", "sesame"),
            "--alert, URL 1: expected the Apprise URL of a service, found a text",
        ),
        (("run", "keys", "--alert", "nosuch://sesame"), "found a URL of the scheme nosuch"),
        (("run", "keys", "--on-trouble", "no-such-command"), "--on-trouble: expected a command that can be run"),
        (("run", "keys", "--metrics", "x"), "--metrics: expected HOST:PORT or a PORT, such as"),
    ],
)
def test_what_cannot_be_used_is_told_at_the_start(start: Start, arguments: tuple[str, ...], message: str) -> None:
    """In one line, with code 2, which shows no secret."""
    (code, output, errors) = start(*arguments).end()

    assert (2, "") == (code, output)
    assert message in errors
    assert 1 == len(errors.splitlines())
    assert "sesame" not in errors


@pytest.mark.parametrize(
    ("extra", "module", "option"),
    [("alerts", "apprise", "--alert"), ("metrics", "prometheus_client", "--metrics")],
)
def test_an_extra_that_is_not_installed_is_named(
    start: Start, tmp_path: Path, extra: str, module: str, option: str
) -> None:
    """With the command that installs it."""
    (tmp_path / f"{module}.py").write_text("raise ImportError('not here')")

    code, _, errors = start("run", tmp_path, option, "9109", PYTHONPATH=str(tmp_path)).end()

    assert 2 == code
    assert f"is not installed; type: pip install 'poem-flock[{extra}]'" in errors
