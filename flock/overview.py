"""How a flock is doing, as plain data: from its journal and its key files, whether it runs or not.

Nothing is written, claimed or sent. `flock status` prints it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flock import errors
from flock.clock import VirtualClock
from flock.errors import BadKeys, BadPoem, Problem
from flock.hours import Hours
from flock.journal import WELL, Command, Condition, Noted, Place, Record, Standing, find_journal
from flock.keys import Key
from flock.observers.console import iso
from flock.options import Options
from flock.poem import read_poem
from flock.roster import Member, Roster, read_roster
from flock.sheep.place import age_at, drawn_by, found_again
from flock.sheep.rhythm import Rhythm, hours_of
from flock.sheep.sheep import STEADFAST
from flock.state import Where, absolute
from flock.temperament import Recitation, Temperament, seed_of
from flock.watch import UNANSWERED, has_gone_quiet

_OUT_OF_THE_PEN = "then save its key file, or start the flock anew"


class State(StrEnum):
    """What a bot does at the moment."""

    AWAKE = "awake"  # its line is due, or a post is under way
    ASLEEP = "asleep"  # until its next line is due
    WAITING = "waiting"  # for a limit to pass
    BACKING_OFF = "backing off"  # something failed; it tries again soon
    PENNED = "penned"  # no post of it is accepted until its operator acts
    PAUSED = "paused"  # its operator asked for that
    QUIET = "quiet"  # its line has been due for too long
    STOPPED = "not running"  # no flock runs it; it goes on at its place with the next one
    NEW = "new"  # no flock has run it yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process that runs `bots` of the flock. `since` is a wall-clock time, or None if it is not known; `host` is
    the name of its machine, empty for this one."""

    pid: int
    host: str = ""
    since: float | None
    bots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """How one bot is doing. Times are wall-clock times, in seconds since the epoch.

    `why` says what is the matter, `advice` what the operator can do about it, and `until` when it is tried again;
    they are empty or None where nothing is. A bot outside
    its hours sleeps `until` they begin. `age` is in recitations. `line` of `lines`, from 1, is the line that
    comes next; `text` is what it says, and `due` when it is said, None where that is open. `timezone` is the one
    in which the bot's schedule is given, empty for this machine's. `said` is the latest
    post, and `link` its address. `today` counts the posts since midnight; `spent` is their price in US dollars,
    which is 0 for a bot that practises.
    """

    name: str
    network: str
    practises: bool = False
    journal_name: str
    key_file: Path
    poem_file: Path
    state: State
    why: str = ""
    advice: str = ""
    until: float | None = None
    pid: int | None = None
    host: str = ""
    since: float | None = None
    paused: float | None = None
    age: float = 0.0
    posts: int = 0
    line: int = 1
    lines: int | None = None
    text: str = ""
    due: float | None = None
    timezone: str = ""
    said: Noted | None = None
    link: str = ""
    today: int = 0
    spent: float = 0.0
    commands: tuple[Command, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as docs/status.md describes them: times in ISO 8601."""
        said = self.said
        return {
            "bot": self.name,
            "network": self.network,
            "practises": self.practises,
            "journal_name": self.journal_name,
            "key_file": str(self.key_file),
            "poem_file": str(self.poem_file),
            "state": self.state.value,
            "why": self.why,
            "advice": self.advice,
            "until": _iso(self.until),
            "pid": self.pid,
            "host": self.host or None,
            "since": _iso(self.since),
            "paused_since": _iso(self.paused),
            "age": round(self.age, 4),
            "posts": self.posts,
            "line": self.line,
            "lines": self.lines,
            "next_text": self.text,
            "next_at": _iso(self.due),
            "next_at_local": _local_iso(self.due, self.timezone),
            "timezone": self.timezone or None,
            "last": said
            and {"time": _iso(said.at), "text": said.text, "outcome": said.outcome.value}
            | {"post_id": said.post_id, "link": self.link},
            "posts_today": self.today,
            "dollars_today": round(self.spent, 4),
            "told": [{"command": str(each), "time": _iso(each.given)} for each in self.commands],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """How a flock is doing at the wall-clock time `at`. `has_run` is false where there is no journal yet.

    `problems` are those of key files that cannot be used; their bots are missing.
    """

    at: float
    journal: Where
    has_run: bool
    processes: tuple[Process, ...]
    bots: tuple[Bot, ...]
    problems: tuple[Problem, ...]

    @property
    def today(self) -> int:
        """How many posts were made since midnight."""
        return sum(bot.today for bot in self.bots)

    @property
    def spent(self) -> dict[str, float]:
        """What these cost in US dollars, by the name of each network that takes money."""
        spent: defaultdict[str, float] = defaultdict(float)
        for bot in self.bots:
            if bot.spent:
                spent[bot.network] += bot.spent
        return dict(spent)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as docs/status.md describes them."""
        return {
            "time": _iso(self.at),
            "journal": str(self.journal),
            "has_run": self.has_run,
            "running": bool(self.processes),
            "processes": [
                {"pid": each.pid, "host": each.host or None, "since": _iso(each.since), "bots": each.bots}
                for each in self.processes
            ],
            "posts_today": self.today,
            "dollars_today": {name: round(dollars, 4) for name, dollars in self.spent.items()},
            "bots": [bot.as_dict() for bot in self.bots],
            "problems": [str(problem) for problem in self.problems],
        }


def look_over(
    folder: Path, options: Options, *, now: float, midnight: float, names: Sequence[str] = ()
) -> Overview:
    """Return how the bots of the folder are doing, by the journal of these options; with `names`, these bots only.

    `now` and `midnight`, the beginning of the day, are wall-clock times. `options` are those of the flock: its
    temperament and seed say how many lines a recitation has, and its interval from when on a bot is quiet.
    Raises BadKeys when there is no key file at all, BadOption for a name that no bot has, and JournalError when
    the journal cannot be read.
    """
    records: list[Record] = []
    tally: Mapping[str, Mapping[str, int]] = {}
    if journal := find_journal(options.journal):
        with closing(journal):
            records, tally = journal.bots(), journal.tally(midnight)
    roster = read_roster(folder, options, records).called(names)
    known = {record.bot: record for record in records}
    viewer = Viewer(roster, options)
    bots = tuple(
        viewer.bot(member, known.get(member.bot, Record(member.bot)), tally.get(member.bot, {}), now)
        for member in roster.members
    )
    return Overview(
        at=now,
        journal=absolute(options.journal),
        has_run=journal is not None,
        processes=_processes(bots),
        bots=bots,
        problems=roster.problems,
    )


def _processes(bots: Sequence[Bot]) -> tuple[Process, ...]:
    counts = Counter((bot.pid, bot.host) for bot in bots if bot.pid is not None)
    since: dict[tuple[int | None, str], float] = {}
    for bot in bots:
        if bot.pid is not None and bot.since is not None:
            which = bot.pid, bot.host
            since[which] = min(bot.since, since.get(which, math.inf))
    return tuple(
        Process(pid=pid, host=host, since=since.get((pid, host)), bots=count)
        for (pid, host), count in counts.most_common()
        if pid is not None
    )


class Viewer:
    """Puts together what the journal and the key file say of each bot.

    It reads each poem once, and remembers what each bot makes of it: a new viewer sees edited poems.
    """

    def __init__(self, roster: Roster, options: Options) -> None:
        self._roster = roster
        self._options = options
        self._recited: dict[str, tuple[int, Recitation | None, Sequence[str]]] = {}  # by bot: the latest one
        self._prices: dict[tuple[str, str], float] = {}  # of texts, by network

    def bot(self, member: Member, record: Record, texts: Mapping[str, int], now: float) -> Bot:
        """Return how the bot is doing at the wall-clock time `now`; `texts` counts its posts since midnight."""
        key, networks = member.key, self._roster.networks
        practises = networks.realm(key) == "pasture"
        place, standing = record.kept or (Place(), WELL)
        line, lines, age, text = self._where(member, record, place)
        state, why = self.state(member, record, now)
        is_open = state in (State.PENNED, State.PAUSED, State.NEW) or not record.kept
        until = standing.until if standing.until > now and standing.condition is not Condition.PENNED else None
        hours = self._hours(key)
        if hours and record.kept:
            rhythm = Rhythm(hours, VirtualClock(now), self.line_interval(member))
            place = rhythm.fitted(place, self._seed(member))
        if hours and state is State.ASLEEP and not hours.is_awake(now):
            until = hours.wakes(now)
        said = record.said
        return Bot(
            name=member.name,
            network=networks.title(key),
            practises=practises,
            journal_name=member.bot,
            key_file=key.file,
            poem_file=key.poem_file,
            state=state,
            why=why,
            advice=advice_about(standing) if why == standing.trouble else "",
            until=until,
            pid=record.holder,
            host=record.host,
            since=record.since,
            paused=place.paused,
            age=age,
            posts=place.n,
            line=line,
            lines=lines,
            text=text,
            due=None if is_open else max(place.due, until or 0.0),
            timezone=hours.timezone if hours else "",
            said=said,
            link=networks.link(key, said.post_id) if said and said.post_id else "",
            today=sum(texts.values()),
            spent=0.0 if practises else sum(count * self._price(member, each) for each, count in texts.items()),
            commands=record.commands,
        )

    def state(self, member: Member, record: Record, now: float) -> tuple[State, str]:
        """Return what the bot does, and why, where something is the matter."""
        place, standing = record.kept or (Place(), WELL)
        if standing.condition is Condition.PENNED:
            return State.PENNED, standing.trouble
        if place.paused is not None:
            return State.PAUSED, standing.trouble
        if record.holder is not None:
            return self._running(member, record, place, standing, now)
        if standing.condition is Condition.WAITING and standing.until > now:
            return State.WAITING, standing.trouble
        return (State.STOPPED if record.kept else State.NEW), ""

    def _running(
        self, member: Member, record: Record, place: Place, standing: Standing, now: float
    ) -> tuple[State, str]:
        if standing.condition is Condition.WAITING:
            return State.WAITING, standing.trouble
        if not record.kept:
            return State.ASLEEP, ""  # until its very first line
        overdue = now - max(place.due, record.since or 0.0)
        if has_gone_quiet(overdue, self.line_interval(member)):
            return State.QUIET, standing.trouble or UNANSWERED
        if standing.condition is Condition.BACKING_OFF:
            return State.BACKING_OFF, standing.trouble
        is_due = place.intended is not None or place.due <= now
        return (State.AWAKE if is_due else State.ASLEEP), ""

    def _where(self, member: Member, record: Record, place: Place) -> tuple[int, int | None, float, str]:
        """Return the line, of how many, the bot's age, and the text that comes next."""
        recitation, poem = self.recite(member, place.recitations)
        if recitation is None:
            return max(0, place.line) + 1, None, float(place.recitations), place.saying or place.next_line
        texts = [utterance.text for utterance in recitation.utterances]
        if not record.kept:
            return 1, len(texts), 0.0, texts[0]
        if record.holder is None:  # a flock that runs has the poem as it was when it began
            place = found_again(place, texts, poem)
        lines = len(texts) if place.line < len(texts) else None
        return max(0, place.line) + 1, lines, age_at(place, recitation), place.saying or place.next_line

    def line_interval(self, member: Member) -> float:
        """Return the bot's interval between two lines, in seconds."""
        own = member.key.line_interval
        return self._options.line_interval if own is None else own

    def recite(self, member: Member, number: int) -> tuple[Recitation | None, Sequence[str]]:
        """Return the recitation with that number and its poem, or None if the poem cannot be read any more."""
        known = self._recited.get(member.bot)
        if known is None or known[0] != number:
            known = self._recited[member.bot] = (number, *self._recite(member, number))
        return known[1:]

    def _recite(self, member: Member, number: int) -> tuple[Recitation | None, Sequence[str]]:
        key = member.key
        with suppress(BadPoem):
            poem = tuple(read_poem(key.poem_file, key.say, self._options.poem_format))
            return self.temperament(member)(poem, number, self._seed(member)), poem
        return None, ()

    def temperament(self, member: Member) -> Temperament:
        """Return how the bot ages."""
        return member.key.temperament or self._options.temperament or STEADFAST

    def _seed(self, member: Member) -> int:
        name = drawn_by(member.bot, self._roster.networks.bot(member.key), member.name)
        return seed_of(self._options.seed, name)

    def _hours(self, key: Key) -> Hours | None:
        """Return the hours of a bot, or None, also where the flock would refuse them."""
        with suppress(BadKeys):
            return hours_of(key, self._options)
        return None

    def _price(self, member: Member, text: str) -> float:
        which = (member.key.network, text)
        if which not in self._prices:
            self._prices[which] = self._roster.networks.price(member.key, text)
        return self._prices[which]


def advice_about(standing: Standing) -> str:
    """Return what the operator can do about the trouble, by the class of its error."""
    advice: str = getattr(getattr(errors, standing.kind, None), "advice", "")
    if standing.condition is Condition.PENNED:
        return f"{advice}; {_OUT_OF_THE_PEN}" if advice else _OUT_OF_THE_PEN
    return advice


def _local_iso(at: float | None, timezone: str) -> str | None:
    """Return the time as the clock on the wall shows it there, with the offset from UTC."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(timezone) if timezone else None).isoformat()


def _iso(at: float | None) -> str | None:
    return None if at is None else iso(at)
