"""A herd of the simulation in `leases.py`: a process that claims a slice of the bots, and posts for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

from benchmarks.rows import Database, Rules, Write
from benchmarks.world import AGAIN, World

AT_MOST = 500  # writes in one transaction
EPOCH_BITS = 62


class Process:
    """A process that runs the bots of one slice, or waits until it may.

    `clock` is its machine's: no two go at the same rate. A frozen process does what is due when it goes on; one
    that is cut off gets no answer of the database, but still reaches the network.
    """

    def __init__(self, world: World, part: int) -> None:
        self.world = world
        self.part = part
        self.is_dead = False
        self.holds = False
        self.frozen_until = 0.0
        self.cut_until = 0.0
        self._stood_still = 0.0  # seconds for which its clock did
        self._rate = world.random.uniform(0.999, 1.001)
        self._deadline = float("-inf")
        self._epoch = 0
        self._own: set[int] = set()
        self._lease = 0  # counts the leases, so that what was meant for an earlier one is known
        self._term = 0  # and the claims
        self._queue: list[Write] = []
        self._is_committing = False
        self._parked: list[int] = []  # bots that wait until they may post
        self._at: dict[int, int] = {}  # a bot, and the number of its next post
        self._open: set[int] = set()  # bots with a post that was not answered
        self._begun_by_another: set[int] = set()
        self._try_to_claim()

    @property
    def _rules(self) -> Rules:
        return self.world.rules

    @property
    def _database(self) -> Database:
        return self.world.database

    @property
    def clock(self) -> float:
        """The time of its machine, in seconds, which is never set."""
        return (self.world.now - self._stood_still) * self._rate

    @property
    def is_good(self) -> bool:
        """Whether it is sure of its lease."""
        return self.clock < self._deadline

    @property
    def may_post(self) -> bool:
        """Whether it would post now for the bots of its slice. A frozen one would, if it went on."""
        return self.holds and not self.is_dead and self.is_good

    # Faults

    def kill(self) -> None:
        """End at once."""
        self.is_dead = True

    def freeze(self, until: float) -> None:
        """Do nothing until then. Whether its clock goes on meanwhile is one of the rules."""
        if self.world.rules.clocks_stop:
            self._stood_still += max(0.0, until - max(self.world.now, self.frozen_until))
        self.frozen_until = max(self.frozen_until, until)

    # The lease

    def _try_to_claim(self) -> None:
        """Take a new lease, and the slice under it."""
        self._lease += 1
        asked, new = self.clock, self._draw()
        self._own = {new}
        self._epoch = new
        self._ask(partial(self._database.take, new), partial(self._took, asked, self._lease), self._rules.patience)

    def _draw(self) -> int:
        return self.world.random.getrandbits(EPOCH_BITS)

    def _took(self, asked: float, lease: int, found: bool | None) -> None:
        if lease != self._lease:
            return
        if not found:
            self._later(AGAIN, self._try_to_claim)
            return
        self._hold_until(asked)
        self._later(self._rules.renew, self._renew, lease)
        claim = partial(self._database.claim, self.part, self._epoch)
        self._ask(claim, partial(self._claimed, lease), self._rules.write_patience)

    def _claimed(self, lease: int, found: tuple[dict[int, int], set[int]] | Literal[False] | None) -> None:
        if lease != self._lease:
            return
        if not found:
            self._give_up(stays=found is None)
            return
        self._at, self._open = found
        self._begun_by_another = set(self._open)
        self.holds = True
        self._term += 1
        self.world.look_at(self)
        for bot in self._at:
            # A post that another process has begun gets time to land before it is looked for.
            wait = self._rules.landing if bot in self._open else 0.0
            self._later(max(wait, self._database.due[bot] - self.world.now), self._begin, bot, self._term)

    def _give_up(self, *, stays: bool = False) -> None:
        """Give the lease back, and try again in a moment, unless it does not have to stay and there are others."""
        self._ask(partial(self._database.give_back, list(self._own)), lambda _: None, self._rules.patience)
        self._lease += 1
        self.holds = False
        self._deadline = float("-inf")
        if stays or self.world.needs(self):
            self._later(AGAIN, self._try_to_claim)
        else:
            self.is_dead = True

    def _hold_until(self, asked: float) -> None:
        self._deadline = asked + self._rules.ttl - self._rules.margin
        self.world.look_at(self)
        parked, self._parked = self._parked, []
        for bot in parked:
            self._begin(bot, self._term)

    def _renew(self, lease: int) -> None:
        if lease == self._lease:
            renew = partial(self._database.renew, self._epoch)
            self._ask(renew, partial(self._renewed, self.clock, lease), self._rules.patience)

    def _renewed(self, asked: float, lease: int, found: bool | None) -> None:
        if lease != self._lease:
            return
        if found is None:
            self._later(self._rules.again, self._renew, lease)
        elif found:
            self._hold_until(asked)
            self._later(self._rules.renew, self._renew, lease)
        else:
            new = self._draw()
            self._own.add(new)
            another = partial(self._database.take_another, new, list(self._own))
            self._ask(another, partial(self._took_another, self.clock, lease, new), self._rules.patience)

    def _took_another(self, asked: float, lease: int, new: int, kept: Sequence[int] | None) -> None:
        if lease != self._lease:
            return
        if kept is None:
            self._later(self._rules.again, self._renew, lease)
            return
        self._epoch = new
        if self.holds and self.part not in kept:
            self._give_up()
            return
        self._hold_until(asked)
        self._later(self._rules.renew, self._renew, lease)

    # Posts

    def _begin(self, bot: int, term: int) -> None:
        """Set about the bot's next post, or look for the one that was not answered."""
        if term != self._term or not self.holds:
            return
        if not self.is_good:
            self._parked.append(bot)
        elif bot in self._open:
            self._look_for(bot, term)
        else:
            self._submit(Write("intend", bot, self._at[bot], self.world.now, partial(self._intended, bot, term)))

    def _intended(self, bot: int, term: int, is_written: bool | None) -> None:
        if is_written:
            self.world.note_begun(self.part, bot, self._at[bot])
            self._later(self.world.connecting(), self._send, bot, term)
        else:
            self._later(AGAIN, self._begin, bot, term)

    def _send(self, bot: int, term: int) -> None:
        """Ask once more, and send the post; the answer comes when it has landed, if it comes."""
        if term != self._term or not self.holds:
            return
        if not self.is_good:
            self._parked.append(bot)
            return
        self._open.add(bot)
        lands, is_answered = self.world.send(self, bot, self._at[bot])
        if is_answered:
            self._later(lands, self._settle, bot, term)
        else:
            self._later(lands + self._rules.landing, self._begin, bot, term)

    def _look_for(self, bot: int, term: int) -> None:
        if bot in self._begun_by_another:
            self._begun_by_another.discard(bot)
            self.world.note_looked_for(self.part, bot, self._at[bot])
        if self.world.made[bot] > self._at[bot]:
            self._settle(bot, term)
        else:
            self._later(self.world.connecting(), self._send, bot, term)

    def _settle(self, bot: int, term: int) -> None:
        if term != self._term or not self.holds:
            return
        if not self.is_good:
            self._later(AGAIN, self._settle, bot, term)
            return
        due = max(self._database.due[bot] + self.world.plan.interval, self.world.now)
        self._submit(Write("settle", bot, self._at[bot], due, partial(self._settled, bot, term, due)))

    def _settled(self, bot: int, term: int, due: float, is_written: bool | None) -> None:
        if term != self._term:
            return
        if not is_written:
            self._later(AGAIN, self._settle, bot, term)
            return
        self._open.discard(bot)
        self._at[bot] += 1
        self._later(due - self.world.now, self._begin, bot, term)

    # Group commit

    def _submit(self, write: Write) -> None:
        self._queue.append(write)
        self._commit()

    def _commit(self) -> None:
        if self._is_committing or not self._queue:
            return
        self._is_committing = True
        group, self._queue = self._queue[:AT_MOST], self._queue[AT_MOST:]
        commit = partial(self._database.commit, self.part, group, self._epoch)
        self._ask(commit, partial(self._committed, group), self._rules.write_patience, self.world.plan.commit)

    def _committed(self, group: Sequence[Write], written: set[int] | None) -> None:
        self._is_committing = False
        for write in group:
            write.done(None if written is None else write.bot in written)
        self._commit()

    # What takes time

    def _later(self, seconds: float, act: Callable[..., None], *values: Any) -> None:
        self.world.at(self.world.now + seconds, self, act, *values)

    def _ask(
        self,
        question: Callable[[], Any],
        answer: Callable[[Any], None],
        patience: float,
        takes: float = 0.0,
    ) -> None:
        """Send a question to the database. `answer` gets what it says, or None after so many seconds without."""
        world, until = self.world, self.world.now + patience

        def hear(found: Any) -> None:
            answers = world.now + world.way()
            is_lost = world.database_is_away or world.now < self.cut_until or answers > until
            world.at(max(until, world.now) if is_lost else answers, self, answer, None if is_lost else found)

        def arrive() -> None:
            hear(None if world.database_is_away else question())

        if world.now < self.cut_until:
            world.at(until, self, answer, None)
        else:
            world.at(world.now + world.way() + takes, None, arrive)
