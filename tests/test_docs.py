"""docs/: tables that repeat what the code says agree with it, and links lead to a heading that exists."""

from __future__ import annotations

import logging
import re
import sqlite3
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import pytest
import requests
import simplejson as json

from flock import errors, events
from flock.cli import exits
from flock.journal import Verb
from flock.journal.schema import migrate
from flock.keys.credentials import (
    BlueskyCredentials,
    Credentials,
    FeedCredentials,
    MastodonCredentials,
    XCredentials,
    field_names,
)
from flock.keys.key import known_fields
from flock.networks.bluesky import answers as bluesky
from flock.networks.x.answers import meaning
from flock.observers.console import as_json
from flock.observers.logs import LogFormatter
from flock.temperament import TEMPERAMENTS

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "benchmarks" / "README.md",
]
UNAVAILABLE = 69  # of scripts/flock


def text_of(page: str) -> str:
    """Return the text of a page in docs/."""
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the table under `heading`, without its head."""
    _, found, rest = text_of(page).partition(f"# {heading}\n")
    assert found, f"{page} has no heading {heading}"
    section = re.split(r"^#", rest, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def anchors(page: Path) -> set[str]:
    """Return what links to the page may have after the #: its headings in lower case, with hyphens for blanks."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def answer(code: int) -> requests.Response:
    """Return a refusal of X with that number."""
    response = requests.Response()
    response.status_code = 403
    response._content = json.dumps({"errors": [{"code": code, "message": "no"}]}).encode()
    return response


@pytest.mark.parametrize("row", rows("errors.md", "Numbered errors"), ids=lambda row: str(row[0]))
def test_each_number_of_x_is_the_class_that_the_page_names(row: list[str]) -> None:
    """docs/errors.md lists the class and the family of each code."""
    codes, _, name, family = row
    for code in map(int, codes.split(", ")):
        response = answer(code)
        error = meaning(response, json.loads(response.content), now=0.0)

        assert name == type(error).__name__
        assert isinstance(error, getattr(errors, family))


def refusal(status: int, name: str, message: str = "") -> errors.NetworkError | None:
    """Return what a refusal of Bluesky means."""
    response = requests.Response()
    response.status_code = status
    body = {"error": name, "message": message}
    response._content = json.dumps(body).encode()
    return bluesky.meaning(response, body, now=0.0)


@pytest.mark.parametrize("row", rows("errors.md", "Names of Bluesky"), ids=lambda row: str(row[0]))
def test_each_name_of_bluesky_is_the_class_that_the_page_names(row: list[str]) -> None:
    """docs/errors.md lists the class and the family of each name."""
    names, _, kind, family = row
    for name in names.split(", "):
        error = refusal(400, name)
        assert kind == type(error).__name__
        assert isinstance(error, getattr(errors, family))


@pytest.mark.parametrize("row", rows("errors.md", "Words of Bluesky"), ids=lambda row: str(row[0]))
def test_the_words_of_bluesky_are_the_class_that_the_page_names(row: list[str]) -> None:
    """Those of an InvalidRequest."""
    words, kind, family = row
    for word in words.split(", "):
        error = refusal(400, "InvalidRequest", f"Invalid record: {word} (maximum 300)")
        assert kind == type(error).__name__
        assert isinstance(error, getattr(errors, family))


def test_the_tables_of_bluesky_are_whole() -> None:
    """Each name, each status and each word of the code stands on the page, with its class."""
    names, words = rows("errors.md", "Names of Bluesky"), rows("errors.md", "Words of Bluesky")
    assert set(bluesky.BY_NAME) == {name for row in names for name in row[0].split(", ")}
    assert set(bluesky.BY_WORDS) == {word for row in words for word in row[0].split(", ")}
    statuses = {
        int(status): re.split(r"\W", row[1])[0]
        for row in rows("errors.md", "Statuses of Bluesky")
        if re.fullmatch(r"[\d, ]+", row[0])
        for status in row[0].split(", ")
    }
    assert {status: kind.__name__ for status, kind in bluesky.BY_STATUS.items()} == statuses


def test_the_page_has_every_exit_code() -> None:
    """Those of `flock --help`, and 69 in the text below."""
    codes = {exits.OK, exits.USAGE, exits.NO_KEY, exits.ALL_PENNED, exits.TAKEN, exits.UNDELIVERED}
    codes |= {exits.OUR_FAULT, exits.NO_JOURNAL}

    assert codes == {int(row[0]) for row in rows("errors.md", "Exit codes")}
    assert f"adds {UNAVAILABLE}" in text_of("errors.md")


