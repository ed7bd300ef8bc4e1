"""Watches a herd: which sheep are overdue, and how the whole of it is doing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from flock.events import Event, GoneQuiet, NobodyQuiet, Rounds
from flock.journal import WELL
from flock.sheep.sheep import Sheep

_MARGIN = 60.0  # seconds behind its due time after which a sheep has gone quiet
_NAMED = 5  # quiet sheep that get an event each
_PAUSE = 60.0  # seconds between two times that quiet sheep are told of
_STUCK = 180.0  # seconds after which a sheep that should have moved hangs; no request may take so long
UNANSWERED = "no answer from the network yet"
_WAITS_ITS_TURN = "it waits for its turn, while others wait for the network's answers"


class Watch:
    """Finds sheep that are long past due, neither penned, paused nor waiting for a limit, and tells of each once.

    A sheep that has spoken again can go quiet again. When more than a few go quiet within a minute, one event
    tells of all of them. When none is quiet any more, that is told, too. The herd is out since `since`, in steady
    time: before that, no sheep was silent.
    """

    def __init__(self) -> None:
        self.since = float("-inf")
        self.lag = 0.0  # seconds of the longest delay at the last look, of sheep that may post
        self._quiet: dict[str, str] = {}  # bots that were told of, or are about to be, with their names
        self._untold: dict[str, Sheep] = {}
        self._next = float("-inf")  # steady time before which no more are told of
        self._was_told = False  # and not yet that it is over

    def listen(self, flock: Sequence[Sheep], *, now: float, wall: float) -> list[Event]:
        """Return the events that tell of the sheep of `flock` that have gone quiet, or that none is any more.

        `now` is steady time, `wall` wall-clock time.
        """
        self.lag = 0.0
        for sheep in flock:
            overdue = self._seconds(sheep, now)
            if overdue > self.lag and not _is_excused(sheep):
                self.lag = overdue
            if overdue <= _MARGIN and not self._quiet:
                continue
            if not has_gone_quiet(overdue, sheep.line_interval) or _is_excused(sheep):
                self._quiet.pop(sheep.bot, None)
                self._untold.pop(sheep.bot, None)
            elif sheep.bot not in self._quiet:
                self._quiet[sheep.bot] = sheep.name
                self._untold[sheep.bot] = sheep
        told: list[Event] = []
        if self._untold and now >= self._next:
            told += self._quiet_events(list(self._untold.values()), now, wall)
            self._untold.clear()
            self._next = now + _PAUSE
            self._was_told = True
        if self._was_told and not self._quiet:
            self._was_told = False
            told.append(NobodyQuiet(at=wall))
        return told

    def forget(self, bots: Collection[str]) -> None:
        """Forget bots that have left the herd."""
        for bot in bots:
            self._quiet.pop(bot, None)
            self._untold.pop(bot, None)

    @property
    def quiet(self) -> tuple[str, ...]:
        """The names of the bots that were overdue for too long at the last look."""
        return tuple(self._quiet.values())

    def _quiet_events(self, flock: Sequence[Sheep], now: float, wall: float) -> list[Event]:
        if len(flock) <= _NAMED:
            return [
                GoneQuiet(at=wall, bot=sheep.name, seconds=self._seconds(sheep, now), why=_why(sheep))
                for sheep in flock
            ]
        ((why, _),) = Counter(map(_why, flock)).most_common(1)
        longest = max(self._seconds(sheep, now) for sheep in flock)
        return [GoneQuiet(at=wall, bots=tuple(sheep.name for sheep in flock), seconds=longest, why=why)]

    def _seconds(self, sheep: Sheep, now: float) -> float:
        """Return for how long it should have said something."""
        return now - max(sheep.due, self.since)


def has_gone_quiet(overdue: float, line_interval: float) -> bool:
    """Return whether a sheep that is so many seconds past its due time has gone quiet, unless it has to wait."""
    return overdue > quiet_after(line_interval)


def quiet_after(line_interval: float) -> float:
    """Return how many seconds past its due time a sheep goes quiet."""
    return max(_MARGIN, line_interval)


def snapshot(flock: Sequence[Sheep], dead: Collection[str], watch: Watch, *, now: float, wall: float) -> Rounds:
    """Return how the flock is doing; `dead` holds the bots whose threads have ended by an error, and `watch` has
    just looked at it.

    It is alive while half of the sheep move when they should, or any has moved within a minute; a dead one does
    not move. `now` is steady time, `wall` wall-clock time.
    """
    living = [sheep for sheep in flock if sheep.bot not in dead] if dead else flock
    moving = sum(now - sheep.moved < _STUCK or now - sheep.wake < _STUCK for sheep in living)
    moved = max((sheep.moved for sheep in living), default=float("-inf"))
    unwell = [sheep for sheep in flock if sheep.standing is not WELL]
    return Rounds(
        at=wall,
        sheep=len(flock),
        penned=tuple(sheep.name for sheep in unwell if sheep.is_penned),
        waiting=sum(sheep.is_waiting for sheep in unwell),
        in_trouble=sum(
            bool(sheep.standing.trouble) for sheep in unwell if not (sheep.is_penned or sheep.is_waiting)
        ),
        dead=tuple(sheep.name for sheep in flock if sheep.bot in dead) if dead else (),
        paused=sum(sheep.is_paused for sheep in flock),
        quiet=watch.quiet,
        lag=watch.lag,
        alive=(moving * 2 >= len(flock) and (moving > 0 or not flock)) or now - moved < _STUCK / 3,
    )


def _is_excused(sheep: Sheep) -> bool:
    return sheep.is_penned or sheep.is_waiting or sheep.is_paused


def _why(sheep: Sheep) -> str:
    return sheep.standing.trouble or (UNANSWERED if sheep.busy else _WAITS_ITS_TURN)
