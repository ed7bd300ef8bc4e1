"""The sentence for each event, and text made safe to show on a terminal or in a log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import singledispatch

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
    TroubleKind,
    Unsure,
    Waiting,
)
from flock.units import DAY, HOUR, roughly

_LONG_WAIT = 30.0  # seconds; a start that takes longer until its first line says so

_MARKS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))  # they reorder text (bidi)
_C1_AND_LINE_ENDS = (0x7F, *range(0x80, 0xA0), 0x2028, 0x2029)
_REPLACED = dict.fromkeys([*range(0x09), *range(0x0A, 0x20), *_C1_AND_LINE_ENDS, *_MARKS], "\ufffd")
JSON_ESCAPES = {code: f"\\u{code:04x}" for code in (*_C1_AND_LINE_ENDS, *_MARKS)}


def harmless(text: str) -> str:
    """Return `text` on one line, with U+FFFD for each control, line-end and bidirectional control character.

    A terminal would obey some of them, and others show text in another order than it is in. A tab stays.
    """
    return text.translate(_REPLACED)


def on_one_line(text: str) -> str:
    """Return the text of a stanza as people write it on one line: "the fog comes / on little cat feet"."""
    return text.replace("\n", " / ")


@singledispatch
def describe(event: Event) -> str:
    """Return the sentence that tells people of `event`; the bot is its subject and is not named in it.

    The sentence holds texts of poems and networks as they are: show it with `harmless`. An event without a
    sentence of its own is described by its name and its fields.
    """
    fields = event.as_dict()
    name = fields.pop("event")
    return ", ".join(
        [name, *(f"{field}={value!r}" for field, value in fields.items() if field not in ("at", "bot"))]
    )


@describe.register
def _said(event: Said) -> str:
    return on_one_line(event.text)


@describe.register
def _birthday(event: Birthday) -> str:
    times = "once" if event.age == 1 else "twice" if event.age == 2 else f"{event.age} times"
    return f"is {event.age} today: has said its whole poem {times}, and rests {roughly(event.rest)}"


@describe.register
def _skipped(event: Skipped) -> str:
    what = "the rest of a line" if event.piece else "a line"
    return f"skips {what}: {event.why}: {on_one_line(event.text)}"


@describe.register
def _unsure(event: Unsure) -> str:
    return f"may or may not have said this, and goes on: {event.why}: {on_one_line(event.text)}"


@describe.register
def _failed(event: Failed) -> str:
    return f"a try failed on {event.service}: {event.kind}"


@describe.register
def _backing_off(event: BackingOff) -> str:
    advice = f"; if that lasts: {event.advice}" if event.advice else ""
    return f"tries again in {roughly(event.seconds)}: {event.why}{advice}"


@describe.register
def _waiting(event: Waiting) -> str:
    advice = f"; {event.advice}" if event.advice else ""
    return f"waits until {_time_of_day(event)}: {event.why}{advice}"


@describe.register
def _paced(event: Paced) -> str:
    return f"waits until {_time_of_day(event)}: {event.why}"


def _time_of_day(event: Waiting | Paced) -> str:
    """Return until when a bot waits, in local time, and how long that is: "14:30 CET (15m)"; after a day or more,
    or nearly a day, with the date."""
    until = time.localtime(event.at + event.seconds)
    shown = time.strftime("%H:%M %Z" if event.seconds < DAY - HOUR else "%Y-%m-%d %H:%M %Z", until)
    return f"{shown} ({roughly(event.seconds)})"


@describe.register
def _penned(event: Penned) -> str:
    if event.with_its_app:
        return f"is penned, like others of its app: {event.why}"
    return f"IS PENNED: {event.why}; {event.advice}; then save its key file, or start the flock anew"


@describe.register
def _released(event: Released) -> str:
    return f"is let out of the pen: {event.why}"


@describe.register
def _stumbled(event: Stumbled) -> str:
    bug = "met a bug in flock" if event.in_flock else "met a bug in its own class"
    return f"{bug}, and tries again in {roughly(event.seconds)}: {event.why}"


@describe.register
def _died(event: Died) -> str:
    return f"HAS STOPPED by an error, and says nothing until the flock is started anew: {event.why}"


@describe.register
def _gone_quiet(event: GoneQuiet) -> str:
    bots = f"{len(event.bots)} SHEEP HAVE GONE QUIET ({_some(event.bots)})" if event.bots else "HAS GONE QUIET"
    return f"{bots}: nothing for {roughly(event.seconds)}: {event.why}"


@describe.register
def _nobody_quiet(_event: NobodyQuiet) -> str:
    return "every sheep that had gone quiet has posted again, or is penned or waiting"


@describe.register
def _picked_up(event: PickedUp) -> str:
    return f"finds its poem edited, and goes on at line {event.line + 1}: {on_one_line(event.text)}"


@describe.register
def _poem_changed(event: PoemChanged) -> str:
    return f"has another poem than before, and begins at its top: {on_one_line(event.text)}"


@describe.register
def _temperament_changed(event: TemperamentChanged) -> str:
    return f"has another temperament or seed than before, and goes on at line {event.line + 1}: {event.text}"


@describe.register
def _renewed(event: Renewed) -> str:
    return f"goes on with what was changed: {', '.join(event.what)}"


@describe.register
def _obeyed(event: Obeyed) -> str:
    when = f"in {roughly(event.seconds)}" if event.seconds >= 1 else "now"
    follows = event.why or f"next, {when}: {event.text}"
    return f"does as it is told: {event.command}; {follows}"


@describe.register
def _told(event: Told) -> str:
    return f"is told: {event.command}; {event.why}"


@describe.register
def _declined(event: Declined) -> str:
    return f"cannot do as it is told: {event.command}: {event.why}"


@describe.register
def _out(event: Out) -> str:
    where = f" to {event.where}" if event.where else ""
    first = f"; the first line is due in {roughly(event.first_in)}" if event.first_in >= _LONG_WAIT else ""
    return f"{event.sheep} sheep on the way out{where}{first}"


@describe.register
def _new_journal(event: NewJournal) -> str:
    return f"a new journal: every bot starts at line 1 ({event.path})"


@describe.register
def _rounds(event: Rounds) -> str:
    parts = [f"{event.sheep} sheep"]
    if event.penned:
        parts.append(f"{len(event.penned)} penned ({_some(event.penned)})")
    if event.paused:
        parts.append(f"{event.paused} paused")
    if event.waiting:
        parts.append(f"{event.waiting} waiting for a limit")
    if event.in_trouble:
        parts.append(f"{event.in_trouble} trying again")
    if event.dead:
        parts.append(f"{len(event.dead)} stopped by an error ({_some(event.dead)})")
    if not event.alive:
        parts.append("NOT MOVING")
    return ", ".join(parts)


@describe.register
def _called(_event: Called) -> str:
    return "SIGHUP: penned and waiting sheep try again, and the keys are read anew"


@describe.register
def _reloaded(event: Reloaded) -> str:
    parts = [f"{len(names)} {what} ({_some(names)})" for names, what in _moves(event) if names]
    if event.changed:
        parts.append(f"{event.changed} changed")
    if event.bad:
        parts.append("1 file cannot be used" if event.bad == 1 else f"{event.bad} files cannot be used")
    return f"the keys are read: {', '.join(parts) or 'nothing has changed'}"


def _moves(event: Reloaded) -> tuple[tuple[Sequence[str], str], ...]:
    return (event.added, "added"), (event.removed, "removed")


@describe.register
def _stopping(event: Stopping) -> str:
    if not event.under_way:
        return "stopping"
    posts = "1 post" if event.under_way == 1 else f"{event.under_way} posts"
    return f"stopping; up to {roughly(event.grace)} for {posts} under way"


@describe.register
def _stopped(event: Stopped) -> str:
    return f"the flock has ended: {event.why}"


@describe.register
def _silenced(event: Silenced) -> str:
    return f"NOTHING CAN BE SAID: {event.why}; the flock goes on when the journal can be written"


@describe.register
def _speaks_again(_event: SpeaksAgain) -> str:
    return "the journal can be written again; the flock goes on"


@describe.register
def _dropped(event: Dropped) -> str:
    lines = "1 line was" if event.lines == 1 else f"{event.lines:,} lines were"
    return f"{lines} dropped: {event.why}"


# What has happened to a bot or to several; what the end of it is called; what to do.
_OF_BOTS: dict[TroubleKind, tuple[str, str, str]] = {
    "penned": ("is penned", "are penned", "A penned bot posts nothing until you act."),
    "quiet": ("has gone quiet", "have gone quiet", "Each bot tries again by itself."),
    "credits": ("has no credits left", "have no credits left", "Top up the developer account."),
    "died": ("has stopped by an error", "have stopped by an error", "Start the flock anew, and report the error."),
}


@describe.register
def _trouble(event: Trouble) -> str:
    if event.kind in _OF_BOTS:
        one, many, _ = _OF_BOTS[event.kind]
        names = _some(event.bots) if event.count > 1 else ""
        bots = f"{event.count:,} bots ({names})" if names else event.bot
        if event.is_over:
            return f"{bots} {'are' if names else 'is'} well again, after {roughly(event.at - event.since)}"
        return f"{bots} {many if names else one}" + (f": {event.whys[0]}" if event.whys else "")
    why = f": {event.whys[0]}" if event.whys else ""
    if event.kind == "ended":
        return f"the flock has ended{why}"
    if event.is_over:
        return f"the journal can be written again, after {roughly(event.at - event.since)}"
    return f"nothing can be said{why}"


def advice(event: Trouble) -> str:
    """Return what the operator should know about a trouble that goes on, in one sentence, or an empty text."""
    return _OF_BOTS[event.kind][2] if event.kind in _OF_BOTS and not event.is_over else ""


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
