"""Alerts: what is sent, and that no sheep waits for it."""

from __future__ import annotations

import logging
import shlex
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flock.events import Out, Penned, Rounds, Said, Stopped, Trouble
from flock.observers import alerts
from flock.observers.alerts import Alerts, Courier
from flock.observers.gathering import GATHER
from flock.observers.targets import CommandTarget, NotDelivered, ServiceTarget
from tests.conftest import SOON, runs, until

AT = 1795455485.0
OUT = Out(at=AT, sheep=2)
ROUNDS = Rounds(at=AT, sheep=2, penned=(), waiting=0, in_trouble=0, alive=True)
PENNED = Penned(at=AT, bot="dolly", why="suspended", advice="appeal")
SAID = Said(at=AT, bot="dolly", text="baa", n=0, line=0, lines=1, age=0.0, late=0.0, post_id="1")
STOPPED = Stopped(at=AT, why="stopped as asked")
ENDED = Trouble(at=AT, since=AT, kind="ended")


class Ear:
    """A target that keeps what it gets. It fails so many times, and waits until `is_open`."""

    def __init__(self, name: str = "an ear", *, failures: int = 0, repeats: bool = True) -> None:
        self.name = name
        self.repeats = repeats
        self.failures = failures
        self.is_open = threading.Event()
        self.is_open.set()
        self.tries = 0
        self.heard: list[Trouble] = []

    def send(self, alert: Trouble) -> None:
        self.tries += 1
        assert self.is_open.wait(30)
        if self.failures:
            self.failures -= 1
            raise NotDelivered("no route")
        self.heard.append(alert)

    def give_up(self) -> None:
        pass

    @property
    def kinds(self) -> list[str]:
        """What was heard."""
        return [f"{'no longer ' if alert.is_over else ''}{alert.kind}" for alert in self.heard]


class Time:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let failed alerts be tried again soon."""
    monkeypatch.setattr(alerts, "_FIRST_RETRY", 0.001)


def test_a_trouble_and_its_end_are_told(ear: Ear) -> None:
    """The shepherd's rounds drive the time."""
    clock = Time()
    observer = Alerts([ear], now=clock)
    for event in (OUT, PENNED, ROUNDS):
        observer(event)
    assert [] == ear.heard

    clock.now += GATHER
    observer(ROUNDS)
    observer(SAID)
    clock.now += GATHER
    observer(ROUNDS)
    observer(STOPPED)

    assert observer.close()
    assert ["penned", "no longer penned", "ended"] == ear.kinds


def test_a_flock_that_does_not_say_that_it_ends_has_met_an_error(ear: Ear) -> None:
    """Such as a bug that ends the shepherd."""
    observer = Alerts([ear])
    observer(OUT)

    assert observer.close()
    assert [("ended", ("by an error; its log has more",))] == [(alert.kind, alert.whys) for alert in ear.heard]


def test_a_flock_that_was_not_out_has_not_ended(ear: Ear) -> None:
    """The command line tells of what is wrong with its options and keys."""
    assert Alerts([ear]).close()
    assert [] == ear.heard


def test_the_end_of_a_run_of_cron_is_no_alert(ear: Ear) -> None:
    """There is one each minute. What it met is told at its end."""
    observer = Alerts([ear], once=True)
    for event in (OUT, PENNED, STOPPED):
        observer(event)

    assert observer.close()
    assert ["penned"] == ear.kinds


@pytest.mark.usefixtures("hurried")
def test_a_target_that_fails_gets_the_alert_again(ear: Ear, caplog: pytest.LogCaptureFixture) -> None:
    """In order. One warning tells of it, and one line that it works again."""
    caplog.set_level(logging.INFO, "flock")
    ear.failures = 3
    courier = Courier(ear)
    for kind in ("penned", "ended"):
        courier.take(Trouble(at=AT, since=AT, kind=kind))

    until("both are heard", lambda: len(ear.heard) == 2)
    courier.close()

    assert courier.join(30)
    assert (["penned", "ended"], 5) == (ear.kinds, ear.tries)
    assert [
        "no alert can be sent to an ear: no route; it is tried again",
        "an ear takes alerts again",
    ] == caplog.messages


def test_a_command_that_fails_is_not_run_again(caplog: pytest.LogCaptureFixture) -> None:
    """It may have done half of its work."""
    caplog.set_level(logging.INFO, "flock")
    ear = Ear(failures=1, repeats=False)
    courier = Courier(ear)
    courier.take(ENDED)
    courier.take(ENDED)
    courier.close()

    assert courier.join(30)
    assert (["ended"], 2) == (ear.kinds, ear.tries)
    assert ["no alert can be sent to an ear: no route", "an ear takes alerts again"] == caplog.messages


def test_of_the_alerts_that_wait_the_oldest_are_dropped(ear: Ear, caplog: pytest.LogCaptureFixture) -> None:
    """Twenty wait at most."""
    ear.is_open.clear()
    courier = Courier(ear)
    courier.take(ENDED)
    until("the first is being sent", lambda: ear.tries == 1)
    for number in range(25):
        courier.take(Trouble(at=AT + number, since=AT, kind="penned"))
    ear.is_open.set()
    courier.close()

    assert courier.join(30)
    assert [AT, *(AT + number for number in range(5, 25))] == [alert.at for alert in ear.heard]
    assert 5 * ["an ear is behind: its oldest alert is dropped"] == caplog.messages


@pytest.fixture
def dead_server() -> Iterator[str]:
    """Return the address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_dead_mail_server_delays_nobody(ear: Ear, dead_server: str) -> None:
    """No sheep that tells an event, no shepherd, no other target; and the end of the flock by some seconds."""
    clock = Time()
    url = f"mailto://{dead_server}/?from=a@example.com&to=b@example.com&mode=insecure"
    observer = Alerts([ServiceTarget(url, "URL 1"), ear], now=clock)
    begun = time.monotonic()
    observer(OUT)
    for number in range(1000):
        observer(Penned(at=AT, bot=f"bot{number}", why="suspended", advice="appeal"))
        observer(SAID)
    clock.now += GATHER
    observer(ROUNDS)
    assert time.monotonic() - begun < SOON
    until("the other target has it", lambda: ear.kinds == ["penned"])
    observer(STOPPED)

    ended = time.monotonic()
    assert not observer.close(0.5)
    assert time.monotonic() - ended < SOON
    assert ["penned", "ended"] == ear.kinds


def test_a_command_that_hangs_does_not_outlive_flock(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither does the next one begin, for an alert that waits."""
    begun = tmp_path / "begun"
    command = CommandTarget(shlex.join(["sh", "-c", f"echo $$ >> {begun}; sleep 60"]))
    observer = Alerts([command])
    for alert in (ENDED, ENDED):
        observer._send([alert])
    until("the command runs", lambda: begun.exists() and begun.read_text().endswith("\n"))

    assert not observer.close(0.1)

    command_pid = int(begun.read_text())
    until("the command is gone", lambda: not runs(command_pid))

    def told() -> list[str]:  # mail of the tests before may fail only now
        return [text for text in caplog.messages if "--on-trouble" in text]

    until("it is told", lambda: bool(told()))
    assert ["no alert can be sent to --on-trouble: the flock has ended before it"] == told()
    assert 1 == len(begun.read_text().splitlines())
