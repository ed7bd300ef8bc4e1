"""Our text and a server's copy of it: HTML back to text, and the mark that keeps a mention from being one.

A server turns `@name` in a post into a mention, which is told to the account of that name. No line of a poem is
meant for an account, so by default an invisible character goes behind such an @: U+200C, ZERO WIDTH NON-JOINER.
It is a part of the character before it (Unicode's grapheme clusters), so that a Mastodon server counts nothing
for it, and no line is broken there. `defuse` and `restore` are inverse to each other, also where a poem has
that character at such a place itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from html.parser import HTMLParser

_MARK = "\u200c"
# Where a server sees a mention: not within a word, such as an address of e-mail, and not in a path or a query.
_AT_A_NAME = re.compile(rf"(?<![\w/=])@({_MARK}*)(?=[a-z0-9_])", re.IGNORECASE)

_LONGEST = 200_000  # characters of HTML; the time to parse broken HTML grows with the square of its length
_PLAIN = frozenset({"p", "br", "a", "span"})  # all that Mastodon makes of a plain text


def defuse(text: str) -> str:
    """Return `text` with no mention in it that a server would see."""
    return _AT_A_NAME.sub(rf"@\1{_MARK}", text) if "@" in text else text


def restore(text: str) -> str:
    """Return the text that `defuse` made this one of. Other mentions stay as they are."""
    return _AT_A_NAME.sub(lambda found: f"@{found[1][1:]}", text) if _MARK in text else text


def text_of(content: str, mentions: Mapping[str, str] | None = None) -> str:
    """Return the text that a server made the HTML `content` of, blanks at its ends aside.

    `mentions` has the full name of each mentioned account, such as "dolly@botsin.example", by the address that
    its mention links to: the HTML leaves the server out.
    """
    reader = _Reader(mentions or {})
    with suppress(AssertionError):  # what html.parser raises for a declaration that it does not know
        reader.feed(content[:_LONGEST])
        reader.close()
    return reader.text.strip()


def is_plain(content: str) -> bool:
    """Return whether `content` has only what a server makes of a plain text: lines, paragraphs and links.

    Other elements say that the server took the text for Markdown or the like, so that some of it is not in the
    HTML.
    """
    return all(name.lower() in _PLAIN for name in re.findall(r"</?([A-Za-z][A-Za-z0-9]*)", content))


class _Reader(HTMLParser):
    """Collects the text: a line for each <br>, and an empty one between two paragraphs."""

    def __init__(self, mentions: Mapping[str, str]) -> None:
        super().__init__(convert_charrefs=True)
        self._mentions = mentions
        self._parts: list[str] = []
        self._name: str | None = None  # of the mention that is being read, which stands for its text

    @property
    def text(self) -> str:
        """What was read so far."""
        return "".join(self._parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self._parts.append("\n")
        elif tag == "p" and self._parts:
            self._parts.append("\n\n")
        elif tag == "a":
            given = dict(attrs)
            if "mention" in (given.get("class") or "").split():
                self._name = self._mentions.get(given.get("href") or "")
                self._parts.append(f"@{self._name}" if self._name else "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._name = None

    def handle_data(self, data: str) -> None:
        if self._name is None:
            self._parts.append(data)
