"""Which limits of the networks a flock would reach, so that bots have to wait."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import groupby

from flock.checks.costs import named, number
from flock.checks.findings import Finding
from flock.checks.forecast import Forecast
from flock.errors import printable
from flock.keys.credentials import title_of
from flock.networks.terms import Limit, terms_of
from flock.units import DAY, format_seconds

_COUNTED = {"account": "one account", "app": "one app", "address": "one address of the internet"}
_ADVICE = {
    "account": "make the intervals longer, or cap the posts",
    "app": "spread the bots over several apps, make the intervals longer, or cap the posts",
    "address": "make the intervals longer, or cap the posts",
}


def limits_reached(forecasts: Iterable[Forecast]) -> Iterator[Finding]:
    """Yield a finding for each limit that an account, an app or an address would reach on a real network.

    Of an account, the busiest moments count; of what several bots share, their steady rates.
    """
    bots = sorted((each for each in forecasts if each.is_real), key=lambda each: each.sheep.key.network)
    for network, group in groupby(bots, key=lambda each: each.sheep.key.network):
        found = [*group]
        for limit in terms_of(network).limits:
            if limit.of == "account":
                yield from _of_accounts(found, limit)
            else:
                yield from _of_what_is_shared(found, limit)


def _of_accounts(bots: Iterable[Forecast], limit: Limit) -> Iterator[Finding]:
    most = [(each, _most(each, limit.seconds)) for each in bots]
    over = [(each, posts) for each, posts in most if posts > limit.posts]
    if over:
        yield _finding([each for each, _ in over], max(posts for _, posts in over), limit)


def _of_what_is_shared(bots: Iterable[Forecast], limit: Limit) -> Iterator[Finding]:
    shared: dict[object, list[Forecast]] = {}
    for each in bots:
        own = each.sheep.key.credentials
        shared.setdefault(own.app if limit.of == "app" else getattr(own, "server", None), []).append(each)
    for group in shared.values():
        posts = sum(each.posts_a_day for each in group) * limit.seconds / DAY
        if posts > limit.posts:
            yield _finding(group, posts, limit)


def _most(bot: Forecast, window: float) -> float:
    """Return the highest number of posts that the bot makes within any `window` seconds."""
    most = bot.cycle.most_within(window)
    if bot.cap is not None:
        most = min(most, bot.cap * math.ceil(window / DAY))
    return most


def _finding(bots: list[Forecast], posts: float, limit: Limit) -> Finding:
    names = tuple(each.sheep.name for each in bots)
    window = format_seconds(limit.seconds)
    makes = "makes" if len(bots) == 1 else "together make" if limit.of != "account" else "make"
    title = title_of(bots[0].sheep.key.network)
    up_to = "" if math.isinf(posts) else "up to "
    so_many = f"{named(names)} {makes} {up_to}{number(posts)} posts in {window}"
    taken = f"{title} takes {limit.posts:,} of {_COUNTED[limit.of]}, and the rest waits"
    return Finding("limit", printable(f"{so_many}; {taken}: {_ADVICE[limit.of]}"), bots=names)
