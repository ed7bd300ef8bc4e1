"""A flock in bad weather that is told things, whose keys are read anew again and again, and that is killed.

Each bot is told one kind of thing, so that what it has to say is known: `steer` returns what is wrong with it.
"""

from __future__ import annotations

import signal
import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random

from flock.journal import SqliteJournal, Verb
from tests.endtoend.conftest import Flock, start_flock
from tests.faults.stands import HASTE, LINES, STANDS, Marksman, Stand, serving, threaten
from tests.faults.stands import _end as end
from tests.faults.stands import _wait_until as wait_until

KINDS = ("nothing", "skip", "again", "from", "pause", "now", "edited", "moved")
STRIDE = 30  # lines from one target of `from` to the next
_PAUSE = 0.04  # seconds between two things that the operator does


@dataclass
class Steered:
    """What came of it: what is wrong, and how often each kind of thing was done and each outcome met."""

    wrong: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    said: dict[str, list[int]] = field(default_factory=dict)
    kills: int = 0


class Operator:
    """Tells bots something, edits a poem, takes a key out and puts it back, and sends SIGHUP, until it is told to
    stop. `journal` is where the flock's is."""

    def __init__(self, stand: Stand, journal: Path, marksman: Marksman, chance: Random) -> None:
        self._stand = stand
        self._journal = journal
        self._marksman = marksman
        self._chance = chance
        self._edition = 0
        self.done: Counter[str] = Counter()
        self.targets = [0]  # of `from`, as places in the poem
        self._times: defaultdict[str, int] = defaultdict(int)

    def work(self, flock: Flock, is_over: threading.Event) -> None:
        """Do something now and then. SIGHUP is sent when the flock is out: before that, it would end it."""
        before = self._marksman.requests
        while not is_over.wait(self._chance.uniform(0, _PAUSE * 4)):
            if not self._journal.exists() or self._marksman.requests == before:
                continue
            kind = self._chance.choice(KINDS[1:])
            if kind == "edited":
                self.edit()
            elif kind == "moved":
                self.move()
            else:
                self.tell(kind)
                continue
            if flock.process.poll() is None:
                flock.process.send_signal(signal.SIGHUP)
                self.done["SIGHUP"] += 1

    def tell(self, kind: str) -> None:
        """Tell the bot of that kind something, while a flock runs or not."""
        bot, line, verb = _bot(kind), None, Verb.RESUME
        if kind == "from":
            self.targets.append(self.targets[-1] + STRIDE)
            verb, line = Verb.FROM, self.targets[-1] + 1
        elif kind == "pause":
            verb = Verb.PAUSE if self._chance.random() < 0.5 else Verb.RESUME
        else:
            verb = Verb(kind)
        with closing(SqliteJournal(self._journal)) as journal:
            names = [name for name in self._names(journal) if bot in name]
            journal.give(names, verb, line, at=0.0)
        self.done[kind] += len(names)

    def resume(self) -> None:
        """Tell the bot that is paused now and then to go on."""
        with closing(SqliteJournal(self._journal)) as journal:
            journal.give([name for name in self._names(journal) if _bot("pause") in name], Verb.RESUME, at=0.0)

    @staticmethod
    def _names(journal: SqliteJournal) -> list[str]:
        return [name for (name,) in journal._fetch("SELECT bot FROM sheep")]

    def edit(self) -> None:
        """Reword the lines of a poem that are far ahead."""
        self._edition += 1
        bot = _bot("edited")
        ahead = len(self._stand.said(bot)) + 200
        lines = [*self._stand.poems[bot]]
        lines[ahead:] = [f"line {line}, edition {self._edition}" for line in range(ahead, LINES)]
        new = self._stand.folder / "new.txt"
        new.write_text("\n".join(lines))
        new.replace(self._stand.keys / f"{bot}.txt")  # at once: a flock may be reading it
        self.done["edited"] += 1

    def move(self, *, back: bool = False) -> None:
        """Take a key out of the folder, or put it back."""
        here = self._stand.keys / f"{_bot('moved')}.json"
        away = self._stand.folder / here.name
        if here.exists() and not back:
            here.rename(away)
            self.done["taken out"] += 1
        elif away.exists():
            away.rename(here)
            self.done["put back"] += 1


