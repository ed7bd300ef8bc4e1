"""Sheep: memorizes one poem and says it, line by line, for ever."""

from __future__ import annotations

import logging
import math
import os
import random
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from flock import events, rates
from flock.context import Context, shared_context
from flock.errors import (
    BadDecision,
    BadInput,
    BadPoem,
    CapReached,
    DailyLimit,
    JournalError,
    NetworkError,
    printable,
)
from flock.events import Event
from flock.hours import Hours
from flock.journal import WELL, Command, Condition, Outcome, Place, Standing, Verb
from flock.keys import Key, Params, read_key, with_about
from flock.networks.base import Network
from flock.poem import about_poem, cut, mark_of, place_of_line, read_poem
from flock.sheep import orders
from flock.sheep.account import find_account, is_anothers, is_unknown
from flock.sheep.allowance import allowance
from flock.sheep.deciding import decided
from flock.sheep.delivery import Delivery
from flock.sheep.inbox import Inbox
from flock.sheep.keyfile import KeyFile
from flock.sheep.pace import Intervals, Pace
from flock.sheep.place import (
    about,
    age_at,
    back,
    drawn_by,
    found_again,
    has_birthday,
    interval_after,
    interval_before,
    is_another,
    next_due,
    onward,
)
from flock.sheep.recovery import REFUSAL
from flock.sheep.renewal import Renewal, changed_fields, connects_anew, has_other_tokens
from flock.sheep.rhythm import paced_by, rhythm_of
from flock.sheep.standing import PEN_CHECK, RATE_LIMIT_WAIT, REFUSING, believable, hindrance, shifted, troubled
from flock.sheep.stanzas import Stanzas, stanzas_for
from flock.temperament import TEMPERAMENTS, Recitation, Temperament, seed_of
from flock.units import DAY

log = logging.getLogger(__name__)

STEADFAST = TEMPERAMENTS["steadfast"]

_WAIT = 1.0  # seconds; a shorter one is none
_CRON_SLACK = 30.0  # seconds; half of cron's minute


