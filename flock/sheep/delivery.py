"""Delivers a post exactly once: intend, post, find out, settle, tell. Nothing else writes intents and
settlements."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from flock.clock import Clock
from flock.errors import NetworkError, OutcomeUnknown, Unavailable, printable
from flock.events import Event, Said, Skipped, Unsure
from flock.journal import WELL, Command, Condition, Journal, Outcome, Place, Settlement, Standing
from flock.networks.base import Intent, Network, Post, Reply, is_same_text
from flock.networks.permission import may_send
from flock.sheep import recovery
from flock.sheep.recovery import REFUSAL, Asked, Verdict, is_blamed, is_from_then, verdict
from flock.sheep.standing import shifted
from flock.units import roughly

_TIME = 16  # hexadecimal digits of a token for the time, and as many for the hash
_TICKS = 1e6  # a second
_ENDED = {
    Verdict.SAID: Outcome.SAID,
    Verdict.SKIPPED: Outcome.SKIPPED,
    Verdict.UNKNOWN: Outcome.UNKNOWN,
}


class Delivery:
    """The posts of one bot, which the journal knows as `bot`. `place` is where it is, with `due` in the clock's
    steady time.

    `network` may be replaced by another connection of the same account, and `name` by the account's new name.
    `tell` is called with an event for each post that has ended, exactly once; `ended` counts them. `sent` is the
    steady time at which the network was last asked to make the post under way.
    """

    __slots__ = (
        "_begun",
        "_clock",
        "_journal",
        "_landed",
        "_owed",
        "_tell",
        "bot",
        "ended",
        "name",
        "network",
        "place",
        "sent",
    )

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
        self.bot = bot
        self.name = name
        self._journal = journal
        self._clock = clock
        self._tell = tell
        self._owed: tuple[Settlement, Place, Event] | None = None  # what the journal could not write yet
        self.resume(place)

    def resume(self, place: Place, until: float = 0.0, *, is_taken_over: bool = False) -> None:
        """Go on at `place`. A post that another process has begun is looked for when it has had time to land.

        `until` is the steady time before which that process would not have tried again, if it saw the post fail;
        else its request may have been under way when it was killed, and when that was is not known. With
        `is_taken_over` that process may have sent it just now (see `Journal.is_taken_over`).
        """
        now, wall = self._clock.now(), self._clock.wall()
        if place.intended is not None:
            place = place._replace(intended=min(place.intended, wall))  # it was not begun in the future
        self.place = place
        sent = wall if place.intended is None else place.intended
        may_be_under_way = wall - sent < recovery.UNDER_WAY
        wait = max(0.0, until - now) if until else recovery.LANDING * may_be_under_way
        if is_taken_over:
            wait = recovery.LANDING
        self._landed = now + min(recovery.LANDING, wait)
        since = wall if place.intended is None else self._intent().at
        self._begun = now - (wall - since) if since <= wall else -math.inf
        self.sent = self._begun

    @property
    def looks_at(self) -> float:
        """The steady time before which a post without an answer is not looked for; 0 when there is none."""
        is_looked_for = self.place.intended is not None and not self.owes and self.network.looks_first
        return self._landed if is_looked_for else 0.0

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
        standing: Standing = WELL,
    ) -> Outcome:
        """Post `text`, a piece of `line`, at `place`; settle it, move on, and return how it ended.

        `onward` makes the next place out of this one, without its intent, and the post's id; `about` holds the
        fields of `Said` that are known before; `standing` is how the sheep fares, in steady time.
        After a refused piece the place that `onward` gets says no line any more: the rest of it is not posted.
        Raises NetworkError when the post is to be tried again later, and
        JournalError when the journal cannot be written: then nothing was posted, or the settlement is owed (see
        `owes` and `settle`). Before `looks_at` it raises OutcomeUnknown, and asks the network nothing.
        """
        held = self._clock.now() - standing.since if standing.since else 0.0
        if self.place.intended is None:
            self._intend(text, line)
            post_id, outcome, why = self._post(text, Asked.FIRST_POST, held)
        else:
            looked = self._look_for(text) if self.network.looks_first else None
            if not looked and self.network.looks_first:
                until = self._clock.now() + recovery.UNDER_WAY
                self.keep(standing._replace(condition=Condition.BACKING_OFF, until=until))  # for a kill during it
            post_id, outcome, why = looked or self._post(text, Asked.REPEATED_POST, held)
        if outcome is Outcome.SAID:
            self.place = self.place._replace(refusals=0, trials=0)
        if outcome is not Outcome.SKIPPED:
            self.place = self.place._replace(passed=0)
        here = self.place
        settlement = Settlement(here.n, here.piece, outcome, self._clock.wall(), post_id, why and printable(why))
        done = withdrawn(here)
        if outcome is Outcome.SKIPPED:
            said = (here.saying or here.said) if here.piece else here.said
            done = done._replace(saying=None, said=said, skipped=here.skipped + (here.piece == 0))
        after = onward(done, post_id)
        self._owed = settlement, after, self._event(settlement, text, about)
        self.settle()
        return outcome

    def settle(self) -> None:
        """Write the settlement that is owed, then move on and tell. Raises JournalError when it stays owed."""
        if self._owed is None:
            return
        settlement, after, event = self._owed
        self._journal.settle(self.bot, settlement, self.in_wall_time(after))
        self.place, self._owed = after, None
        self.ended += 1
        self._tell(event)

    def keep(self, standing: Standing) -> None:
        """Write down how the sheep fares; its times are in steady time. Raises JournalError."""
        self._journal.keep(self.bot, self.in_wall_time(self.place), shifted(standing, self._offset()))

    def obey(self, command: Command, place: Place, standing: Standing) -> bool:
        """Move to `place`, to which `command` leads, and delete the command; return False if it is gone already.

        Times are in steady time. Raises JournalError; then nothing has changed.
        """
        if not self._journal.obey(command, self.bot, self.in_wall_time(place), shifted(standing, self._offset())):
            return False
        self.place = place
        return True

    def in_wall_time(self, place: Place) -> Place:
        """Return `place` as the journal keeps it: due times in wall-clock time, which the next process
        understands."""
        return place._replace(due=place.due + self._offset())

    def _offset(self) -> float:
        return self._clock.wall() - self._clock.now()

    def _intend(self, text: str, line: str) -> None:
        now = self._clock.wall()
        place = self.place._replace(intended=now, saying=line, token=token_of(self.bot, self.place, now))
        self._journal.intend(self.bot, self.in_wall_time(place), text)
        self.place, self._begun = place, self._clock.now()

    def _post(self, text: str, asked: Asked, held: float) -> tuple[str | None, Outcome, str]:
        """Post `text`; return the post's id, how it ended, and why. Raises what is to be tried again later."""
        place = self.place
        self.sent = self._clock.now()
        try:
            post_id = self._made(text)
        except NetworkError as error:
            what = verdict(error, asked, blames_text=is_blamed(place, error, held=held))
            if isinstance(error, REFUSAL):
                passed = place.passed + (what is Verdict.SKIPPED and place.piece == 0)
                self.place = place._replace(refusals=place.refusals + 1, passed=passed)
            elif what is Verdict.SKIPPED:
                self.place = place._replace(passed=0)
            if what is Verdict.LATER:
                self.place = withdrawn(self.place)
            if what not in _ENDED:
                raise
            return None, _ENDED[what], "" if what is Verdict.SAID else str(error)
        if is_newer(post_id, place.last_id):
            return post_id, Outcome.SAID, ""
        what = verdict(post_id, asked, repeat_is_safe=self._is_safe_to_repeat())
        why = "the answer names an earlier post"
        if what not in _ENDED:
            raise OutcomeUnknown(why)
        return None, _ENDED[what], why

    def _made(self, text: str) -> str:
        """Post `text` and return the post's id, while the bot is this flock's: that is asked now, and again before
        each request."""
        may_post = partial(self._journal.may_post, self.bot)
        before = may_send.set(may_post)
        try:
            if not may_post():
                raise Unavailable("this flock may have lost the bot to another one")
            return self.network.post(text, self._intent())
        finally:
            may_send.reset(before)
            self._landed = self._clock.now() + recovery.LANDING

    def _look_for(self, text: str) -> tuple[str | None, Outcome, str] | None:
        """Look for an unanswered post among the account's latest; return how it ended, or None to post it
        again."""
        if (seconds := self.looks_at - self._clock.now()) > 0:
            raise OutcomeUnknown(f"a post was not answered, and is looked for in {roughly(seconds)}")
        since_id = self.place.last_id
        try:
            posts = self.network.recent(since_id)
        except NetworkError as error:
            what = verdict(error, Asked.LATEST_POSTS, repeat_is_safe=self._is_safe_to_repeat())
            if what is Verdict.LOOK:
                raise
            if what is Verdict.POST:
                return None
            return None, Outcome.UNKNOWN, f"no answer, and the timeline cannot be read: {error}"
        age = self._clock.now() - self._begun
        possible = (post for post in _newer(posts, since_id) if is_from_then(post, age))
        landed = next((post for post in possible if is_same_text(post.text, text)), None)
        return (landed.id, Outcome.SAID, "") if landed else None

    def _intent(self) -> Intent:
        place = self.place
        token = place.token or token_of(self.bot, place, place.intended or self._clock.wall())
        reply_to = Reply(place.last_id, place.thread) if place.thread and place.last_id else None
        return Intent(token, int(token[:_TIME], 16) / _TICKS, reply_to)

    def _is_safe_to_repeat(self) -> bool:
        return self.network.is_safe_to_repeat(self._intent(), self._clock.wall())

    def _event(self, settlement: Settlement, text: str, about: dict[str, Any]) -> Event:
        of_all: dict[str, Any] = {"at": settlement.at, "bot": self.name, "text": text, "n": settlement.n}
        of_all["service"] = self.network.service.name
        if settlement.outcome is Outcome.SAID:
            return Said(post_id=settlement.post_id, **of_all, **about)
        if settlement.outcome is Outcome.SKIPPED:
            whole = {name: about[name] for name in ("piece", "pieces") if name in about}
            return Skipped(why=settlement.why, **of_all, **whole)
        return Unsure(why=settlement.why, **of_all)


