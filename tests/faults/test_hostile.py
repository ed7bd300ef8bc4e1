"""A flock before a network that answers in every way in which answers can be wrong.

Each group of modes is one run of a real flock in a process of its own, with a bot for each mode. A mode is met
once; after it the network is well. The run is made once, and then each bot has tests of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Event

import pytest

from tests.conftest import TIMEOUT
from tests.endtoend.conftest import Flock, write_key
from tests.faults.campaign import LINES, Campaign, Where, hold
from tests.faults.hostile import Exchange, Fate, HostileServer, Then
from tests.faults.modes import GROUPS

MOST_MB = 200  # that a flock may ever have

MODES = [(group, name) for group, modes in GROUPS.items() for name in modes]
DOUBTFUL = [(group, name) for group, name in MODES if GROUPS[group][name].is_doubtful]

each_group = pytest.mark.parametrize("group", GROUPS)


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Campaign]:
    """Return a function that lets a flock live through a group of modes; each is done once."""
    done: dict[str, Campaign] = {}

    def through(group: str) -> Campaign:
        if group not in done:
            done[group] = hold(tmp_path_factory.mktemp(group) / "flock", group, GROUPS[group])
        return done[group]

    return through


@pytest.mark.parametrize(("group", "name"), MODES, ids=map(": ".join, MODES))
def test_each_line_is_posted_once(campaign: Callable[[str], Campaign], group: str, name: str) -> None:
    """Nothing is lost, nothing comes twice, everything is in order, and the bot goes on after the mode is over."""
    done = campaign(group)
    for case in done.of(name):
        assert done.poems[case] == done.posts[case], (str(case), done.log[case])


@pytest.mark.parametrize(("group", "name"), DOUBTFUL, ids=map(": ".join, DOUBTFUL))
def test_a_post_that_may_have_landed_is_looked_for(
    campaign: Callable[[str], Campaign], group: str, name: str
) -> None:
    """The next request of the bot asks for its timeline, and at the end the journal knows that all is said."""
    done = campaign(group)
    for case in done.of(name):
        requests = done.log[case]
        following = [after.rstrip("!") for request, after in pairwise(requests) if request == "POST!"]
        assert ["GET"] == following, (str(case), requests)
        assert ["said"] * len(done.poems[case]) == done.outcomes[case], str(case)


@each_group
def test_memory_is_bounded(campaign: Callable[[str], Campaign], group: str) -> None:
    """Whatever comes, and however much of it."""
    assert 0 < campaign(group).peak_mb < MOST_MB


@each_group
def test_the_neighbours_go_on(campaign: Callable[[str], Campaign], group: str) -> None:
    """Bots of the same flock whose answers are good say their lines, each once."""
    for poem, posts in campaign(group).neighbours.values():
        assert poem[: max(LINES, len(posts))] == posts


def test_the_neighbours_go_on_while_answers_do_not_come(tmp_path: Path, start: Callable[..., Flock]) -> None:
    """Forty bots wait for answers, up to a minute; none comes before each neighbour has said three more lines."""
    answer = Event()

    def hold_back(_: Exchange) -> Then:
        answer.wait(3 * TIMEOUT)
        return Then.CLOSE

    waiting, neighbours = ([f"{kind}{number}" for number in range(count)] for kind, count in (("b", 40), ("n", 3)))
    poem = [f"{line}: what there is to say" for line in range(4000)]
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    for number, bot in enumerate((*waiting, *neighbours)):
        write_key(keys, bot, 1000 + number, poem)
    with HostileServer({bot: Fate(hold_back) for bot in waiting}) as network:
        flock = start("run", keys, "-q", "--base-url", network.url, "--line-interval", "0.05")
        assert network.wait_until(lambda: all(network.log[bot] for bot in waiting), TIMEOUT)
        goals = {bot: len(network.landed[bot]) + LINES for bot in neighbours}
        assert network.wait_until(lambda: all(len(network.landed[bot]) >= goals[bot] for bot in goals), TIMEOUT)
        answer.set()
        code, output, errors = flock.stop()
        said = {bot: network.said(bot) for bot in neighbours}

    assert (0, True) == (code, "Traceback" not in output + errors)
    for posts in said.values():
        assert poem[: len(posts)] == posts


@each_group
def test_the_flock_meets_no_bug_and_stops_when_told(campaign: Callable[[str], Campaign], group: str) -> None:
    """All exceptions are its own, and SIGTERM ends it."""
    done = campaign(group)
    assert "Traceback" not in done.output
    assert 0 == done.exit_code


@pytest.mark.parametrize(
    "greeting",
    [
        pytest.param(b"", id="closed unread"),
        pytest.param(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", id="a timeout"),
        pytest.param(
            b'HTTP/1.1 201 Created\r\nContent-Length: 40\r\n\r\n{"data": {"id": "77", "text": "a word"}}',
            id="a post",
        ),
    ],
)
def test_what_comes_before_the_request_is_no_answer_to_it(tmp_path: Path, greeting: bytes) -> None:
    """The first connections are greeted, or closed, before anything is asked; nothing asked there is looked at."""

    @contextmanager
    def greeted(fates: Mapping[str, Fate]) -> Iterator[Where]:
        with HostileServer(fates, greeting=greeting, greeted=10) as network:
            yield Where(network, network.url, {})

    done = hold(tmp_path / "flock", "greetings", {}, where=greeted)

    assert 0 == done.exit_code
    assert "Traceback" not in done.output
    for poem, posts in done.neighbours.values():
        assert poem[: max(LINES, len(posts))] == posts
