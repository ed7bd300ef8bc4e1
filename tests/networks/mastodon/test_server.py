"""What a server says about itself is asked once a day, and kept over restarts."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import simplejson as json

from flock.clock import VirtualClock
from flock.errors import Unavailable
from flock.networks.kept import KeptFile, KeptTexts
from flock.networks.mastodon.length import Rules
from flock.networks.mastodon.server import Server
from flock.units import DAY, HOUR
from tests.conftest import until
from tests.networks.mastodon.conftest import NOW

URL = "https://botsin.example"
OLD, NEW = Rules(most=640, keeps_keys=True), Rules(most=700)


class Instance:
    """A server that is asked for its rules; `answer` is what it says now."""

    def __init__(self, answer: Rules | Unavailable | None) -> None:
        self.answer = answer
        self.asked = 0

    def __call__(self) -> Rules | None:
        self.asked += 1
        if isinstance(self.answer, Unavailable):
            raise self.answer
        return self.answer


class Runs:
    """The processes of a flock, one after the other, with one file and one clock."""

    def __init__(self, file: KeptFile) -> None:
        self.kept = KeptTexts(file, "rules")
        self.clock = VirtualClock(NOW)

    def start(self) -> Server:
        """Return what a new process knows about the server."""
        return Server(URL, self.kept, wall=self.clock.wall, steady=self.clock.now)

    def pass_time(self, seconds: float) -> None:
        """Let so much time pass."""
        self.clock.advance_to(self.clock.now() + seconds)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    """A flock that has not run yet."""
    with closing(KeptFile(tmp_path / "flock.db.sessions")) as file:
        yield Runs(file)


AWAY = Unavailable("botsin.example takes no connection")


def test_one_bot_asks_and_the_others_wait() -> None:
    """A flock of a thousand starts at once."""
    asked = []
    gate = threading.Event()

    def ask() -> Rules:
        asked.append(1)
        gate.wait(10)
        return Rules(most=640)

    server = Server("https://botsin.example")
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(server.rules, ask) for _ in range(8)]
        gate.set()
        assert [Rules(most=640)] * 8 == [answer.result(10) for answer in answers]
    assert [1] == asked


def test_a_failure_is_shared_by_the_bots_that_wait_for_the_answer() -> None:
    """They would else ask one after the other, a minute each. A bot that comes later asks again."""
    asked = []
    gate, begun = threading.Event(), threading.Event()
    server = Server("https://botsin.example")

    def ask() -> Rules:
        asked.append(1)
        begun.set()
        gate.wait(10)
        raise Unavailable("botsin.example takes no connection")

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(server.rules, ask)]
        begun.wait(10)
        answers += [pool.submit(server.rules, ask) for _ in range(7)]
        until("all wait", lambda: all(answer.running() for answer in answers))
        gate.set()
        assert ["botsin.example takes no connection"] * 8 == [str(answer.exception(10)) for answer in answers]
    assert len(asked) < 8

    assert Rules(most=640) == server.rules(lambda: Rules(most=640))


def test_a_day_passes_until_a_server_is_asked_again(runs: Runs) -> None:
    """By the same process, or by the next one."""
    instance = Instance(OLD)
    server = runs.start()
    assert [OLD] * 3 == [server.rules(instance), server.rules(instance), runs.start().rules(instance)]
    runs.pass_time(DAY - 1)
    assert [OLD] * 2 == [server.rules(instance), runs.start().rules(instance)]
    assert 1 == instance.asked

    instance.answer = NEW
    runs.pass_time(1)

    assert [NEW] * 3 == [server.rules(instance), server.rules(instance), runs.start().rules(instance)]
    assert 2 == instance.asked


@pytest.mark.parametrize("answer", [AWAY, None])
@pytest.mark.parametrize("anew", [False, True])
def test_old_rules_hold_on_while_the_server_does_not_tell_others(
    runs: Runs, answer: Unavailable | None, *, anew: bool
) -> None:
    """A line under way is cut as before; the server is asked again after ten minutes."""
    first = runs.start()
    first.rules(Instance(OLD))
    runs.pass_time(30 * DAY)
    server = runs.start() if anew else first
    instance = Instance(answer)

    assert [OLD] * 3 == [server.rules(instance) for _ in range(3)]
    assert 1 == instance.asked

    instance.answer = NEW
    runs.pass_time(599)
    assert OLD == server.rules(instance)
    runs.pass_time(1)
    assert NEW == server.rules(instance)


def test_without_kept_rules_nothing_is_guessed_while_the_server_is_away(runs: Runs) -> None:
    """The next bot asks again at once."""
    server, instance = runs.start(), Instance(AWAY)
    for _ in range(2):
        with pytest.raises(Unavailable, match="takes no connection"):
            server.rules(instance)
    instance.answer = OLD
    assert OLD == server.rules(instance)
    assert 3 == instance.asked


def test_a_clock_that_was_set_back_makes_rules_old(runs: Runs) -> None:
    """They seem to be of the future; else they would be believed for years."""
    runs.start().rules(Instance(OLD))
    runs.clock.skew = -HOUR
    assert NEW == runs.start().rules(Instance(NEW))


def test_rules_that_are_forgotten_are_not_kept(runs: Runs) -> None:
    """A server that refuses a text as too long has other rules by now."""
    server = runs.start()
    server.rules(Instance(OLD))
    server.forget()
    with pytest.raises(Unavailable):
        runs.start().rules(Instance(AWAY))
    assert NEW == server.rules(Instance(NEW))


@pytest.mark.parametrize(
    "odd",
    [
        *("{", "[]", "1", '{"most": 7}', '{"told_at": 1, "rules": 1}', '{"rules": {}}'),
        json.dumps({"told_at": NOW, "rules": {"colour": "white"}}),
        json.dumps({"told_at": "soon", "rules": {}}),
    ],
)
def test_rules_of_another_version_are_not_read(runs: Runs, odd: str) -> None:
    """The server is asked."""
    runs.kept[URL] = odd
    assert NEW == runs.start().rules(Instance(NEW))


def test_a_file_that_fails_does_not_hold_a_post_back(tmp_path: Path) -> None:
    """The server can be asked at each start."""
    file = KeptFile(tmp_path / "flock.db.sessions")
    kept = KeptTexts(file, "rules")
    file.close()
    server = Server(URL, kept)
    assert OLD == server.rules(Instance(OLD))
    server.forget()
    assert NEW == server.rules(Instance(NEW))


def test_a_server_that_does_not_tell_has_mastodons_rules(runs: Runs) -> None:
    """Which are not kept: it may tell them later."""
    assert Rules() == runs.start().rules(Instance(None))
    assert {} == dict(runs.kept)
