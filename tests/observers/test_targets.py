"""Where alerts go: a real mail server and a real web hook on loopback, and commands."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Iterator
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from flock.errors import BadOption
from flock.events import Trouble
from flock.observers.targets import CommandTarget, NotDelivered, ServiceTarget, body, passed_on, targets
from tests.conftest import SOON, runs, until

AT = 1795455485.0
PENNED = Trouble(
    at=AT, since=AT, kind="penned", bot="dolly", count=1, bots=("dolly",), whys=("suspended; appeal\x1b[2J",)
)
OVER = Trouble(at=AT + 600, since=AT, kind="quiet", count=200, bots=("ann", "ben"), is_over=True)


class Mailbox:
    """What a mail server does with its mail."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], Any]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        del server, session
        assert isinstance(envelope.content, bytes)
        self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


class MailServer(Controller):
    """A real mail server, on a free port."""

    def _trigger_server(self) -> None:
        assert self.server
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # of aiosmtpd


@pytest.fixture
def mail() -> Iterator[tuple[Mailbox, str]]:
    """Return the mailbox of a mail server, and its address."""
    mailbox = Mailbox()
    controller = MailServer(mailbox, hostname="127.0.0.1", port=0)
    controller.start()
    yield mailbox, f"127.0.0.1:{controller.port}"
    controller.stop()


