"""The buttons of a bot's page: what they write into the journal, and who cannot press them. Over real HTTP."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from html import unescape
from pathlib import Path

import pytest
import requests

from flock.journal import SqliteJournal
from flock.options import Options
from flock.web.server import WebPage
from tests.conftest import TIMEOUT, until
from tests.web.conftest import Site

PAGE = "/bots/dolly"
Serve = Callable[..., WebPage]
WriteKey = Callable[..., Path]
Say = Callable[..., None]


@pytest.fixture
def url(serve: Serve, write_key: WriteKey, say: Say) -> str:
    """The page of a bot that has said a line."""
    write_key()
    say(0, "baa")
    return serve().url + PAGE


def seal_on(url: str) -> str:
    """Return the seal of the forms of that page."""
    [*seals] = set(re.findall(r'name="seal" value="(\w+)"', requests.get(url, timeout=TIMEOUT).text))
    assert len(seals) == 1
    return str(seals[0])


def press(url: str, form: dict[str, str], **headers: str) -> requests.Response:
    """Send a form of the page as a browser does; return the answer before it is followed."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(f"{url}/tell", form, headers=named, timeout=TIMEOUT, allow_redirects=False)


def notes_on(address: str) -> list[str]:
    """Return what the page says about what was told."""
    text = requests.get(address, timeout=TIMEOUT).text
    return [unescape(note) for note in re.findall(r'<p class="note[^>]*role="status">(.*?)</p>', text, re.DOTALL)]


def commands(options: Options) -> list[str]:
    """Return the commands that are in the journal."""
    with closing(SqliteJournal(options.state_file, read_only=True)) as journal:
        return [f"{command.bot} {command}" for command in journal.commands()]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"what": "pause"}, "Told: pause; the next flock obeys."),
        ({"what": "skip"}, "Told: skip; the next flock obeys."),
        (
            {"what": "again"},
            "Told: again; the next flock obeys; X refuses the text that was posted last; "
            "then the bot goes on without it.",
        ),
        ({"what": "from-the-top"}, "Told: from-the-top; the next flock obeys."),
        ({"what": "now"}, "Told: now; the next flock obeys."),
        ({"what": "from", "line": "2"}, "Told: from 2: baa again; the next flock obeys."),
        ({"what": "resume"}, "Told: resume; the next flock obeys; it is not paused."),
    ],
)
def test_a_button_writes_the_command(url: str, options: Options, form: dict[str, str], said: str) -> None:
    """As `flock tell` does, and once: the browser is led back to the page, which says so once."""
    answer = press(
        url, {"seal": seal_on(url), **form}, Origin=url.removesuffix(PAGE), Sec_Fetch_Site="same-origin"
    )

    address = url.removesuffix(PAGE) + answer.headers["Location"]
    assert 303 == answer.status_code
    assert [[said], []] == [notes_on(address), notes_on(address)]
    assert [f"x:dolly {' '.join(form.values())}"] == commands(options)


@pytest.mark.parametrize(
    ("headers", "change"),
    [
        ({"Origin": "https://evil.example"}, {}),
        ({"Origin": "null"}, {}),
        ({"Sec_Fetch_Site": "cross-site"}, {}),
        ({"Sec_Fetch_Site": "same-site"}, {}),
        ({}, {"seal": ""}),
        ({}, {"seal": "é"}),
        ({}, {"seal": "0" * 64}),
    ],
)
def test_what_another_page_sends_is_refused(
    url: str, options: Options, headers: dict[str, str], change: dict[str, str]
) -> None:
    """A foreign origin with the right seal, and no seal or a wrong one."""
    answer = press(url, {"seal": seal_on(url), "what": "pause", **change}, **headers)

    assert 403 == answer.status_code
    assert "Nothing was told" in answer.text
    assert [] == commands(options)


