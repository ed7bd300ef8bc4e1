"""Metrics: an observer that counts, for Prometheus, and says whether the flock is well. Needs the extra `metrics`.

Series are per server and class of error, of which there are few. Series per bot are there for up to BOTS bots: ten
thousand bots would make more series than all else that a small Prometheus watches.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.process_collector import ProcessCollector

from flock.events import (
    Event,
    Failed,
    Out,
    Reloaded,
    Rounds,
    Said,
    Silenced,
    Skipped,
    SpeaksAgain,
    Stopping,
    Trouble,
    TroubleKind,
    Unsure,
)
from flock.observers.wording import describe, harmless
from flock.units import roughly

BOTS = 200  # most bots that have series of their own
_STALE = 60.0  # seconds without rounds after which the shepherd is stuck; a large flock has some each 10 s
_MOST_WAITING = 10_000  # events that wait to be counted
_OUTCOMES: dict[type[Event], str] = {Said: "said", Skipped: "skipped", Unsure: "unknown"}
_LATENESS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)
_COMMITS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    """An observer that keeps `registry`, which is its own, up to date.

    A sheep that tells an event only puts it into a queue: it takes no lock. The shepherd's thread, at each of its
    rounds, and each scrape (`count`) count what is in it. `committed` is told how long each commit of the journal
    took.
    """

    def __init__(self, version: str = "unknown", *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._heard: deque[Event] = deque()
        self._commits_heard: deque[float] = deque()
        self._counting = threading.Lock()
        self._looked_at = 0.0  # monotonic time of the latest rounds
        self._rounds: Rounds | None = None
        self._silence = ""  # why the journal cannot be written
        self._is_stopping = False
        self._has_series_per_bot = True
        self._ages: dict[str, float] = {}
        self.registry = CollectorRegistry()
        self._declare(version)

    def _declare(self, version: str) -> None:
        registry = self.registry
        ProcessCollector(registry=registry)
        Info("flock", "The program.", registry=registry).info({"version": version})
        labels = ("service", "outcome")
        self._posts = Counter("flock_posts", "Posts, by server and outcome.", labels, registry=registry)
        labels = ("service", "kind")
        self._failures = Counter("flock_failures", "Tries that failed, by error class.", labels, registry=registry)
        self._bots = Gauge("flock_bots", "Bots, by how they fare.", ("state",), registry=registry)
        self._quiet = Gauge("flock_quiet_bots", "Bots that are overdue for too long.", registry=registry)
        self._paused = Gauge("flock_paused_bots", "Bots that were told to pause.", registry=registry)
        self._lag = Gauge("flock_lag_seconds", "The longest delay of a bot that can post.", registry=registry)
        self._alive = Gauge("flock_alive", "1 while the sheep move when they should.", registry=registry)
        self._looked = Gauge("flock_looked_timestamp_seconds", "When these were found.", registry=registry)
        self._writable = Gauge("flock_journal_writable", "1 while the journal can be written.", registry=registry)
        self._writable.set(1)
        text = "How late posts were made."
        self._late = Histogram("flock_post_lateness_seconds", text, buckets=_LATENESS, registry=registry)
        text = "How long commits of the journal took, with the flush."
        self._commits = Histogram("flock_journal_commit_seconds", text, buckets=_COMMITS, registry=registry)
        text = "Ages of the bots that have posted since the start."
        self._age = Gauge("flock_age_recitations", text, ("of",), registry=registry)
        text = f"The bot's age; for up to {BOTS} bots."
        self._bot_age = Gauge("flock_bot_age_recitations", text, ("bot",), registry=registry)
        text = f"When the bot last posted; for up to {BOTS} bots."
        self._bot_posted = Gauge("flock_bot_posted_timestamp_seconds", text, ("bot",), registry=registry)

    def __call__(self, event: Event) -> None:
        match event:
            case Said() | Skipped() | Unsure() | Failed() | Reloaded():
                self._heard.append(event)
                if len(self._heard) > _MOST_WAITING:  # the shepherd is stuck
                    self.count(block=False)
            case Rounds():
                self._rounds, self._looked_at = event, self._monotonic()
                self.count()
            case Out():
                self._has_series_per_bot = event.sheep <= BOTS
            case Silenced():
                self._silence = event.why
                self._writable.set(0)
            case SpeaksAgain():
                self._silence = ""
                self._writable.set(1)
            case Stopping():
                self._is_stopping = True

    def committed(self, seconds: float) -> None:
        """Note that a commit of the journal took so long."""
        self._commits_heard.append(seconds)

    def count(self, *, block: bool = True) -> None:
        """Count what was heard since the last time, unless another thread does so and this one must not wait."""
        if not self._counting.acquire(blocking=block):
            return
        try:
            while self._heard:
                self._count(self._heard.popleft())
            while self._commits_heard:
                self._commits.observe(self._commits_heard.popleft())
            if self._rounds:
                self._show(self._rounds)
            if self._ages:
                ages = self._ages.values()
                self._age.labels("youngest").set(min(ages))
                self._age.labels("mean").set(sum(ages) / len(ages))
                self._age.labels("oldest").set(max(ages))
        finally:
            self._counting.release()

    def _count(self, event: Event) -> None:
        if isinstance(event, Reloaded):
            self._forget(event.removed)
        if isinstance(event, Failed):
            self._failures.labels(event.service, event.kind).inc()
        if isinstance(event, Said | Skipped | Unsure):
            self._posts.labels(event.service, _OUTCOMES[type(event)]).inc()
        if isinstance(event, Said):
            if not math.isnan(event.late):
                self._late.observe(event.late)
            if self._has_series_per_bot and (event.bot in self._ages or len(self._ages) < BOTS):
                self._bot_age.labels(event.bot).set(event.age)
                self._bot_posted.labels(event.bot).set(event.at)
            self._ages[event.bot] = event.age

    def _forget(self, bots: Iterable[str]) -> None:
        """Drop the series of bots that are in the flock no longer."""
        for bot in bots:
            if self._ages.pop(bot, None) is not None:
                for series in (self._bot_age, self._bot_posted):
                    series.remove(bot)

    def _show(self, rounds: Rounds) -> None:
        ill = {
            "penned": len(rounds.penned),
            "waiting": rounds.waiting,
            "retrying": rounds.in_trouble,
            "dead": len(rounds.dead),
        }
        for state, count in {**ill, "well": max(0, rounds.sheep - sum(ill.values()))}.items():
            self._bots.labels(state).set(count)
        self._quiet.set(len(rounds.quiet))
        self._paused.set(rounds.paused)
        self._lag.set(rounds.lag)
        self._alive.set(rounds.alive)
        self._looked.set(rounds.at)

    def trouble(self) -> str:
        """Return in words why the flock is not well, or an empty text."""
        rounds = self._rounds
        if self._is_stopping:
            return "the flock is stopping"
        if rounds is None:
            return "the flock is starting"
        reasons = []
        if (seconds := self._monotonic() - self._looked_at) > _STALE:
            reasons.append(f"the shepherd is stuck: it has not looked at the flock for {roughly(seconds)}")
        if not rounds.alive:
            reasons.append("most sheep are stuck: they do not move when they should")
        if self._silence:
            reasons.append(f"nothing can be said: {self._silence}")
        kinds: tuple[tuple[TroubleKind, tuple[str, ...]], ...] = (
            ("died", rounds.dead),
            ("penned", rounds.penned),
            ("quiet", rounds.quiet),
        )
        for kind, bots in kinds:
            if bots:
                which = Trouble(at=rounds.at, since=rounds.at, kind=kind, bot=bots[0], bots=bots, count=len(bots))
                reasons.append(describe(which))
        return harmless("; ".join(reasons))