class Hook(BaseHTTPRequestHandler):
    """A web hook that takes all but what is posted to /no."""

    taken: list[Any]

    def do_POST(self) -> None:
        data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.taken.append(data)
        self.send_response(403 if self.path.startswith("/no") else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Stay silent."""


@pytest.fixture
def hook() -> Iterator[tuple[list[Any], str]]:
    """Return what a web hook takes, and its address."""
    Hook.taken = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    Thread(target=server.serve_forever, args=(0.01,)).start()
    yield Hook.taken, f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_mail_has_a_subject_and_says_what_to_do(mail: tuple[Mailbox, str]) -> None:
    """Control characters of a network's words are not in it."""
    mailbox, address = mail

    ServiceTarget(f"mailto://{address}/?from=flock@example.com&to=ann@example.com&mode=insecure", "URL 1").send(
        PENNED
    )

    ((to, message),) = mailbox.mails
    assert ["ann@example.com"] == to
    assert "flock: dolly is penned: suspended; appeal\ufffd[2J" == message["subject"]
    text = message.get_body(("plain", "html")).get_content()
    assert "A penned bot posts nothing until you act." in text
    assert "\x1b" not in text


def test_a_web_hook_gets_a_message(hook: tuple[list[Any], str]) -> None:
    """The end of a trouble is a success for services that know such."""
    taken, address = hook

    ServiceTarget(f"json://{address}/path", "URL 1").send(OVER)

    assert ["flock: 200 bots (ann, ben) are well again, after 10m"] == [each["title"] for each in taken]
    assert ["success"] == [each["type"] for each in taken]
    assert "The bots: ann, ben, and 198 more" in taken[0]["message"]


SECRET = "sesame%40open-sesame"


@pytest.mark.parametrize(
    "url",
    [
        f"json://user:{SECRET}@127.0.0.1:1/{SECRET}?x={SECRET}",
        f"mailto://user:{SECRET}@127.0.0.1:1/?from=a@example.com&to={SECRET}@example.com&mode=insecure",
        f"slack://{SECRET}",
        f"tgram://{SECRET}/{SECRET}",
        f"nosuchthing://{SECRET}",
        SECRET,
    ],
)
def test_no_message_shows_any_part_of_a_url(
    url: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither an error, nor a repr, nor a log, nor what Apprise logs by itself."""
    caplog.set_level(logging.DEBUG, "flock")

    def send() -> None:
        target = ServiceTarget(url, "--alert, URL 1")
        shown.append(repr(target))
        target.send(PENNED)

    shown: list[str] = []
    with pytest.raises((BadOption, NotDelivered)) as failure:
        send()

    logged = [record.getMessage() for record in caplog.records if record.name.startswith("flock")]
    trace = "".join(traceback.format_exception(failure.value, limit=0))
    assert "sesame" not in "".join([*shown, *logged, trace, *capfd.readouterr()])
    assert not logging.getLogger("apprise").propagate


def test_a_refusal_is_an_error_with_the_reason(hook: tuple[list[Any], str]) -> None:
    """In Apprise's words."""
    with pytest.raises(NotDelivered, match="error=403"):
        ServiceTarget(f"json://{hook[1]}/no", "URL 1").send(PENNED)


def test_urls_may_stand_in_a_file(tmp_path: Path) -> None:
    """One a line, with comments; a bad one is named by its line."""
    file = tmp_path / "alerts"
    file.write_text("# mine\n\njson://127.0.0.1/one\n  json://127.0.0.1/two\n")
    file.chmod(0o600)
    found = targets([f"@{file}", "ntfy://127.0.0.1/three"], None)
    assert [f"{file}, line 3 (JSON)", f"{file}, line 4 (JSON)", "--alert, URL 2 (ntfy)"] == [
        target.name for target in found
    ]

    file.write_text("json://127.0.0.1/one\nnonsense\n")
    with pytest.raises(
        BadOption, match="line 2: expected the Apprise URL of a service, found a text that is no URL"
    ):
        targets([f"@{file}"], None)


def test_a_file_that_others_can_read_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And one that is not there is an error."""
    file = tmp_path / "alerts"
    file.write_text("")
    file.chmod(0o644)
    assert [] == targets([f"@{file}"], None)
    assert [f"{file}: other users can read it; type: chmod 600 {file}"] == caplog.messages

    with pytest.raises(BadOption, match="a URL in each line; No such file or directory"):
        targets([f"@{tmp_path / 'none'}"], None)


def script(folder: Path, text: str) -> str:
    """Return the command that runs this Python program."""
    file = folder / "command.py"
    file.write_text(text)
    return f"'{sys.executable}' '{file}' 'two words'"


def test_a_command_gets_the_alert_as_json(tmp_path: Path) -> None:
    """On its standard input, in one line; its arguments are as they stand there, without a shell."""
    text = f"import sys; open({str(tmp_path / 'heard')!r}, 'w').write(sys.argv[1] + '\\n' + sys.stdin.read())"

    CommandTarget(script(tmp_path, text) + " ';' '$HOME'").send(PENNED)

    words, line = (tmp_path / "heard").read_text().splitlines()
    heard = json.loads(line)
    assert ("two words", "trouble", "penned", ["dolly"]) == (words, heard["event"], heard["kind"], heard["bots"])
    assert ("error", "2026-11-23T17:38:05.000Z") == (heard["level"], heard["time"])


def test_a_command_does_not_get_flocks_own_variables(tmp_path: Path) -> None:
    """They hold secrets. All others it gets."""
    environment = {"FLOCK_ALERT": "json://sesame", "NOTIFY_SOCKET": "/run/x", "CREDENTIALS_DIRECTORY": "/run/y"}
    assert {"PATH": "/bin"} == passed_on({**environment, "WATCHDOG_USEC": "1", "PATH": "/bin"})

    text = f"import os; open({str(tmp_path / 'heard')!r}, 'w').write(' '.join(os.environ))"
    CommandTarget(script(tmp_path, text), {**os.environ, **environment}).send(PENNED)

    heard = (tmp_path / "heard").read_text().split()
    assert "PATH" in heard
    assert [] == [name for name in environment if name in heard]


def test_a_command_that_fails_is_quoted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A little of what it says stands in the error; its output goes nowhere else, however much it is."""
    text = "import sys; print('no route\\x1b[2J'); sys.stdout.write('x' * 10**7); sys.exit(3)"

    with pytest.raises(NotDelivered) as failure:
        CommandTarget(script(tmp_path, text)).send(PENNED)

    assert str(failure.value).startswith("ended with the code 3: no route\\x1b[2J\\nxxx")
    assert len(str(failure.value)) < 400
    assert ("", "") == capfd.readouterr()


@pytest.mark.parametrize("closes", ["", "os.close(1); os.close(2); "])
def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path, closes: str) -> None:
    """At the time limit, also when it has closed its output."""
    text = (
        f"import os, subprocess, sys; p = subprocess.Popen(['sleep', '60']);"
        f"open({str(tmp_path / 'heard')!r}, 'w').write(str(p.pid)); {closes}p.wait()"
    )
    begun = time.monotonic()

    with pytest.raises(NotDelivered, match="was killed after 1 seconds"):
        CommandTarget(script(tmp_path, text), time_limit=1.0).send(PENNED)

    assert time.monotonic() - begun < SOON
    child = int((tmp_path / "heard").read_text())
    until("the child is gone", lambda: not runs(child))


@pytest.mark.parametrize(
    ("command", "found"),
    [("", "''"), ("no-such-command x", "'no-such-command x'"), ("'open", "No closing quotation")],
)
def test_a_command_that_cannot_be_run_is_refused_at_the_start(command: str, found: str) -> None:
    """And not when the first trouble comes."""
    with pytest.raises(BadOption, match=found):
        CommandTarget(command)


def test_a_message_with_several_reasons_lists_them() -> None:
    """The first is in the first sentence as well."""
    alert = Trouble(at=AT, since=AT, kind="penned", count=2, bots=("ann", "ben"), whys=("locked", "suspended"))

    assert [
        "2 bots (ann, ben) are penned: locked.",
        "A penned bot posts nothing until you act.",
        "",
        "All reasons:",
        "- locked",
        "- suspended",
        "",
        "The bots: ann, ben",
        "",
        f"Since 2026-11-23 17:38:05 UTC; process {os.getpid()} on {os.uname().nodename}.",
    ] == body(alert).splitlines()
