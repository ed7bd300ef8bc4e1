"""Delivers a post exactly once: intend, post, find out, settle, tell. Nothing else writes intents and
settlements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flock.clock import Clock
from flock.errors import NetworkError, OutcomeUnknown, printable
from flock.events import Event, Said, Skipped, Unsure
from flock.journal import Journal, Outcome, Place, Settlement, Standing
from flock.networks.base import Network, Post, is_same_text
from flock.sheep import recovery
from flock.sheep.recovery import REFUSAL, Asked, Verdict, is_blamed, is_newer, verdict
from flock.sheep.standing import shifted
from flock.units import roughly

_ENDED = {
    Verdict.SAID: Outcome.SAID,
    Verdict.SKIPPED: Outcome.SKIPPED,
    Verdict.UNKNOWN: Outcome.UNKNOWN,
}


class Delivery:
    """The posts of one bot. `place` is where the bot is, with `due` in the clock's steady time.

    `network` may be replaced by another connection of the same account, and `name` by the account's new name.
    `tell` is called with an event for each post that has ended, exactly once; `ended` counts them.
    """

    __slots__ = ("_bot", "_clock", "_journal", "_landed", "_owed", "_tell", "ended", "name", "network", "place")

    def __init__(
        self,
        place: Place,
        *,
        bot: str,
        name: str,
        network: Network,
        journal: Journal,
        clock: Clock,
        tell: Callable[[Event], None],
    ) -> None:
        self.network = network
        self.ended = 0
        self._bot = bot
        self.name = name
        self._journal = journal
        self._clock = clock
        self._tell = tell
        self._owed: tuple[Settlement, Place, Event] | None = None  # what the journal could not write yet
        self.resume(place)

    def resume(self, place: Place) -> None:
        """Go on at `place`. A post that another process has begun is looked for when it has had time to land."""
        self.place = place
        sent = self._clock.wall() if place.intended is None else place.intended
        age = max(0.0, self._clock.wall() - sent)  # a clock that was set back must not delay the look for hours
        self._landed = self._clock.now() + max(0.0, recovery.LANDING - age)

    @property
    def looks_at(self) -> float:
        """The steady time before which a post without an answer is not looked for; 0 when there is none."""
        return 0.0 if self.place.intended is None or self.owes else self._landed

    @property
    def owes(self) -> bool:
        """Whether a post has ended and the journal does not know of it yet."""
        return self._owed is not None

    def deliver(
        self,
        text: str,
        *,
        line: str,
        onward: Callable[[Place, str | None], Place],
        about: dict[str, Any],
        held: float = 0.0,
    ) -> Outcome:
        """Post `text`, a piece of `line`, at `place`; settle it, move on, and return how it ended.

        `onward` makes the next place out of this one, without its intent, and the post's id; `about` holds the
        fields of `Said` that are known before; `held` is for `recovery.is_blamed`.
        After a refused piece the place that `onward` gets says no line any more: the rest of it is not posted.
        Raises NetworkError when the post is to be tried again later, and
        JournalError when the journal cannot be written: then nothing was posted, or the settlement is owed (see
        `owes` and `settle`). Before `looks_at` it raises OutcomeUnknown, and asks the network nothing.
        """
        if self.place.intended is None:
            self._intend(text, line)
            post_id, outcome, why = self._post(text, Asked.FIRST_POST, held)
        else:
            post_id, outcome, why = self._look_for(text) or self._post(text, Asked.REPEATED_POST, held)
        if outcome is Outcome.SAID:
            self.place = self.place._replace(refusals=0, trials=0)
        if outcome is not Outcome.SKIPPED:
            self.place = self.place._replace(passed=0)
        here = self.place
        settlement = Settlement(here.n, here.piece, outcome, self._clock.wall(), post_id, why and printable(why))
        done = here._replace(intended=None)
        if outcome is Outcome.SKIPPED:
            done = done._replace(saying=None, skipped=here.skipped + (here.piece == 0))
        after = onward(done, post_id)
        self._owed = settlement, after, self._event(settlement, text, about)
        self.settle()
        return outcome

    def settle(self) -> None:
        """Write the settlement that is owed, then move on and tell. Raises JournalError when it stays owed."""
        if self._owed is None:
            return
        settlement, after, event = self._owed
        self._journal.settle(self._bot, settlement, self.in_wall_time(after))
        self.place, self._owed = after, None
        self.ended += 1
        self._tell(event)

    def keep(self, standing: Standing) -> None:
        """Write down how the sheep fares; its times are in steady time. Raises JournalError."""
        self._journal.keep(self._bot, self.in_wall_time(self.place), shifted(standing, self._offset()))

    def in_wall_time(self, place: Place) -> Place:
        """Return `place` as the journal keeps it: due times in wall-clock time, which the next process
        understands."""
        return place._replace(due=place.due + self._offset())

    def _offset(self) -> float:
        return self._clock.wall() - self._clock.now()

    def _intend(self, text: str, line: str) -> None:
        place = self.place._replace(intended=self._clock.wall(), saying=line)
        self._journal.intend(self._bot, self.in_wall_time(place), text)
        self.place = place

    def _post(self, text: str, asked: Asked, held: float) -> tuple[str | None, Outcome, str]:
        """Post `text`; return the post's id, how it ended, and why. Raises what is to be tried again later."""
        place = self.place
        self._landed = self._clock.now() + recovery.LANDING
        try:
            post = self.network.post(text)
        except NetworkError as error:
            what = verdict(error, asked, blames_text=is_blamed(place, error, held=held))
            if isinstance(error, REFUSAL):
                passed = place.passed + (what is Verdict.SKIPPED and place.piece == 0)
                self.place = place._replace(refusals=place.refusals + 1, passed=passed)
            elif what is Verdict.SKIPPED:
                self.place = place._replace(passed=0)
            if what is Verdict.LATER:
                self.place = self.place._replace(intended=None)
            if what not in _ENDED:
                raise
            return None, _ENDED[what], "" if what is Verdict.SAID else str(error)
        what = verdict(post, asked, last_id=place.last_id, refuses_duplicates=self.network.refuses_duplicates)
        why = "the answer names an earlier post"
        if what not in _ENDED:
            raise OutcomeUnknown(why)
        return (post.id, Outcome.SAID, "") if what is Verdict.SAID else (None, _ENDED[what], why)

    def _look_for(self, text: str) -> tuple[str | None, Outcome, str] | None:
        """Look for an unanswered post among the account's latest; return how it ended, or None to post it
        again."""
        if (seconds := self.looks_at - self._clock.now()) > 0:
            raise OutcomeUnknown(f"a post was not answered, and is looked for in {roughly(seconds)}")
        since_id = self.place.last_id
        try:
            posts = self.network.recent(since_id)
        except NetworkError as error:
            what = verdict(error, Asked.LATEST_POSTS, refuses_duplicates=self.network.refuses_duplicates)
            if what is Verdict.LOOK:
                raise
            if what is Verdict.POST:
                return None
            return None, Outcome.UNKNOWN, f"no answer, and the timeline cannot be read: {error}"
        landed = next((post for post in _newer(posts, since_id) if is_same_text(post.text, text)), None)
        return (landed.id, Outcome.SAID, "") if landed else None

    def _event(self, settlement: Settlement, text: str, about: dict[str, Any]) -> Event:
        at, n = settlement.at, settlement.n
        if settlement.outcome is Outcome.SAID:
            return Said(at=at, bot=self.name, text=text, n=n, post_id=settlement.post_id, **about)
        if settlement.outcome is Outcome.SKIPPED:
            whole = {name: about[name] for name in ("piece", "pieces") if name in about}
            return Skipped(at=at, bot=self.name, text=text, n=n, why=settlement.why, **whole)
        return Unsure(at=at, bot=self.name, text=text, n=n, why=settlement.why)


def _newer(posts: Iterable[Post], since_id: str | None) -> Iterator[Post]:
    """Yield the posts, newest first, down to the last one known: the same line of an earlier recitation is older.

    Networks are asked for newer posts only, but not all of them listen.
    """
    for post in posts:
        if not is_newer(post.id, since_id):
            return
        yield post
