"""The feeds of the flock and of each bot: what was said last, in Atom (RFC 4287) and as JSON Feed 1.1.

The id of an entry is made from the journal alone: the bot, the number of its post, and when that ended. So it
stays the same at another address, after a restart, and in a copy of the journal. A new journal makes other ids.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup
from werkzeug.wrappers import Request

from flock.journal import Outcome
from flock.logbook import Entry
from flock.observers.console import iso
from flock.poem.cutting import cut
from flock.web.described import path_of
from flock.web.lookout import Lookout, Seen
from flock.web.texts import shown

ATOM = "application/atom+xml"
JSON = "application/feed+json"
MOST = 50  # posts
PATHS = re.compile(r"/feed\.(atom|json)|/bots/[^/]+\.(atom|json)")
_LONGEST_TITLE = 100  # characters
_VERSION = "https://jsonfeed.org/version/1.1"
_SPACE = uuid.UUID("b6f5a1d2-0b0e-5c53-9c0b-5a0d8b7f3c11")  # of our ids; any constant would do
_HOST = re.compile(r"[a-zA-Z0-9._-]+(:[0-9]{1,5})?|\[[0-9a-fA-F:.%]+\](:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Item:
    """One post. `at` is a wall-clock time, `link` its address at its network, or an empty text."""

    id: str
    at: float
    bot: str
    page: str
    text: str
    link: str
    language: str
    direction: str

    @property
    def title(self) -> str:
        """The text, or the beginning of a long one, in one line."""
        return cut(" ".join(shown(self.text).split()), lambda piece: len(piece) <= _LONGEST_TITLE)[0]

    @property
    def html(self) -> str:
        """The text with its direction and language, and its lines kept apart."""
        lines = Markup("<br>").join(shown(self.text).split("\n"))
        language = Markup(' lang="{}"').format(self.language) if self.language else ""
        return str(Markup('<p dir="{}"{}>{}</p>').format(self.direction, language, lines))


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed: `path` is its own without a suffix, `page` that of the page for people, `root` the server's URL."""

    id: str
    title: str
    about: str
    language: str
    author: str
    path: str
    page: str
    root: str
    items: tuple[Item, ...]

    @property
    def at(self) -> float:
        """When it changed last: when its newest post ended."""
        return max((item.at for item in self.items), default=0.0)


def feed_of_flock(lookout: Lookout, root: str) -> Feed:
    """Return the feed of all bots."""
    return Feed(
        id=_id(f"flock {lookout.options.state_file.resolve()}"),
        title="The flock",
        about="",
        language="",
        author="",
        path="/feed",
        page="/",
        root=root,
        items=_items(lookout, lookout.latest_entries()),
    )


def feed_of_bot(lookout: Lookout, seen: Seen, root: str) -> Feed:
    """Return the feed of one bot. Raises JournalError."""
    about = seen.json
    poem = f"{about['title'] or 'a poem'}{', by ' if about['author'] else ''}{about['author'] or ''}"
    return Feed(
        id=_id(f"bot {seen.member.bot}"),
        title=seen.bot.name,
        about=f"{seen.bot.name} recites {poem}",
        language=about["lang"],
        author=seen.bot.name,
        path=about["path"],
        page=about["path"],
        root=root,
        items=_items(lookout, lookout.posts_of(seen)),
    )


def json_feed(feed: Feed) -> dict[str, Any]:
    """Return the feed by the rules of https://www.jsonfeed.org/version/1.1/."""
    found: dict[str, Any] = {
        "version": _VERSION,
        "title": shown(feed.title),
        "home_page_url": feed.root + feed.page,
        "feed_url": f"{feed.root}{feed.path}.json",
    }
    if feed.about:
        found["description"] = shown(feed.about)
    if feed.author:
        found["authors"] = [_author(feed, feed.author, feed.page)]
    if feed.language:
        found["language"] = shown(feed.language)
    return found | {"items": [_json_item(feed, item) for item in feed.items]}


def _json_item(feed: Feed, item: Item) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": item.id,
        "content_html": item.html,
        "content_text": shown(item.text),
        "date_published": iso(item.at),
        "authors": [_author(feed, item.bot, item.page)],
    }
    if item.link:
        found["url"] = shown(item.link)
    if item.language:
        found["language"] = shown(item.language)
    return found


def _author(feed: Feed, bot: str, page: str) -> dict[str, str]:
    return {"name": shown(bot), "url": feed.root + page}


def root_of(request: Request) -> str:
    """Return the URL of this server as the reader knows it, such as "https://flock.example".

    A proxy says in X-Forwarded-Host and X-Forwarded-Proto what the reader has asked for. Nothing but links depends
    on them, and only in the answer to the one who sent them.
    """
    host = request.headers.get("X-Forwarded-Host", request.host)
    scheme = request.headers.get("X-Forwarded-Proto", request.scheme)
    return f"{'https' if scheme == 'https' else 'http'}://{host if _HOST.fullmatch(host) else request.host}"


def changed(feed: Feed, now: float) -> datetime | None:
    """Return the feed's Last-Modified, which has whole seconds; None while more may be said in that second."""
    return datetime.fromtimestamp(int(feed.at), UTC) if feed.items and now - feed.at > 2 else None


def _items(lookout: Lookout, entries: Iterable[Entry]) -> tuple[Item, ...]:
    """Return the newest of what may be out, the newest first."""
    said = [entry for entry in entries if entry.post.outcome is not Outcome.SKIPPED]
    said.reverse()
    said.sort(key=lambda entry: entry.post.at, reverse=True)
    return tuple(_item(lookout, entry) for entry in said[:MOST])


def _item(lookout: Lookout, entry: Entry) -> Item:
    post, seen = entry.post, lookout.find(entry.bot)
    about = seen.json if seen else {}
    return Item(
        id=_id(f"post {post.bot} {post.n} {post.piece} {round(post.at * 1000)}"),
        at=post.at,
        bot=entry.bot,
        page=path_of(entry.bot),
        text=post.text,
        link=entry.link if entry.link.startswith(("https://", "http://")) else "",
        language=about.get("lang", ""),
        direction=about.get("dir", "auto"),
    )


def _id(name: str) -> str:
    return uuid.uuid5(_SPACE, name).urn
