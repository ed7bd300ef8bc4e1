"""A bot that writes a feed: exactly once, and never over what is not its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
import simplejson as json
from hypothesis import given
from hypothesis import strategies as st

from flock import errors
from flock.keys import FeedCredentials, Key, Params, read_key
from flock.networks.base import Intent, Post
from flock.networks.feed import Feed
from flock.networks.service import Service

NOW = 1_800_000_000.0


def intent(number: int) -> Intent:
    """Return the intent of the n-th post."""
    return Intent(f"{number:032x}", NOW + number)


@pytest.fixture
def key(write_key: Callable[..., Path]) -> Key:
    """Return the key of a bot that writes a feed beside it."""
    fields = {"file": "feeds/dolly.json", "title": "Dolly & Co", "home": "https://example.com/?a=b&c=d"}
    return read_key(write_key(network="feed", **fields))


@pytest.fixture
def feed(key: Key) -> Feed:
    """Return a bot's feed."""
    return Feed(key, service=Service("feeds"))


@pytest.fixture
def file(key: Key) -> Path:
    """Return where the feed is."""
    return key.file.parent / "feeds" / "dolly.json"


def texts(file: Path) -> list[str]:
    """Return the texts of the JSON feed, earliest first."""
    return [each["content_text"] for each in json.loads(file.read_text(encoding="utf-8"))["items"]][::-1]


def rss(file: Path) -> list[str | None]:
    """Return the texts of the RSS feed, earliest first."""
    root = Xml.fromstring(file.with_suffix(".rss").read_text(encoding="utf-8"))
    return [each.text for each in root.iter("description")][:0:-1]


def test_a_post_is_in_both_feeds(feed: Feed, file: Path) -> None:
    """With its time; the JSON feed has the text, and the RSS feed its HTML."""
    post_id = feed.post("<b> & 羊\n🐑", intent(1))

    told = json.loads(file.read_text(encoding="utf-8"))
    assert ("Dolly & Co", "https://example.com/?a=b&c=d") == (told["title"], told["home_page_url"])
    assert [
        {"id": post_id, "content_text": "<b> & 羊\n🐑", "date_published": "2027-01-15T08:00:01+00:00"}
    ] == told["items"]
    assert ["&lt;b&gt; &amp; 羊<br/>🐑"] == rss(file)


def test_a_post_that_is_repeated_is_not_made_again(feed: Feed, file: Path) -> None:
    """By the token of its intent; the same text with another one is another post."""
    posts = [feed.post("baa", intent(number)) for number in (1, 2, 1, 2)]
    assert ["baa", "baa"] == texts(file)
    assert posts[:2] == posts[2:]


def test_the_latest_posts_are_listed(feed: Feed) -> None:
    """Newest first, those after a known one."""
    assert [] == feed.recent()
    first, second = feed.post("baa", intent(1)), feed.post("moo", intent(2))
    both = [Post(second, "moo"), Post(first, "baa")]
    assert both == feed.recent() == feed.recent("post-unknown")
    assert both[:1] == feed.recent(first)


def test_old_entries_make_room(feed: Feed, file: Path) -> None:
    """A feed does not grow for ever."""
    feed.post("baa", intent(0))
    told = json.loads(file.read_text(encoding="utf-8"))
    told["items"] = [{**told["items"][0], "id": f"old-{number}"} for number in range(500)]
    file.write_text(json.dumps(told), encoding="utf-8")
    feed.post("moo", intent(1))
    assert 500 == len(texts(file)) == len(rss(file))
    assert "moo" == texts(file)[-1]


@pytest.mark.parametrize(
    "content",
    [b"", b"a poem\n", b"[]", b"{}", b'{"items": 1}', b'{"items": [1]}', b'{"items": [{"id": "1"}]}', b"\xff"],
)
def test_a_file_that_is_no_feed_is_left_alone(feed: Feed, file: Path, content: bytes) -> None:
    """Its path may be a typing error."""
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(errors.Unavailable, match="is no feed that flock wrote; move it away"):
        feed.post("baa", intent(1))
    assert content == file.read_bytes()


def test_a_folder_that_cannot_be_written_keeps_the_line(feed: Feed, file: Path) -> None:
    """Nothing is out, and the line is tried again."""
    file.parent.write_text("a file")
    with pytest.raises(errors.Unavailable, match="cannot be written"):
        feed.post("baa", intent(1))


def test_a_feed_that_is_half_written_is_repaired(feed: Feed, file: Path) -> None:
    """The JSON feed has the post, the RSS feed cannot be written: the post is out, and a repeat writes it."""
    file.parent.mkdir()
    file.with_suffix(".rss").mkdir()
    with pytest.raises(errors.OutcomeUnknown):
        feed.post("baa", intent(1))
    assert ["baa"] == texts(file)

    file.with_suffix(".rss").rmdir()
    feed.post("baa", intent(1))
    assert ["baa"] == texts(file) == rss(file)


@pytest.mark.parametrize("text", ["", " \n", "half \ud83d"])
def test_a_text_that_no_feed_can_hold_is_refused(feed: Feed, file: Path, text: str) -> None:
    """Before anything is written."""
    with pytest.raises(errors.Refused):
        feed.post(text, intent(1))
    assert not file.exists()


def test_bots_that_share_a_feed_lose_nothing(key: Key, file: Path) -> None:
    """Their key files may write its path in two ways."""
    feeds = [Feed(key, service=Service("feeds")) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: feeds[n % 4].post(f"line {n}", intent(n)), range(20)))
    assert sorted(f"line {n}" for n in range(20)) == sorted(texts(file))
    assert ["dolly.json", "dolly.lock", "dolly.rss"] == sorted(each.name for each in file.parent.iterdir())


@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip))
def test_any_text_makes_feeds_that_can_be_read(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """XML has no control characters."""
    folder = tmp_path_factory.mktemp("feed")
    own = FeedCredentials(file="feed.json")
    parts: dict[str, Any] = {"params": Params({}), "screen_name": "dolly", "poem_file": folder}
    key = Key(file=folder / "dolly.json", credentials=own, network="feed", **parts)
    feed = Feed(key, service=Service("feeds"))
    feed.post(text, intent(1))
    assert [text] == [post.text for post in feed.recent()] == texts(folder / "feed.json")
    assert 1 == len(rss(folder / "feed.json"))
