"""The feeds: by the rules of Atom and of JSON Feed 1.1, from a journal in a file and in PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as Xml

import feedparser
import pytest
import requests
import simplejson as json
from hypothesis import given
from hypothesis import strategies as st

from flock.cli.times import midnight
from flock.journal import Outcome, Place, Settlement, open_journal
from flock.options import Options, settle_options
from flock.state import parse_database
from flock.web.feeds import MOST, Feed, Item, json_feed
from flock.web.listening import listen
from flock.web.page import Templates, json_text
from flock.web.server import WebPage
from flock.web.texts import shown
from tests.conftest import TIMEOUT

ATOM = "{http://www.w3.org/2005/Atom}"
BEGAN = 1_795_000_000.25
ARABIC = "---\ntitle: البيت\nauthor: Ada\nlanguage: ar\n---\nثم\nتعود\n"
LINES = [
    "baa",
    "<script>alert(1)</script> & \"'>]]> <![CDATA[ &amp; {{ 7 * 7 }}",
    "\x00\x0b\x1b[31m\ufffe\uffff\u202eevil",
    "夜が明けて　門に残った　毛ひとすじ",
    "ثم تعود النعجة إلى البيت",
    "two\nlines",
    "🐑" * 280,
    "wide " * 56,
]
FEED = {
    "version": str,
    "title": str,
    "home_page_url": str,
    "feed_url": str,
    "description": str,
    "authors": list,
    "language": str,
    "items": list,
}
ITEM = {
    "id": str,
    "url": str,
    "content_html": str,
    "content_text": str,
    "date_published": str,
    "authors": list,
    "language": str,
}


def wrong_with(feed: dict[str, Any]) -> list[str]:
    """Return what is wrong with a JSON feed, by https://www.jsonfeed.org/version/1.1/."""
    wrong = [f"{name} is unknown, or wrong" for name in feed if not _is(feed[name], FEED.get(name))]
    wrong += [f"{name} is missing" for name in ("version", "title", "items") if name not in feed]
    wrong += ["version"] * (feed.get("version") != "https://jsonfeed.org/version/1.1")
    ids = [item.get("id") for item in feed["items"]]
    wrong += ["an id comes twice"] * (len(set(ids)) < len(ids))
    for item in feed["items"]:
        wrong += [
            f"{name} is unknown, or no {ITEM.get(name)}" for name in item if not _is(item[name], ITEM.get(name))
        ]
        wrong += ["an item without an id"] * (not item.get("id"))
        wrong += ["an item without content"] * ("content_html" not in item and "content_text" not in item)
        if datetime.fromisoformat(item["date_published"]).utcoffset() is None:
            wrong.append("a date without a zone")
    for each in (feed, *feed["items"]):
        wrong += ["an author without a name"] * any(not author.get("name") for author in each.get("authors", []))
        urls = [each.get(name, "http://x.example") for name in ("url", "home_page_url", "feed_url")]
        wrong += [f"{url} is no URL" for url in urls if urlsplit(url).scheme not in ("http", "https")]
    return wrong


def _is(value: object, kind: type | None) -> bool:
    return kind is not None and isinstance(value, kind)


@pytest.fixture(params=["in a file", "in PostgreSQL"])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> Options:
    """Return options with a journal of each kind."""
    if request.param == "in a file":
        return settle_options({"state": tmp_path / "flock.db"}, environment={})
    url = request.getfixturevalue("postgres").new_database()
    return settle_options({"state": parse_database(url)}, environment={"STATE_DIRECTORY": str(tmp_path)})


@pytest.fixture
def tell(options: Options) -> Callable[..., None]:
    """Return a function that writes into the journal what a bot has said, one second after the other."""

    def write(bot: str, *texts: str, outcome: Outcome = Outcome.SAID, first: int = 0, at: float = BEGAN) -> None:
        with closing(open_journal(options.journal, keep=1e9)) as journal:
            journal.claim([bot])
            for n, text in enumerate(texts, start=first):
                journal.intend(bot, Place(n=n, intended=at + n, next_line=text), text)
                after = Place(n=n + 1, due=at + 1e9, next_line="baa", prior_line=text)
                journal.settle(bot, Settlement(n, 0, outcome, at + n, str(500 + n)), after)

    return write


@pytest.fixture
def serve(tmp_path: Path, options: Options, write_key: Callable[..., Path]) -> Iterator[Callable[..., WebPage]]:
    """Return a function that serves the page of two bots, at a free port."""
    write_key()
    write_key("shaun.json", screen_name="shaun", oauth_token="1002-token-sesame", poem_file="arabic.txt")
    (tmp_path / "arabic.txt").write_text(ARABIC, encoding="utf-8")
    with ExitStack() as stack:

        def start(host: str = "127.0.0.1") -> WebPage:
            with listen(host, 0) as listener:
                page = WebPage(tmp_path, options, listener, midnight=midnight, name=host)
            stack.callback(page.close)
            page.start()
            return page

        yield start


