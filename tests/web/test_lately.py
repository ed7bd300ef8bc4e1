"""The posts of the last hour."""

from __future__ import annotations

from flock.journal import Noted, Outcome
from flock.logbook import Entry
from flock.units import HOUR, MINUTE
from flock.web.lately import Lately


def entry(at: float, outcome: Outcome = Outcome.SAID) -> Entry:
    """Return a post of dolly."""
    return Entry("dolly", "X", Noted("x:dolly", 0, 0, "baa", outcome, at), "")


def test_posts_count_for_an_hour() -> None:
    """What was skipped does not; nor what was dated in a future that the clock no longer knows."""
    lately = Lately()
    lately.add([entry(1_000), entry(1_001), entry(1_000 + HOUR), entry(1_000, Outcome.SKIPPED)])
    assert {"dolly": 3} == lately.counts(1_000 + MINUTE)
    assert {"dolly": 1} == lately.counts(1_000 + HOUR + MINUTE)
    lately.add([entry(99 * HOUR)])
    assert {"dolly": 1} == lately.counts(1_000 + HOUR + MINUTE)