def withdrawn(place: Place) -> Place:
    """Return `place` with no post under way."""
    return place._replace(intended=None, token=None)


def token_of(bot: str, place: Place, now: float) -> str:
    """Return the token of the post at `place`, which is begun at `now`: the time, and a hash of all that makes it
    this post. The time stands in it since a clock that is set must not change the intent."""
    what = f"{bot} {place.n} {place.piece} {now!r}"
    return f"{int(max(0.0, now) * _TICKS):0{_TIME}x}{hashlib.sha256(what.encode()).hexdigest()[:_TIME]}"


def is_newer(post_id: str, than: str | None) -> bool:
    """Return whether a post may have been made after the post `than`, by their ids.

    Ids that are decimal numbers grow. Other ids only differ, so that an earlier post is not recognised by them.
    """
    if than is None:
        return True
    if all(each.isascii() and each.isdecimal() for each in (post_id, than)):
        return _size(post_id) > _size(than)
    return post_id != than


def _newer(posts: Iterable[Post], since_id: str | None) -> Iterator[Post]:
    """Yield the posts, newest first, down to the last one known: the same line of an earlier recitation is older.

    Networks are asked for newer posts only, but not all of them listen.
    """
    for post in posts:
        if not is_newer(post.id, since_id):
            return
        yield post


def _size(digits: str) -> tuple[int, str]:
    """Return what sorts as the number does; int() refuses thousands of digits."""
    digits = digits.lstrip("0")
    return len(digits), digits