class Sheep:
    """One bot: its key, its poem, its place in the poem, and its age.

    `line_interval` and `poem_interval` are in seconds; those in the key file override them. `memory` holds the
    poem's lines (or stanzas, or sentences: a line is what is said in one go), and `recitation` what the sheep's
    temperament makes of them this time. `age` is in recitations: finished ones and the fraction of the present
    one. `tot_tweet_tracker` counts the posts of a lifetime, and `mod_tweet_tracker` is the place in the
    recitation. `due` is when the next line should be said, `wake` when it is tried next, and `moved` when it was
    tried last, all in the clock's steady time. `standing` is how the sheep fares.

    `key` is a key that has been read already, and `context` what the sheep shares with its herd; without it, all
    sheep of the process that have none share one. To say something else, override `decide`. Raises BadInput when
    the key or the poem cannot be used, and BotsTaken when another flock runs this bot.
    """

    __slots__ = (  # there may be ten thousand; a subclass may have what it likes
        "__weakref__",
        "_account",
        "_app",
        "_calls_heard",
        "_delivery",
        "_given_intervals",
        "_inbox",
        "_is_recognized",
        "_key_file",
        "_pace",
        "_pace_told",
        "_pieces",
        "_recited",
        "_rhythm",
        "_stanzas",
        "api",
        "bot",
        "busy",
        "claimed",
        "context",
        "is_dismissed",
        "json_file",
        "key",
        "line_interval",
        "memory",
        "moved",
        "name",
        "params",
        "poem_interval",
        "seed",
        "sleeping",
        "standing",
        "temperament",
    )

    def __init__(
        self,
        json_file: str | os.PathLike[str],
        line_interval: float,
        poem_interval: float,
        *,
        key: Key | None = None,
        context: Context | None = None,
    ) -> None:
        self.json_file = Path(json_file)
        self.context = context or shared_context()
        self._given_intervals = (line_interval, poem_interval)
        self._key_file = KeyFile(self.json_file)
        self._use(key or read_key(self.json_file))
        self.bot = self.context.bot(self.key)
        self._account: str | None = None  # the one that the network has let it in to
        self._is_recognized = False  # by the network, on this connection
        self.setup_api()
        self.memory: list[str] = []
        self._stanzas: Stanzas | None = None
        self.memorize()
        self.temperament: Temperament = self.key.temperament or self.context.options.temperament or STEADFAST
        self._be_born()
        self.sleeping = False
        self.busy = False
        self.is_dismissed = False
        self._inbox = Inbox()
        self.standing = WELL
        self.moved = self.context.clock.now()
        self._calls_heard = self.context.calls
        self.claimed = [self.bot]
        self.context.claim([self.key])
        self._remember()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}, age {self.age:.2f}>"

    def _use(self, key: Key) -> None:
        self.key = key
        with suppress(BadPoem):  # `memorize` tells; a poem that is gone later does not matter
            self.key = with_about(key, about_poem(key.poem_file))
        self.params: Params = key.params
        self._app = key.credentials.app
        self.name = self.context.networks.label(key)
        line_interval, poem_interval = self._given_intervals
        self.line_interval = line_interval if key.line_interval is None else key.line_interval
        self.poem_interval = poem_interval if key.poem_interval is None else key.poem_interval
        self._rhythm = rhythm_of(key, self.context.options, self.context.clock, self.line_interval)
        self.line_interval, self.poem_interval = paced_by(self.hours, self.line_interval, self.poem_interval)

    def setup_api(self) -> None:
        """Connect to the bot's network."""
        self.api: Network = self.context.networks.connect(self.key)

    def memorize(self) -> None:
        """Learn the poem: its lines, stanzas or sentences, in order. Raises BadPoem when there is none."""
        self.memory = list(read_poem(self.key.poem_file, self.key.say, self.context.options.poem_format))
        self._stanzas = stanzas_for(self.key, self.context.options, self.line_interval)

    def _be_born(self) -> None:
        """Draw the seed of the random numbers. Those of a renamed account stay what they were."""
        named = self.context.networks.bot(self.key)
        self.seed = seed_of(self.context.options.seed, drawn_by(self.bot, named, self.name))
        self._recited: dict[int, Recitation] = {}
        self._pieces: tuple[str, list[str]] | None = None  # the line under way, and its posts

    def _remember(self) -> None:
        """Go on where the journal says that this bot was."""
        journal, clock = self.context.journal, self.context.clock
        self._count()
        kept = journal.read(self.bot)
        first = self._recite(0).utterances[0].text
        place = Place(due=clock.now(), next_line=first, poem=mark_of(self.memory))
        if self._rhythm:
            place = place._replace(due=self._rhythm.first(place, self.seed))
        self._delivery = Delivery(
            place,
            bot=self.bot,
            name=self.name,
            network=self.api,
            journal=journal,
            clock=clock,
            tell=self.context.events.tell,
        )
        if kept is not None:
            self._pick_up(*kept)
        elif place.due > clock.now():
            self._put_off(place.due)  # for the next run of cron, which would see another first time
        self._expect()

    def _count(self) -> None:
        """Find out how many posts the bot may make today, and how they are spread."""
        context = self.context
        own = allowance(self.posts_per_day, context.clock, context.journal, self.bot)
        day = self.hours.longest_day if self.hours else 1.0
        bursts, count = context.options.burst, self._count_posts
        self._pace = Pace(self.bot, own, context.allowance, bursts=bursts, count=count, day=day)
        self._pace_told = -math.inf  # steady time

    def _expect(self) -> None:
        """Tell the flock's cap what the bot would post, or that it posts nothing for now."""
        if self.is_penned or self.is_paused or self.is_dismissed:
            self._pace.leave()
        else:
            self._pace.expect(self.recitation, self.line_interval, self.poem_interval)

    def _pick_up(self, place: Place, standing: Standing) -> None:
        """Go on at `place`, as `standing`, both in wall-clock time."""
        clock, wall = self.context.clock, self.context.clock.wall()
        place = self._find_line(place)
        if standing.key_stamp and standing.key_stamp != self._key_file.stamp:
            standing = WELL  # the key file has changed since: the account gets as many tries as a new one
        believed = believable(place, standing, wall=wall, longest=self._longest_interval(place))
        here, fares = believed
        self.standing = shifted(fares, clock.now() - wall)
        is_backing_off = fares.condition is Condition.BACKING_OFF
        tries_again = self.standing.until if is_backing_off else 0.0
        here = here._replace(due=clock.now() + here.due - wall)
        fitted = self._rhythm.fitted(here, self.seed) if self._rhythm else here
        self._delivery.resume(fitted, tries_again, is_taken_over=self.context.journal.is_taken_over(self.bot))
        if believed != (place, standing) or fitted is not here:
            self._delivery.keep(self.standing)  # so that the runs of cron do not each wait anew

    def _longest_interval(self, place: Place) -> float:
        """Return the seconds that the bot waits at most until the line at `place`."""
        longest = max(self.line_interval, self.poem_interval, self._interval_before(place))
        return self._rhythm.longest(longest, place) if self._rhythm else longest

    def _find_line(self, place: Place) -> Place:
        """Return `place` with its line as the poem and the temperament have it now; tell when that is another."""
        texts = [utterance.text for utterance in self._recite(place.recitations).utterances]
        mark = mark_of(self.memory)
        if not place.poem:  # an earlier version has written it
            place = place._replace(said=place.prior_line)
        is_edited = place.poem != mark
        found = found_again(place, texts, self.memory, is_edited=is_edited)
        if found is not place:
            line = max(0, found.line)
            if not is_edited:
                self._tell(events.TemperamentChanged, line=line, text=texts[line])
            elif is_another(place, texts, self.memory):
                self._tell(events.PoemChanged, text=texts[0])
            else:
                self._tell(events.PickedUp, line=line, text=texts[line])
        return found._replace(poem=mark) if is_edited else found

    # Where it is

    @property
    def place(self) -> Place:
        """Where the sheep is, with due times in the clock's steady time."""
        return self._delivery.place

    @property
    def due(self) -> float:
        return self._delivery.place.due

    @property
    def wake(self) -> float:
        if self.is_paused and not self._is_open:
            return math.inf
        return max(self._delivery.place.due, self._delivery.looks_at, self.standing.until)

    @property
    def recitation(self) -> Recitation:
        return self._recite(self._delivery.place.recitations)

    @property
    def age(self) -> float:
        place = self._delivery.place
        return age_at(place, self._recite(place.recitations))

    @property
    def tot_tweet_tracker(self) -> int:
        return self._delivery.place.n

    @tot_tweet_tracker.setter
    def tot_tweet_tracker(self, n: int) -> None:
        self._delivery.place = self._delivery.place._replace(n=n)

    @property
    def mod_tweet_tracker(self) -> int:
        return max(0, self._delivery.place.line)

    @mod_tweet_tracker.setter
    def mod_tweet_tracker(self, line: int) -> None:
        self._delivery.place = self._delivery.place._replace(line=line)

    @property
    def hours(self) -> Hours | None:
        """The schedules and waking hours of the bot, or None."""
        return self._rhythm.hours if self._rhythm else None

    @property
    def posts_per_day(self) -> int | None:
        """The cap on its posts in any 24 hours, or None."""
        cap = self.key.posts_per_day
        return self.context.options.posts_per_day if cap is None else cap

    def postpone(self, due: float) -> None:
        """Say the next line at the steady time `due`."""
        self._delivery.place = self._delivery.place._replace(due=due)

    def grow_to(self, age: float) -> None:
        """Be that old, in recitations, from one moment to the next: for rehearsals."""
        recitations = int(age)
        utterances = self._recite(recitations).utterances
        line = int(age % 1 * len(utterances))
        self._delivery.place = self._delivery.place._replace(
            recitations=recitations, line=line, next_line=utterances[line].text
        )

    # What it does, for ever

    def loop(self) -> None:
        """Say a line, sleep, and so on until the herd is told to stop. The first line waits until it is due."""
        stop = self.context.stop
        self.sleep()
        while not (stop.is_set() or self.is_dismissed):
            if not self.attend():
                with self.api.service.slots:
                    if not (stop.is_set() or self._is_interrupted):  # while it waited for a slot
                        self.beat()
            self.sleep()
        self._expect()

    def dismiss(self) -> None:
        """Let `loop` return after the post under way."""
        self.is_dismissed = True

    def sleep(self) -> None:
        """Sleep until `wake`, until the shepherd calls a sheep that waits or has something to say to it, or until
        the sheep or the herd is told to stop. Where a schedule counts, `wake` follows the clock on the wall."""
        clock, stop = self.context.clock, self.context.stop
        self.sleeping = True
        while not clock.wait(self.wake, stop, unless=self._is_woken) and self._rhythm and self._is_off:
            self.postpone(self._rhythm.set_right(self.place, self.seed))
        self.sleeping = False

    def beat(self) -> None:
        """Try once to say what is due, and set `wake`. Any exception stays this sheep's own."""
        clock = self.context.clock
        self.moved = clock.now()
        self.busy = True
        is_called, self._calls_heard = self._is_called(), self.context.calls
        try:
            if self.is_penned and not self._may_leave(is_called=is_called):
                self.standing = self.standing._replace(until=clock.now() + PEN_CHECK)
                return
            if self.standing.strikes and self._key_file.has_changed and self._renew_key(is_called=is_called):
                self.standing = WELL  # the account gets as many tries as a new one
            if self.is_paused and not self._is_open:
                return
            if not self._is_recognized:
                has_moved = self._find_account()
                if (has_moved and self.wake > clock.now()) or self.is_spoken_to:  # under the name that it has now
                    return
            if self._rhythm and self._sleeps_on():
                return
            due, ended = self.due, self._delivery.ended
            self.tweet_something()
            if (self.due, self._delivery.ended) == (due, ended):  # a subclass that posts in its own way
                self.postpone(self._due_after(self.place, self._own_interval(), begins=not self.mod_tweet_tracker))
            self._cheer_up()
        except CapReached as reached:
            self._wait_for_its_time(reached)
        except NetworkError as error:
            self._meet(error)
            with suppress(JournalError):  # the next intent tells of the journal's trouble
                self._delivery.keep(self.standing)
        except Exception as error:  # noqa: BLE001 - one sheep's bug must not end another
            self._meet(error)
        finally:
            self.busy = False

    def is_due(self) -> bool:
        """Return whether the next try may be made now, or so soon that cron would come too late for it.

        A post without an answer is never looked for too soon: that is left to the next run.
        """
        now, slack = self.context.clock.now(), min(_CRON_SLACK, self.line_interval / 2)
        return self._delivery.looks_at <= now and self.wake <= now + slack

    @property
    def is_within_a_line(self) -> bool:
        """Whether the next piece of a line is to be said, and nothing is in its way."""
        place, soon = self._delivery.place, self.context.clock.now() + rates.PIECE_INTERVAL
        is_held = place.intended is not None or place.paused is not None
        return place.saying is not None and not is_held and self.standing == WELL and self.due <= soon

    def decide(self) -> str:
        """Return what to say next: the recitation's line, faithful or not so faithful."""
        return self.recitation.utterances[self.mod_tweet_tracker].text

    def _decided(self) -> str:
        """Return what a subclass has decided, checked; Sheep's own `decide` needs no check."""
        return self.decide() if type(self).decide is Sheep.decide else decided(self.decide)

    def tweet_something(self) -> None:
        """Say the line that is due; of a line of several posts, the one that is due.

        Raises NetworkError when the network does not accept one now, and CapReached when a cap does not allow one
        now; what is left of the line is said at the next try. Raises JournalError when a post cannot be noted;
        then it is not made.
        """
        delivery = self._delivery
        if delivery.owes:
            before = delivery.place
            delivery.settle()
            self._go_on(before)
            if delivery.place.saying is None:
                return  # the line had ended, and its interval holds
        line = self._decided() if delivery.place.saying is None else delivery.place.saying
        if self._pieces is None or self._pieces[0] != line:  # once a line, however often it is tried
            self._pieces = line, [line] if self.api.fits(line) else cut(line, self.api.fits)
        self._say(line, self._pieces[1])
        if delivery.place.saying is None:
            self._pieces = None

    def _say(self, line: str, pieces: list[str]) -> None:
        """Post one piece of a line, out of the day's allowance; a post that surely is not out does not count."""
        delivery, now = self._delivery, self.context.clock.now()
        here, recitation = delivery.place, self.recitation
        takes = here.intended is None  # a repeat was counted at its first attempt
        if takes and self._pace.is_capped:
            self._take_a_post(now, len(pieces), begins=here.piece == 0)
        piece = min(here.piece, len(pieces) - 1)
        outcome, sent = None, delivery.sent
        try:
            onward = partial(self._onward, len(pieces))
            outcome = delivery.deliver(
                pieces[piece],
                line=line,
                onward=onward,
                about=about(here, recitation, pieces=len(pieces), now=now),
                standing=self.standing,
            )
        except REFUSAL:
            if delivery.place.passed and delivery.place.intended is None:
                delivery.place = back(delivery.place, self._recite)
            raise
        finally:
            is_out = (
                outcome is not Outcome.SKIPPED if outcome else delivery.owes or delivery.place.intended is not None
            )
            if takes and not is_out:
                self._pace.give_back(now)
            if not takes and delivery.sent > sent:  # it may have been made only now
                self._pace.count_again(sent, now)
        self._go_on(here)

    def _take_a_post(self, now: float, pieces: int, *, begins: bool) -> None:
        if (again := self._pace.take(now, posts=pieces, begins=begins)) is None:
            return
        if self._pace.is_spread:
            raise CapReached(self._pace.why, until=again)
        until = again - now + self.context.clock.wall()
        raise DailyLimit("the posts of the day are made", until=until)

    def _wait_for_its_time(self, reached: CapReached) -> None:
        """Put the line off. The cap is the operator's own, so that this is no trouble, and the sheep not quiet."""
        place = self.place
        self._put_off(
            reached.until
            if place.piece or not self._rhythm
            else self._rhythm.first(place, self.seed, reached.until)
        )
        self._tell_of_pace()

    def _sleeps_on(self) -> bool:
        """Put off a line that may not be said at this hour; return whether it may not."""
        if self._rhythm is None or self._is_open:
            return False
        self.postpone(self._rhythm.set_right(self.place, self.seed))
        due, now = self._rhythm.held(self.place, self.seed), self.context.clock.now()
        if due <= now or (due == self.due and due <= now + _CRON_SLACK):
            return False
        self._put_off(due)
        return True

    def _put_off(self, due: float) -> None:
        """Say the next line at the steady time `due`, also after a restart."""
        self.postpone(due)
        with suppress(JournalError):  # the next intent tells of the journal's trouble
            self._delivery.keep(self.standing)

    def _tell_of_pace(self) -> None:
        """Tell until when the next line waits for a cap, if it waits: once a day for all to read."""
        now = self.context.clock.now()
        seconds = self.due - now
        if seconds < _WAIT or self.is_paused:
            return
        again = now - self._pace_told < DAY
        self._pace_told = self._pace_told if again else now
        self._tell(events.Paced, why=self._pace.why, seconds=seconds, again=again)

    def _onward(self, pieces: int, here: Place, post_id: str | None) -> Place:
        """Return the place after the post at `here`; the next due time counts from now on if that is later.

        Where `here` says no line any more, this post has ended it: the rest of a refused line is not posted.
        """
        pieces = pieces if here.saying is not None else here.piece + 1
        now = self.context.clock.now()
        if here.piece + 1 < pieces:
            due = now + min(rates.PIECE_INTERVAL, self.line_interval)
        else:
            due = self._line_after(here)
        thread = self.key.thread or "line"
        return onward(here, post_id=post_id, pieces=pieces, recite=self._recite, due=due, thread=thread)

    def _line_after(self, here: Place) -> float:
        """Return when the line after the one at `here` is due."""
        interval = interval_after(here, self._recite, *self._intervals(here.recitations))
        is_last = here.line + 1 >= len(self._recite(here.recitations).utterances)
        return self._due_after(here, interval, begins=is_last)

    def _due_after(self, here: Place, interval: float, *, begins: bool) -> float:
        if self._rhythm:
            return self._rhythm.after(here, interval, self.seed, begins=begins)
        return next_due(here.due, interval, self.context.clock.now())

    def _go_on(self, before: Place) -> None:
        """Note that the post at `before` has ended; tell of a birthday when the poem has ended with it, unless
        nothing of it was said."""
        self.moved = self.context.clock.now()
        place = self._delivery.place
        if has_birthday(before, place, self._recite):
            _, rest = self._intervals(place.recitations - 1)
            rest *= self._recite(place.recitations - 1).rest
            rest = place.due - self.moved if self._rhythm else rest
            self._tell(events.Birthday, age=place.recitations - place.silent, rest=rest)
        is_slowed = self._intervals(before.recitations) != (self.line_interval, self.poem_interval)
        if is_slowed and place.saying is None:
            self._tell_of_pace()

    def _cheer_up(self) -> None:
        """Note that all went well; what was told of as broken is told of as mended."""
        self.standing = WELL
        service = self.api.service
        if service.outage.is_on or self._app not in service.good_apps:
            service.answers(self._app)
        self._end_outage()

    def _end_outage(self) -> None:
        """Note that the journal could be written."""
        if self.context.journal_outage.is_on and self.context.journal_outage.end():
            self._tell(events.SpeaksAgain)

    def _recite(self, number: int) -> Recitation:
        """Return the `number`-th recitation, from 0. The latest two are kept."""
        if number not in self._recited:
            latest = dict(list(self._recited.items())[-1:])
            self._recited = {**latest, number: self.paced(self.temperament(tuple(self.memory), number, self.seed))}
        return self._recited[number]

    def paced(self, recitation: Recitation) -> Recitation:
        """Return a recitation of this poem with the longer pauses after its stanzas."""
        return self._stanzas.paced(recitation, len(self.memory)) if self._stanzas else recitation

    def _own_interval(self) -> float:
        """Return the seconds until the next line of a subclass that moves its own trackers."""
        line, (line_interval, poem_interval) = self.mod_tweet_tracker, self._intervals(self.place.recitations)
        return line_interval if 0 < line < len(self.recitation.utterances) else poem_interval

    def _intervals(self, number: int) -> Intervals:
        """Return the intervals of the `number`-th recitation, before its temperament stretches them."""
        if not self._pace.is_spread:
            return self.line_interval, self.poem_interval
        return self._pace.intervals(self._recite(number), self.line_interval, self.poem_interval)

    def _interval_before(self, place: Place) -> float:
        """Return for how long the line at `place` was waited for at most, in seconds, so far as is known."""
        before = place.recitations - (place.line <= 0 < place.recitations)
        if not self._pace.is_shared:
            return interval_before(place, self._recite, *self._intervals(before))
        said, bots = self._recite(before), len(self.context.bots)  # some are not made yet
        longest = self._pace.longest_intervals(said, self.line_interval, self.poem_interval, bots=bots)
        turn = self._pace.longest_share(self._recite(place.recitations), bots=bots)
        return max(turn, interval_before(place, self._recite, *longest))

    def _count_posts(self, text: str) -> int:
        """Return how many posts a text makes, about; no server is asked."""
        fits = self.context.networks.fits(self.key)
        with suppress(ValueError):  # no piece fits
            return 1 if fits(text) else len(cut(text, fits))
        return 1

    # What it is told while it is out

    def hear(self, commands: Sequence[Command], delay: float = 0.0) -> None:
        """Take what the operator has told this bot and was not obeyed yet; it is obeyed between two beats.

        A bot that is told to go on waits for `delay` seconds. A command that still cannot be obeyed at the next
        call is told of.
        """
        for command in self._inbox.hear(commands, delay, self._can_obey):
            self._tell(events.Told, command=str(command), why=self._why_later)

    @property
    def is_spoken_to(self) -> bool:
        """Whether the operator has told the bot something that it can do now, or has changed its key or poem."""
        return self._has_renewal or any(map(self._can_obey, self._inbox.commands))

    @property
    def _has_renewal(self) -> bool:
        return self._inbox.renewal is not None and not self._delivery.owes

    def renew(self, renewal: Renewal) -> None:
        """Take another key, or the same one with a poem that has changed; it is used from the next line on."""
        self._inbox.renewal = renewal

    def attend(self) -> bool:
        """Do what the operator has told the bot, as far as it can be done now; return whether there was something.

        It is for the thread that runs the sheep, between two beats.
        """
        if not self.is_spoken_to:
            return False
        inbox = self._inbox
        if self._has_renewal and inbox.renewal:
            renewal, inbox.renewal = inbox.renewal, None
            self._change(renewal)
        commands, inbox.commands = inbox.commands, ()  # what is left is handed over again within a second
        for command in filter(self._can_obey, commands):
            try:
                self._obey(command, inbox.delay)
            except JournalError as error:
                if self.context.journal_outage.begins(self.name):
                    self._tell(events.Silenced, why=printable(str(error)))
                break
            except Exception as error:  # of a subclass: its other commands may do
                if inbox.is_new(command):
                    log.exception("%s cannot obey: %s: %s", self.name, command, printable(str(error)))
        else:
            self._end_outage()
        return True

    def _change(self, renewal: Renewal) -> None:
        """Go on with another key, poem or temperament; or as before, where that cannot be."""
        key, before = renewal.key, self.key
        kept = self.api, self.memory, self.temperament, self._recited, self._pace
        try:
            self._use(key)
            if is_reconnected := connects_anew(before, key):
                self.setup_api()
            self.memorize()
            if key.temperament != before.temperament:
                self.temperament = key.temperament or self.context.options.temperament or STEADFAST
            if (key.posts_per_day, key.awake) != (before.posts_per_day, before.awake):
                self._count()
            self._recited = {}
            self._recite(self.place.recitations)
        except Exception as error:  # a poem that was exchanged meanwhile, or an error of a subclass
            self._use(before)
            self.api, self.memory, self.temperament, self._recited, self._pace = kept
            trace = None if isinstance(error, BadInput | JournalError) else error
            log.error("%s goes on as it was: %s", self.name, printable(str(error)), exc_info=trace)
            return
        self.json_file, self._key_file, self._pieces = key.file, renewal.file, None
        self._delivery.network, self._delivery.name = self.api, self.name
        self._is_recognized = self._is_recognized and not is_reconnected
        what = (*changed_fields(before, key), *(["poem"] if self.memory != kept[1] else []))
        if what:
            self._tell(events.Renewed, what=what)
        place = self._find_line(self.place)
        longest = self.context.clock.now() + self._longest_interval(place)
        place = place._replace(due=min(place.due, longest))
        self._delivery.place = self._rhythm.fitted(place, self.seed) if self._rhythm else place
        self._expect()
        if has_other_tokens(before, key):
            if self.is_penned:
                self._leave_the_pen("its key file has changed")
            elif self.standing.strikes:
                self.standing = WELL  # the account gets as many tries as a new one

    def _obey(self, command: Command, delay: float) -> None:
        clock, delivery = self.context.clock, self._delivery
        is_from = command.verb is Verb.FROM
        given = orders.Circumstances(
            recite=self._recite,
            line_after=self._line_after,
            thread=self.key.thread or "line",
            now=clock.now(),
            wall=clock.wall(),
            delay=delay,
            source=self._place_of_line(command.line or 1) if is_from else None,
        )
        here = delivery.place
        step = orders.obey(command, here, self.standing, given)
        if self._rhythm and command.verb not in (Verb.NOW, Verb.PAUSE):
            step = step._replace(place=self._rhythm.fitted(step.place, self.seed))
        if not delivery.obey(command, step.place, step.standing):
            return
        if step.why:
            self._tell(events.Declined, command=str(command), why=step.why)
            return
        self.standing, self._pieces = step.standing, None
        self._expect()
        self._pace_told = -math.inf  # the operator looks
        if command.verb is Verb.NOW:
            self._pace.bring_forward(clock.now())
        seconds = max(0.0, step.place.due - clock.now())
        self._tell(
            events.Obeyed,
            command=str(command),
            text=step.place.saying or step.place.next_line,
            seconds=seconds,
            why=self._hindrance,
        )
        self._go_on(here)

    def _place_of_line(self, number: int) -> int | None:
        key = self.key
        return place_of_line(number, key.poem_file, self.memory, key.say, self.context.options.poem_format)

    def _can_obey(self, command: Command) -> bool:
        """Return whether it is known which bot this is, and no post may be out that the command would lose."""
        if self._delivery.owes or command.bot != self._delivery.bot or self._is_unknown:
            return False
        return command.verb in orders.AT_ONCE or self._delivery.place.intended is None

    @property
    def _is_unknown(self) -> bool:
        return is_unknown(self.key, self._account, self.context.networks)

    @property
    def _why_later(self) -> str:
        return "when it has signed in" if self._is_unknown else "when the post under way has been settled"

    @property
    def _hindrance(self) -> str:
        """What keeps the bot from saying its next line when that is due; empty if nothing does."""
        return "it is paused" if self.is_paused else hindrance(self.standing, self.context.clock.now())

    @property
    def _is_open(self) -> bool:
        """Whether a post may be out that has to be settled."""
        return self._delivery.owes or self._delivery.place.intended is not None

    # When something has gone wrong

    def _meet(self, error: Exception) -> None:
        """Pen the sheep, let it wait or back off, as the error asks for, and tell what was not told before."""
        clock, before = self.context.clock, self.standing
        self.standing, event = troubled(
            error,
            before,
            bot=self.name,
            now=clock.now(),
            wall=clock.wall(),
            jitter=random.random(),  # noqa: S311
            earliest=self._delivery.looks_at,
        )
        self.standing = self.standing._replace(trouble=printable(self.standing.trouble))
        if self.is_penned:
            self._expect()
        if self.standing.strikes:
            self.standing = self.standing._replace(key_stamp=self._key_file.stamp)
        if isinstance(error, NetworkError):
            event = self.api.service.introduce(event, error, self._app)
        elif isinstance(error, JournalError):
            event = event if self.context.journal_outage.begins(self.name) else None
        elif (before.trouble, before.kind) != (self.standing.trouble, self.standing.kind):
            cause = error.__cause__ if isinstance(error, BadDecision) else error
            log.error("%s", printable(str(error)), exc_info=cause)
        self._tell(events.Failed, kind=self.standing.kind, service=self.api.service.name)
        if event is not None:
            self.context.events.tell(event)

    @property
    def is_penned(self) -> bool:
        """Whether no post of the sheep is accepted until its operator acts."""
        return self.standing.condition is Condition.PENNED

    @property
    def is_paused(self) -> bool:
        """Whether the sheep begins nothing, because its operator has told it so."""
        return self._delivery.place.paused is not None

    @property
    def is_refused(self) -> bool:
        """Whether the network refuses what the sheep says, or refuses to let it say anything."""
        return self.place.refusals > 0 or self.standing.kind in REFUSING

    @property
    def is_waiting(self) -> bool:
        """Whether the sheep waits for a limit to end, as against backing off."""
        return self.standing.condition is Condition.WAITING

    def _may_leave(self, *, is_called: bool) -> bool:
        """Leave the pen if the key file has changed, or the shepherd has called; return whether it did."""
        if not ((is_called or self._key_file.has_changed) and self._renew_key(is_called=is_called)):
            return False
        self._leave_the_pen("the shepherd calls" if is_called else "its key file has changed")
        return True

    def _renew_key(self, *, is_called: bool) -> bool:
        """Connect with the key that is in the key file now; return whether it can be used."""
        if self._delivery.owes:
            return False  # the post was one of the account of before

        def use(key: Key) -> None:
            if self.is_anothers(key):
                raise BadInput("its key file names another bot now; start the flock anew")
            before = self.key
            self._use(key)
            try:
                self.setup_api()
            except BaseException:
                self._use(before)
                raise

        complaint = f"{self.name} {'stays in the pen' if self.is_penned else 'keeps its old key'}"
        if not self._key_file.renew(use, complaint=complaint, again=is_called):
            return False
        self._delivery.network, self._delivery.name = self.api, self.name
        self._is_recognized = False
        return True

    def is_anothers(self, key: Key) -> bool:
        """Return whether `key` is another bot's, as far as that is known before the network has been asked."""
        named, networks = self.context.bot(key), self.context.networks
        return is_anothers(key, own=self.key, bot=self.bot, known=self._account, named=named, networks=networks)

    # Which account it is

    def _find_account(self) -> bool:
        """Find out which account the network lets the bot in to, where it tells, before the first post to it.

        Return whether the journal knows that account by another name; then the sheep goes on at that place.
        Raises NetworkError, also when the account is another bot's, and JournalError.
        """
        context = self.context
        self.bot, account = find_account(
            self.bot,
            self._account,
            self.key,
            self.api,
            networks=context.networks,
            journal=context.journal,
            wall=context.clock.wall(),
        )
        has_another = self.bot != self._delivery.bot
        if has_another:
            self.claimed.append(self.bot)
            self._move()
        self._account, self._is_recognized = account, True
        return has_another

    def _move(self) -> None:
        """Go on at the place that the journal has for `bot`, or as a new bot; or stay if the journal fails."""
        before = self._delivery
        self._pace.leave()
        self._be_born()
        self.standing = WELL
        try:
            self._remember()
        except BaseException:
            self._delivery = before  # so that the next try does all of it
            raise
        self.start_afresh()

    def _leave_the_pen(self, why: str) -> None:
        """Come out; the account gets as many tries as a new one."""
        self.standing = WELL
        self._expect()
        self.api.service.doubt_no_more(self._app)
        self._tell(events.Released, why=why)

    def _is_called(self) -> bool:
        """Return whether the shepherd has called since the sheep last looked at its key file."""
        return self._calls_heard != self.context.calls

    def _is_called_while_it_waits(self) -> bool:
        return self._is_called() and (self.is_waiting or self.is_penned or self.standing.strikes > 0)

    @property
    def _is_interrupted(self) -> bool:
        return self.is_dismissed or self.is_spoken_to

    def _is_woken(self) -> bool:
        return self._is_interrupted or self._is_called_while_it_waits() or self._is_off

    @property
    def _is_off(self) -> bool:
        """Whether the clock on the wall was set since the time of the next line was told by it."""
        return self._rhythm is not None and self._rhythm.is_off and not self._is_open

    def start_afresh(self) -> None:
        """Give a sheep that was penned, backs off, or waits for hours another try: things may be mended."""
        if self.is_penned:
            self._leave_the_pen("the flock starts")
        elif not self.is_waiting or self.wake > self.context.clock.now() + RATE_LIMIT_WAIT:
            self.standing = WELL

    def _tell(self, kind: type[Event], /, **fields: Any) -> None:
        self.context.events.tell(kind(at=self.context.clock.wall(), bot=self.name, **fields))


def runsheep(sheep: Sheep) -> None:
    """Run one sheep in this thread, which gets the sheep's name."""
    threading.current_thread().name = sheep.name
    sheep.loop()
