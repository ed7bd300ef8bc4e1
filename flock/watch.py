"""Sheep that have gone quiet: which they are, and how to tell without a line for each of ten thousand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from flock.events import GoneQuiet, NobodyQuiet
from flock.sheep.sheep import Sheep

_MARGIN = 60.0  # seconds behind its due time after which a sheep has gone quiet
_NAMED = 5  # sheep that are told of one by one
_PAUSE = 60.0  # seconds between two times that any are told of
_UNANSWERED = "no answer from the network yet"
_WAITS_ITS_TURN = "it waits for its turn, while others wait for the network's answers"


class Silence:
    """Hears which sheep are long past due, neither penned nor waiting on purpose, and tells of each once.

    Once it has spoken again, a sheep can go quiet again. When more than a few fall silent, the trouble is not
    theirs, and one event tells of them all. When nobody is quiet any more, that is told, too. `tell` takes an
    event's kind and its fields. The flock is out since `since`, in steady time: before that, nobody was silent.
    """

    def __init__(self, tell: Callable[..., None]) -> None:
        self.since = float("-inf")
        self._tell = tell
        self._quiet: set[str] = set()  # bots that were told of, or are about to be
        self._untold: dict[str, Sheep] = {}
        self._next = float("-inf")  # steady time before which no more are told of
        self._was_told = False  # and not yet that it is over

    def listen(self, flock: Iterable[Sheep], now: float) -> None:
        """Tell of those of `flock` that have fallen silent; `now` is in steady time."""
        for sheep in flock:
            if self._seconds(sheep, now) <= max(_MARGIN, sheep.line_interval) or sheep.penned or sheep.waiting:
                self._quiet.discard(sheep.bot)
                self._untold.pop(sheep.bot, None)
            elif sheep.bot not in self._quiet:
                self._quiet.add(sheep.bot)
                self._untold[sheep.bot] = sheep
        if self._untold and now >= self._next:
            self._tell_of(list(self._untold.values()), now)
            self._untold.clear()
            self._next = now + _PAUSE
            self._was_told = True
        if self._was_told and not self._quiet:
            self._was_told = False
            self._tell(NobodyQuiet)

    def _tell_of(self, flock: Sequence[Sheep], now: float) -> None:
        if len(flock) <= _NAMED:
            for sheep in flock:
                self._tell(GoneQuiet, bot=sheep.name, seconds=self._seconds(sheep, now), why=_why(sheep))
            return
        ((why, _),) = Counter(map(_why, flock)).most_common(1)
        longest = max(self._seconds(sheep, now) for sheep in flock)
        self._tell(GoneQuiet, bots=tuple(sheep.name for sheep in flock), seconds=longest, why=why)

    def _seconds(self, sheep: Sheep, now: float) -> float:
        """Return for how long it should have said something."""
        return now - max(sheep.due, self.since)


def _why(sheep: Sheep) -> str:
    return sheep.trouble or (_UNANSWERED if sheep.busy else _WAITS_ITS_TURN)
