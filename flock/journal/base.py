"""What is written in a journal: where each sheep is, how it fares, and how each post ended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol


class Outcome(StrEnum):
    """How a post ended."""

    SAID = "said"
    SKIPPED = "skipped"  # the network refuses this text
    UNKNOWN = "unknown"  # it may have landed, and nothing can tell
    WITHDRAWN = "withdrawn"  # it surely did not land, and is tried again later


class Condition(StrEnum):
    """How a sheep fares."""

    WELL = "well"
    BACKING_OFF = "backing off"  # something failed; it tries again after a pause
    WAITING = "waiting"  # the network named a limit; it waits until that is over
    PENNED = "penned"  # no post of it is accepted until its operator acts


class Place(NamedTuple):
    """Where one sheep is in its poem and in its posts. Immutable; counts start at 0.

    `n` counts the posts of a lifetime, `line` is the place in the recitation, and `recitations` counts the
    finished ones. `due` is when the next line should be said (seconds since the epoch). `saying` is the whole
    text of a line that has been started, of which `piece` posts are out. `intended` is the wall-clock time at
    which the post `piece` was begun, or None when no post is under way: a place with `intended` may be out
    already. `line` is -1 while a line is finished that an edit took away from before the first.

    `next_line` is the text at `line`, and `prior_line` the text said before it: an edited poem is recognised by
    these. `last_id` is the network's id of the latest post known to be out, `thread` that of
    the first post of the thread that the next piece belongs to. `token` is what the network may know the intent by
    (see `networks.base.Intent`).

    `said` is the whole text of the line that was said last, and `poem` the mark of the poem that the bot is in
    (see `poem.mark_of`): with the same mark, other texts are another temperament's.

    `refusals` counts the answers that refused a text without a reason since the network last accepted one.
    `passed` counts the refused lines right before this one that were passed over on trial, and `trials` the trials
    that have failed since a post was accepted: each time, the sheep went back to the first refused line. `skipped`
    counts the refused lines of the present recitation, and `silent` the finished recitations of which nothing was
    said. `paused` is since when nothing is begun (seconds since the epoch), because the operator asked for that;
    None while the bot is not paused.
    """

    n: int = 0
    line: int = 0
    piece: int = 0
    recitations: int = 0
    due: float = 0.0
    saying: str | None = None
    intended: float | None = None
    next_line: str = ""
    prior_line: str = ""
    last_id: str | None = None
    token: str | None = None
    thread: str | None = None
    refusals: int = 0
    passed: int = 0
    trials: int = 0
    skipped: int = 0
    silent: int = 0
    paused: float | None = None
    said: str = ""
    poem: str = ""


class Standing(NamedTuple):
    """How one sheep fares. Immutable.

    `trouble` is what its latest try met with, in words, and `kind` the class of that error; both are empty when
    the try went well. No try is made before `until` (seconds since the epoch). `failures` counts the failed tries
    and `strikes` the refused tokens since the latest success. `key_stamp` identifies the key file's content at
    the time the sheep was penned. `since` is when the network first refused the tokens or the text (seconds since
    the epoch), or 0.
    """

    condition: Condition = Condition.WELL
    trouble: str = ""
    kind: str = ""
    until: float = 0.0
    failures: int = 0
    strikes: int = 0
    key_stamp: str = ""
    since: float = 0.0


WELL = Standing()


def numbered(bot: str, account: str) -> str:
    """Return the name of a bot whose own name another account had before."""
    return f"{bot} ({account.rpartition(':')[2]})"


def identified(bot: str, account: str | None, accounts: Mapping[str, str | None], bots: Mapping[str, str]) -> str:
    """Return the name under which a journal knows a bot (see `Journal.identify`).

    `accounts` has the account of each bot that it knows, or None, and `bots` the bot of each account.
    """
    if account is None or accounts.get(bot) in (None, account):
        return bots.get(account or "", bot)
    return bots.get(account, numbered(bot, account))


class Settlement(NamedTuple):
    """How the post (`n`, `piece`) ended: `why` is empty when it was said; `at` is wall-clock time."""

    n: int
    piece: int
    outcome: Outcome
    at: float
    post_id: str | None = None
    why: str = ""


class Verb(StrEnum):
    """What an operator may tell a bot to do."""

    PAUSE = "pause"  # begin nothing
    RESUME = "resume"  # go on
    SKIP = "skip"  # leave out the line that comes next, or what is left of the line under way
    AGAIN = "again"  # say the last line once more
    FROM = "from"  # go on at a line of the poem's file
    TOP = "from-the-top"  # go on at the first line
    NOW = "now"  # say the next line now


class Command(NamedTuple):
    """What the operator told `bot` to do, at the wall-clock time `given`.

    `line` is for `Verb.FROM`: the line's number in the poem's file, from 1, as editors show it. Of the commands
    that are there, those with lower numbers were given before; the `number` of one that was obeyed may come again.
    """

    number: int
    bot: str
    verb: Verb
    line: int | None
    given: float

    def __str__(self) -> str:
        return self.verb if self.line is None else f"{self.verb} {self.line}"


def given_to(commands: Iterable[Command]) -> dict[str, tuple[Command, ...]]:
    """Return the commands for each bot, in the order in which they were given."""
    found: dict[str, tuple[Command, ...]] = {}
    for command in commands:
        found[command.bot] = (*found.get(command.bot, ()), command)
    return found


class Noted(NamedTuple):
    """One post as the journal has it: the text, and how it ended at the wall-clock time `at`.

    The text of a post may be a part of a line (see `Place.piece`).
    """

    bot: str
    n: int
    piece: int
    text: str
    outcome: Outcome
    at: float
    post_id: str | None = None
    why: str = ""


def in_order(found: Iterable[Noted]) -> list[Noted]:
    """Return the posts by time; those of one bot in their own order, also where the clock was set back."""
    latest: dict[str, float] = {}
    timed: list[tuple[float, Noted]] = []
    for post in sorted(found, key=lambda each: (each.bot, each.n, each.piece)):
        latest[post.bot] = max(post.at, latest.get(post.bot, post.at))
        timed.append((latest[post.bot], post))
    return [post for _, post in sorted(timed, key=lambda each: each[0])]


class Record(NamedTuple):
    """All that the journal knows of one bot, except for its earlier posts.

    `kept` is what `Journal.read` returns. `said` is the latest post that was made or may have been, if the
    journal still has it. `holder` is the process that runs the bot now, or None; `since` is the wall-clock time
    at which it began to, if that is known, and `host` its machine, empty for this one. `commands` are those that
    it has not obeyed yet.
    """

    bot: str
    account: str | None = None
    kept: tuple[Place, Standing] | None = None
    said: Noted | None = None
    holder: int | None = None
    since: float | None = None
    host: str = ""
    commands: tuple[Command, ...] = ()


class Journal(Protocol):
    """Keeps a Place and a Standing for each bot. May be used by many threads at once, of which one writes about
    a bot. Times are wall-clock times.

    Every method raises JournalError if the journal cannot be used; then nothing may be posted. It raises
    Unstorable, which is a ValueError, if it cannot store one of the values; other writes are not concerned.

    A kill of the process loses no write that returned. A power cut loses no intent; it may lose what a bot wrote
    after the latest intent (a settlement, a `keep`), so that its own intent is open again.

    `is_new` says whether it was made just now, so that every bot starts at its first line. It is false where
    nothing is kept, and where a journal was lost, of which a warning tells.
    """

    is_new: bool

    def claim(self, bots: Sequence[str], accounts: Mapping[str, str] | None = None) -> None:
        """Reserve these bots for this journal until `close`, all or none. Raises BotsTaken if another has one.

        `accounts` holds the numbers of their accounts, as `network:number`, where they are known: `identify` knows
        the bots by these from now on.
        """

    def identify(self, bot: str, account: str | None) -> str:
        """Return the name under which the journal knows the bot that is called `bot` and posts to `account`.

        It is the name that the account had when it was first claimed. Where `bot` was the name of another account
        then, it is that name with the account's number behind it, such as "x:dolly (1234)".
        """

    def recognize(self, bot: str, name: str, account: str) -> str:
        """Note that the claimed bot `bot`, which is called `name`, posts to `account`, as it has just found out.

        Return the name under which the journal knows the account (see `identify`), claimed. Raises BotsTaken if
        another bot of this flock or of another posts to the account; then nothing is noted.
        """

    def read(self, bot: str) -> tuple[Place, Standing] | None:
        """Return where `bot` is and how it fares, or None if nothing was written about it."""

    def intend(self, bot: str, place: Place, text: str) -> None:
        """Note that `text` is about to be posted as post (`place.n`, `place.piece`), at `place.intended`.

        Returns when that is on the disk.
        """

    def settle(self, bot: str, settlement: Settlement, place: Place) -> None:
        """Close the intent, move the sheep to `place`, and note that it fares well: all of it or nothing.

        May return before that is on the disk: a settlement that is lost leaves an open intent behind.
        """

    def keep(self, bot: str, place: Place, standing: Standing) -> None:
        """Note how the sheep fares. Where `place` holds no intent, an open one is withdrawn."""

    def give(self, bots: Sequence[str], verb: Verb, line: int | None = None, *, at: float) -> None:
        """Tell all of these bots, or none, to do that; the flock that runs them obeys. `at` is now.

        The bots need not be claimed. Returns when that is on the disk.
        """

    def commands(self) -> list[Command]:
        """Return the commands that were not obeyed yet, of all bots, in the order in which they were given."""

    def obey(self, command: Command, bot: str, place: Place, standing: Standing) -> bool:
        """Move the sheep to `place`, note how it fares, and delete the command: all of it, or nothing.

        Where `place` holds no intent, an open one is withdrawn. Returns False, and writes nothing, if the command
        is not there any more: it was obeyed before.
        """

    def holders(self, bots: Sequence[str]) -> dict[str, int]:
        """Return which of these bots another journal has claimed now, each with the number of its process."""

    def release(self, bots: Sequence[str]) -> None:
        """Free the claims of these bots. Nothing is written about them any more."""

    def latest_posts(self, count: int, bot: str | None = None, *, now: float = math.inf) -> list[float]:
        """Return when the latest `count` posts, of `bot` or of all, were made or may have been: earliest first.

        Which posts of one bot are the latest goes by their order; of all bots, by the time. Posts dated after
        `now` (the clock was wrong) are dated `now` for good: in a day they are a day old.
        """

    def bots(self) -> list[Record]:
        """Return what is known of each bot, by name, in one look; quick for thousands of bots."""

    def counts(self) -> dict[str, int]:
        """Return how many posts each bot has behind it (`Place.n`); quicker than `bots`, to see which moved."""

    def posts(self, since: float = -math.inf) -> list[Noted]:
        """Return the posts that were said, skipped, or are unknown, from `since` on, which the journal still has.

        They come earliest first, and those of one bot in their order.
        """

    def posts_after(self, reached: Mapping[str, int]) -> list[Noted]:
        """Return the posts of these bots, as `posts` does, that come after the n-th of each (-1 for all)."""

    def tally(self, since: float) -> dict[str, dict[str, int]]:
        """Return how often each bot has posted each text since then, or may have: by bot, then by text."""

    def is_taken_over(self, bot: str) -> bool:
        """Return whether the claimed bot's last flock may still run, and its last post be under way: it was frozen
        or cut off, and did not give the bot back."""

    def may_post(self, bot: str) -> bool:
        """Return whether the bot is surely this journal's at this moment, so that a post may be sent."""

    def limit(self, posts: int) -> None:
        """Cap the posts of all flocks that share the journal, in any 24 hours: `intend` raises DailyLimit then.

        Where flocks do not share a journal, it does nothing: a flock caps itself.
        """

    def look_after(self, now: float) -> Sequence[str]:
        """Do what is due while a flock runs; called about once a second with steady time. Raises nothing.

        Return the bots that another flock has taken since the last call: nothing can be written about them.
        """

    def close(self) -> None:
        """Flush what was written, and free the claims. May be called again."""