def get(page: WebPage, path: str, **headers: str) -> requests.Response:
    """Return the answer of the page."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(page.url.replace("0.0.0.0", "127.0.0.1") + path, headers=headers, timeout=TIMEOUT)


def atom(answer: requests.Response) -> Any:
    """Return the feed as a reader of feeds understands it; it must find nothing wrong."""
    headers = {"content-type": answer.headers["Content-Type"], "content-location": answer.url}
    found = feedparser.parse(answer.content, response_headers=headers)
    assert (0, "atom10") == (found.bozo, found.version), found.get("bozo_exception")
    return found


def test_readers_understand_whatever_is_said(tell: Callable[..., None], serve: Callable[..., WebPage]) -> None:
    """The feeds of a bot and of the flock, the newest first; both formats say the same."""
    tell("x:dolly", *LINES)
    tell("x:shaun", "ثم", at=BEGAN + 100)
    page = serve()
    expected = [shown(line) for line in reversed(LINES)]

    for path, count, author in (("/bots/dolly", len(LINES), "dolly"), ("/feed", len(LINES) + 1, "shaun")):
        atom_answer, json_answer = get(page, f"{path}.atom"), get(page, f"{path}.json")
        assert "application/atom+xml; charset=utf-8" == atom_answer.headers["Content-Type"]
        assert "application/feed+json" == json_answer.headers["Content-Type"]
        found, same = atom(atom_answer), json_answer.json()
        assert [] == wrong_with(same)
        assert expected == [item["content_text"] for item in same["items"]][-len(LINES) :]
        assert [item["id"] for item in same["items"]] == [entry.id for entry in found.entries]
        assert [item["content_html"] for item in same["items"]] == [
            content.text for content in Xml.fromstring(atom_answer.content).iter(f"{ATOM}content")
        ]
        assert count == len(found.entries)
        assert author == found.entries[0].author == same["items"][0]["authors"][0]["name"]
        assert f"{page.url}{path}.atom" == next(link.href for link in found.feed.links if link.rel == "self")
        assert f"{page.url}{path}.json" == same["feed_url"]
    assert "https://x.com/dolly/status/507" == get(page, "/bots/dolly.json").json()["items"][0]["url"]


def test_an_entry_says_when_and_in_which_direction(
    tell: Callable[..., None], serve: Callable[..., WebPage]
) -> None:
    """In UTC; with the language of the poem, which may go from right to left."""
    tell("x:shaun", "ثم\nتعود")
    answer = get(serve(), "/bots/shaun.atom")
    [entry] = atom(answer).entries

    assert "2026-11-18T11:06:40.250Z" == entry.published == entry.updated
    assert '<p dir="rtl" lang="ar">ثم<br>تعود</p>' == Xml.fromstring(answer.content).findtext(
        f"{ATOM}entry/{ATOM}content"
    )
    assert ("ar", "ثم تعود") == (entry.title_detail.language, entry.title)
    assert "shaun recites البيت, by Ada" == atom(answer).feed.subtitle
    assert "ar" == get(serve(), "/bots/shaun.json").json()["language"]


def test_an_id_stays_when_the_page_moves(tell: Callable[..., None], serve: Callable[..., WebPage]) -> None:
    """Another port, another name, a page that was started anew. A journal that begins anew makes others."""
    tell("x:dolly", "baa", "baa")
    first = {entry.id for entry in atom(get(serve(), "/feed.atom")).entries}
    moved = get(
        serve(), "/feed.atom", Host="localhost", X_Forwarded_Host="flock.example", X_Forwarded_Proto="https"
    )

    assert 2 == len(first)
    assert first == {entry.id for entry in atom(moved).entries}
    assert "https://flock.example/feed.atom" in moved.text
    tell("x:dolly", "baa", first=2)
    assert first < {entry.id for entry in atom(get(serve(), "/feed.atom")).entries}


def test_a_feed_is_bounded_and_holds_what_may_be_out(
    tell: Callable[..., None], serve: Callable[..., WebPage]
) -> None:
    """Fifty posts; what a network refused is not among them."""
    page = serve()
    for kind in ("/feed", "/bots/dolly"):
        assert [] == get(page, f"{kind}.json").json()["items"] == atom(get(page, f"{kind}.atom")).entries
        assert "Last-Modified" not in get(page, f"{kind}.atom").headers
    tell("x:dolly", *(f"line {n}" for n in range(MOST + 10)))
    tell("x:dolly", "refused", first=MOST + 10, outcome=Outcome.SKIPPED)
    tell("x:dolly", "perhaps", first=MOST + 11, outcome=Outcome.UNKNOWN)
    expected = ["perhaps", *(f"line {n}" for n in range(MOST + 9, 10, -1))]
    page = serve()

    for kind in ("/feed", "/bots/dolly"):
        assert expected == [item["content_text"] for item in get(page, f"{kind}.json").json()["items"]]
    assert [404, 404] == [get(page, f"/bots/nobody.{kind}").status_code for kind in ("atom", "json")]


def test_a_feed_that_has_not_changed_is_not_sent_again(
    tell: Callable[..., None], serve: Callable[..., WebPage]
) -> None:
    """By its tag, or by its date; the date is left out while more may be said in the same second."""
    tell("x:dolly", "baa")
    page = serve()
    for path in ("/feed.atom", "/feed.json", "/bots/dolly.atom", "/bots/dolly.json"):
        first = get(page, path)
        assert "Wed, 18 Nov 2026 11:06:40 GMT" == first.headers["Last-Modified"]
        tag, date = first.headers["ETag"], first.headers["Last-Modified"]
        for again in (get(page, path, If_None_Match=tag), get(page, path, If_Modified_Since=date)):
            assert (304, b"", tag) == (again.status_code, again.content, again.headers["ETag"])
    tell("x:dolly", "baa again", first=1, at=time.time())
    page = serve()
    changed = get(page, "/feed.atom", If_None_Match=tag, If_Modified_Since=date)

    assert (200, False) == (changed.status_code, "Last-Modified" in changed.headers)


def test_pages_lead_to_their_feeds(serve: Callable[..., WebPage]) -> None:
    """A reader of feeds finds them by the address of the page."""
    page = serve()
    kinds = [("application/atom+xml", "atom"), ("application/feed+json", "json")]
    for path, feeds in (("/", ["/feed"]), ("/stage", ["/feed"]), ("/bots/dolly", ["/bots/dolly", "/feed"])):
        text = get(page, path).text
        for feed in feeds:
            for kind, suffix in kinds:
                assert f'<link rel="alternate" type="{kind}"' in text
                assert f'href="{feed}.{suffix}">' in text


def test_beyond_loopback_readers_of_feeds_give_the_token_as_a_password(serve: Callable[..., WebPage]) -> None:
    """They are asked for it; a browser that opens a page is not."""
    page = serve("0.0.0.0")
    url = page.url.replace("0.0.0.0", "127.0.0.1")
    for path in ("/feed.atom", "/feed.json", "/bots/dolly.atom", "/bots/dolly.json"):
        refused = get(page, path)
        assert (401, 'Basic realm="flock", charset="UTF-8"') == (
            refused.status_code,
            refused.headers["WWW-Authenticate"],
        )
        assert "dolly" not in refused.text
        assert 401 == requests.get(url + path, auth=("any", "wrong"), timeout=TIMEOUT).status_code
        assert 200 == requests.get(url + path, auth=("any", page.fresh_token), timeout=TIMEOUT).status_code
        assert 200 == get(page, path, Authorization=f"Bearer {page.fresh_token}").status_code
    assert (401, False) == ((answer := get(page, "/bots")).status_code, "WWW-Authenticate" in answer.headers)


ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), min_size=1)


@given(texts=st.lists(ANY_TEXT, max_size=3), name=ANY_TEXT)
def test_any_text_makes_feeds_that_can_be_parsed(texts: list[str], name: str) -> None:
    """Also what XML forbids, and halves of characters."""
    items = tuple(
        Item(f"urn:uuid:{n}", 1.5, name, "/bots/x", text, "https://x.example/1", "ar", "rtl")
        for n, text in enumerate(texts)
    )
    feed = Feed("urn:uuid:feed", name, name, "ar", name, "/bots/x", "/bots/x", "http://127.0.0.1:1", items)

    xml = Xml.fromstring(Templates().text("feed.atom", feed=feed).encode())
    found = json.loads(json_text(json_feed(feed)))

    assert [] == wrong_with(found)
    contents = [content.text or "" for content in xml.iter(f"{ATOM}content")]
    assert [item["content_html"] for item in found["items"]] == contents
    assert [shown(text) for text in texts] == [
        unescape(each.removeprefix('<p dir="rtl" lang="ar">').removesuffix("</p>").replace("<br>", "\n"))
        for each in contents
    ]