@pytest.mark.parametrize("table", ["sheep", "tweet", "command"])
def test_the_page_has_every_column_of_the_journal(table: str) -> None:
    """docs/journal.md lists the columns of each table as they are made."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        columns = {name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}

    assert columns == {row[0] for row in rows("journal.md", f"The table {table}")}


def test_the_page_has_every_field_of_a_key_file() -> None:
    """docs/keys.md lists all that a key file for X may have, and nothing else."""
    assert set(known_fields(XCredentials)) == {row[0] for row in rows("keys.md", "Key files")}


@pytest.mark.parametrize(
    ("credentials", "heading"), [(MastodonCredentials, "Mastodon"), (FeedCredentials, "A feed")]
)
def test_the_page_has_the_own_fields_of_each_network(credentials: type[Credentials], heading: str) -> None:
    """Those that a key file has in place of X's."""
    assert list(field_names(credentials)) == [row[0] for row in rows("keys.md", heading)]


def test_the_page_about_networks_shows_the_feed_as_it_is() -> None:
    """docs/another-network.md builds flock/networks/feed.py, line by line, in under 100 lines."""
    code = (ROOT / "flock" / "networks" / "feed.py").read_text(encoding="utf-8")
    shown = re.findall(r"^```python\n(.*?)^```$", text_of("another-network.md"), re.MULTILINE | re.DOTALL)
    blocks = [block for block in shown if "def " in block and "test_" not in block]

    assert [] == [block for block in blocks if block not in code]
    assert set(re.findall(r"def (\w+)", code)) == set(re.findall(r"def (\w+)", "".join(blocks)))
    assert len([line for line in code.splitlines() if line.strip()]) < 100


def test_the_page_has_every_field_of_a_bot_on_bluesky() -> None:
    """Its own ones, beside those that all bots have."""
    own = {"screen_name", *(each.name for each in fields(BlueskyCredentials))}
    assert own == {row[0] for row in rows("keys.md", "Bots on Bluesky")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    """A heading that is renamed takes its links along."""
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8"))

    for file, anchor in links:
        target = page.parent / file if file else page
        assert anchor in anchors(target), f"{file}#{anchor}"


def test_the_page_about_events_has_each_event_with_its_fields_and_levels() -> None:
    """docs/events.md is the schema of the JSON log."""
    kinds = {kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, events.Event)}
    inherited = {field.name for field in fields(events.Event)}
    for_programs = {events.Failed, events.Rounds}
    told = {row[0]: row for row in rows("events.md", "The events")}

    assert {kind.__name__.lower() for kind in kinds - {events.Event}} == set(told)
    for kind in kinds - {events.Event}:
        _, levels, names, _ = told[kind.__name__.lower()]
        assert [field.name for field in fields(kind) if field.name not in inherited] == (
            names.split(", ") if names != "none" else []
        )
        if isinstance(fixed := vars(kind).get("level", logging.INFO), int):
            level = "none" if kind in for_programs else logging.getLevelName(fixed).lower()
            assert level == levels, kind


def test_the_page_about_events_has_the_fields_of_each_line() -> None:
    """Those of an event, and those of what the program itself logs."""
    event = json.loads(as_json(events.Called(at=0.0)))
    record = json.loads(LogFormatter("json").format(logging.LogRecord("flock", 30, "", 0, "x", None, None)))

    common = {name for row in rows("events.md", "Fields of each event") for name in row[0].split(", ")}
    own = {name for row in rows("events.md", "What the program itself logs") for name in row[0].split(", ")}

    assert set(event) == common
    assert set(record) == own


def test_the_page_about_the_command_has_all_that_completion_offers() -> None:
    """Temperaments, what bots can be told, and networks; and the two variables of scripts/flock."""
    offers = {row[0]: set(re.findall(r"[\w-]+", row[1])) for row in rows("command.md", "Completion")}
    script = (ROOT / "scripts" / "flock").read_text(encoding="utf-8")

    assert set(TEMPERAMENTS) == offers["run keys/ --temperament"]
    assert {str(verb) for verb in Verb} <= offers["tell keys/"]
    assert {"x", "bluesky", "mastodon"} == offers["keys new keys/ --network"]
    assert set(re.findall(r"^# (FLOCK_\w+) ", script, re.MULTILINE)) == {
        row[0] for row in rows("command.md", "FLOCK_PYTHON and FLOCK_VENV")
    }
