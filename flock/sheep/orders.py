"""What a bot does that its operator tells something: the pure step from its place to the one that this leads to.

A command changes what comes next, or whether anything does; only `now` and `resume` change when. All commands but
`pause` and `resume` are obeyed after a post whose answer is missing has been settled: nothing here withdraws one
that may be out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from flock.errors import Refused
from flock.journal import WELL, Command, Place, Standing, Verb
from flock.keys.key import Thread
from flock.sheep.place import Recite, onward

AT_ONCE = frozenset({Verb.PAUSE, Verb.RESUME})  # also while a post may be out


class Step(NamedTuple):
    """Where a command leads to, and how the sheep fares then. Where it leads nowhere, `why` says why."""

    place: Place
    standing: Standing
    why: str = ""


class Circumstances(NamedTuple):
    """What a command is obeyed in. Times are steady time, but for the wall-clock time `wall`.

    `line_after` returns when the line after a place is due, and `thread` says which posts answer each other.
    `delay` is for how many seconds a bot that is told to go on waits, so that not all post at once. `source` is
    the place in the poem, from 0, of the line that `Verb.FROM` names; None where there is none.
    """

    recite: Recite
    line_after: Callable[[Place], float]
    thread: Thread
    now: float
    wall: float
    delay: float = 0.0
    source: int | None = None


def obey(command: Command, here: Place, standing: Standing, given: Circumstances) -> Step:
    """Return the step from `here` that `command` asks for. No post may be out unless it is one of `AT_ONCE`."""
    return _STEPS[command.verb](command, here, standing, given)


def _pause(_: Command, here: Place, standing: Standing, given: Circumstances) -> Step:
    return Step(here if here.paused is not None else here._replace(paused=given.wall), standing)


def _resume(_: Command, here: Place, standing: Standing, given: Circumstances) -> Step:
    if here.paused is None:
        return Step(here, standing)
    return Step(here._replace(paused=None, due=max(here.due, given.now + given.delay)), standing)


def _now(_: Command, here: Place, standing: Standing, given: Circumstances) -> Step:
    return Step(here._replace(due=min(here.due, given.now + given.delay)), standing)


def _top(_: Command, here: Place, standing: Standing, given: Circumstances) -> Step:
    return Step(_jump(here, 0, given), _tried_anew(standing))


def _from(command: Command, here: Place, standing: Standing, given: Circumstances) -> Step:
    if given.source is None:
        return Step(here, standing, f"its poem has no line {command.line}, nor one after it")
    utterances = given.recite(here.recitations).utterances
    line = next((place for place, each in enumerate(utterances) if each.line >= given.source), None)
    if line is None:
        return Step(here, standing, f"it has forgotten line {command.line}, and all after it, this time")
    return Step(_jump(here, line, given), _tried_anew(standing))


def _skip(_: Command, here: Place, standing: Standing, given: Circumstances) -> Step:
    """Leave out the line that comes next; of a line of several posts, of which some are out, the rest.

    A line after it takes its time; after the last line comes the rest between two recitations.
    """
    ended = _fresh(here)._replace(skipped=here.skipped + (here.piece == 0))
    after = onward(ended, post_id=None, pieces=1, recite=given.recite, due=here.due, thread=given.thread)
    if here.piece or after.recitations > here.recitations:
        after = after._replace(due=given.line_after(here))
    return Step(after._replace(n=ended.n), _tried_anew(standing))


def _again(_: Command, here: Place, standing: Standing, given: Circumstances) -> Step:
    """Say the last line as another post, and then what was to come anyway.

    Of a line under way, of which some posts are out, that is the line itself, from its first post.
    """
    text = here.saying if here.piece else here.said
    if not text:
        return Step(here, standing, "it has said nothing yet")
    line, recitations, own = here.line, here.recitations, here.next_line
    if not here.piece and here.saying != text:  # else it is about to say it again
        line, recitations, own = _before(here, given)
    place = _fresh(here)._replace(
        line=line, recitations=recitations, next_line=own, saying=text, thread=_thread(here, given)
    )
    return Step(place, _tried_anew(standing))


def _before(here: Place, given: Circumstances) -> tuple[int, int, str]:
    """Return the place before `here`: line, recitation, and the text there. Before the first line it is -1."""
    if here.line > 0:
        return here.line - 1, here.recitations, given.recite(here.recitations).utterances[here.line - 1].text
    ended = given.recite(here.recitations - 1).utterances if here.recitations else ()
    if ended and ended[-1].text == here.prior_line:
        return len(ended) - 1, here.recitations - 1, here.prior_line
    return -1, here.recitations, ""


def _jump(here: Place, line: int, given: Circumstances) -> Place:
    """Go to that line of the present recitation; what is left of a line under way is not said."""
    utterances = given.recite(here.recitations).utterances
    return _fresh(here)._replace(
        line=line,
        next_line=utterances[line].text,
        prior_line=utterances[line - 1].text if line else "",
        skipped=0,
        due=given.line_after(here) if here.piece else here.due,
        thread=_thread(here, given),
    )


def _fresh(here: Place) -> Place:
    """Return `here` with nothing begun, and with no account of earlier refusals.

    Where posts of the line are out, the next post has another number, so that the journal keeps theirs.
    """
    return here._replace(
        n=here.n + (here.piece > 0),
        piece=0,
        saying=None,
        said=(here.saying or here.said) if here.piece else here.said,
        refusals=0,
        passed=0,
        trials=0,
    )


def _thread(here: Place, given: Circumstances) -> str | None:
    return here.thread if given.thread == "recitation" and here.line > 0 else None


def _tried_anew(standing: Standing) -> Standing:
    """Return how a sheep fares with another text: one that waits because its text was refused need not wait."""
    return WELL if standing.kind == Refused.__name__ else standing


_STEPS: Mapping[Verb, Callable[[Command, Place, Standing, Circumstances], Step]] = {
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.SKIP: _skip,
    Verb.AGAIN: _again,
    Verb.FROM: _from,
    Verb.TOP: _top,
    Verb.NOW: _now,
}