def _bot(kind: str) -> str:
    return f"bot{KINDS.index(kind)}"


def steer(network: str, folder: Path, *, kills: int, seed: int) -> Steered:
    """Run a flock in bad weather, steer it, and kill it so many times; let it post in fine weather, and end it."""
    chance, result = Random(seed), Steered()
    stand = STANDS[network](folder, len(KINDS), seed)
    journal = folder / "state" / "flock" / "flock.db"
    with serving(stand) as (marksman, url):
        stand.open(url)
        intervals = ("--line-interval", "0.05", "--poem-interval", "0.05")
        command: tuple[str | Path, ...] = ("run", stand.keys, "-q", *intervals, *stand.options(url))
        operator = Operator(stand, journal, marksman, chance)
        for _ in range(kills):
            flock, is_over = start_flock(folder, *command, **HASTE), threading.Event()
            helper = threading.Thread(target=operator.work, args=(flock, is_over))
            helper.start()
            try:
                threaten(flock, stand, marksman, chance)
            finally:
                is_over.set()
                helper.join()
            end(flock, -signal.SIGKILL, result.wrong)
            result.wrong = [each for each in result.wrong if not _is_of_a_move(each)]
            result.kills += 1
            if journal.exists() and chance.random() < 0.3:  # also while no flock runs
                operator.tell(chance.choice(KINDS[1:6]))
        operator.move(back=True)
        operator.resume()
        stand.sky.is_calm = True
        flock = start_flock(folder, *command, **HASTE)
        if not wait_until(lambda: not _waiting(journal)):
            result.wrong.append(f"never obeyed: {_waiting(journal)}")
        goals = {bot: len(stand.said(bot)) + 2 for bot in stand.poems}
        if not wait_until(lambda: all(len(stand.said(bot)) >= goal for bot, goal in goals.items())):
            result.wrong.append("not every bot goes on")
        flock.process.terminate()
        end(flock, 0, result.wrong)
        marksman.wait_for_calm()
        result.done = operator.done
        result.said = {bot: [_number(text) for text in stand.said(bot)] for bot in stand.poems}
    takes_duplicates = network != "X"
    for kind in KINDS:
        found = faults(kind, result.said[_bot(kind)], operator, takes_duplicates=takes_duplicates)
        result.wrong += [f"{kind}: {what}" for what in found]
    return result


def _is_of_a_move(errors: str) -> bool:
    """Return whether a key file was taken out just when it was read: all that happens is that it is told so."""
    return all("cannot be read: No such file" in line for line in errors.splitlines())


def _waiting(journal: Path) -> list[str]:
    with closing(SqliteJournal(journal, read_only=True)) as asked:
        return [f"{each.bot} {each}" for each in asked.commands()]


def _number(text: str) -> int:
    return int(text.removeprefix("line ").partition(",")[0])


def faults(kind: str, said: Sequence[int], operator: Operator, *, takes_duplicates: bool) -> list[str]:
    """Return what is wrong with the lines that a bot has said."""
    odd = [(before, after) for before, after in pairwise([-1, *said]) if after != before + 1]
    if kind == "skip":
        skipped = sum(after - before - 1 for before, after in odd)
        backwards = [pair for pair in odd if pair[1] <= pair[0]]
        if backwards or skipped != operator.done["skip"]:
            return [
                f"{operator.done['skip']} times told to skip, {skipped} lines left out, said twice: {backwards}"
            ]
    elif kind == "again":
        repeats = [pair for pair in odd if pair[0] == pair[1]]
        most = operator.done["again"] if takes_duplicates else 0
        if repeats != odd or len(repeats) > most:
            return [f"{operator.done['again']} times told to say it again: {odd}"]
    elif kind == "from":
        landed = [after for _, after in odd]
        is_sound = sorted(set(landed)) == landed and set(operator.targets) >= set(landed)
        if not is_sound or (operator.targets[-1] and operator.targets[-1] not in said):
            return [f"of {operator.targets} it went to {landed}"]
    elif odd:
        return [f"{odd}"]
    return []
