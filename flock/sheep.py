"""Sheep: memorizes one poem and says it, line by line, for ever."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from flock import events
from flock.budget import DAY, take_from_all
from flock.commons import Commons, allowance
from flock.errors import BadInput, DailyLimit, JournalError, NetworkError, Pen, Wait
from flock.health import PEN_CHECK, Health
from flock.journal import Outcome, Record, Settlement
from flock.key import Key, Params, read_key
from flock.networks import Network
from flock.options import Options
from flock.patience import RATE_LIMIT_WAIT, Patience
from flock.poem import cut, find_again, read_poem
from flock.speaker import Speaker, Spoken
from flock.temperament import TEMPERAMENTS, Recitation, Temperament, seed_of

log = logging.getLogger(__name__)

STEADFAST = TEMPERAMENTS["steadfast"]

_CRON_SLACK = 30.0  # seconds; half of cron's minute
_CALL_CHECK = 5.0  # seconds in which a sheep that waits on purpose hears the shepherd call


class _Step(NamedTuple):
    """A tweet that has ended, and where the sheep goes from there."""

    settlement: Settlement
    after: Record
    due: float


class Sheep:
    """One bot: its key, its poem, its place in the poem, and its age.

    `line_interval` and `poem_interval` are in seconds; those in the key file go first. `memory` holds the poem's
    lines, and `recitation` what the sheep's temperament makes of them this time. `age` is in recitations: whole
    ones and the fraction of the present one. `tot_tweet_tracker` counts the tweets of a lifetime, and
    `mod_tweet_tracker` is the place in the recitation. `due` is when the next line should be said, `wake` when it
    is tried next, and `moved` when it was tried last, all in the clock's steady time.

    To say something else, override `decide`. Raises BadInput when the key or the poem cannot be used, and
    BotsTaken when another process runs this bot.
    """

    __slots__ = (  # there may be ten thousand; a subclass may have what it likes
        "__weakref__",
        "_allowances",
        "_calls_heard",
        "_key_stamp",
        "_last_id",
        "_owed",
        "_piece",
        "_prior_line",
        "_recited",
        "_saying",
        "_speaker",
        "age",
        "api",
        "bot",
        "busy",
        "commons",
        "due",
        "health",
        "json_file",
        "key",
        "line_interval",
        "memory",
        "mod_tweet_tracker",
        "moved",
        "name",
        "params",
        "poem_interval",
        "recitation",
        "seed",
        "sleeping",
        "temperament",
        "tot_tweet_tracker",
        "wake",
    )

    def __init__(
        self,
        json_file: str | os.PathLike[str],
        line_interval: float,
        poem_interval: float,
        *,
        commons: Commons | None = None,
    ) -> None:
        self.json_file = Path(json_file)
        self.line_interval = line_interval
        self.poem_interval = poem_interval
        self.commons = commons or Commons.of(Options.from_environment())
        self._read_key()
        self.setup_api()
        self.memory: list[str] = []
        self.memorize()
        self.temperament: Temperament = self.key.temperament or self.commons.options.temperament or STEADFAST
        self.seed = seed_of(self.commons.options.seed, self.name)
        self._recited: tuple[int, Recitation] | None = None
        self.recitation = self._recite(0)
        self.age = 0.0
        self.tot_tweet_tracker = 0
        self.mod_tweet_tracker = 0
        self.sleeping = False
        self.busy = False
        self.health = Health(
            self.commons,
            self.key.consumer_token.get_secret_value(),
            self._tell,
            Patience(self.commons.options.retry_base),
        )
        self.due = self.wake = self.moved = self.commons.clock.now()
        self._saying: str | None = None  # the whole line that was begun
        self._piece = 0  # how many of its tweets are out
        self._last_id: str | None = None
        self._prior_line = ""  # the one said last, by which an edited poem is recognised
        self._owed: _Step | None = None  # what the journal could not take yet
        self._calls_heard = self.commons.calls
        self._remember()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}, age {self.age:.2f}>"

    def _read_key(self) -> None:
        self._key_stamp = _stamp(self.json_file)
        self.key: Key = read_key(self.json_file)
        self.params: Params = self.key.params
        self.name = self.key.screen_name
        self.bot = self.commons.networks.bot(self.key)
        if self.key.line_interval is not None:
            self.line_interval = self.key.line_interval
        if self.key.poem_interval is not None:
            self.poem_interval = self.key.poem_interval

    def setup_api(self) -> None:
        """Connect to the bot's network."""
        self.api: Network = self.commons.networks.connect(self.key)

    def memorize(self) -> None:
        """Learn the poem: its stripped, non-empty lines, in order. Raises BadPoem when there is none."""
        self.memory = list(read_poem(self.key.poem_file))

    def grow_to(self, age: float) -> None:
        """Be that old, in recitations, from one moment to the next: for rehearsals."""
        self._become(self._record()._replace(recitations=int(age), line=0))
        line = int(age % 1 * len(self.recitation.utterances))
        self._become(self._record()._replace(line=line))

    def _remember(self) -> None:
        """Go on where the journal says that this bot was."""
        journal, clock = self.commons.journal, self.commons.clock
        journal.claim([self.bot])
        self._speaker = Speaker(self.api, journal, clock)
        self._allowances = (allowance(self._posts_per_day(), clock, journal, self.bot), self.commons.allowance)
        record = journal.read(self.bot)
        if record is None:
            return
        self.recitation = self._recite(record.recitations)
        texts = [utterance.text for utterance in self.recitation.utterances]
        if texts[record.line : record.line + 1] != [record.next_line]:
            record = record._replace(line=find_again(texts, record.line, record.next_line, record.prior_line))
            self._tell(events.PickedUp, line=record.line, text=texts[record.line])
        self._become(record)
        self._speaker.unsure = record.unsure
        self.health.patience.failures, self.health.patience.strikes = record.failures, record.strikes
        longest = max(self.line_interval, self.poem_interval)  # a clock set back must not silence the bot
        self.due = clock.now() + min(record.due - clock.wall(), longest)
        waits = record.wake > record.due
        self.wake = clock.now() + min(record.wake - clock.wall(), DAY) if waits else self.due
        if waits and not record.failures:
            self.health.waiting = Wait("what it waited for before the flock was started anew")
        if record.penned and record.key_stamp == self._key_stamp:
            self.health.penned = Pen(record.penned)

    def _posts_per_day(self) -> int | None:
        own = self.key.posts_per_day
        return self.commons.options.posts_per_day if own is None else own

    # What it does, for ever

    def loop(self) -> None:
        """Say a line, sleep, and so on until the flock is told to stop. The first line waits until it is due."""
        stop = self.commons.stop
        self.sleep()
        while not stop.is_set():
            with self.commons.slots:
                if not stop.is_set():  # while it waited
                    self.beat()
            self.sleep()

    def sleep(self) -> None:
        """Sleep until `wake`, or until the flock is told to stop."""
        self.sleeping = True
        clock, stop = self.commons.clock, self.commons.stop
        while self.waiting and clock.now() + _CALL_CHECK < self.wake:
            if clock.wait(clock.now() + _CALL_CHECK, stop) or self._is_called():
                break
        else:
            clock.wait(self.wake, stop)
        self.sleeping = False

    def beat(self) -> None:
        """Try once to say what is due, and set `wake`. Whatever goes wrong stays with this sheep."""
        started = self.moved = self.commons.clock.now()
        self.busy = True
        try:
            if self.penned and not self._may_leave():
                self.wake = started + PEN_CHECK
                return
            self.tweet_something()
        except NetworkError as error:
            self.wake = self.commons.clock.now() + self.health.give_way(error)
            with suppress(JournalError):  # it has its say when the next line is intended
                self.commons.journal.keep(self._record())
        except JournalError as error:
            self.wake = self.commons.clock.now() + self.health.sit_down(error)
        except Exception as error:  # noqa: BLE001 - one sheep's bug must not end another
            self.wake = self.commons.clock.now() + self.health.stumble(error)
        else:
            self.health.cheer_up()
        finally:
            self.busy = False
        if self.wake <= started:  # a subclass that tweets in its own way leaves the schedule to us
            self.due = self.wake = self._next_due(self.mod_tweet_tracker)

    def is_due(self) -> bool:
        """Return whether the next try may be made now, or so soon that cron would come too late for it."""
        slack = min(_CRON_SLACK, self.line_interval / 2)
        return self.wake <= self.commons.clock.now() + slack

    def decide(self) -> str:
        """Return what to say next: the recitation's line, faithful or not so faithful."""
        return self.recitation.utterances[self.mod_tweet_tracker].text

    def _recite(self, number: int) -> Recitation:
        """Return the `number`-th recitation, from 0; it is asked for more than once, and made once."""
        if self._recited is None or self._recited[0] != number:
            self._recited = (number, self.temperament(tuple(self.memory), number, self.seed))
        return self._recited[1]

    def tweet_something(self) -> None:
        """Say the line that is due, with all its tweets.

        Raises NetworkError when the network does not take one now; what is left of the line is said at the next
        try. Raises JournalError when a tweet cannot be noted; then it is not posted.
        """
        if self._owed:
            self._step(self._owed)
        if self._saying is None:
            self._saying = self.decide()
        pieces = cut(self._saying, self.api.fits)
        while self._saying is not None:
            here = self._record()
            text = pieces[min(here.piece, len(pieces) - 1)]
            late = max(0.0, self.commons.clock.now() - self.due)
            self._settle(here, self._say(here, text), text, len(pieces), late)

    def _say(self, here: Record, text: str) -> Spoken:
        """Say one tweet out of the day's allowance; what surely did not land does not count."""
        if self._speaker.unsure:  # it was counted at its first attempt
            return self._speaker.say(here, text)
        again = take_from_all(self._allowances, self.commons.clock.now())
        if again is not None:
            raise DailyLimit("the posts that it may make in a day are made", until=self._wall(again))
        spoken = None
        try:
            spoken = self._speaker.say(here, text)
        finally:
            if spoken.outcome is Outcome.SKIPPED if spoken else not self._speaker.unsure:
                for allowance in self._allowances:
                    allowance.give_back()
        return spoken

    # Where it is

    def _record(self) -> Record:
        """Return the present place as the journal knows it, with wall-clock times."""
        offset = self.commons.clock.wall() - self.commons.clock.now()
        return Record(
            bot=self.bot,
            n=self.tot_tweet_tracker,
            line=self.mod_tweet_tracker,
            piece=self._piece,
            recitations=int(self.age),
            due=self.due + offset,
            saying=self._saying,
            next_line=self.recitation.utterances[self.mod_tweet_tracker].text,
            prior_line=self._prior_line,
            last_id=self._last_id,
            wake=self.wake + offset,
            failures=self.health.patience.failures,
            strikes=self.health.patience.strikes,
            penned=str(self.penned or ""),
            key_stamp=self._key_stamp,
        )

    def _become(self, record: Record) -> None:
        self.tot_tweet_tracker = record.n
        self.mod_tweet_tracker = record.line
        if record.recitations != int(self.age):
            self.recitation = self._recite(record.recitations)
        self.age = record.recitations + record.line / len(self.recitation.utterances)
        self._saying = record.saying
        self._piece = record.piece
        self._last_id = record.last_id
        self._prior_line = record.prior_line

    def _settle(self, here: Record, spoken: Spoken, text: str, pieces: int, late: float) -> None:
        """Note how the present tweet ended, go on to the next, and tell."""
        age, recitation = self.age, self.recitation
        settlement = Settlement(
            here.n, here.piece, spoken.outcome, self.commons.clock.wall(), spoken.post_id, spoken.why
        )
        self._step(self._after(settlement, here, pieces))
        if spoken.outcome is Outcome.SAID:
            self._tell(
                events.Said,
                text=text,
                n=here.n,
                line=here.line,
                lines=len(recitation.utterances),
                piece=here.piece,
                pieces=pieces,
                age=age,
                late=late,
                post_id=spoken.post_id,
                mood=recitation.utterances[here.line].mood,
                source=recitation.utterances[here.line].line,
                memory=recitation.memory,
                entropy=recitation.entropy,
            )
        else:
            kind = events.Skipped if spoken.outcome is Outcome.SKIPPED else events.Unsure
            self._tell(kind, text=text, n=here.n, why=spoken.why)
        if self._saying is None and self.mod_tweet_tracker == 0:
            self._tell(events.Birthday, age=round(self.age), rest=self.poem_interval * recitation.rest)

    def _after(self, settlement: Settlement, here: Record, pieces: int) -> _Step:
        """Return where the sheep goes when the present one of `pieces` tweets has ended."""
        last_id = settlement.post_id or here.last_id
        if here.piece + 1 < pieces:
            after = here._replace(n=here.n + 1, piece=here.piece + 1, last_id=last_id, failures=0, strikes=0)
            return _Step(settlement, after, self.due)
        due = self._next_due(here.line + 1)
        line, recitations, utterances = here.line + 1, here.recitations, self.recitation.utterances
        if line == len(utterances):
            line, recitations = 0, here.recitations + 1
            utterances = self._recite(recitations).utterances
        after = here._replace(
            n=here.n + 1,
            line=line,
            piece=0,
            recitations=recitations,
            due=self._wall(due),
            saying=None,
            next_line=utterances[line].text,
            prior_line=here.next_line,
            last_id=last_id,
            failures=0,
            strikes=0,
        )
        return _Step(settlement, after, due)

    def _step(self, step: _Step) -> None:
        """Settle in the journal, then be where it says; a step that the journal does not take is owed to it."""
        self._owed = step
        self.commons.journal.settle(step.settlement, step.after)
        self._owed = None
        self._speaker.unsure = False
        self._become(step.after)
        self.due = self.wake = step.due
        self.moved = self.commons.clock.now()

    def _next_due(self, line: int) -> float:
        """Return when `line` is due: anchored to the last due time, or from now on when that has passed."""
        recitation, now = self.recitation, self.commons.clock.now()
        if 0 < line < len(recitation.utterances):
            interval = self.line_interval * recitation.utterances[line - 1].pause
        else:
            interval = self.poem_interval * recitation.rest
        return self.due + interval if self.due + interval >= now else now + interval

    def _wall(self, steady: float) -> float:
        return steady - self.commons.clock.now() + self.commons.clock.wall()

    # When something has gone wrong

    @property
    def penned(self) -> Pen | None:
        """Why the sheep is penned, or None."""
        return self.health.penned

    @property
    def waiting(self) -> Wait | None:
        """What the sheep waits for on purpose, or None."""
        return self.health.waiting

    @property
    def trouble(self) -> str:
        """What the last try met with; empty when it went well."""
        return self.health.trouble

    def _may_leave(self) -> bool:
        """Leave the pen if the key file has changed, or the shepherd has called; return whether it did."""
        changed = _stamp(self.json_file) != self._key_stamp
        if not self._is_called() and not changed:
            return False
        try:
            if read_key(self.json_file).screen_name != self.name:
                raise BadInput("its key file names another bot now; start the flock anew")
            self._read_key()
            self.setup_api()
        except BadInput as error:
            log.warning("%s stays in the pen: %s", self.name, error)
            return False
        self._speaker.network = self.api
        self.health.leave_the_pen("its key file has changed" if changed else "the shepherd calls")
        self.health.app = self.key.consumer_token.get_secret_value()
        return True

    def _is_called(self) -> bool:
        """Return whether the shepherd has called since this was last asked."""
        heard, self._calls_heard = self._calls_heard, self.commons.calls
        return heard != self._calls_heard

    def start_afresh(self) -> None:
        """Give a sheep that was penned, backs off, or waits for hours another try: things may be mended."""
        if self.penned:
            self.health.leave_the_pen("the flock starts")
            self.wake = self.commons.clock.now()
        elif not self.waiting or self.wake > self.commons.clock.now() + RATE_LIMIT_WAIT:
            self.health.forget()
            self.wake = self.due

    def _tell(self, kind: type[events.Event], **fields: Any) -> None:
        self.commons.events.tell(kind(at=self.commons.clock.wall(), bot=self.name, **fields))


def _stamp(file: Path) -> str:
    """Return what changes when `file` does; nothing while it is away."""
    try:
        status = file.stat()
    except OSError:
        return ""
    return f"{status.st_mtime_ns} {status.st_size}"


def runsheep(sheep: Sheep) -> None:
    """Run one sheep in this thread, which gets the sheep's name."""
    threading.current_thread().name = sheep.name
    sheep.loop()
