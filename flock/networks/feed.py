"""A network that is a pair of files: each post becomes an entry of a JSON feed, and of an RSS feed beside it.

A feed reader follows a poem that way, without an account anywhere. The JSON feed decides: a post is out when it is
in there, under an id made of the intent's token, so that repeating a post does no harm.
"""

from __future__ import annotations

import fcntl
import html
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from xml.etree import ElementTree as Xml

import simplejson as json

from flock.errors import OutcomeUnknown, Refused, Unavailable, printable
from flock.keys import FeedCredentials, Key
from flock.networks.base import Intent, Post, new_intent
from flock.networks.service import Service

_VERSION = "https://jsonfeed.org/version/1.1"
_KEPT = 500  # entries; a reader asks more often than a poem has so many lines
_LONGEST = 10_000  # characters

Entry = dict[str, str]


class Feed:
    """One bot's feed. A lock beside the files lets one process at a time write."""

    CREDENTIALS = FeedCredentials
    looks_first = refuses_duplicates = False  # an unanswered post is repeated at once

    def __init__(self, key: Key, *, service: Service) -> None:
        own = key.credentials
        assert isinstance(own, FeedCredentials)  # noqa: S101 - the registry chooses the class by the network
        self.service = service
        self._file = key.file.parent / own.file
        self._head = {"version": _VERSION, "title": own.title or key.screen_name, "home_page_url": own.home or ""}

    def fits(self, text: str) -> bool:
        return len(text) <= _LONGEST

    def is_safe_to_repeat(self, intent: Intent, now: float) -> bool:  # noqa: ARG002 - always
        return True

    def post(self, text: str, intent: Intent | None = None) -> str:
        if not text.strip() or any("\ud800" <= letter <= "\udfff" for letter in text):
            raise Refused("a post without a letter, or with half a character")
        intent = intent or new_intent()
        entry = _entry(f"post-{intent.token}", text, datetime.fromtimestamp(intent.at, UTC))
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                return self._add(entry)
        except OSError as error:
            raise Unavailable(printable(f"{self._file} cannot be written: {error.strerror}")) from error

    def recent(self, since_id: str | None = None) -> Sequence[Post]:
        entries = self._read()
        ids = [each["id"] for each in entries]
        newer = entries[: ids.index(since_id)] if since_id in ids else entries
        return [Post(each["id"], each["content_text"]) for each in newer]

    def _add(self, entry: Entry) -> str:
        entries = self._read()
        if entry["id"] not in [each["id"] for each in entries]:
            entries = [entry, *entries[: _KEPT - 1]]
            _replace(self._file, json.dumps({**self._head, "items": entries}, indent=1, ensure_ascii=False))
        try:
            _replace(self._file.with_suffix(".rss"), _rss(self._head, entries))
        except OSError as error:  # the post is out; repeating it writes this file
            raise OutcomeUnknown(printable(f"the RSS feed cannot be written: {error.strerror}")) from error
        return entry["id"]

    def _read(self) -> list[Entry]:
        """Return the entries, newest first. Raises Unavailable for a file that is no feed of flock's own."""
        try:
            feed = json.loads(self._file.read_text(encoding="utf-8"))
            found = ((each["id"], each["content_text"], each["date_published"]) for each in feed["items"])
            return [_entry(post_id, text, datetime.fromisoformat(at)) for post_id, text, at in found]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, RecursionError, LookupError, TypeError) as error:
            raise Unavailable(printable(f"{self._file} is no feed that flock wrote; move it away")) from error


def _entry(post_id: str, text: str, at: datetime) -> Entry:
    return {"id": post_id, "content_text": text, "date_published": at.isoformat(timespec="seconds")}


def _replace(file: Path, content: str) -> None:
    """Replace a file as a whole, on the disk, or leave it as it is and raise OSError."""
    new = file.with_name(f".{file.name}.new")
    with new.open("w", encoding="utf-8") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)  # the new name, too, must outlive a power cut
    os.fsync(folder)
    os.close(folder)


def _rss(head: Entry, entries: Sequence[Entry]) -> str:
    rss = Xml.Element("rss", version="2.0")
    channel = Xml.SubElement(rss, "channel")
    for name, text in (("title", head["title"]), ("link", head["home_page_url"]), ("description", head["title"])):
        Xml.SubElement(channel, name).text = text
    for each in entries:
        item = Xml.SubElement(channel, "item")
        Xml.SubElement(item, "guid", isPermaLink="false").text = each["id"]
        Xml.SubElement(item, "pubDate").text = format_datetime(datetime.fromisoformat(each["date_published"]))
        shown = html.escape(each["content_text"], quote=False).replace("\n", "<br/>")
        Xml.SubElement(item, "description").text = "".join(c if c.isprintable() else " " for c in shown)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Xml.tostring(rss, encoding="unicode")
