"""Events, and how they reach the observers."""

from __future__ import annotations

from collections import Counter

import pytest

from flock.events import Called, Event, Events, Penned, Silenced

PENNED = Penned(at=0.0, bot="dolly", why="suspended", advice="appeal")
SILENCED = Silenced(at=0.0, why="disk full")


def test_an_observer_that_fails_is_logged_and_the_others_get_the_event(caplog: pytest.LogCaptureFixture) -> None:
    """An observer's exception does not reach the sheep."""
    heard: list[Event] = []

    def fail(event: Event) -> None:
        raise RuntimeError(event.bot)

    Events([fail, heard.append]).tell(PENNED)

    assert [PENNED] == heard
    assert ["an observer failed on the event Penned; the next such failure is not logged"] == [
        record.message for record in caplog.records
    ]
    assert caplog.records[0].exc_info


def test_a_failure_is_logged_once_for_each_kind_of_it(caplog: pytest.LogCaptureFixture) -> None:
    """A broken observer must not fill the log: one traceback a place and type, not one an event."""

    def fail(event: Event) -> None:
        if isinstance(event, Called):
            raise KeyError
        raise ValueError if isinstance(event, Penned) else RuntimeError

    events = Events([fail, fail])
    for _ in range(10):
        for event in (PENNED, SILENCED, Called(at=0.0)):
            events.tell(event)

    kinds = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert Counter({ValueError: 2, RuntimeError: 2, KeyError: 2}) == Counter(kinds)