def test_a_seal_is_good_for_one_bot_and_one_start_of_the_page(
    serve: Serve, write_key: WriteKey, say: Say, options: Options
) -> None:
    """Another bot's form is another one."""
    write_key()
    write_key("shaun.json", screen_name="shaun", oauth_token="2002-token-sesame")
    say(0, "baa")
    first, second = serve().url, serve().url
    seal = seal_on(f"{first}/bots/shaun")

    assert 403 == press(first + PAGE, {"seal": seal, "what": "pause"}).status_code
    assert 403 == press(f"{second}/bots/shaun", {"seal": seal, "what": "pause"}).status_code
    assert [] == commands(options)
    assert 303 == press(f"{first}/bots/shaun", {"seal": seal, "what": "pause"}).status_code


def test_get_never_acts(url: str, options: Options) -> None:
    """Whatever stands in the address."""
    asked = {"seal": seal_on(url), "what": "pause"}
    answers = [requests.get(address, asked, timeout=TIMEOUT) for address in (f"{url}/tell", url)]

    assert [405, 200] == [answer.status_code for answer in answers]
    assert "POST" == answers[0].headers["Allow"]
    assert [] == commands(options)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"what": "sing"}, 400),
        ({"what": "<script>"}, 400),
        ({}, 400),
        ({"what": "pause", "more": "x" * 9000}, 413),
        ({"what": "from", "line": "x"}, 303),
        ({"what": "from", "line": "4711"}, 303),
    ],
)
def test_what_cannot_be_meant_is_refused(url: str, options: Options, form: dict[str, str], code: int) -> None:
    """Nothing is written then; a line that is not there is told on the page."""
    answer = press(url, {"seal": seal_on(url), **form})

    assert code == answer.status_code
    assert "<script>" not in answer.text
    if code == 303:
        [note] = notes_on(url.removesuffix(PAGE) + answer.headers["Location"])
        assert note.startswith("Nothing was told: ")
        assert "expected the number of a line" in note or "has no such line" in note
    assert [] == commands(options)


def test_without_a_journal_there_are_no_buttons(serve: Serve, write_key: WriteKey, options: Options) -> None:
    """And none is made."""
    write_key()
    url = serve().url + PAGE
    text = requests.get(url, timeout=TIMEOUT).text

    assert "No flock has run with this journal yet, so nothing can be told." in text
    assert 'name="what"' not in text
    assert not options.state_file.exists()


def test_a_journal_that_cannot_be_written_is_told_in_one_line(url: str, options: Options) -> None:
    """The page goes on."""
    seal = seal_on(url)
    with closing(sqlite3.connect(options.state_file)) as journal:
        journal.execute("CREATE TRIGGER stubborn BEFORE INSERT ON command BEGIN SELECT RAISE(ABORT, 'no'); END")
    answer = press(url, {"seal": seal, "what": "pause"})

    [note] = notes_on(url.removesuffix(PAGE) + answer.headers["Location"])
    assert note.startswith(f"Nothing was told: the journal {options.state_file}: ")
    assert [] == commands(options)


def test_a_flock_that_runs_obeys(open_site: Callable[[], Site]) -> None:
    """It pauses one bot, says a line of it at once when it goes on, and loses no claim by that."""
    site = open_site()
    flock = site.start("run", site.folder.path, "--pasture", "--line-interval", "1h", "--poem-interval", "1h")
    url = f"http://127.0.0.1:{site.port}/bots/bot0"

    def bot() -> dict[str, object]:
        return next(each for each in site.ask("/flock.json").json["bots"] if each["name"] == "bot0")

    until("the first line is said", lambda: bot()["posts"] == 1 and bot()["state"] == "asleep")
    paused = press(url, {"seal": seal_on(url), "what": "pause"})
    until("the bot is paused", lambda: bot()["state"] == "paused")
    text = requests.get(url, timeout=TIMEOUT).text
    for what in ("now", "resume"):
        press(url, {"seal": seal_on(url), "what": what})
    until("the next line is said", lambda: bot()["posts"] == 2)
    code = flock.stop()[0]

    [note] = notes_on(url.removesuffix("/bots/bot0") + paused.headers["Location"])
    assert f"Told: pause; process {flock.process.pid} obeys within a second." == note
    assert [False, True] == [f'value="{what}"' in text for what in ("pause", "resume")]
    assert 0 == code
