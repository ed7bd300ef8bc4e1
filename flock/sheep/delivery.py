"""Says a tweet once: intends it in the journal, posts it, and finds out what became of an unanswered attempt."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flock.clock import Clock
from flock.errors import Duplicate, NetworkError, OutcomeUnknown, RateLimited, Refused, Retry, Skip
from flock.journal import Journal, Outcome, Record, Settlement
from flock.networks import Network, Post
from flock.sheep.patience import STRIKES

_LINK = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True)
class Spoken:
    """How a tweet ended: said, skipped or unknown; `why` is empty when it was said."""

    outcome: Outcome
    post_id: str | None = None
    why: str = ""


@dataclass(slots=True)
class Speaker:
    """One sheep's voice. `unsure` is whether the tweet that comes next may be out already."""

    network: Network
    journal: Journal
    clock: Clock
    unsure: bool = False
    refusals: int = 0

    def say(self, record: Record, text: str) -> Spoken:
        """Say `text` as the tweet (`record.n`, `record.piece`) and return how that ended, for the sheep to settle.

        Raises NetworkError when it is to be tried again later, and JournalError when it cannot be noted first:
        then nothing was posted.
        """
        if self.unsure:
            found = self._look_for(text, record.last_id)
            if found:
                return found
        else:
            self.journal.intend(record, text, self.clock.wall())
        return self._post(record, text)

    def _post(self, record: Record, text: str) -> Spoken:
        was_unsure, self.unsure = self.unsure, True
        try:
            post = self.network.post(text)
        except OutcomeUnknown:
            raise
        except Duplicate as error:
            if was_unsure:  # so the attempt that nobody answered did land
                return Spoken(Outcome.SAID)
            return Spoken(Outcome.SKIPPED, why=str(error))
        except NetworkError as error:
            if isinstance(error, Skip) and self._blames_the_text(error):
                return Spoken(Outcome.UNKNOWN if was_unsure else Outcome.SKIPPED, why=str(error))
            if not was_unsure:
                self.unsure = False
                self._withdraw(record)
            raise
        self.refusals = 0
        return Spoken(Outcome.SAID, post_id=post.id)

    def _blames_the_text(self, error: Skip) -> bool:
        """Return whether the text is at fault, not the API: whoever refuses all we say has changed its rules."""
        self.refusals += isinstance(error, Refused)
        return self.refusals < STRIKES

    def _withdraw(self, record: Record) -> None:
        """Note that the tweet surely did not land: a restart need not find out."""
        settlement = Settlement(record.n, record.piece, Outcome.WITHDRAWN, self.clock.wall())
        self.journal.settle(settlement, record)

    def _look_for(self, text: str, since_id: str | None) -> Spoken | None:
        """Return how the earlier attempt ended, as far as looking tells; None to go and ask by posting again.

        The account's own recent posts tell. Where these cannot be read, a network that refuses duplicates tells
        when it is asked again; with any other we stay in doubt, and rather than say it twice we go on.
        """
        try:
            posts = self.network.recent(since_id)
        except Retry:
            raise
        except NetworkError as error:
            if self.network.refuses_duplicates:
                return None
            if isinstance(error, RateLimited):
                raise
            return Spoken(Outcome.UNKNOWN, why=f"no answer, and the timeline cannot be read: {error}")
        landed = next((post for post in _newer(posts, since_id) if _same(post.text, text)), None)
        return Spoken(Outcome.SAID, post_id=landed.id) if landed else None


def _newer(posts: Iterable[Post], since_id: str | None) -> Iterator[Post]:
    """Yield the posts, newest first, down to the last one known: the same line of an earlier recitation is older.

    Networks are asked for no others, but not all of them listen.
    """
    for post in posts:
        if post.id == since_id or (since_id and _is_older(post.id, since_id)):
            return
        yield post


def _is_older(post_id: str, than: str) -> bool:
    return post_id.isdecimal() and than.isdecimal() and int(post_id) < int(than)


def _same(theirs: str, ours: str) -> bool:
    """Return whether the network's copy of a text is ours: it escapes HTML and shortens links."""
    return _LINK.sub("", html.unescape(theirs)).strip() == _LINK.sub("", ours).strip()
