"""What happened around a line that came twice or not at all: in the journal, at the server, and the kills."""

from __future__ import annotations

import math
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tests.faults.hostile import Act, Met

_AROUND = 1.0  # seconds before and after what is known of a line
_MOST = 60  # events of a line that are told
_SHOWN = 200  # bytes of an answer


class Noted(NamedTuple):
    """A row of the journal. Times are in seconds since the epoch."""

    n: int
    text: str
    outcome: str
    post_id: str
    why: str
    intended_at: float
    settled_at: float | None

    @property
    def is_over(self) -> bool:
        """Whether the bot has gone on to its next post."""
        return self.outcome in ("said", "unknown", "skipped")


class _Event(NamedTuple):
    """Something that happened, in seconds since the epoch, and the line that it is about, if it is about one."""

    at: float
    what: str
    text: str = ""


def noted_in(journal: Path) -> dict[str, list[Noted]]:
    """Return the posts of each bot that the journal knows, oldest first; none where there is no journal."""
    query = """
        SELECT sheep.bot, tweet.n, text, outcome, coalesce(post_id, ''), coalesce(why, ''), intended_at, settled_at
        FROM tweet JOIN sheep ON sheep.id = tweet.bot ORDER BY tweet.n, tweet.piece
    """
    found: dict[str, list[Noted]] = {}
    if journal.exists():
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
            for bot, *row in connection.execute(query):
                found.setdefault(bot.partition(":")[2], []).append(Noted(*row))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a campaign: the journal's rows and the server's requests of each bot, and the kills.

    `names` says what the acts are called.
    """

    noted: Mapping[str, Sequence[Noted]]
    met: Mapping[str, Sequence[Met]] = field(default_factory=dict)
    kills: Sequence[float] = ()
    names: Mapping[Act, str] = field(default_factory=dict)

    def about(self, bot: str, text: str) -> list[str]:
        """Return what happened to a line of a bot, and a second before and after, in lines with times.

        What other bots asked on the same connections is told as well.
        """
        own = self.met.get(bot, ())
        events = [*_of_the_journal(self.noted.get(bot, ())), *(self._of_the_server(each) for each in own)]
        times = [event.at for event in events if event.text == text]
        first, last = (min(times) - _AROUND, max(times) + _AROUND) if times else (0.0, math.inf)
        ports = {each.port for each in own if first <= each.at <= last}
        others = (each for name, those in self.met.items() if name != bot for each in those if each.port in ports)
        events += map(self._of_the_server, others)
        events += [_Event(at, "kill -9") for at in self.kills]
        near = sorted(event for event in events if first <= event.at <= last)
        return [f"{_clock(event.at)} {event.what}" for event in near[:_MOST]]

    def _of_the_server(self, met: Met) -> _Event:
        request = met.request
        what = f"server, port {met.port}: {request.bot} {request.method} {request.text or request.target!r}"
        if request.method == "POST":
            what += f" landed as {met.post_id}" if met.post_id else " did not land"
        if met.is_swallowed:
            what += ", swallowed"
        elif met.act:
            what += f", met {self.names.get(met.act, 'an act')}, not the answer"
        return _Event(met.at, f"{what} {met.answer[:_SHOWN].decode(errors='replace')}".rstrip(), request.text)


def _of_the_journal(noted: Iterable[Noted]) -> Iterator[_Event]:
    for row in noted:
        what = f"journal: {row.n}, {row.text!r}"
        yield _Event(row.intended_at, f"{what} intended", row.text)
        if row.settled_at is not None:
            end = " ".join(part for part in (row.outcome, row.post_id, row.why) if part)
            yield _Event(row.settled_at, f"{what} {end}", row.text)


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S.%f}"[:-3]


def keep(folder: Path) -> Path:
    """Copy a campaign's folder, with its journals, to where it stays; return that."""
    place = Path(tempfile.mkdtemp(prefix="flock-evidence-"))
    shutil.copytree(folder, place, dirs_exist_ok=True)
    return place
