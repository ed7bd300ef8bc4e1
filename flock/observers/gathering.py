"""Gathering: many events -> few alerts. An outage of 1,000 bots is one alert, and one at its end.

Pure and driven by time: nothing here sends, waits or reads a clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from flock.errors import OutOfCredits
from flock.events import (
    Died,
    Event,
    GoneQuiet,
    NobodyQuiet,
    Penned,
    Reloaded,
    Said,
    Silenced,
    SpeaksAgain,
    Stopped,
    Trouble,
    TroubleKind,
    Waiting,
)
from flock.units import HOUR, MINUTE

# Seconds from the first bot in trouble until it is told, and from the last until the end is told: long enough for
# the watch, which names bots that have gone quiet once a minute.
GATHER = 90.0
# Seconds from one alert of a kind until further bots in the same trouble are told; doubled each time. In an outage
# bots try again after 15 minutes at the latest: most outages are over before a second alert.
PAUSE = 30 * MINUTE
LONGEST_PAUSE = 4 * HOUR

NAMED = 100  # bots in an alert
_WHYS = 5  # reasons in an alert
_FLOCK = ""  # in the place of a bot's name, for what befalls the whole flock


@dataclass(slots=True)
class _Episode:
    """A trouble of one kind, from the first bot in it until the last is out of it.

    `bots` are those in it, with the reason of each, and `untold` those of them that no alert has told of. `well`
    are those that got out of it and are well. `since` is wall-clock time, `over` the time by the caller's clock
    since which no bot is in it.
    """

    since: float
    bots: dict[str, str] = field(default_factory=dict)
    untold: dict[str, str] = field(default_factory=dict)
    well: dict[str, None] = field(default_factory=dict)
    is_told: bool = False
    over: float | None = None


class Gathering:
    """Gathers events into alerts (`Trouble`), and limits how many there are.

    The first alert of a trouble is told GATHER seconds after its first bot, with all bots that are in it by then.
    Further bots are told with the next alert of that kind, after a PAUSE that grows. The end is told once, when no
    bot has been in the trouble for GATHER seconds, if its beginning was told. A bot is well again when it has
    posted.

    `now` is seconds on a clock that only goes forward. Not safe to share between threads, except for `is_ill`.
    """

    def __init__(self) -> None:
        self._episodes: dict[TroubleKind, _Episode] = {}
        self._next: dict[TroubleKind, float] = {}  # when the next alert of that kind may be told
        self._pause: dict[TroubleKind, float] = {}
        self._ill: Counter[str] = Counter()  # in how many troubles a bot is; none is 0
        self._ending: Trouble | None = None

    def is_ill(self, bot: str) -> bool:
        """Return whether the bot is in any trouble. Any thread may ask."""
        return bot in self._ill

    def hear(self, event: Event, now: float) -> None:
        """Take notice of `event`, if it is one that begins or ends a trouble."""
        match event:
            case GoneQuiet():
                self._enter("quiet", event.bots or (event.bot,), event.why, event, now)
            case Penned():
                self._leave(("quiet", "credits"), (event.bot,), now)
                self._enter("penned", (event.bot,), f"{event.why}; {event.advice}", event, now)
            case Waiting() if event.kind == OutOfCredits.__name__:
                self._leave(("quiet",), (event.bot,), now)
                self._enter("credits", (event.bot,), f"{event.why}; {event.advice}", event, now)
            case Died():
                self._leave(("quiet",), (event.bot,), now)
                self._enter("died", (event.bot,), event.why, event, now)
            case Silenced():
                self._enter("journal", (_FLOCK,), event.why, event, now)
            case Stopped():
                self._ending = Trouble(at=event.at, kind="ended", since=event.at, whys=(event.why,))
            case _:
                self._hear_an_end(event, now)

    def _hear_an_end(self, event: Event, now: float) -> None:
        match event:
            case Said():
                self._leave(tuple(self._episodes), (event.bot,), now, is_well=True)
            case NobodyQuiet() if episode := self._episodes.get("quiet"):
                self._leave(("quiet",), tuple(episode.bots), now, is_well=True)
            case SpeaksAgain():
                self._leave(("journal",), (_FLOCK,), now, is_well=True)
            case Reloaded():
                self._leave(tuple(self._episodes), event.removed, now)

    def due(self, now: float, wall: float) -> list[Trouble]:
        """Return the alerts that are to be sent now. `wall` is wall-clock time. Call it each few seconds."""
        told: list[Trouble] = []
        for kind, episode in list(self._episodes.items()):
            if episode.untold and now >= self._next[kind]:
                told.append(self._begun(kind, episode, now, wall))
            elif episode.over is not None and now >= episode.over + GATHER:
                told += self._ended(kind, episode, wall)
        return told

    def rest(self, now: float, wall: float) -> list[Trouble]:
        """Return the alerts that are left, at the end of the flock: what has not been told yet, and the end."""
        told = [
            self._begun(kind, episode, now, wall) for kind, episode in self._episodes.items() if episode.untold
        ]
        for kind, episode in list(self._episodes.items()):
            if episode.over is not None:
                told += self._ended(kind, episode, wall)
        told += [self._ending] if self._ending else []
        self._ending = None
        return told

    def _enter(self, kind: TroubleKind, bots: Iterable[str], why: str, event: Event, now: float) -> None:
        episode = self._episodes.get(kind)
        if episode is None:
            if now >= self._next.get(kind, now):  # the limit has passed: this is a trouble of its own
                self._pause[kind] = PAUSE
            self._next[kind] = max(now + GATHER, self._next.get(kind, now))
            episode = self._episodes[kind] = _Episode(since=event.at)
        for bot in bots:
            if bot not in episode.bots:
                self._ill[bot] += 1
                episode.untold[bot] = why
            episode.bots[bot] = why
            episode.well.pop(bot, None)
        episode.over = None

    def _leave(
        self, kinds: Iterable[TroubleKind], bots: Iterable[str], now: float, *, is_well: bool = False
    ) -> None:
        """Take the bots out of these troubles, as far as they are in them."""
        for episode in filter(None, map(self._episodes.get, kinds)):
            for bot in bots:
                if episode.bots.pop(bot, None) is not None:
                    episode.untold.pop(bot, None)
                    if is_well and episode.is_told:
                        episode.well[bot] = None
                    self._ill[bot] -= 1
                    if not self._ill[bot]:
                        del self._ill[bot]
                    if not episode.bots:
                        episode.over = now

    def _begun(self, kind: TroubleKind, episode: _Episode, now: float, wall: float) -> Trouble:
        """Return the alert that tells of all bots in the trouble."""
        episode.untold.clear()
        episode.is_told = True
        self._next[kind] = now + self._pause[kind]
        self._pause[kind] = min(2 * self._pause[kind], LONGEST_PAUSE)
        whys = tuple(why for why, _ in Counter(episode.bots.values()).most_common(_WHYS))
        return _trouble(kind, episode, wall, list(episode.bots), whys=whys)

    def _ended(self, kind: TroubleKind, episode: _Episode, wall: float) -> list[Trouble]:
        """Forget the trouble; return the alert that tells of its end, if its beginning was told, and a bot is
        well again: all others are in another trouble, which is told of as such."""
        del self._episodes[kind]
        if not (episode.is_told and episode.well):
            return []
        return [_trouble(kind, episode, wall, list(episode.well), is_over=True)]


def _trouble(
    kind: TroubleKind,
    episode: _Episode,
    wall: float,
    names: list[str],
    *,
    is_over: bool = False,
    whys: tuple[str, ...] = (),
) -> Trouble:
    bots = [name for name in names if name != _FLOCK]
    return Trouble(
        at=wall,
        kind=kind,
        since=episode.since,
        is_over=is_over,
        bot=bots[0] if len(bots) == 1 else "",
        count=len(bots),
        bots=tuple(bots[:NAMED]),
        whys=whys,
    )
