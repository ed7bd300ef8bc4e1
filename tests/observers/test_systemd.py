"""Systemd: sd_notify over a real socket."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flock.events import Out, Rounds, Said, Stopping
from flock.observers.systemd import Systemd
from tests.observers.conftest import Systemds

ROUNDS = Rounds(at=0.0, sheep=3, penned=(), waiting=0, in_trouble=0, alive=True)


def test_a_stuck_flock_does_not_feed_the_watchdog(systemds: Systemds) -> None:
    """Rounds that are not alive send STATUS without WATCHDOG, so that systemd restarts the flock."""
    systemd = Systemd({"NOTIFY_SOCKET": systemds.address})

    systemd(ROUNDS)
    systemd(replace(ROUNDS, alive=False))

    alive, stuck = systemds.hear_all()
    assert ["WATCHDOG=1", "STATUS=3 sheep; 0 posts since the start"] == alive
    assert ["STATUS=3 sheep, NOT MOVING; 0 posts since the start"] == stuck


def test_the_status_tells_penned_and_waiting_sheep_and_counts_posts(systemds: Systemds) -> None:
    """`systemctl status` says in one line how the flock is."""
    systemd = Systemd({"NOTIFY_SOCKET": systemds.address})
    said = Said(at=0.0, text="baa", n=0, line=0, lines=1, age=0.0, late=0.0, post_id="1")

    for _ in range(1200):
        systemd(said)
    systemd(replace(ROUNDS, sheep=9, penned=("a", "b", "c", "d"), waiting=2, in_trouble=1))

    assert [
        [
            "WATCHDOG=1",
            "STATUS=9 sheep, 4 penned (a, b, c, …), 2 waiting for a limit, 1 trying again; "
            "1,200 posts since the start",
        ]
    ] == systemds.hear_all()


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/notify"}])
def test_without_systemd_nothing_happens(environment: dict[str, str]) -> None:
    """A missing socket, or one without a listener, causes no error."""
    systemd = Systemd(environment)

    for event in (Out(at=0.0, sheep=1), ROUNDS, Stopping(at=0.0, under_way=0, grace=10.0)):
        systemd(event)


def test_a_bots_name_is_no_line_of_the_protocol(systemds: Systemds) -> None:
    """A line feed in a name would start another assignment."""
    Systemd({"NOTIFY_SOCKET": systemds.address})(replace(ROUNDS, penned=("do\nREADY=1",)))

    assert [
        ["WATCHDOG=1", "STATUS=3 sheep, 1 penned (do\ufffdREADY=1); 0 posts since the start"]
    ] == systemds.hear_all()
