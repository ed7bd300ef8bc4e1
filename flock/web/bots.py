"""What the page of a bot shows."""

from __future__ import annotations

from typing import Any, NamedTuple

from flock.errors import JournalError
from flock.logbook import Entry
from flock.web.lookout import Lookout, Seen

SAID = 20  # posts on the page of a bot
AHEAD = 5  # lines that come next
AROUND = 300  # lines of a poem before the place, and after it


class PoemLine(NamedTuple):
    """A line of a recitation: its number from 1, its text, and "said", "next" or "ahead"."""

    number: int
    text: str
    when: str


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
