"""What the table of the flock, and the page of a bot, show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from flock.errors import JournalError
from flock.logbook import Entry
from flock.web.lookout import Lookout, Seen

ROWS = 200  # bots of one page of the table
SAID = 20  # posts on the page of a bot
AHEAD = 5  # lines that come next
AROUND = 300  # lines of a poem before the place, and after it


class PoemLine(NamedTuple):
    """A line of a recitation: its number from 1, its text, and "said", "next" or "ahead"."""

    number: int
    text: str
    when: str


def table_values(lookout: Lookout, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return what the table shows: the bots whose name, network or state holds `asked["find"]`, a page of them."""
    wanted = asked.get("find", "").strip()[:100]
    found = [seen for seen in lookout.bots() if _holds(seen, wanted.casefold())]
    pages = max(1, -(-len(found) // ROWS))
    number = asked.get("page", "1")
    page = min(pages, max(1, int(number))) if number.isascii() and number.isdigit() and len(number) < 8 else 1
    return {
        "rows": found[(page - 1) * ROWS : page * ROWS],
        "found": len(found),
        "find": wanted,
        "page": page,
        "pages": pages,
        "problems": lookout.problems(),
        "now": lookout.now(),
    }


def bot_values(lookout: Lookout, seen: Seen) -> dict[str, Any]:
    """Return what the page of a bot shows."""
    recitation = lookout.recitation(seen)
    poem = [each.text for each in recitation.utterances] if recitation else []
    place = seen.bot.line - 1
    first = max(0, place - AROUND)
    said: list[Entry] = []
    trouble = ""
    try:
        said = lookout.posts_of(seen)
    except JournalError as error:
        trouble = str(error)
    return {
        "seen": seen,
        "poem": [
            PoemLine(number + 1, text, "next" if number == place else "said" if number < place else "ahead")
            for number, text in enumerate(poem[first : place + AROUND], start=first)
        ],
        "length": len(poem),
        "ahead": poem[place + 1 : place + AHEAD],
        "said": [*reversed(said[-SAID:])],
        "unread": trouble,
        "now": lookout.now(),
    }


def _holds(seen: Seen, wanted: str) -> bool:
    bot = seen.bot
    return any(wanted in each.casefold() for each in (bot.name, bot.network, bot.state.value))
