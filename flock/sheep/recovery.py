"""What each answer of a network that is no new post says about it: the rules by which a post is made exactly once.

An intent in the journal without a settlement means that a post may be out: the process was killed, or no answer
came. `verdict` says what follows from what the network answers, when it is asked for the first time, when it is
asked to repeat an unanswered post, and when it is asked for the account's latest posts. A plain answer needs none
of this: a post that is newer than the one before (`delivery.is_newer`) is out.

| answer                            | first post | repeated post       | latest posts             |
|-----------------------------------|------------|---------------------|--------------------------|
| the post, with an id of before    | LOOK       | LOOK or UNKNOWN (*) |                          |
| posts, but not this one           |            |                     | POST                     |
| OutcomeUnknown                    | LOOK       | LOOK                | LOOK                     |
| Unavailable                       | LATER      | LOOK                | LOOK                     |
| Conflict                          | LATER      | LATER               | LOOK                     |
| Duplicate                         | SKIPPED    | SAID                | POST or UNKNOWN (*)      |
| TooLong                           | SKIPPED    | UNKNOWN             | POST or UNKNOWN (*)      |
| Refused, and the text is to blame | SKIPPED    | UNKNOWN             | POST or UNKNOWN (*)      |
| Refused, whatever the text        | LATER      | LOOK                | POST or UNKNOWN (*)      |
| NotPermitted, because of the text | SKIPPED    | UNKNOWN             | POST or UNKNOWN (*)      |
| NotPermitted, whatever the text   | LATER      | LOOK                | POST or UNKNOWN (*)      |
| RateLimited                       | LATER      | LOOK                | POST or LOOK (*)         |
| another Wait, a Pen               | LATER      | LOOK                | POST or UNKNOWN (*)      |

(*) The first where a repeat does no harm and its answer tells, since the network refuses duplicates or knows the
intent's token. Elsewhere a repeat could be a second post.

Which of the two it is, `is_blamed` says. A line that is skipped because of it is passed over on trial: if
the next line is refused, too, the sheep goes back to it (`place.back`).

The latest posts are looked at no earlier than `LANDING` seconds after the post has failed: until then it may be on
its way. A post that is older than the intent, by more than `CLOCK_SLACK`, is not the one that is looked for.
"""

from __future__ import annotations

from enum import Enum, auto

from flock.errors import (
    Conflict,
    Duplicate,
    NetworkError,
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Retry,
    Skip,
)
from flock.journal import Place
from flock.networks.base import Post
from flock.units import DAY, HOUR

LANDING = 10.0  # seconds from the failure of a post until it is looked for, if it was not answered
UNDER_WAY = (
    60.0 + LANDING
)  # seconds from the start of a request until it has surely failed, and has had time to land
CLOCK_SLACK = 60.0  # by which a post may seem older than its intent: clocks are set, and differ within a network
REFUSALS = 3  # of one line, and
HELD = HOUR  # seconds after the first of them: then the line is passed over on trial,
HELD_LONG = DAY  # or later, where the words of the network are not about the text. Each trial doubles it, up to
DOUBLINGS = 5


REFUSAL = (Refused, NotPermitted)  # the network may refuse everything


class Asked(Enum):
    """What the network was asked for."""

    FIRST_POST = auto()
    REPEATED_POST = auto()
    LATEST_POSTS = auto()


class Verdict(Enum):
    """What follows from an answer."""

    SAID = auto()  # the post is out
    SKIPPED = auto()  # it is not out, and this text will not be accepted: go on with the next
    UNKNOWN = auto()  # it may be out and nothing can tell: go on with the next
    LATER = auto()  # it is not out: withdraw the intent and try again later
    LOOK = auto()  # it may be out: keep the intent, and look before it is posted again
    POST = auto()  # post it again now


def verdict(
    answer: str | NetworkError | None,
    asked: Asked,
    *,
    blames_text: bool = False,
    repeat_is_safe: bool = False,
) -> Verdict:
    """Return what follows from `answer`: an error, the id of an earlier post, or None for "this
    text is not among the latest posts".

    `blames_text` is whether the text is the likely reason of a refusal, and `repeat_is_safe` is whether a repeat
    would do no harm.
    """
    if isinstance(answer, str):
        return _after_an_odd_answer(asked, repeat_is_safe=repeat_is_safe)
    if asked is Asked.LATEST_POSTS:
        return _after_looking(answer, repeat_is_safe=repeat_is_safe)
    is_first = asked is Asked.FIRST_POST
    if isinstance(answer, OutcomeUnknown):
        return Verdict.LOOK
    if isinstance(answer, Duplicate):
        return Verdict.SKIPPED if is_first else Verdict.SAID
    if blames_text if isinstance(answer, REFUSAL) else isinstance(answer, Skip):
        return Verdict.SKIPPED if is_first else Verdict.UNKNOWN
    return Verdict.LATER if is_first or isinstance(answer, Conflict) else Verdict.LOOK


def _after_an_odd_answer(asked: Asked, *, repeat_is_safe: bool) -> Verdict:
    return Verdict.LOOK if asked is Asked.FIRST_POST or repeat_is_safe else Verdict.UNKNOWN


def _after_looking(answer: NetworkError | None, *, repeat_is_safe: bool) -> Verdict:
    if answer is None:
        return Verdict.POST
    if isinstance(answer, Retry):
        return Verdict.LOOK
    if repeat_is_safe:
        return Verdict.POST
    return Verdict.LOOK if isinstance(answer, RateLimited) else Verdict.UNKNOWN


def is_blamed(place: Place, answer: NetworkError, *, held: float) -> bool:
    """Return whether `answer` refuses the text at `place`, and the text is passed over: it may be to blame.

    It is where the network took the post before; not where the bot has no post yet. A line that was refused for an
    hour is passed over on trial, so that it does not hold up the poem for ever. When the next line is refused as
    well, the network refuses everything: the sheep goes back. Each further trial comes after twice the time, and
    passes over one line more. `held` is for how many seconds texts have been refused.
    """
    if not isinstance(answer, REFUSAL):
        return False
    if place.refusals == 0:
        return isinstance(answer, Refused) and place.last_id is not None
    if 0 < place.passed <= place.trials:
        return True
    longest = HELD if isinstance(answer, Refused) else HELD_LONG
    return place.refusals + 1 >= REFUSALS and held >= longest * 2.0 ** min(place.trials, DOUBLINGS)


def is_from_then(post: Post, age: float) -> bool:
    """Return whether `post` may have been made since an intent that is `age` seconds old."""
    return post.age is None or post.age <= age + CLOCK_SLACK
