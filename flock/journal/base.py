"""The interface of every journal, and the values that are written into it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol


class Outcome(StrEnum):
    """How an intent ended."""

    SAID = "said"
    SKIPPED = "skipped"  # the network refused the text
    UNKNOWN = "unknown"  # it may be out: the network did not answer, and could not be asked
    WITHDRAWN = "withdrawn"  # it is surely not out, and is tried again later


class Record(NamedTuple):
    """Where one sheep is, and how it fares. `due` and `wake` are wall-clock times (seconds); counts start at 0.

    `n` counts the tweets of a lifetime, and `line` is the place in the recitation. `saying` is the whole text of a
    line that was begun, of which `piece` tweets are out. `unsure` says that the tweet (`n`, `piece`) has an open
    intent: it may be out. `next_line` is the text at `line`, and `prior_line` the one said before it: a poem that
    was edited meanwhile is recognised by them. `last_id` is the network's id of the last tweet known to be out.

    `wake` is when the next try may be made; it is later than `due` while the bot waits or backs off. `failures`
    and `strikes` count what went wrong since the last success. `penned` says why the bot is penned, and
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
    """How the tweet (`n`, `piece`) ended. `why` is empty if it was said; `at` is wall-clock time (seconds)."""

    n: int
    piece: int
    outcome: Outcome
    at: float
    post_id: str | None = None
    why: str = ""


class Journal(Protocol):
    """What a sheep needs of a journal. One journal may be used by many threads at once.

    Every method raises JournalError if the journal cannot be used; then nothing may be posted. It raises
    Unstorable, which is a ValueError, if it cannot store one of the values; other writes are not concerned.

    A kill of the process loses no write that returned. A power cut loses no intent; it may lose what a bot wrote
    after its last intent (a settlement, a `keep`), so that this intent is open again and `unsure` is True.
    """

    def claim(self, bots: Sequence[str]) -> None:
        """Reserve these bots for this journal until `close`, all or none. Raises BotsTaken if another has one."""

    def read(self, bot: str) -> Record | None:
        """Return where `bot` is, or None if it has never spoken."""

    def intend(self, record: Record, text: str, at: float) -> None:
        """Note that the tweet (`record.n`, `record.piece`) with this text is about to be posted.

        It is on the disk when this returns. `at` is wall-clock time (seconds).
        """

    def settle(self, settlement: Settlement, record: Record) -> None:
        """Close the intent and move the sheep to `record`, both or neither."""

    def keep(self, record: Record) -> None:
        """Move the sheep to `record`, and leave its intents, and whether one is open, as they are."""

    def latest_posts(self, count: int, bot: str | None = None) -> list[float]:
        """Return when the latest `count` tweets, of `bot` or of all, were posted or may have been: earliest first.

        Which tweets of one bot are the latest goes by their order; of all bots, by the time. Times are wall-clock
        (seconds): of the settlement, or of the intent while it is open.
        """

    def close(self) -> None:
        """Flush what was written, and free the claims. May be called again."""
