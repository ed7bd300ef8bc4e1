"""The sentence of each event, and text that is safe to show."""

from __future__ import annotations

import dataclasses
import json
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock import events
from flock.events import (
    BackingOff,
    Birthday,
    Called,
    Declined,
    Died,
    Dropped,
    Event,
    Failed,
    GoneQuiet,
    NewJournal,
    NobodyQuiet,
    Obeyed,
    Out,
    Paced,
    Penned,
    PickedUp,
    PoemChanged,
    Released,
    Reloaded,
    Renewed,
    Rounds,
    Said,
    Silenced,
    Skipped,
    SpeaksAgain,
    Stopped,
    Stopping,
    Stumbled,
    TemperamentChanged,
    Told,
    Trouble,
    Unsure,
    Waiting,
)
from flock.observers.wording import JSON_ESCAPES, describe, harmless
from flock.units import DAY

AT = 1795455485.25
ROUNDS = Rounds(at=AT, sheep=9, penned=(), waiting=0, in_trouble=0, alive=True)
MARKS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"


def clock(at: float, date: str = "") -> str:
    """Return the local time of day."""
    return time.strftime(f"{date}%H:%M %Z", time.localtime(at))


SENTENCES = [
    (Said(at=AT, text="baa", n=4, line=1, lines=2, age=2.5, late=0.0, post_id="99"), "baa"),
    (Birthday(at=AT, age=1, rest=5400), "is 1 today: has said its whole poem once, and rests 1.5h"),
    (Birthday(at=AT, age=2, rest=5400), "is 2 today: has said its whole poem twice, and rests 1.5h"),
    (Birthday(at=AT, age=3, rest=5400), "is 3 today: has said its whole poem 3 times, and rests 1.5h"),
    (Skipped(at=AT, text="baa", n=1, why="too long"), "skips a line: too long: baa"),
    (
        Unsure(at=AT, text="baa", n=1, why="no answer"),
        "may or may not have said this, and goes on: no answer: baa",
    ),
    (Failed(at=AT, bot="dolly", kind="Unavailable", service="X"), "a try failed on X: Unavailable"),
    (
        Trouble(at=AT, kind="penned", since=AT - 9, bot="dolly", count=1, bots=("dolly",), whys=("401; sign in",)),
        "dolly is penned: 401; sign in",
    ),
    (
        Trouble(at=AT, kind="quiet", since=AT - 90, count=1000, bots=("ann", "ben", "cat", "dan")),
        "1,000 bots (ann, ben, cat, …) have gone quiet",
    ),
    (
        Trouble(at=AT, kind="quiet", since=AT - 600, is_over=True, count=2, bots=("ann", "ben")),
        "2 bots (ann, ben) are well again, after 10m",
    ),
    (
        Trouble(at=AT, kind="credits", since=AT - 600, is_over=True, bot="ann", count=1, bots=("ann",)),
        "ann is well again, after 10m",
    ),
    (
        Trouble(at=AT, kind="journal", since=AT, whys=("the disk is full",)),
        "nothing can be said: the disk is full",
    ),
    (
        Trouble(at=AT, kind="journal", since=AT - 60, is_over=True),
        "the journal can be written again, after 1m",
    ),
    (Trouble(at=AT, kind="ended", since=AT, whys=("stopped as asked",)), "the flock has ended: stopped as asked"),
    (BackingOff(at=AT, why="X is down", seconds=8, attempt=3), "tries again in 8s: X is down"),
    (Waiting(at=AT, why="rate limit", seconds=900), f"waits until {clock(AT + 900)} (15m): rate limit"),
    (
        Waiting(at=AT, why="no credits", seconds=60, advice="top up"),
        f"waits until {clock(AT + 60)} (1m): no credits; top up",
    ),
    (
        Waiting(at=AT, why="a plan", seconds=2 * DAY),
        f"waits until {clock(AT + 2 * DAY, '%Y-%m-%d ')} (2d): a plan",
    ),
    (
        Waiting(at=AT, why="a cap", seconds=DAY - 1),
        f"waits until {clock(AT + DAY - 1, '%Y-%m-%d ')} (1d): a cap",
    ),
    (Paced(at=AT, why="its 20 posts", seconds=4320), f"waits until {clock(AT + 4320)} (1.2h): its 20 posts"),
    (
        Penned(at=AT, why="suspended", advice="appeal"),
        "IS PENNED: suspended; appeal; then save its key file, or start the flock anew",
    ),
    (
        Penned(at=AT, why="401", advice="x", with_its_app=True),
        "is penned, like others of its app: 401",
    ),
    (Released(at=AT, why="its key file has changed"), "is let out of the pen: its key file has changed"),
    (Stumbled(at=AT, why="KeyError", seconds=2), "met a bug in flock, and tries again in 2s: KeyError"),
    (
        Stumbled(at=AT, why="decide of Odd (odd.py, line 7) returned None", seconds=2, in_flock=False),
        "met a bug in its own class, and tries again in 2s: decide of Odd (odd.py, line 7) returned None",
    ),
    (
        Died(at=AT, why="KeyError: 7"),
        "HAS STOPPED by an error, and says nothing until the flock is started anew: KeyError: 7",
    ),
    (GoneQuiet(at=AT, seconds=61, why="no answer"), "HAS GONE QUIET: nothing for 61s: no answer"),
    (
        GoneQuiet(at=AT, seconds=120, why="no answer", bots=("a", "b", "c", "d")),
        "4 SHEEP HAVE GONE QUIET (a, b, c, …): nothing for 2m: no answer",
    ),
    (NobodyQuiet(at=AT), "every sheep that had gone quiet has posted again, or is penned or waiting"),
    (PickedUp(at=AT, line=2, text="baa"), "finds its poem edited, and goes on at line 3: baa"),
    (PoemChanged(at=AT, text="baa"), "has another poem than before, and begins at its top: baa"),
    (NewJournal(at=AT, path="/f.db"), "a new journal: every bot starts at line 1 (/f.db)"),
    (
        TemperamentChanged(at=AT, line=2, text="baa"),
        "has another temperament or seed than before, and goes on at line 3: baa",
    ),
    (Obeyed(at=AT, command="skip", text="baa", seconds=30), "does as it is told: skip; next, in 30s: baa"),
    (Obeyed(at=AT, command="now", text="baa", seconds=0.05), "does as it is told: now; next, now: baa"),
    (
        Obeyed(at=AT, command="from 7", text="baa", seconds=30, why="it is paused"),
        "does as it is told: from 7; it is paused",
    ),
    (
        Told(at=AT, command="skip", why="when the post under way has been settled"),
        "is told: skip; when the post under way has been settled",
    ),
    (
        Declined(at=AT, command="again", why="it has said nothing yet"),
        "cannot do as it is told: again: it has said nothing yet",
    ),
    (Out(at=AT, sheep=5), "5 sheep on the way out"),
    (Out(at=AT, sheep=5, where="X", first_in=29.9), "5 sheep on the way out to X"),
    (
        Out(at=AT, sheep=5, where="X", first_in=3600),
        "5 sheep on the way out to X; the first line is due in 1h",
    ),
    (ROUNDS, "9 sheep"),
    (
        dataclasses.replace(ROUNDS, penned=("a",), waiting=2, in_trouble=1, alive=False, paused=3),
        "9 sheep, 1 penned (a), 3 paused, 2 waiting for a limit, 1 trying again, NOT MOVING",
    ),
    (Called(at=AT), "SIGHUP: penned and waiting sheep try again, and the keys are read anew"),
    (Renewed(at=AT, what=("line_interval", "poem")), "goes on with what was changed: line_interval, poem"),
    (
        Reloaded(at=AT, added=("a", "b", "c", "d"), removed=("e",), changed=2, bad=3),
        "the keys are read: 4 added (a, b, c, …), 1 removed (e), 2 changed, 3 files cannot be used",
    ),
    (Reloaded(at=AT, added=(), removed=(), changed=0, bad=1), "the keys are read: 1 file cannot be used"),
    (Reloaded(at=AT, added=(), removed=(), changed=0, bad=0), "the keys are read: nothing has changed"),
    (Stopping(at=AT, under_way=0, grace=10), "stopping"),
    (Stopping(at=AT, under_way=1, grace=10), "stopping; up to 10s for 1 post under way"),
    (Stopping(at=AT, under_way=2, grace=10), "stopping; up to 10s for 2 posts under way"),
    (Stopped(at=AT, why="stopped as asked"), "the flock has ended: stopped as asked"),
    (
        Silenced(at=AT, why="disk full"),
        "NOTHING CAN BE SAID: disk full; the flock goes on when the journal can be written",
    ),
    (Dropped(at=AT, lines=1, why="too slow"), "1 line was dropped: too slow"),
    (Dropped(at=AT, lines=1234, why="too slow"), "1,234 lines were dropped: too slow"),
    (SpeaksAgain(at=AT), "the journal can be written again; the flock goes on"),
]


