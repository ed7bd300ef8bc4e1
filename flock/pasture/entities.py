"""What Mastodon's API answers with: an account and a post, with the HTML that a server makes of a text."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from flock.pasture.statuses import Status

_LINK = re.compile(r"https?://[^\s<>]*[^\s<>.,;:!?)]", re.IGNORECASE)
_MENTION = re.compile(r"(?<![\w/=])@([a-z0-9_]+)(?:@([\w.-]+\w))?", re.IGNORECASE)
_SHOWN = 30  # characters of a link that are shown

_OF_AN_ACCOUNT: Mapping[str, Any] = {
    "locked": False,
    "note": "",
    "emojis": [],
    "fields": [],
    "followers_count": 0,
    "following_count": 0,
    "created_at": "2026-11-01T00:00:00.000Z",
}
_OF_A_POST: Mapping[str, Any] = {
    "reblog": None,
    "media_attachments": [],
    "tags": [],
    "emojis": [],
    "poll": None,
    "card": None,
    "replies_count": 0,
    "reblogs_count": 0,
    "favourites_count": 0,
}


def profile(account_id: str, name: str, *, posts: int, is_bot: bool) -> dict[str, Any]:
    """Return an account."""
    names = {"username": name, "acct": name, "display_name": name, "url": address(name), "uri": address(name)}
    return {**_OF_AN_ACCOUNT, **names, "id": account_id, "statuses_count": posts, "bot": is_bot}


def shown(status: Status, owner: dict[str, Any], accounts: Mapping[str, str]) -> dict[str, Any]:
    """Return a post by `owner`: HTML, and not its text. `accounts` maps the names that the server knows to ids."""
    mentioned = sorted({each[1].lower() for each in _MENTION.finditer(status.text)} & accounts.keys())
    return {
        **_OF_A_POST,
        "id": status.id,
        "created_at": iso(status.created_at),
        "account": owner,
        "content": html_of(status.text, accounts.keys()),
        "mentions": [
            {"id": accounts[name], "username": name, "acct": name, "url": address(name)} for name in mentioned
        ],
        "visibility": status.visibility,
        "spoiler_text": status.spoiler_text,
        "sensitive": bool(status.spoiler_text),
        "language": status.language,
        "in_reply_to_id": status.in_reply_to_id,
        "url": f"{address(owner['username'])}/{status.id}",
        "uri": f"{address(owner['username'])}/{status.id}",
    }


def address(name: str) -> str:
    """Return the page of an account."""
    return f"https://pasture.example/@{name}"


def iso(at: float) -> str:
    """Return a time (seconds since the epoch) as the API writes it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def html_of(text: str, accounts: Collection[str] = ()) -> str:
    """Return the HTML that Mastodon makes of a plain text; it knows `accounts` (names in lower case)."""
    paragraphs = re.split(r"\n\n+", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(f"<p>{_linked(each, accounts)}</p>" for each in paragraphs)


def _linked(text: str, accounts: Collection[str]) -> str:
    parts, used = [], 0
    for link in _LINK.finditer(text):
        parts += [_mentioned(text[used : link.start()], accounts), _link(link[0])]
        used = link.end()
    return "".join([*parts, _mentioned(text[used:], accounts)]).replace("\n", "<br />")


def _link(url: str) -> str:
    scheme, rest = re.match(r"(https?://(?:www\.)?)?(.*)", url, re.DOTALL | re.IGNORECASE).groups()  # type: ignore[union-attr]  # it matches all
    shown, hidden = (html.escape(part) for part in (rest[:_SHOWN], rest[_SHOWN:]))
    return (
        f'<a href="{html.escape(url)}" target="_blank" rel="nofollow noopener" translate="no">'
        f'<span class="invisible">{scheme or ""}</span><span class="{"ellipsis" if hidden else ""}">{shown}</span>'
        f'<span class="invisible">{hidden}</span></a>'
    )


def _mentioned(text: str, accounts: Collection[str]) -> str:
    parts, used = [], 0
    for mention in _MENTION.finditer(text):
        if mention[2] is None and mention[1].lower() in accounts:
            link = f'<a href="{address(mention[1].lower())}" class="u-url mention">@<span>{mention[1]}</span></a>'
            parts.append(html.escape(text[used : mention.start()]))
            parts.append(f'<span class="h-card" translate="no">{link}</span>')
            used = mention.end()
    return "".join([*parts, html.escape(text[used:])])
