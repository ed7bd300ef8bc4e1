"""Every combination of how a flock runs, how it is disturbed, and what its bots say, in bad weather.

There are six runs: as a daemon or with `--once`, each disturbed by SIGKILL, by SIGTERM, or by SIGSTOP and SIGCONT
while posts are under way. All kinds of bots take part in a run, which is made once; then each bot has a test of
its own, which compares what was posted with what bots of its kind must say.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle, groupby, islice
from pathlib import Path
from random import Random
from string import ascii_lowercase
from threading import Condition, Event
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from flock.events import Said
from flock.networks.x.length import fits_a_tweet
from flock.options import Options
from flock.pasture import Pasture, RateLimit
from flock.poem import cut
from flock.rehearsal import Rehearsal
from tests.conftest import TIMEOUT
from tests.endtoend.conftest import Flock, start_flock, write_key
from tests.faults.weather import Weather

INTERVAL = 0.05  # seconds, between lines and between recitations
SEED = 7
ROUNDS = 3  # how often a flock is disturbed in bad weather
STARTS = (
    20  # at most so often it is started for that: with --once, the weather may stop it before its signal is due
)
PAUSE = 4 * INTERVAL  # seconds between SIGSTOP and SIGCONT: several lines are overdue then
LAST_RUNS = 12  # with --once, in fine weather: more than there are lines to say
MORE = 2  # lines that each bot has to say in fine weather

SHORT = [f"{number}: a short line" for number in range(7)]
LONG = [" ".join(f"word-{line}-{word}" for word in range(70)) for line in range(3)]  # three posts each
REFRAINS = ["baa", "the wind", "baa", "baa", "wool", "the wind", "baa"]  # the end and the beginning are the same
FADING = [f"{number} sheep went over the hill, and {number} came back again" for number in range(9)]
OLD = {"forget": 0.9, "mix_up": 0.9, "boredom": 0.4, "fixation": 0.4, "erratic": 0.5, "maturity": 1}
CAPS = {"caps0": 2, "caps1": 5}  # posts a day

KINDS = ("short", "long", "refrains", "caps", "temperament", "edited")
BOTS = [f"{kind}{number}" for kind in KINDS for number in (0, 1)]  # a 1 may not read its own timeline


@dataclass
class Edition:
    """A poem as it stood when `posts` posts were out; `follows` is the place of the line that was to come next."""

    posts: int
    poem: list[str]
    follows: int


@dataclass
class Edited:
    """A poem that is edited now and then, with all its editions. No text is used twice."""

    chance: Random
    editions: list[Edition] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.editions.append(Edition(0, [self.new_line() for _ in range(8)], 0))

    def edit(self, posts: Sequence[str]) -> list[str]:
        """Put in a line, take another one out, and reword, take out or leave the next one; return the lines.

        What was said last, and the ends of the poem while it is begun anew, stay as they are: there, what comes
        next would depend on whether the last post was settled when the flock ended.
        """
        poem, at = list(self.editions[-1].poem), self.follow(posts)[0]
        others = [line for line in range(1, len(poem) - 1) if line not in (at - 1, at)]
        del poem[gone := self.chance.choice(others)]
        at -= gone < at
        if at > 1:
            poem.insert(self.chance.randrange(at - 1), self.new_line())
            at += 1
        if at:
            poem.append(self.new_line())
        match self.chance.randrange(3):
            case 0:
                poem[at] += ", in other words"
            case 1 if at:
                del poem[at]
        self.editions.append(Edition(len(posts), poem, at))
        return poem

    def new_line(self) -> str:
        """Return a line that was not there before, and is like no other."""
        words = ("".join(self.chance.choices(ascii_lowercase, k=8)) for _ in range(6))
        return " ".join(words)

    def follow(self, posts: Sequence[str]) -> tuple[int, list[str]]:
        """Return the place of the line that is to come next, and which posts were not the poem of their time.

        A line that was under way when the flock ended may be said as it was before the edit. Then its new wording
        is not said; the line that came in place of it is.
        """
        poem, at, before, wrong = self.editions[0].poem, 0, set[str](), list[str]()
        later = self.editions[1:]
        for number, text in enumerate([*posts, ""]):
            while later and later[0].posts == number:
                before.add(poem[at])
                poem, at = later[0].poem, later[0].follows
                later = later[1:]
            if number == len(posts):
                break
            if text in before - {poem[at]}:
                at += poem[at].startswith(text)
            else:
                if text != poem[at]:
                    wrong.append(f"post {number} is {text!r}; expected {poem[at]!r}, or one of {before}")
                at += 1
            at, before = at % len(poem), set()
        return at, wrong


class Disturbance:
    """Sends signals to a flock while its posts are under way: before the network has the post, or thereafter.

    A plan holds the signals, each with the number of posts that it waits for; SIGSTOP is followed by SIGCONT. A
    bot whose name ends in 1 may not read its timeline.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self._chance = Random(SEED)
        self._changed = Condition()
        self._under_way = 0
        self._flock: Flock | None = None
        self._plan: list[tuple[signal.Signals, int]] = []

    @property
    def is_over(self) -> bool:
        """Whether all signals of the plan were sent."""
        with self._changed:
            return not self._plan

    def threaten(self, flock: Flock, plan: Sequence[tuple[signal.Signals, int]]) -> None:
        """From now on, send `plan` to `flock`."""
        with self._changed:
            self._flock, self._plan = flock, list(plan)

    def wait_until(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; it is looked at whenever a request was answered."""
        with self._changed:
            assert self._changed.wait_for(condition, timeout=TIMEOUT), f"not in time: {what}"

    def wait_for_calm(self) -> None:
        """Wait until no request is under way: a network may be slower than the next flock is started."""
        self.wait_until("all requests answered", lambda: self._under_way == 0)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "GET" and _is_blind(environ["HTTP_AUTHORIZATION"]):
            start_response("403 Forbidden", [("Content-Type", "application/json")])
            return [b'{"title": "Forbidden", "status": 403, "detail": "No."}']
        number, comes_first = self._begin(is_post=environ["REQUEST_METHOD"] == "POST")
        try:
            if number and comes_first:
                self._send(number)
            return list(self._app(environ, start_response))
        finally:
            if number and not comes_first:
                self._send(number)
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _begin(self, *, is_post: bool) -> tuple[signal.Signals | None, bool]:
        """Return the signal to be sent during this request, if any, and whether it comes before the post."""
        with self._changed:
            self._under_way += 1
            if not is_post or not self._plan:
                return None, False
            number, left = self._plan[0]
            self._plan[0] = number, left - 1
            if left > 1:
                return None, False
            del self._plan[0]
            return number, self._chance.random() < 0.5

    def _send(self, number: signal.Signals) -> None:
        flock = self._flock
        assert flock is not None
        flock.process.send_signal(number)
        if number is signal.SIGSTOP:
            Event().wait(PAUSE)  # the other bots' answers arrive meanwhile
            flock.process.send_signal(signal.SIGCONT)


def _is_blind(header: str) -> bool:
    return any(bot.endswith("1") and f'-token-of-{bot}"' in header for bot in BOTS)


@dataclass
class Run:
    """One of the six runs, when it is over: what each bot has posted, and what was done to it."""

    folder: Path
    posts: dict[str, list[str]]
    edited: dict[str, Edited]
    disturbed: int


def plan(number: signal.Signals, chance: Random, *, once: bool) -> list[tuple[signal.Signals, int]]:
    """Return which signals a flock gets in one round, each after so many posts. A daemon has to be ended, too."""
    if once:
        return [(number, chance.randrange(1, 4))]
    if number is signal.SIGSTOP:
        return [*[(number, chance.randrange(10, 40)) for _ in range(3)], (signal.SIGTERM, 5)]
    return [(number, chance.randrange(20, 120))]


def carry_out(folder: Path, number: signal.Signals, *, once: bool) -> Run:
    """Run the flock in bad weather, disturbed and edited again and again, and once more in fine weather."""
    poems = {
        "short": SHORT,
        "long": LONG,
        "refrains": REFRAINS,
        "caps": SHORT,
        "temperament": FADING,
        "edited": SHORT,
    }
    more: dict[str, dict[str, Any]] = {"temperament": {"temperament": OLD}}
    more |= {bot: {"posts_per_day": cap} for bot, cap in CAPS.items()}
    keys = folder / "keys"
    keys.mkdir()
    accounts = [
        write_key(keys, bot, 1000 + place, poems[bot[:-1]], **more.get(bot[:-1], more.get(bot, {})))
        for place, bot in enumerate(BOTS)
    ]
    edited = {bot: Edited(Random(bot)) for bot in BOTS if bot.startswith("edited")}
    for bot, poem in edited.items():
        (keys / f"{bot}.txt").write_text("\n".join(poem.editions[0].poem))
    weathers: list[Weather] = []
    disturbances: list[Disturbance] = []

    def wrap(app: WSGIApplication) -> WSGIApplication:
        weathers.append(Weather(app, seed=SEED, timelines=True))
        disturbances.append(Disturbance(weathers[0]))
        return disturbances[0]

    with Pasture(accounts, rate_limit=RateLimit(posts=1_000_000), wrap=wrap) as pasture, ExitStack() as cleanup:
        (weather,), (disturbance,) = weathers, disturbances
        chance = Random(f"{number} {once}")
        intervals = ("--line-interval", str(INTERVAL), "--poem-interval", str(INTERVAL), "--seed", str(SEED))
        command: list[str | Path] = [
            "run",
            keys,
            *intervals,
            "--base-url",
            pasture.url,
            "--burst",
            *(["--once"] if once else []),
        ]

        def start() -> Flock:
            flock = start_flock(folder, *command, HURRY="0.02")
            cleanup.callback(flock.process.kill)
            return flock

        def posts(bot: str) -> list[str]:
            return [post.text for post in pasture.store.posts(bot)]

        disturbed = 0
        for _ in range(STARTS):
            flock = start()
            disturbance.threaten(flock, plan(number, chance, once=once))
            end(flock, killed=number is signal.SIGKILL)
            disturbance.wait_for_calm()
            for bot, poem in edited.items():
                (keys / f"{bot}.txt").write_text("\n".join(poem.edit(posts(bot))))
            disturbed += disturbance.is_over
            if disturbed == ROUNDS:
                break

        weather.calm = True
        goals = {bot: CAPS.get(bot, len(posts(bot)) + MORE) for bot in BOTS}

        def is_enough() -> bool:
            return all(len(posts(bot)) >= goal for bot, goal in goals.items())

        for _ in range(LAST_RUNS if once else 1):
            flock = start()
            if not once:
                disturbance.wait_until("enough posts in fine weather", is_enough)
                flock.process.terminate()
            end(flock, killed=False)
            if is_enough():
                break
        assert is_enough(), {bot: (len(posts(bot)), goal) for bot, goal in goals.items()}
        return Run(keys, {bot: posts(bot) for bot in BOTS}, edited, disturbed)


def end(flock: Flock, *, killed: bool) -> None:
    """Wait until the flock has ended, as it should, without a word on standard error."""
    code, _, told = flock.end()
    errors = [line for line in told.splitlines() if not line.startswith("flock: warning: ")]  # of refrains
    assert (code, errors) in [(0, []), *([(-signal.SIGKILL, [])] if killed else [])]


SIGNALS = {"kill -9": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGSTOP and SIGCONT": signal.SIGSTOP}
RUNS = [
    pytest.param((number, once), id=f"{mode}-{name}")
    for mode, once in (("daemon", False), ("once", True))
    for name, number in SIGNALS.items()
]


@pytest.fixture(scope="module", params=RUNS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return one of the six runs. scripts/test keeps a file in one process, so that each is made once."""
    number, once = request.param
    return carry_out(tmp_path_factory.mktemp("campaign"), number, once=once)


@pytest.mark.parametrize("bot", BOTS)
def test_no_line_is_lost_or_said_twice_or_out_of_turn(run: Run, bot: str) -> None:
    """Whatever happened to the flock, a bot's posts are those of a flock to which nothing has happened."""
    assert run.disturbed == ROUNDS
    CHECKS[bot[:-1]](run, bot, run.posts[bot])


def check_short(run: Run, bot: str, posts: list[str]) -> None:
    """The poem, over and over."""
    assert recited(SHORT, len(posts)) == posts


def check_long(run: Run, bot: str, posts: list[str]) -> None:
    """Each line in all its pieces."""
    pieces = [cut(line, fits_a_tweet) for line in LONG]
    assert [3, 3, 3] == [len(each) for each in pieces]
    assert recited([piece for each in pieces for piece in each], len(posts)) == posts


def check_refrains(run: Run, bot: str, posts: list[str]) -> None:
    """A text comes again where the poem has it again, but never twice in a row: the network refuses that."""
    lines = recited(REFRAINS, 2 * len(posts))
    assert [text for text, _ in groupby(lines)][: len(posts)] == posts


def check_caps(run: Run, bot: str, posts: list[str]) -> None:
    """As many as a bot may post in a day, and not one more, however often its flock is started."""
    assert SHORT[: CAPS[bot]] == posts


def check_temperament(run: Run, bot: str, posts: list[str]) -> None:
    """What was rehearsed with the same seed; the poem does not fade faster for being interrupted."""
    options = Options(line_interval=INTERVAL, poem_interval=INTERVAL, seed=SEED)
    events = Rehearsal(run.folder, options, bots=[bot]).play(posts=len(posts))
    assert [event.text for event in events if isinstance(event, Said)] == posts


def check_edited(run: Run, bot: str, posts: list[str]) -> None:
    """The poem as it stood when the flock was started, from the line that was to come next."""
    assert [] == run.edited[bot].follow(posts)[1]


def recited(lines: Sequence[str], count: int) -> list[str]:
    """Return the first `count` posts of a bot that says `lines` over and over."""
    return list(islice(cycle(lines), count))


CHECKS = {
    "short": check_short,
    "long": check_long,
    "refrains": check_refrains,
    "caps": check_caps,
    "temperament": check_temperament,
    "edited": check_edited,
}
