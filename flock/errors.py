"""Everything that can go wrong, as a tree.

    FlockError
    ├── BadInput                  what the operator gave us cannot be used
    │   ├── BadOption             a command-line option, an environment variable, an argument
    │   ├── BadPoem               a poem file
    │   └── BadKeys               one or more key files (carries every problem found)
    ├── BotsTaken                 another flock is already running these bots
    ├── JournalError              the journal cannot be read or written; nothing may be posted
    ├── Unstorable                one text or number that no journal can store; also a ValueError
    └── NetworkError              what a network answered, in the flock's own terms
        ├── Wait                  not now: the same post will be taken later
        │   ├── RateLimited       until a known time, or for a while
        │   ├── DailyLimit        for hours
        │   ├── LooksAutomated    for hours: the network asks the bot to calm down
        │   ├── OutOfCredits      until somebody pays
        │   └── ClockWrong        until this machine's clock is right again
        ├── Retry                 the network is unwell
        │   ├── Unavailable       and the post surely did not land
        │   └── OutcomeUnknown    and the post may have landed
        ├── Skip                  the network will not take this text, whatever we do
        │   ├── Duplicate         it has it already
        │   ├── TooLong           it counts otherwise than we do
        │   └── Refused           it does not say more than no
        └── Pen                   no post of this bot will be taken until its operator acts
            ├── Unauthorized      the bot's tokens are revoked or wrong
            ├── Suspended         the account is suspended
            ├── Locked            the account is locked until its owner signs in
            └── AppRefused        the app's own keys are refused

`docs/errors.md` lists what each network answers and where it lands in this tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


class FlockError(Exception):
    """The root of what this package raises on purpose. Its text is fit to be shown to an operator."""


class BadInput(FlockError):
    """What the operator gave us cannot be used as it is."""


class BadOption(BadInput):
    """An option, an environment variable or an argument makes no sense."""


class BadPoem(BadInput):
    """A poem cannot be memorized: missing, empty, or not UTF-8."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field of one key file, and what to do about it. Never holds a secret."""

    file: Path
    field: str
    text: str

    def __str__(self) -> str:
        return printable(f"{self.file}: {self.field}: {self.text}" if self.field else f"{self.file}: {self.text}")


class BadKeys(BadInput):
    """Key files that cannot be used. Its text has one line a file, whatever is wrong with the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(lines_by_file(self.problems)))


def printable(text: str) -> str:
    """Return `text` with whatever a terminal would obey, or could not show, escaped."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def lines_by_file(problems: Iterable[Problem]) -> Iterator[str]:
    """Yield one line for each file, in the order of the files' first problems."""
    by_file: dict[Path, list[Problem]] = {}
    for problem in problems:
        by_file.setdefault(problem.file, []).append(problem)
    for first, *others in by_file.values():
        yield "; ".join([str(first), *(printable(f"{other.field}: {other.text}") for other in others)])


class BotsTaken(FlockError):
    """Another flock holds some of these bots."""


class JournalError(FlockError):
    """The journal cannot be read or written. Nothing is posted without a journal."""


class Unstorable(FlockError, ValueError):
    """One text or number cannot be encoded, or is too large. Other writes are not concerned."""


class NetworkError(FlockError):
    """A network did not take a post, for a reason given in the flock's terms.

    `advice` says what the operator can do; it is empty where waiting is all there is to do.
    """

    advice: ClassVar[str] = ""


class Wait(NetworkError):
    """Not now. `until` is a wall-clock time (seconds since the epoch), or None when the network named none."""

    def __init__(self, message: str, *, until: float | None = None) -> None:
        super().__init__(message)
        self.until = until


class RateLimited(Wait):
    """Too many requests; the window resets at `until`, as far as the network's headers can be believed."""


class DailyLimit(Wait):
    """The account or the app has posted all it may post in a day."""


class LooksAutomated(Wait):
    """The network thinks that a bot looks like a bot."""

    advice = "label the account as automated, or lengthen its intervals"


class OutOfCredits(Wait):
    """The account that pays for the posts has nothing left."""

    advice = "top up the developer account's credits"


class ClockWrong(Wait):
    """This machine's clock is too far off for its signatures to be accepted."""

    advice = "set the clock (timedatectl set-ntp true)"


class Retry(NetworkError):
    """The network is unwell. The line is kept and tried again, backing off."""


class Unavailable(Retry):
    """The request did not get through: the post surely did not land."""


class OutcomeUnknown(Retry):
    """The request went out and no good answer came back: the post may have landed."""


class Skip(NetworkError):
    """The network will not take this text. The sheep goes on with its next line."""


class Duplicate(Skip):
    """The network says that this account has said this already."""


class TooLong(Skip):
    """The network counts the length otherwise than we do."""


class Refused(Skip):
    """The network refuses the text without a reason that we know."""


class Pen(NetworkError):
    """No post of this bot will be taken until somebody does something about it."""


class Unauthorized(Pen):
    """The bot's tokens are revoked, expired or wrong."""

    advice = "authorize the account again and put the new tokens into its key file"


class Suspended(Pen):
    """The account is suspended."""

    advice = "appeal to the network, or take the bot out of the flock"


class Locked(Pen):
    """The account is locked."""

    advice = "sign in to the account in a browser and unlock it"


class AppRefused(Pen):
    """The keys of the app are refused, most likely for every bot that uses them."""

    advice = "check the app's keys, permissions and plan in the network's developer portal"