@pytest.mark.parametrize(("event", "sentence"), SENTENCES, ids=[type(event).__name__ for event, _ in SENTENCES])
def test_each_event_has_its_sentence(event: Event, sentence: str) -> None:
    """The bot is the subject; the line's beginning names it."""
    assert sentence == describe(event)


def test_no_event_is_without_a_sentence() -> None:
    """A new kind of event needs a sentence in wording.py, and a row in this table."""
    kinds = {kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)}
    assert {kind.__name__ for kind in kinds - {Event}} == {type(event).__name__ for event, _ in SENTENCES}


def test_an_event_of_another_program_is_described_by_its_fields() -> None:
    """A subclass in a user's own program is shown too."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Sneezed(Event):
        times: int

    assert "sneezed, times=2" == describe(Sneezed(at=AT, bot="dolly", times=2))


def test_events_hold_no_sentences() -> None:
    """They are data, for programs; what people read is made here."""
    assert [] == [
        kind.__name__ for kind in vars(events).values() if isinstance(kind, type) and "__str__" in vars(kind)
    ]


@given(st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp", "L"]) | st.sampled_from(MARKS)))
def test_harmless_text_is_one_line_that_reorders_nothing(text: str) -> None:
    """No control character but a tab, no end of a line, no bidirectional control."""
    shown = harmless(text)
    assert len(text) == len(shown)
    assert not any(
        letter in MARKS or (unicodedata.category(letter) == "Cc" and letter != "\t") for letter in shown
    )


@given(st.text(st.sampled_from("aé羊\t" + MARKS + "\x7f\x85\x9b")))
def test_json_escapes_what_a_terminal_would_obey(text: str) -> None:
    """And reads back as it was."""
    line = json.dumps(text, ensure_ascii=False).translate(JSON_ESCAPES)
    assert harmless(line) == line
    assert text == json.loads(line)


def test_a_stanza_is_told_on_one_line() -> None:
    """As people write verses in prose; a network's own words keep their marks."""
    said = Said(
        at=0.0, bot="dolly", text="the fog comes\non little cat feet", n=0, post_id=None, line=0, lines=1, piece=0,
        pieces=1, age=0.0, late=0.0,
    )  # fmt: skip
    assert "the fog comes / on little cat feet" == harmless(describe(said))
    skipped = Skipped(at=0.0, bot="dolly", text="a\nb", n=0, why="no\nreason")
    assert "skips a line: no\ufffdreason: a / b" == harmless(describe(skipped))
