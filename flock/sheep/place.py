"""Where a sheep is: the pure steps from one Place to the next, and the time at which each is due."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flock.journal import Place
from flock.poem import find_again, is_alike
from flock.temperament import Recitation

Recite = Callable[[int], Recitation]  # the number of a recitation, from 0 -> the recitation


def onward(here: Place, *, post_id: str | None, pieces: int, recite: Recite, due: float) -> Place:
    """Return the place after the post at `here`, the `here.piece`-th of `pieces`, has ended.

    `post_id` is the network's id of the post, if it is known to be out, and `due` when the next line should be
    said.
    """
    last_id = post_id or here.last_id
    if here.piece + 1 < pieces:
        return here._replace(n=here.n + 1, piece=here.piece + 1, last_id=last_id)
    line, recitations = here.line + 1, here.recitations
    if line >= len(recite(recitations).utterances):
        line, recitations = 0, recitations + 1
    return Place(
        n=here.n + 1,
        line=line,
        recitations=recitations,
        due=due,
        next_line=recite(recitations).utterances[line].text,
        prior_line=here.next_line,
        last_id=last_id,
        refusals=here.refusals,
    )


def interval_after(here: Place, recite: Recite, line_interval: float, poem_interval: float) -> float:
    """Return the seconds from the line at `here` to the next one, as the sheep's temperament stretches them."""
    recitation = recite(here.recitations)
    if here.line + 1 < len(recitation.utterances):
        return line_interval * recitation.utterances[here.line].pause
    return poem_interval * recitation.rest


def interval_before(here: Place, recite: Recite, line_interval: float, poem_interval: float) -> float:
    """Return the seconds from the line before `here` to the one at `here`: never longer was it waited for."""
    if here.line > 0:
        before = here._replace(line=here.line - 1)
    elif here.recitations > 0:
        last = len(recite(here.recitations - 1).utterances) - 1
        before = here._replace(recitations=here.recitations - 1, line=last)
    else:
        return 0.0
    return interval_after(before, recite, line_interval, poem_interval)


def next_due(due: float, interval: float, now: float) -> float:
    """Return when the next line is due: anchored to `due`, or counted from now when that moment has passed.

    Anchoring keeps the time that a post takes from adding up; counting from now keeps a sheep that was held up
    from catching up in a burst.
    """
    return due + interval if due + interval > now else now + interval


def found_again(here: Place, texts: Sequence[str]) -> Place:
    """Return `here` with its line moved to where an edited poem, now `texts`, goes on.

    A line that is under way is finished as it was. Where the poem no longer has it, the line before it becomes the
    place, so that the line that follows is not skipped. Before the first line that is -1, with no text of its own.
    """
    if here.line < 0 or texts[here.line : here.line + 1] == [here.next_line]:
        return here
    line = find_again(texts, here.line, here.next_line, here.prior_line)
    if here.saying is not None and not is_alike(here.next_line, texts[line]):
        line -= 1
    return here._replace(line=line, next_line=texts[line] if line >= 0 else "")
