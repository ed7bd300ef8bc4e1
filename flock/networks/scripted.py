"""A network that does as it is told: for testing a sheep of your own, and flock itself.

    network = ScriptedNetwork()
    network.trouble = [None, RateLimited("slow down", until=...)]   # the second post is refused

Nothing leaves the process. What was posted, and when, is kept in `posts` and `times`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from flock.clock import Clock, SystemClock
from flock.errors import NetworkError
from flock.keys import Key
from flock.networks.base import Intent, Network, Post
from flock.networks.registry import Networks
from flock.networks.service import Service
from flock.options import Options


@dataclass
class ScriptedNetwork:
    """One bot's network. It accepts every post, unless a script says otherwise.

    `trouble` holds an error or None for each post to come, and `always` an error for every one. With
    `stores_first` a post is stored before its error is raised, like an answer that is lost on its way. `timeline`
    replaces the account's own posts as what `recent` returns, or is the error that it raises. `posts` are the
    stored texts, whose ids count from `first_id`, `times` and `tries` the steady times (seconds) of stored posts
    and of all requests, `asked` the `since_id` of each look at the latest posts, and
    `intents` what each try came with.
    """

    clock: Clock = field(default_factory=SystemClock)
    service: Service = field(default_factory=lambda: Service("a script"))
    limit: int = 280  # characters that fit into a post, as on X
    first_id: int = 1
    refuses_duplicates: bool = False
    looks_first: bool = True
    trouble: list[NetworkError | None] = field(default_factory=list)
    always: NetworkError | None = None
    stores_first: bool = False
    timeline: Sequence[Post] | NetworkError | None = None
    posts: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    tries: list[float] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)
    intents: list[Intent | None] = field(default_factory=list)
    _ids: list[str] = field(default_factory=list)  # of all that was ever stored, also of `posts` taken out since

    def fits(self, text: str) -> bool:
        return len(text) <= self.limit

    def is_safe_to_repeat(self, intent: Intent, now: float) -> bool:
        del intent, now
        return self.refuses_duplicates

    def post(self, text: str, intent: Intent | None = None) -> str:
        self.intents.append(intent)
        self.tries.append(self.clock.now())
        error = self.always or (self.trouble.pop(0) if self.trouble else None)
        if error and not self.stores_first:
            raise error
        self.posts.append(text)
        self.times.append(self.clock.now())
        self._ids.append(str(self.first_id + len(self._ids)))
        if error:
            raise error
        return self._ids[-1]

    def recent(self, since_id: str | None = None) -> Sequence[Post]:
        self.asked.append(since_id)
        if isinstance(self.timeline, NetworkError):
            raise self.timeline
        if self.timeline is not None:
            return self.timeline
        return [Post(number, text) for number, text in zip(self._ids[::-1], self.posts[::-1], strict=False)]


class ScriptedNetworks(Networks):
    """Gives each bot a ScriptedNetwork of its own, kept in `by_name` under the bot's screen name.

    Bots with the same `network` in their keys share a Service.
    """

    def __init__(self, options: Options, clock: Clock | None = None) -> None:
        super().__init__(options)
        self._clock = clock or SystemClock()
        self.by_name: dict[str, ScriptedNetwork] = {}

    def connect(self, key: Key) -> Network:
        service = self.service(self.realm(key))
        return self.by_name.setdefault(key.screen_name, ScriptedNetwork(self._clock, service))
