"""The error tree: every exception that this package raises on purpose.

    FlockError
    ├── BadInput                  something that the operator gave cannot be used
    │   ├── BadOption             a command-line option, an environment variable, an argument
    │   ├── BadPoem               a poem file
    │   └── BadKeys               one or more key files (carries every problem found)
    ├── KeyNotMade                an account was not authorized, or its key file not written
    ├── BadDecision               `decide` of the operator's own sheep class raised an error or returned no text
    ├── BotsTaken                 another flock is already running these bots
    ├── JournalError              the journal cannot be read or written; nothing may be posted
    ├── ClusterError              Ray cannot place the herds, or does not answer
    ├── CapReached                a cap of the flock's own: the line waits for its time
    ├── Unstorable                one text or number cannot be stored in a journal; also a ValueError
    └── NetworkError              a post failed; the network's adapter says why in one of these classes
        ├── Wait                  a limit: the network will take the same post later
        │   ├── RateLimited       until a known time, or for 15 minutes
        │   ├── DailyLimit        for hours
        │   ├── LooksAutomated    for hours: the network takes the post for an automated one
        │   ├── OutOfCredits      until the developer account is topped up
        │   ├── NotPermitted      the network does not let this bot, or any bot, post; the text is not the reason
        │   └── ClockWrong        until this machine's clock is right again
        ├── Retry                 an outage: try again, with backoff
        │   ├── Unavailable       the post did not land
        │   ├── Conflict          nor will it by this intent: something else has its place
        │   └── OutcomeUnknown    the post may have landed
        ├── Skip                  the network will never take this text
        │   ├── Duplicate         the account has posted the same text already
        │   ├── TooLong           the network's count is longer than the flock's
        │   └── Refused           the network gives no reason that the flock knows
        └── Pen                   no post of this bot will be taken until its operator acts
            ├── Unauthorized      the bot's tokens are refused
            ├── Revoked           the bot's tokens are revoked or expired, as the network says
            ├── Suspended         the account is suspended
            ├── Locked            the account is locked until its owner signs in
            └── AppRefused        the app's own keys are refused

`docs/errors.md` lists the answers of each network, and the class that each becomes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


class FlockError(Exception):
    """The root of the tree. Its text is one clear message for the operator."""


class BadInput(FlockError):
    """Something that the operator gave cannot be used."""


class BadOption(BadInput):
    """An option, an environment variable or an argument has a value that cannot be used."""


class BadPoem(BadInput):
    """A poem cannot be memorized: missing, empty, or not UTF-8."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in one field of one key file, and what to do about it. Never holds a secret."""

    file: Path
    field: str
    text: str

    def __str__(self) -> str:
        return printable(f"{self.file}: {self.field}: {self.text}" if self.field else f"{self.file}: {self.text}")


class BadKeys(BadInput):
    """Key files that cannot be used. The text has one line for each file, with all of its problems."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(lines_by_file(self.problems)))


# Letters and marks that show nothing, although Unicode does not count them among the format characters.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")


def printable(text: str) -> str:
    """Return `text` on one line, with every character escaped that shows nothing or changes what is around it.

    These are control, format (bidirectional and zero-width) and line-end characters, lone surrogates, blanks other
    than the space, and invisible letters.
    """
    return "".join(
        letter if letter.isprintable() and letter not in _INVISIBLE else ascii(letter)[1:-1] for letter in text
    )


def lines_by_file(problems: Iterable[Problem]) -> Iterator[str]:
    """Yield one line for each file, in the order of the files' first problems."""
    by_file: dict[Path, list[Problem]] = {}
    for problem in problems:
        by_file.setdefault(problem.file, []).append(problem)
    for first, *others in by_file.values():
        yield "; ".join([str(first), *(printable(f"{other.field}: {other.text}") for other in others)])


class KeyNotMade(FlockError):
    """A key file was not made. The text says why, and never holds a secret; no file was changed.

    `may_pass` says whether the same may succeed in a moment: when the network is back, with another PIN, with
    more space on the disk.
    """

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class BadDecision(FlockError):
    """`decide` of a subclass of Sheep raised an exception, which is the cause of this one, or returned no text."""


class BotsTaken(FlockError):
    """Another flock has claimed some of these bots in the journal."""


class JournalError(FlockError):
    """The journal cannot be read or written. Nothing is posted without a journal."""


class ClusterError(FlockError):
    """Ray cannot place the herds of a flock, or does not answer."""


class CapReached(FlockError):
    """A post waits, since the bot or its flock may make no more now. `until` is steady time, in seconds."""

    def __init__(self, message: str, *, until: float) -> None:
        super().__init__(message)
        self.until = until


class Unstorable(FlockError, ValueError):
    """One text cannot be encoded, or one number is too large. Other writes to the journal go on."""


class NetworkError(FlockError):
    """A network did not take a post. The subclass says what the bot has to do next.

    `advice` says what the operator can do; it is empty where there is nothing to do but wait. A network may give
    an error of its own better advice than that of its class.
    """

    advice: str = ""


class Wait(NetworkError):
    """A limit. `until` is its end in wall-clock time (seconds since the epoch), or None if it is unknown."""

    def __init__(self, message: str, *, until: float | None = None) -> None:
        super().__init__(message)
        self.until = until


class RateLimited(Wait):
    """Too many requests. `until` is the reset time in the network's headers, if it is a plausible one."""


class DailyLimit(Wait):
    """The account or the app has reached its limit of posts a day."""


class LooksAutomated(Wait):
    """The network takes the posts for automated ones, and refuses them for some hours."""

    advice = "label the account as automated, or lengthen its intervals"


class OutOfCredits(Wait):
    """The developer account that pays for the posts has no credits left."""

    advice = "top up the developer account's credits"


class NotPermitted(Wait):
    """The network refuses the post, and its words are about permission, plan or access, and not about the text."""

    advice = "if it lasts: check the app's permissions and plan in the network's developer portal"


class ClockWrong(Wait):
    """The signature was refused, since this machine's clock is too far off."""

    advice = "set the clock (timedatectl set-ntp true)"


class Retry(NetworkError):
    """The network is away or answers with a fault. The line is kept, and tried again with backoff."""


class Unavailable(Retry):
    """The request did not get through, so that the post did not land."""


class Conflict(Retry):
    """Something else has the place that the intent fixed for its post: it is not out. A new intent has another."""


class OutcomeUnknown(Retry):
    """The request was sent, and no usable answer came back: the post may have landed."""


class Skip(NetworkError):
    """The network will never take this text. The sheep goes on with its next line."""


class Duplicate(Skip):
    """The network says that this account has posted the same text already."""


class TooLong(Skip):
    """The text is too long by the network's count, which differs from the flock's."""


class Refused(Skip):
    """The network refuses the text, and gives no reason that the flock knows."""


class Pen(NetworkError):
    """No post of this bot will be taken until its operator acts."""


class Unauthorized(Pen):
    """The bot's tokens are refused, and the network does not say why."""

    advice = "authorize the account again and put the new tokens into its key file"


class Revoked(Pen):
    """The bot's tokens are revoked, expired or wrong: the network says so."""

    advice = Unauthorized.advice


class Suspended(Pen):
    """The account is suspended."""

    advice = "appeal to the network, or take the bot out of the flock"


class Locked(Pen):
    """The account is locked."""

    advice = "sign in to the account in a browser and unlock it"


class AppRefused(Pen):
    """The keys of the app are refused, most likely for each bot that uses them."""

    advice = "check the app's keys, permissions and plan in the network's developer portal"
