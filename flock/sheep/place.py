"""Where a sheep is: the pure steps from one Place to the next, and the time at which each is due."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import Any

from flock.journal import Place
from flock.keys.key import Thread
from flock.poem import find_again, find_part, is_alike
from flock.temperament import Recitation

_NEAR = 10  # lines around its old place in which a line in slightly other words is looked for
_SLIGHTLY = 0.8  # similarity (0 to 1, by difflib) from which on it is found

Recite = Callable[[int], Recitation]  # the number of a recitation, from 0 -> the recitation


def onward(
    here: Place, *, post_id: str | None, pieces: int, recite: Recite, due: float, thread: Thread = "line"
) -> Place:
    """Return the place after the post at `here`, the `here.piece`-th of `pieces`, has ended.

    `post_id` is the network's id of the post, if it is known to be out, and `due` when the next line, or the next
    piece of this one, should be said. `thread` says which posts answer each other.
    """
    last_id = post_id or here.last_id
    root = None if thread == "none" else here.thread or post_id
    if here.piece + 1 < pieces:
        return here._replace(n=here.n + 1, piece=here.piece + 1, last_id=last_id, due=due, token=None, thread=root)
    line, recitations, skipped, silent = here.line + 1, here.recitations, here.skipped, here.silent
    lines = len(recite(recitations).utterances)
    if line >= lines:
        line, recitations, skipped, silent = 0, recitations + 1, 0, silent + (skipped >= lines)
    return Place(
        n=here.n + 1,
        line=line,
        recitations=recitations,
        due=due,
        next_line=recite(recitations).utterances[line].text,
        prior_line=here.next_line,
        last_id=last_id,
        thread=root if thread == "recitation" and line else None,
        refusals=here.refusals,
        passed=here.passed,
        trials=here.trials,
        skipped=skipped,
        silent=silent,
        paused=here.paused,
        said=here.said if here.saying is None else here.saying,
        poem=here.poem,
    )


def back(here: Place, recite: Recite) -> Place:
    """Return the place of the first of the lines that were passed over on trial, and count the trial as failed.

    The line at `here` is refused, too, so that the texts are not to blame.
    """
    line, recitations, silent = here.line - here.passed, here.recitations, here.silent
    while line < 0 and recitations > 0:
        recitations -= 1
        silent -= line <= -len(recite(recitations).utterances)  # all of it was passed over
        line += len(recite(recitations).utterances)
    line = max(0, line)
    texts = [utterance.text for utterance in recite(recitations).utterances[: line + 1]]
    return here._replace(
        line=line,
        recitations=recitations,
        piece=0,
        saying=None,
        next_line=texts[-1],
        prior_line=texts[-2] if line else "",
        refusals=1,
        passed=0,
        trials=here.trials + 1,
        skipped=max(0, here.skipped - here.passed),
        silent=max(0, silent),
    )


def has_birthday(before: Place, after: Place, recite: Recite) -> bool:
    """Return whether a recitation ended with the post at `before`, of which something was said.

    It ends later where its last lines are passed over on trial: with the trial.
    """
    if after.passed:
        return False
    over = before.passed - max(0, before.line)  # so many lines of earlier recitations were passed over on trial
    if over > 0:
        return over < len(recite(before.recitations - 1).utterances)
    return after.recitations > before.recitations and after.silent == before.silent


def drawn_by(bot: str, named: str, label: str) -> str:
    """Return the name by which the random numbers of the sheep `bot` are drawn.

    It stays when the account is renamed. `named` is what the journal would call the sheep by its present name, and
    `label` what logs call it.
    """
    return bot.partition(":")[2] if bot != named else label


def age_at(here: Place, recitation: Recitation) -> float:
    """Return the age of a sheep in recitations, at its place in the present one."""
    return here.recitations + max(0, here.line) / len(recitation.utterances)


def about(here: Place, recitation: Recitation, *, pieces: int, now: float) -> dict[str, Any]:
    """Return what is known of the post at `here`, one of `pieces`, before it is made: fields of `events.Said`."""
    line = max(0, here.line)
    utterance = recitation.utterances[line]
    return {
        "line": line,
        "lines": len(recitation.utterances),
        "piece": here.piece,
        "pieces": pieces,
        "age": age_at(here, recitation),
        "late": max(0.0, now - here.due),
        "mood": utterance.mood,
        "source": utterance.line,
        "memory": recitation.memory,
        "entropy": recitation.entropy,
    }


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


def found_again(here: Place, texts: Sequence[str], poem: Sequence[str] = (), *, is_edited: bool = True) -> Place:
    """Return `here` with its line moved to where an edited poem goes on. Another poem begins at its top.

    `texts` is what the sheep makes of the edited `poem` in the present recitation. A poem that is not edited, but
    said in another temperament, is no other poem, whatever its texts are. A line that is under way is
    finished as it was. Where the poem no longer has it, the line before it becomes the place, so that the line
    after it is not skipped. Before the first line that is -1, with no text of its own. A line of which nothing was
    sent is not under way: it is said in its new words.
    """
    if here.line < 0 or texts[here.line : here.line + 1] == [here.next_line]:
        return here
    here = here._replace(passed=0)
    if here.piece == 0 and here.intended is None:
        here = here._replace(saying=None)
    if is_edited and is_another(here, texts, poem):
        line, here = 0, here._replace(prior_line="", skipped=0)
    else:
        line = find_again(texts, here.line, here.next_line, here.prior_line)
    if here.saying is not None and not is_alike(here.next_line, texts[line]):
        line -= 1
    return here._replace(line=line, next_line=texts[line] if line >= 0 else "")


def is_another(here: Place, texts: Sequence[str], poem: Sequence[str] = ()) -> bool:
    """Return whether a poem has little in common with the one that the sheep was in.

    `texts` and `poem` are as for `found_again`. Of an edited poem, the next line or the one before is still there,
    or is in slightly other words near its old place.
    """
    before = [line for line in (here.next_line, here.prior_line) if line]
    if any(line in texts or line in poem for line in before):
        return False
    if any(find_part(all_of_it, line) is not None for line in before for all_of_it in (texts, poem)):
        return False  # it is said in stanzas or sentences now, or no longer
    near = slice(max(0, here.line - _NEAR), here.line + _NEAR)
    lines = (*texts[near], *poem[near])
    return not any(difflib.get_close_matches(line, lines, n=1, cutoff=_SLIGHTLY) for line in before)
