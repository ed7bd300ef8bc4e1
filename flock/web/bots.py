"""What the page of a bot shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from flock.checks.costs import count, dollars, number
from flock.errors import JournalError
from flock.logbook import Entry
from flock.overview import Recital
from flock.poem import ELLIPSIS
from flock.temperament import Utterance
from flock.web.ahead import Ahead, Prompter
from flock.web.field import MOST_SHEEP
from flock.web.forecasts import Foresight
from flock.web.lookout import Lookout, Seen
from flock.web.looks import sheep, sheet
from flock.web.plot import days_of, plotted
from flock.web.words import age_in_words, mood_in_words, temperament_in_words

SAID = 20  # posts on the page of a bot
COUNTED = 20_000  # posts of a bot, of which days are made: some 600 a day for a month
AROUND = 300  # lines of a poem before the place, and after it
_ENDS = ".,;:!?"  # a line of which the second half is forgotten ends without these


class Part(NamedTuple):
    """A part of a line of a poem, and whether the bot has forgotten it."""

    text: str
    is_gone: bool


class PoemLine(NamedTuple):
    """A line of a poem: its number from 1, its parts, and "said" in this recitation, "next" or "ahead"."""

    number: int
    parts: Sequence[Part]
    when: str


class Portrait:
    """What the pages of bots show: `foresight` says what they will post and cost."""

    def __init__(self, lookout: Lookout, foresight: Foresight) -> None:
        self._lookout = lookout
        self._foresight = foresight
        self._prompter = Prompter(lookout)

    def values(self, seen: Seen) -> dict[str, Any]:
        """Return what the page of a bot shows."""
        lookout, now = self._lookout, self._lookout.now()
        recital = lookout.recital(seen)
        lines = poem_lines(recital, seen.bot.line - 1)
        place = next((line.number - 1 for line in lines if line.when == "next"), 0)
        said, unread = self._said(seen)
        days = days_of(said, now, lookout.midnight, lambda text: lookout.price(seen, text))
        days = days[len(said) >= COUNTED and len(days) > 1 :]  # of the first one, some are missing
        outlook = self._foresight.outlook(lookout.roster)
        foreseen = outlook.bots.get(seen.member.key.file) if outlook else None
        return {
            "seen": seen,
            "many": len(lookout.roster.members) > MOST_SHEEP,
            "sheep": sheep(seen.bot.name, seen.bot.state.value, seen.bot.age),
            "sheet": sheet(),
            "age": age_in_words(seen.bot.age),
            "temperament": temperament_in_words(recital.temperament),
            "mood": mood_in_words(seen.json["mood"]),
            "poem": lines[max(0, place - AROUND) : place + AROUND],
            "length": len(lines),
            "ahead": self._prompter.ahead(seen) or _without_times(seen, recital),
            "said": [*reversed(said[-SAID:])],
            "unread": unread,
            "days": days,
            "posts_plot": plotted([day.posts for day in days], foreseen and foreseen.posts),
            "cost_plot": plotted([day.dollars for day in days], foreseen and foreseen.dollars),
            "foreseen": foreseen,
            "costs": any(day.dollars for day in days) or bool(foreseen and foreseen.dollars),
            "count": count,
            "number": number,
            "dollars": dollars,
            "now": now,
        }

    def _said(self, seen: Seen) -> tuple[list[Entry], str]:
        """Return the posts that the journal still has, and why it cannot be read."""
        try:
            return self._lookout.posts_of(seen, COUNTED), ""
        except JournalError as error:
            return [], str(error)


def poem_lines(recital: Recital, place: int) -> list[PoemLine]:
    """Return the lines of the poem, as far as the bot remembers them; `place` is its own in the recitation."""
    utterances = recital.recitation.utterances if recital.recitation else ()
    said = {utterance.line for utterance in utterances[: max(0, place)]}
    here = utterances[place].line if 0 <= place < len(utterances) else -1
    left = None if recital.remembered is None else {each.line: each for each in recital.remembered}
    return [
        PoemLine(
            number=line + 1,
            parts=[Part(text, False)] if left is None else parts_of(text, left.get(line)),
            when="next" if line == here else "said" if line in said else "ahead",
        )
        for line, text in enumerate(recital.poem)
    ]


def parts_of(text: str, left: Utterance | None) -> list[Part]:
    """Return a line in parts: those that are left of it, and those that are forgotten."""
    if left is None or left.text == text:
        return [Part(text, left is None)]
    words = re.findall(r"\s*\S+\s*$|\s*\S+", text)
    gone = [*_gone([word.strip() for word in words], left.text)]
    groups = groupby(zip(words, gone, strict=True), key=lambda each: each[1])
    return [Part("".join(word for word, _ in group), is_gone) for is_gone, group in groups]


def _gone(words: Sequence[str], text: str) -> Iterator[bool]:
    """Yield for each of the words whether it is not left in the text."""
    left = text.removesuffix(ELLIPSIS).split()
    half = (len(words) + 1) // 2 if text.endswith(ELLIPSIS) else 0
    at = 0
    for place, word in enumerate(words):
        is_left = at < len(left) and word.rstrip(_ENDS) == left[at].rstrip(_ENDS)
        at += is_left
        is_mark = at == len(left) and place < half and not word.rstrip(_ENDS)  # as in "Quoi ?", said as "Quoi…"
        yield not (is_left or is_mark)


def _without_times(seen: Seen, recital: Recital) -> tuple[Ahead, ...]:
    """Return the next lines of a bot that says nothing until its operator acts."""
    utterances = recital.recitation.utterances if recital.recitation else ()
    after = utterances[seen.bot.line : seen.bot.line + 4]
    first = [Ahead(seen.bot.text, seen.bot.due, seen.json["mood"])] if seen.bot.text else []
    return (*first, *(Ahead(each.text, None, each.mood) for each in after))
