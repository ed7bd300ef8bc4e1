"""A journal in memory: for dry runs, rehearsals and tests."""

from __future__ import annotations

import math
import os
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence

from flock.errors import BotsTaken, Unstorable
from flock.journal.base import (
    WELL,
    Command,
    Noted,
    Outcome,
    Place,
    Record,
    Settlement,
    Standing,
    Verb,
    given_to,
    identified,
    in_order,
)
from flock.units import DAY

_TEXTS = 100  # posts of each bot


class MemoryJournal:
    """A journal that is gone when its process ends. It belongs to one flock, so that claims cannot conflict.

    It knows when each post of the last day was made, and the texts of the latest hundred of each bot.
    """

    is_new = False

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Place, Standing]] = {}
        self._claimed: set[str] = set()
        self._accounts: dict[str, str] = {}  # of bots, by their names
        self._bots: dict[str, str] = {}  # by their accounts
        self._posted: dict[str, deque[float]] = {}  # times of the last day
        self._posts: dict[str, deque[Noted]] = {}
        self._texts: dict[str, str] = {}  # of the posts under way
        self._recognizing = threading.Lock()
        self._commands: list[Command] = []
        self._given = 0  # how many commands ever

    def claim(self, bots: Sequence[str], accounts: Mapping[str, str] | None = None) -> None:
        self._claimed.update(bots)
        for bot in bots:
            if accounts and bot in accounts and bot not in self._accounts:
                self._accounts[bot] = accounts[bot]
                self._bots[accounts[bot]] = bot

    def identify(self, bot: str, account: str | None) -> str:
        return identified(bot, account, self._accounts, self._bots)

    def recognize(self, bot: str, name: str, account: str) -> str:
        with self._recognizing:
            known = self.identify(name, account)
            if known != bot and known in self._claimed:
                raise BotsTaken(
                    f"another bot of this flock posts to the account of {name}; keep one of the key files"
                )
            self.claim([known], {known: account})
            self._commands = [each._replace(bot=known) if each.bot == bot else each for each in self._commands]
            return known

    def read(self, bot: str) -> tuple[Place, Standing] | None:
        return self._kept.get(bot)

    def intend(self, bot: str, place: Place, text: str) -> None:
        if place.intended is None:
            raise Unstorable("the journal cannot store an intent without the time of it (place.intended)")
        _, standing = self._kept.get(bot, (None, WELL))
        self._kept[bot] = (place, standing)
        self._texts[bot] = text

    def settle(self, bot: str, settlement: Settlement, place: Place) -> None:
        if settlement.outcome in (Outcome.SAID, Outcome.UNKNOWN):
            posted = self._posted.setdefault(bot, deque())
            posted.append(settlement.at)
            while posted[0] < settlement.at - DAY:
                posted.popleft()
        text = self._texts.pop(bot, "")
        if settlement.outcome is not Outcome.WITHDRAWN:
            n, piece, outcome, at, post_id, why = settlement
            self._posts.setdefault(bot, deque(maxlen=_TEXTS)).append(
                Noted(bot, n, piece, text, outcome, at, post_id, why)
            )
        self._kept[bot] = (place, WELL)

    def keep(self, bot: str, place: Place, standing: Standing) -> None:
        self._kept[bot] = (place, standing)

    def give(self, bots: Sequence[str], verb: Verb, line: int | None = None, *, at: float) -> None:
        for bot in bots:
            self._given += 1
            self._commands.append(Command(self._given, bot, verb, line, at))

    def commands(self) -> list[Command]:
        return list(self._commands)

    def obey(self, command: Command, bot: str, place: Place, standing: Standing) -> bool:
        if command not in self._commands:
            return False
        self._commands.remove(command)
        self._kept[bot] = (place, standing)
        return True

    def holders(self, bots: Sequence[str]) -> dict[str, int]:
        del bots
        return {}

    def release(self, bots: Sequence[str]) -> None:
        self._claimed.difference_update(bots)

    def latest_posts(self, count: int, bot: str | None = None, *, now: float = math.inf) -> list[float]:
        if not count:
            return []
        for posted in self._posted.values():
            posted.extend(min(posted.popleft(), now) for _ in range(len(posted)))
        if bot is not None:
            return sorted(min(time, now) for time in self._times(bot)[-count:])
        return sorted(min(time, now) for each in self._kept for time in self._times(each))[-count:]

    def _times(self, bot: str) -> list[float]:
        kept = self._kept.get(bot)
        under_way = [kept[0].intended] if kept and kept[0].intended is not None else []
        return [*self._posted.get(bot, ()), *under_way]

    def bots(self) -> list[Record]:
        given = given_to(self._commands)
        return [
            Record(
                bot,
                account=self._accounts.get(bot),
                kept=self._kept.get(bot),
                said=next((post for post in reversed(self._posts.get(bot, ())) if _is_made(post)), None),
                holder=os.getpid() if bot in self._claimed else None,
                commands=given.get(bot, ()),
            )
            for bot in sorted({*self._claimed, *self._kept})
        ]

    def counts(self) -> dict[str, int]:
        return {bot: self._kept[bot][0].n if bot in self._kept else 0 for bot in {*self._claimed, *self._kept}}

    def posts(self, since: float = -math.inf) -> list[Noted]:
        return in_order(post for posts in list(self._posts.values()) for post in list(posts) if post.at >= since)

    def posts_after(self, reached: Mapping[str, int]) -> list[Noted]:
        return in_order(
            post for bot, n in reached.items() for post in list(self._posts.get(bot, ())) if post.n > n
        )

    def tally(self, since: float) -> dict[str, dict[str, int]]:
        counts: dict[str, Counter[str]] = {}
        for post in self.posts(since):
            if _is_made(post):
                counts.setdefault(post.bot, Counter())[post.text] += 1
        return {bot: dict(texts) for bot, texts in counts.items()}

    def is_taken_over(self, bot: str) -> bool:
        del bot
        return False

    def may_post(self, bot: str) -> bool:
        del bot
        return True

    def limit(self, posts: int) -> None:
        """Do nothing: no other flock has this journal."""

    def look_after(self, now: float) -> Sequence[str]:
        del now
        return ()

    def close(self) -> None:
        self._kept.clear()
        self._posted.clear()
        self._posts.clear()


def _is_made(post: Noted) -> bool:
    return post.outcome in (Outcome.SAID, Outcome.UNKNOWN)
