"""flock keys, as a person meets it: under a pseudo-terminal, with the practice server on the other side."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from select import select
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from flock.cli import cli
from flock.cli.terminal import has_browser
from flock.pasture import Pasture
from tests.conftest import TIMEOUT, until
from tests.keymaker.person import APP, code_on, press

COMMAND = (sys.executable, "-m", "flock", "keys")
# Takes standard input as its controlling terminal, which sends SIGINT at Ctrl-C, and becomes the command.
ON_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
PIN = "The PIN that the page shows"


@pytest.fixture
def pasture() -> Iterator[Pasture]:
    """A practice server that knows an app, and no account."""
    with Pasture(()) as server:
        server.admit_app(APP[0], SecretStr(APP[1]))
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A working directory with three poems."""
    (tmp_path / "poems").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "poems" / f"{name}.txt").write_text(f"the line of {name}\n")
    return tmp_path


class Terminal:
    """A command under a pseudo-terminal. `seen` is all that it has shown."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self._looked_at = 0
        self.seen = ""

    def wait_for(self, pattern: str) -> str:
        """Read until the pattern comes behind what was waited for before; return the match's last group."""
        deadline = time.monotonic() + TIMEOUT
        while not (found := re.search(pattern, self.seen[self._looked_at :])):
            assert self._read(deadline), f"{pattern} does not come: {self.seen}"
        self._looked_at += found.end()
        return found[found.lastindex or 0]

    def type(self, line: str) -> None:
        os.write(self._descriptor, f"{line}\n".encode())

    def press(self, account: str) -> str:
        """Open the address that is shown, let the app in, and return the code that the page shows."""
        return code_on(press(self.wait_for(r"(http://\S+/oauth/authorize\S+)\r"), account))

    def end(self) -> int:
        """Read to the end; return the exit code."""
        while self._read(time.monotonic() + TIMEOUT):
            pass
        return self.process.wait(TIMEOUT)

    def echoes(self) -> bool:
        """Return whether what is typed is shown."""
        return bool(termios.tcgetattr(self._descriptor)[3] & termios.ECHO)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select([self._descriptor], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing comes: {self.seen}"
        with suppress(OSError):  # on Linux: the command has closed its end
            if chunk := os.read(self._descriptor, 65_536):
                self.seen += chunk.decode(errors="replace")
                return True
        return False


@contextmanager
def terminal(home: Path, *arguments: object, **environment: str) -> Iterator[Terminal]:
    """Start `flock keys` with these arguments under a pseudo-terminal, without a display."""
    outer, inner = pty.openpty()
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION")
    plain = {name: value for name, value in os.environ.items() if name not in screens}
    process = subprocess.Popen(
        [sys.executable, "-c", ON_TERMINAL, *COMMAND, *map(str, arguments)],
        cwd=home,
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env={**plain, "TERM": "dumb", **environment},
        start_new_session=True,
    )
    os.close(inner)  # so that the end of the command is the end of what comes
    try:
        yield Terminal(process, outer)
    finally:
        process.kill()
        process.wait()
        os.close(outer)


def test_from_no_key_to_one_on_each_network(home: Path, pasture: Pasture) -> None:
    """By the commands alone; no secret is ever on the screen, and the flock runs with what was made."""
    base = ("--base-url", pasture.url)
    with terminal(home, "new", "keys", *base) as screen:
        screen.wait_for("The network")
        screen.type("x")
        screen.wait_for("The poem")
        screen.type("poems/a.txt")
        for secret in APP:
            screen.wait_for("not shown")
            screen.type(secret)
        pin = screen.press("dolly")
        screen.wait_for(PIN)
        screen.type(pin)
        screen.wait_for(r"keys/dolly\.json: made; dolly recites poems/a\.txt")
        screen.wait_for(rf"Let it out: .*run keys --base-url {pasture.url}")
        assert 0 == screen.end()
        shown = screen.seen
    with terminal(home, "new", "keys", "--network", "mastodon", "--poem", "poems/b.txt", *base) as screen:
        screen.wait_for("automated")
        screen.type("y")
        code = screen.press("ewe")
        screen.wait_for("The code")
        screen.type(code)
        screen.wait_for("it is marked as an automated account")
        assert 0 == screen.end()
        shown += screen.seen
    password = code_on(press(f"{pasture.url}/settings/app-passwords", "ram.test"))
    with terminal(home, "new", "keys", "--network", "bluesky", "--poem", "poems/c.txt", *base) as screen:
        screen.wait_for("handle")
        screen.type("ram.test")
        screen.wait_for("not shown")
        screen.type(password)
        assert 0 == screen.end()
        shown += screen.seen
    files = {file.name: json.loads(file.read_text()) for file in (home / "keys").glob("*.json")}
    assert {".app.json", "dolly.json", "ewe@pasture.json", "ram.test.json"} == {*files}
    names = ("consumer_token", "consumer_token_secret", "oauth_token_secret", "access_token", "app_password")
    secrets = {fields[name] for fields in files.values() for name in names if name in fields}
    assert 5 == len(secrets)
    assert [] == [secret for secret in secrets if secret in shown]
    flock = [sys.executable, "-m", "flock", "run", "keys", *base, "--once", "--state", "state/flock.db"]
    (home / "state").mkdir()
    subprocess.run(flock, cwd=home, check=True, timeout=TIMEOUT, capture_output=True)
    posts = {post.text for app in (pasture.store, pasture.mastodon, pasture.bluesky) for post in app.newest(5)}
    assert {"the line of a", "the line of b", "the line of c"} == posts


def test_an_interrupted_series_goes_on_with_the_same_command(home: Path, pasture: Pasture) -> None:
    """Ctrl-C between two accounts: what is made stays, and 130 is the exit code, as shells have it."""
    command = ("new", "keys", "--network", "x", "--poems", "poems", "--base-url", pasture.url)
    app = {"FLOCK_CONSUMER_TOKEN": APP[0], "FLOCK_CONSUMER_TOKEN_SECRET": APP[1]}
    with terminal(home, *command, **app) as screen:
        pin = screen.press("dolly")
        screen.wait_for(PIN)
        screen.type(pin)
        screen.wait_for(r"dolly\.json: made")
        screen.wait_for(PIN)
        screen.type("\x03")
        screen.wait_for("1 key is made; the same command goes on")
        assert 130 == screen.end()
    assert ["dolly.json"] == [each.name for each in (home / "keys").iterdir()]
    with terminal(home, *command, **app) as screen:
        screen.wait_for(r"a\.txt: passed over")
        for name in ("ewe", "ram"):
            pin = screen.press(name)
            screen.wait_for(PIN)
            screen.type(pin)
        assert 0 == screen.end()
    assert 3 == len([*(home / "keys").iterdir()])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_at_a_hidden_question_leaves_a_terminal_that_echoes(
    home: Path, pasture: Pasture, number: signal.Signals, code: int
) -> None:
    """Otherwise the person types blindly from then on."""
    command = ("new", "keys", "--network", "x", "--poem", "poems/a.txt", "--base-url", pasture.url)
    with terminal(home, *command) as screen:
        screen.wait_for("not shown")
        deadline = time.monotonic() + TIMEOUT
        while screen.echoes() and time.monotonic() < deadline:
            pass
        assert not screen.echoes()
        screen.process.send_signal(number)
        screen.wait_for("no key is made")
        assert code == screen.end()
        assert screen.echoes()
    assert [] == [*(home / "keys").iterdir()]


def test_practice_needs_neither_an_account_nor_an_app(home: Path) -> None:
    """The practice server runs inside the command, as long as that takes."""
    with terminal(home, "new", "keys", "--network", "x", "--poem", "poems/a.txt", "--pasture") as screen:
        pin = screen.press("dolly")
        screen.wait_for(PIN)
        screen.type(pin)
        screen.wait_for("run keys --pasture")
        assert 0 == screen.end()
    assert "pasture" == json.loads((home / "keys" / "dolly.json").read_text())["network"]


def test_the_address_is_opened_in_the_persons_browser(home: Path) -> None:
    """Where there is a display; a browser that stays open holds up nothing."""
    browser = home / "browser"
    browser.write_text('#!/bin/sh\necho "$1" > opened.part && mv opened.part opened\nexec sleep 30\n')
    browser.chmod(0o755)
    command = ("new", "keys", "--network", "x", "--poem", "poems/a.txt", "--pasture")
    with terminal(home, *command, DISPLAY=":99", BROWSER=str(browser)) as screen:
        url = screen.wait_for(r"(http://\S+/oauth/authorize\S+)\r")
        screen.wait_for(PIN)
        until("the browser is opened", (home / "opened").exists)
        assert url == (home / "opened").read_text().strip()
        screen.type("\x03")
        screen.wait_for("no key is made")


def test_a_wrong_pin_and_another_account_are_one_line_each(home: Path, pasture: Pasture) -> None:
    """And the exit code is that of bad keys."""
    command = ("new", "keys", "--network", "x", "--poem", "poems/a.txt", "--base-url", pasture.url)
    app = {"FLOCK_CONSUMER_TOKEN": APP[0], "FLOCK_CONSUMER_TOKEN_SECRET": APP[1]}
    with terminal(home, *command, "--screen-name", "dolly", **app) as screen:
        pin = screen.press("wolf")
        screen.wait_for(PIN)
        screen.type("0")
        screen.wait_for("does not take this PIN")
        screen.wait_for(PIN)
        screen.type(pin)
        screen.wait_for("expected the account dolly, found wolf: sign out in the browser. Try again?")
        screen.type("n")
        screen.wait_for("expected the account dolly, found wolf")
        assert 3 == screen.end()
        assert "Traceback" not in screen.seen


def test_answers_may_come_from_a_pipe(home: Path, pasture: Pasture) -> None:
    """One a line; at its end the command ends."""
    command = [*COMMAND, "new", "keys", "--network", "bluesky", "--base-url", pasture.url, "--poem", "poems/a.txt"]
    password = code_on(press(f"{pasture.url}/settings/app-passwords", "ram.test"))
    run = partial(subprocess.run, command, cwd=home, timeout=TIMEOUT, capture_output=True, text=True, check=False)

    first = run(input=f"ram.test\n{password}\n")
    assert (0, False) == (first.returncode, password in first.stdout + first.stderr)
    second = run(input="")
    assert (130, "no key is made") == (second.returncode, second.stderr.splitlines()[-1])


def test_a_network_that_is_away_is_told_where_nobody_can_try_again(home: Path) -> None:
    """In a pipe the question whether to try again has no answer: that is a no, and no interrupt."""
    arguments = (
        "new",
        "keys",
        "--network",
        "bluesky",
        "--base-url",
        "http://127.0.0.1:9",
        "--poem",
        "poems/a.txt",
    )
    command = [*COMMAND, *arguments]
    done = subprocess.run(
        command, cwd=home, timeout=TIMEOUT, capture_output=True, text=True, check=False, input="ram.test\nsesame\n"
    )
    assert 3 == done.returncode
    assert "http://127.0.0.1:9" in done.stderr.splitlines()[-1]
    assert "Try again?" not in done.stderr.splitlines()[-1]


@pytest.fixture
def flock_keys(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return what runs `flock keys` in this process."""
    monkeypatch.chdir(home)
    return lambda *arguments: CliRunner().invoke(cli, ["keys", *arguments], prog_name="flock")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--poem", "a", "--poems", "b"), "--poem and --poems exclude each other"),
        (("--poems", "b", "--screen-name", "dolly"), "leave out --screen-name"),
        (("--poems", "b", "--force"), "leave out --force"),
        (("--pasture", "--base-url", "http://127.0.0.1:1"), "--pasture and --base-url exclude each other"),
        (("--network", "x", "--server", "https://botsin.example"), "give --base-url"),
        (("--network", "tumblr"), "'x', 'bluesky', 'mastodon'"),
    ],
)
def test_options_that_exclude_each_other_are_a_usage_error(
    flock_keys: Callable[..., Any], arguments: tuple[str, ...], line: str
) -> None:
    """Before anything is asked."""
    found = flock_keys("new", "keys", *arguments)
    assert (2, True) == (found.exit_code, line in found.output)


@pytest.fixture
def mixed(home: Path, write_key: Callable[..., Path]) -> Path:
    """A folder with a good key, one that others can read, and a broken one."""
    write_key("keys/dolly.json", poem_file="../poems/a.txt", network="pasture")
    other = {"oauth_token": "1002-token-sesame-two", "poem_file": "../poems/b.txt"}
    write_key("keys/ewe.json", screen_name="ewe", network="x", **other).chmod(0o644)
    write_key("keys/ram.json", screen_name="ram", oauth_token=..., network="pasture")
    return home / "keys"


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({}, "FLOCK_CONSUMER_TOKEN_SECRET: missing; copy it from the developer portal, https://console.x.com"),
        (
            {"FLOCK_CONSUMER_TOKEN_SECRET": "a b"},
            "FLOCK_CONSUMER_TOKEN_SECRET: found a text that is not a token",
        ),
    ],
)
def test_the_variable_that_is_wrong_is_named(home: Path, variables: dict[str, str], line: str) -> None:
    """Not both; and a variable needs no quotes."""
    command = ("new", "keys", "--network", "x", "--poem", "poems/a.txt")
    found = run_keys(home, *command, FLOCK_CONSUMER_TOKEN="app-key", **variables)

    assert (3, 1) == (found.returncode, len(found.stderr.splitlines()))
    assert found.stderr.startswith(line)
    assert "quotes" not in found.stderr


@pytest.mark.parametrize("arguments", [("--poem", "poems/a.txt"), ("--network", "x")])
def test_an_end_at_the_first_question_is_told(home: Path, arguments: tuple[str, ...]) -> None:
    """No silence: somebody may wonder whether there is a key."""
    found = run_keys(home, "new", "keys", *arguments)
    assert (130, "no key is made") == (found.returncode, found.stderr.splitlines()[-1])


def test_the_word_for_practice_is_no_server(home: Path) -> None:
    """In a key file it is; the option for it is named."""
    found = run_keys(home, "new", "keys", "--network", "mastodon", "--poem", "poems/a.txt", "--server", "pasture")
    assert (2, True) == (found.returncode, found.stderr.strip().endswith("to practise, give --pasture"))


@pytest.mark.parametrize("command", ["list", "verify"])
def test_a_file_that_is_nearly_a_key_file_is_told(home: Path, mixed: Path, command: str) -> None:
    """Beside those that are; otherwise a bot would be missing in silence, also where a program reads along."""
    (mixed / "ram.json").rename(mixed / "ram.json.txt")
    for json_too in ((), ("--json",)):
        found = run_keys(home, command, "keys", *json_too)
        line = "keys/ram.json.txt: left out, since its name does not end in .json; rename it to ram.json"
        assert (0, f"flock: warning: {line}\n") == (found.returncode, found.stderr)


def test_a_key_that_practises_is_not_said_to_be_on_its_network(home: Path, mixed: Path) -> None:
    """It posts to the practice server, and nowhere else."""
    ram = {"network": "mastodon", "server": "pasture", "screen_name": "ram", "access_token": "1"}
    (mixed / "ram.json").write_text(json.dumps(ram | {"poem_file": "../poems/c.txt"}))

    lines = run_keys(home, "verify", "keys").stdout.splitlines()
    assert "keys/ram.json: can be used: ram on the pasture (Mastodon), poems/c.txt" == lines[-1]


def run_keys(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=home,
        timeout=TIMEOUT,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "80", **environment},
    )


def test_the_list_shows_bots_poems_and_problems(home: Path, mixed: Path) -> None:
    """In 80 columns, without a secret, and without an exit code that says anything."""
    found = run_keys(home, "list", "keys", NO_COLOR="1")

    assert (0, "") == (found.returncode, found.stderr)
    table, _, lines = found.stdout.partition("keys/ram.json: ")
    assert max(map(len, table.splitlines())) <= 80
    assert lines.startswith("cannot be used: oauth_token: missing")
    for word in ("dolly.json", "practice", "ewe.json", "poems/a.txt", "ram.json", "others can read it"):
        assert word in found.stdout
    assert "sesame" not in found.stdout


def test_reading_the_folder_says_whether_it_may_be_read(
    flock_keys: Callable[..., Any], mixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then one line says why not, with the exit code of bad keys, as in `flock run`, and no usage error."""
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    assert 0 == flock_keys("list", "keys").exit_code


def test_the_list_is_json_for_programs(home: Path, mixed: Path) -> None:
    """One object for each file; docs/keys.md describes the fields."""
    dolly, ewe, ram = json.loads(run_keys(home, "list", "keys", "--json").stdout)

    assert {
        "file": "keys/dolly.json",
        "bot": "dolly",
        "network": "pasture",
        "server": None,
        "poem": "keys/../poems/a.txt",
        "practises": True,
        "mode": "0600",
        "open": False,
        "usable": True,
        "problems": [],
        "says": None,
        "asked": False,
    } == dolly
    assert ("0644", True) == (ewe["mode"], ewe["open"])
    assert (None, False, 1) == (ram["bot"], ram["usable"], len(ram["problems"]))


def test_verify_tells_all_problems_in_one_go(home: Path, mixed: Path) -> None:
    """One line for each file, and 3 if one cannot be used."""
    found = run_keys(home, "verify", "keys")

    lines = found.stdout.splitlines()
    assert (3, 3) == (found.returncode, len(lines))
    assert "keys/dolly.json: can be used: dolly on the pasture, poems/a.txt" == lines[0]
    assert lines[1].endswith("others can read its secrets: chmod 600 keys/ewe.json")
    assert lines[2].startswith("keys/ram.json: cannot be used: oauth_token: missing")
    (mixed / "ram.json").unlink()
    assert 0 == run_keys(home, "verify", "keys").returncode


def test_verify_online_asks_each_network(home: Path, mixed: Path, pasture: Pasture) -> None:
    """A token that the network does not know is 3, and so is a network that is away."""
    (mixed / "ram.json").unlink()
    found = run_keys(home, "verify", "keys", "--online", "--base-url", pasture.url)
    assert (3, 2) == (found.returncode, len(found.stdout.splitlines()))
    assert found.stdout.count("HTTP 401") == 2
    pasture.close()
    found = run_keys(home, "verify", "keys", "--online", "--base-url", pasture.url)
    assert (3, 2) == (found.returncode, found.stdout.count("takes no connection"))


def test_verify_asks_no_network_for_a_flock_that_practises(home: Path, mixed: Path) -> None:
    """As the variable of `flock run` says; X would bill each question."""
    (mixed / "ram.json").unlink()
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9"}
    found = run_keys(home, "verify", "keys", "--online", FLOCK_PASTURE="1", **nowhere)
    says = "practises; no network knows it"
    lines = [line.partition(": ")[2][: len(says)] for line in found.stdout.splitlines()]
    assert (0, [says, says]) == (found.returncode, lines)
    assert 3 == run_keys(home, "verify", "keys", "--online", **nowhere).returncode
    both = run_keys(home, "verify", "keys", "--pasture", "--base-url", "http://127.0.0.1:9")
    assert (2, True) == (both.returncode, "exclude each other" in both.stderr)


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "linux", False),
        ({}, "darwin", True),
        ({"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "192.0.2.1 5 192.0.2.2 22"}, "linux", False),
        ({"SSH_TTY": "/dev/ttys001"}, "darwin", False),
    ],
)
def test_a_browser_is_opened_where_it_is_seen(
    environment: dict[str, str], platform: str, *, expected: bool
) -> None:
    """Over SSH it would open on another machine, or take the terminal over."""
    assert expected == has_browser(environment, platform)
