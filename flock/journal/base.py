"""What a sheep needs of a journal, and what is written there."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol


class Outcome(StrEnum):
    """How an intent ended."""

    SAID = "said"
    SKIPPED = "skipped"  # the network would not take it
    UNKNOWN = "unknown"  # it may have landed; nothing could tell
    WITHDRAWN = "withdrawn"  # it surely did not land, and is tried again later


class Record(NamedTuple):
    """Where one sheep is, and how it fares. `due` and `wake` are wall-clock times; counts start at 0.

    `n` counts the tweets of a lifetime and `line` is the place in the recitation. `saying` is the whole text of a
    line begun, of which `piece` tweets are out. `unsure` says that the tweet `piece` was begun and never settled.
    `next_line` is the text at `line`, and `prior_line` the one said before it: by these an edited poem is
    recognised. `last_id` is the network's id of the last tweet known to be out.

    `wake` is when the next try may be made, and is later than `due` while the bot waits or backs off; `failures`
    and `strikes` count what went wrong since something last went well; `penned` says why the bot is penned, and
    `key_stamp` what its key file looked like then.
    """

    bot: str
    n: int = 0
    line: int = 0
    piece: int = 0
    recitations: int = 0
    due: float = 0.0
    saying: str | None = None
    unsure: bool = False
    next_line: str = ""
    prior_line: str = ""
    last_id: str | None = None
    wake: float = 0.0
    failures: int = 0
    strikes: int = 0
    penned: str = ""
    key_stamp: str = ""


class Settlement(NamedTuple):
    """How the tweet (`n`, `piece`) ended: `why` is empty when it was said; `at` is wall-clock time."""

    n: int
    piece: int
    outcome: Outcome
    at: float
    post_id: str | None = None
    why: str = ""


class Journal(Protocol):
    """Every method raises JournalError when the journal cannot be used; nothing may be posted then.

    A call that writes returns when its write is durable.
    """

    def claim(self, bots: Sequence[str]) -> None:
        """Make these bots this process's own until `close`. Raises BotsTaken if another process has one."""

    def read(self, bot: str) -> Record | None:
        """Return where `bot` is, or None if it has never spoken."""

    def intend(self, record: Record, text: str, at: float) -> None:
        """Note that `record`'s sheep is about to say `text` as tweet (`record.n`, `record.piece`)."""

    def settle(self, settlement: Settlement, record: Record) -> None:
        """Close the intent and move the sheep to `record`, both or neither."""

    def keep(self, record: Record) -> None:
        """Note how the sheep fares; intents stay as they are."""

    def latest_posts(self, count: int, bot: str | None = None) -> list[float]:
        """Return when the latest `count` posts, of `bot` or of all, were made or may have been: oldest first."""

    def close(self) -> None:
        """Give everything back."""
