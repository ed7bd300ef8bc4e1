"""All herds are watched by the journal alone: what is told of their bots, and how often."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from flock.cluster.watching import Watching
from flock.errors import OutOfCredits, Suspended
from flock.events import (
    Event,
    Events,
    Failed,
    GoneQuiet,
    NobodyQuiet,
    Out,
    Penned,
    Reloaded,
    Rounds,
    Said,
    Silenced,
    Skipped,
    SpeaksAgain,
    Stopped,
    Waiting,
)
from flock.journal import Condition, Journal, Outcome, Place, Settlement, Standing, open_journal
from flock.observers.gathering import GATHER, Gathering
from flock.observers.metrics import Metrics
from flock.options import Options, settle_options
from flock.state import parse_database
from tests.conftest import until
from tests.postgres import PostgresServer

DOLLY, SHAUN = "x:dolly", "x:shaun"
BROKE = Standing(Condition.WAITING, trouble="no credits left", kind=OutOfCredits.__name__, until=2e9, failures=1)
PENNED = Standing(Condition.PENNED, trouble="the account is suspended", kind=Suspended.__name__)


@dataclass
class Ground:
    """A folder of two bots, the journal through which a herd writes about them, and what is told of them."""

    folder: Path
    url: str
    options: Options
    herd: Journal
    now: float = 1_800_000_000.0
    told: list[Event] = field(default_factory=list)
    opened: ExitStack = field(default_factory=ExitStack)

    def watching(self) -> Watching:
        """Return one that tells here."""
        made = Watching(self.folder, self.options, Events([self.told.append]), clock=lambda: self.now)
        return self.opened.enter_context(closing(made))

    def news(self, watching: Watching, seconds: float = 0.0) -> list[Event]:
        """Return what is told at a look after so many seconds, besides how the flock is doing."""
        self.now += seconds
        self.told.clear()
        watching.look()
        return [event for event in self.told if not isinstance(event, Rounds)]

    def rounds(self) -> Rounds:
        """Return how the flock was doing at the last look."""
        (rounds,) = [event for event in self.told if isinstance(event, Rounds)]
        return rounds

    def say(self, bot: str, n: int, *, due: float, outcome: Outcome = Outcome.SAID) -> None:
        """Post for the bot now; its next line is due then."""
        self.herd.intend(bot, Place(n=n, intended=self.now), f"line {n}")
        settlement = Settlement(n, 0, outcome, self.now, post_id=f"{n}")
        self.herd.settle(bot, settlement, Place(n=n + 1, recitations=3, due=due))


@pytest.fixture
def ground(postgres: PostgresServer, tmp_path: Path, write_key: Callable[..., Path]) -> Iterator[Ground]:
    """Return a ground on which a herd runs both bots, whose next lines are due in an hour."""
    write_key()
    write_key("shaun.json", screen_name="shaun", oauth_token="1002-token", oauth_token_secret="other")
    url = postgres.new_database()
    options = settle_options({"state": parse_database(url)}, environment={})
    with closing(open_journal(url)) as herd:
        herd.claim([DOLLY, SHAUN])
        ground = Ground(tmp_path, url, options, herd)
        for bot in (DOLLY, SHAUN):
            herd.keep(bot, Place(n=1, due=ground.now + 3600), Standing())
        with ground.opened:
            yield ground


def test_a_bot_that_no_herd_runs_is_told_once(ground: Ground) -> None:
    """After a minute, although its line is due much later. Herds that move need less than that."""
    watching = ground.watching()
    assert [] == ground.news(watching)
    assert (2, 0, (), True) == (ground.rounds().sheep, ground.rounds().in_trouble, (), ground.rounds().alive)

    ground.herd.release([SHAUN])
    assert [] == ground.news(watching, 10)
    assert [] == ground.news(watching, 59)
    assert (1, True) == (ground.rounds().in_trouble, ground.rounds().alive)
    (quiet,) = ground.news(watching, 2)
    assert isinstance(quiet, GoneQuiet)
    assert ("shaun", "no herd runs it", 61.0) == (quiet.bot, quiet.why, quiet.seconds)
    assert [] == ground.news(watching, 600)
    assert ("shaun",) == ground.rounds().quiet

    ground.herd.release([DOLLY])
    ground.news(watching, 2)
    assert not ground.rounds().alive

    ground.herd.claim([DOLLY, SHAUN])
    (nobody,) = ground.news(watching, 2)
    assert isinstance(nobody, NobodyQuiet)


def test_a_line_that_is_overdue_is_told_once(ground: Ground) -> None:
    """As on one machine: a minute after it was due."""
    watching = ground.watching()
    ground.news(watching)
    assert [] == ground.news(watching, 3659)
    assert 59.0 == ground.rounds().lag
    assert ["dolly", "shaun"] == [event.bot for event in ground.news(watching, 2) if isinstance(event, GoneQuiet)]
    assert [] == ground.news(watching, 2)


def test_what_needs_the_operator_is_told_once(ground: Ground) -> None:
    """By who watches: one that was started again does not know what another one has told."""
    first = ground.watching()
    ground.news(first)
    ground.herd.keep(DOLLY, Place(n=1), PENNED)
    ground.herd.keep(SHAUN, Place(n=1), BROKE)
    for watching in (first, ground.watching()):
        found = [event for event in ground.news(watching, 2) if not isinstance(event, Failed)]
        penned, waiting = found
        assert isinstance(penned, Penned)
        assert isinstance(waiting, Waiting)
        assert ("dolly", PENNED.trouble, "X") == (penned.bot, penned.why, penned.service)
        assert Suspended.advice in penned.advice
        assert ("shaun", BROKE.trouble, BROKE.kind) == (waiting.bot, waiting.why, waiting.kind)
        assert [] == ground.news(watching, 2)
        assert (("dolly",), 1, 0) == (ground.rounds().penned, ground.rounds().waiting, ground.rounds().in_trouble)


def test_a_herd_that_begins_anew_is_no_alert(ground: Ground) -> None:
    """Its bots are in no herd for some seconds. One that was told of is not told of again by another herd."""
    gathering = Gathering()
    watching = ground.watching()
    ground.herd.keep(DOLLY, Place(n=1, due=ground.now + 3600), PENNED)

    def alerts(seconds: float) -> list[tuple[str, str]]:
        for event in ground.news(watching, seconds):
            gathering.hear(event, ground.now)
        return [(alert.kind, alert.bot) for alert in gathering.due(ground.now, ground.now)]

    assert [] == alerts(0)
    assert [("penned", "dolly")] == alerts(GATHER)
    ground.herd.release([DOLLY, SHAUN])
    assert [] == alerts(2) + alerts(20)
    ground.herd.claim([DOLLY, SHAUN])
    assert [] == alerts(2) + alerts(GATHER) + alerts(GATHER)


def test_posts_are_counted_once(ground: Ground) -> None:
    """Those that were made before are not counted. How late a post was is known where its due time was seen."""
    ground.say(SHAUN, 1, due=ground.now + 5)
    watching, metrics = ground.watching(), Metrics()
    assert [] == ground.news(watching)
    ground.now += 7
    ground.say(SHAUN, 2, due=ground.now + 5)
    ground.say(SHAUN, 3, due=ground.now + 3600)
    ground.say(DOLLY, 1, due=ground.now + 3600, outcome=Outcome.SKIPPED)
    news = ground.news(watching)
    first, second = [event for event in news if isinstance(event, Said)]
    assert ("shaun", 2, 2.0, 3.0) == (first.bot, first.n, first.late, first.age)
    assert math.isnan(second.late)
    assert ["dolly"] == [event.bot for event in news if isinstance(event, Skipped)]
    assert 3 == len(news)
    for event in ground.told:
        metrics(event)
    metrics.count()
    text = generate_latest(metrics.registry).decode()
    for line in (
        'flock_posts_total{outcome="said",service="X"} 2.0',
        'flock_posts_total{outcome="skipped",service="X"} 1.0',
        "flock_post_lateness_seconds_count 1.0",
        'flock_bots{state="well"} 2.0',
        'flock_bot_age_recitations{bot="shaun"} 3.0',
    ):
        assert line in text.splitlines()
    assert [] == ground.news(watching, 2)


def test_tries_that_fail_are_counted_as_far_as_they_are_seen(ground: Ground) -> None:
    watching = ground.watching()
    ground.news(watching)
    away = Standing(Condition.BACKING_OFF, trouble="no answer", kind="Unavailable", failures=3)
    ground.herd.keep(DOLLY, Place(n=1, due=ground.now), away)
    assert [("Unavailable", "X")] * 3 == [
        (event.kind, event.service) for event in ground.news(watching, 2) if isinstance(event, Failed)
    ]
    assert 1 == ground.rounds().in_trouble
    assert [] == ground.news(watching, 2)


def test_a_journal_that_cannot_be_read_is_told_once(ground: Ground, postgres: PostgresServer) -> None:
    """Time goes on for the alerts meanwhile."""
    watching = ground.watching()
    ground.news(watching)
    postgres.execute("ALTER TABLE lease RENAME TO gone", url=ground.url)
    (silenced,) = ground.news(watching, 2)
    assert isinstance(silenced, Silenced)
    assert ground.now == ground.rounds().at
    assert [] == ground.news(watching, 2)
    assert ground.now == ground.rounds().at
    postgres.execute("ALTER TABLE gone RENAME TO lease", url=ground.url)
    assert SpeaksAgain(at=ground.now + 2) in ground.news(watching, 2)


def test_a_bot_that_has_left_the_folder_is_told(ground: Ground) -> None:
    watching = ground.watching()
    ground.news(watching)
    (ground.folder / "shaun.json").unlink()
    watching.read_folder()
    (reloaded,) = ground.news(watching, 2)
    assert isinstance(reloaded, Reloaded)
    assert ((), ("shaun",)) == (reloaded.added, reloaded.removed)


def test_the_end_is_told_unless_it_is_an_error(ground: Ground) -> None:
    """Then the alerts find another reason by themselves."""
    with ground.watching().going_on():
        until("a look", lambda: any(isinstance(event, Rounds) for event in ground.told))
    assert (Out, Stopped) == (type(ground.told[0]), type(ground.told[-1]))
    ground.told.clear()
    with pytest.raises(KeyError), ground.watching().going_on():
        raise KeyError
    assert Stopped not in map(type, ground.told)
