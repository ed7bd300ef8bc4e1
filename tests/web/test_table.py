"""The table of the flock: sorted and filtered by its address, and what its numbers are."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import closing
from html import unescape
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from flock.journal import Condition, Noted, Outcome, Place, Settlement, SqliteJournal, Standing
from flock.networks.x.prices import price
from flock.options import Options
from flock.web.server import WebPage
from flock.web.table import COLUMNS, Asked, asked_for, latest
from tests.conftest import TIMEOUT, until

NAMES = ("dolly", "Shaun", "timmy")


@pytest.fixture
def url(
    serve: Callable[..., WebPage], write_key: Callable[..., Path], say: Callable[..., None], options: Options
) -> str:
    """The page of three bots: the second is penned, and the third has said two lines; one on Bluesky is new."""
    for number, name in enumerate(NAMES):
        write_key(f"{name}.json", screen_name=name, oauth_token=f"{1000 + number}-token-sesame")
    secrets = {"consumer_token": ..., "consumer_token_secret": ..., "oauth_token": ..., "oauth_token_secret": ...}
    write_key("cumulus.json", network="bluesky", screen_name="cumulus.test", app_password="sesame", **secrets)
    say(0, "baa", "x:timmy")
    say(1, "baa again", "x:timmy")
    say(0, "baa", "x:dolly")
    with closing(SqliteJournal(options.state_file)) as journal:
        journal.claim(["x:shaun"])
        standing = Standing(Condition.PENNED, "the tokens were refused", "Revoked")
        journal.keep("x:shaun", Place(recitations=7, due=time.time() + 9000), standing)
        journal.claim(["x:dolly"])
        journal.intend("x:dolly", Place(n=1, intended=time.time()), "baa again")
        settlement = Settlement(1, 0, Outcome.SKIPPED, time.time(), why="too rude")
        journal.settle("x:dolly", settlement, Place(n=2, due=time.time() + 60))
    return serve().url


def names(url: str, asked: str = "") -> list[str]:
    """Return the bots of the table, in its order."""
    text = requests.get(f"{url}/bots{asked}", timeout=TIMEOUT).text
    return re.findall(r'<th scope="row"><a href="/bots/[\w.]+"><bdi>([\w.]+)</bdi>', text)


def test_the_address_sorts_and_filters(url: str) -> None:
    """Without JavaScript; what has no value comes last, in both directions."""
    everyone = ["cumulus.test", "dolly", "Shaun", "timmy"]
    assert everyone == names(url)
    assert everyone[::-1] == names(url, "?sort=-name")
    assert ["Shaun", "timmy"] == [names(url, "?sort=age")[0], names(url, "?sort=today")[0]]
    assert ["dolly", "timmy"] == names(url, "?sort=next")[:2]
    assert ["timmy", "dolly"] == names(url, "?sort=-next")[:2]
    assert ["Shaun"] == names(url, "?state=penned")
    assert ["cumulus.test"] == names(url, "?network=Bluesky")
    assert ["timmy"] == names(url, "?find=TIM&network=X&state=not+running&sort=-cost&page=9")
    assert [] == names(url, "?find=%3Cscript%3E&state=%22%3E%3Cscript%3E")


def test_headings_lead_to_the_other_order(url: str) -> None:
    """One says how the table is sorted; each leads on, also with a filter."""
    text = requests.get(f"{url}/bots?sort=today&network=X", timeout=TIMEOUT).text
    assert ["descending"] == re.findall(r'aria-sort="(\w+)"', text)
    links = dict(re.findall(r'id="by-(\w+)" href="([^"]+)"', text))
    assert "/bots?network=X&sort=-today" == unescape(links["today"])
    assert "/bots?network=X" == unescape(links["name"])
    assert {"age", "hour", "day", "spent", "cost", "late"} <= links.keys()
    for link in links.values():
        assert ["Shaun", "dolly", "timmy"] == sorted(names(url, unescape(link).removeprefix("/bots")))


def test_the_numbers_are_those_of_status_and_check(url: str) -> None:
    """Posts, what a day costs, and the failures of each service."""
    until("a forecast", lambda: "worked out" not in requests.get(f"{url}/bots", timeout=TIMEOUT).text)
    text = requests.get(f"{url}/bots", timeout=TIMEOUT).text
    cells = re.search(r"<bdi>timmy</bdi>.*?</tr>", text, re.DOTALL)
    assert cells
    found = dict(re.findall(r'data-label="([\w, ]+)" class="number">([^<]*)<', cells[0]))
    spent = f"${2 * price('baa'):.2f}"
    assert {"Posts, last hour": "2", "Posts today": "2", "Spent today": spent}.items() <= found.items()
    assert float(found["Posts a day"].replace(",", "")) > 0
    assert re.search(r"3 bots on X: about [\d,]+ posts and \$[\d.,]+ a day", text)
    [x] = re.findall(r'<th scope="row">X</th>(.*?)</tr>', text, re.DOTALL)
    assert ["3", "3", "0 s", "1"] == re.findall(r'class="number">([^<]*)<', x)
    assert "1 penned" in x


@given(st.dictionaries(st.sampled_from(["find", "state", "network", "sort", "page"]), st.text()))
def test_any_address_means_something(given: dict[str, str]) -> None:
    """And the address of what it means leads to the same."""
    asked = asked_for(given)
    assert asked.sort in COLUMNS
    assert 1 <= asked.page < 10**7
    assert asked.address().startswith("/bots")
    assert Asked() == asked_for({})


def test_the_later_of_two_posts_is_the_last_one() -> None:
    """A line is heard of before it is known how its bot fares, or the other way round."""
    first, second = (Noted("x:dolly", n, 0, "baa", Outcome.SAID, float(n)) for n in (1, 2))
    assert second is latest(first, second) is latest(second, first) is latest(None, second) is latest(second, None)
    assert latest(None, None) is None
