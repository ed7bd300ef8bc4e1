"""Sentences about where a flock posts, how much, and what that costs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from flock.checks.forecast import MONTH, Forecast
from flock.errors import printable
from flock.keys import Key
from flock.keys.credentials import PRACTICE, title_of
from flock.networks.registry import Networks
from flock.sheep.sheep import Sheep

_NAMED = 3  # bots


def place_of(key: Key, networks: Networks) -> str:
    """Return where the key's bot posts, in words: "X", "the pasture", "Mastodon at botsin.example"."""
    realm = networks.realm(key)
    server: str | None = getattr(key.credentials, "server", None)
    if server and realm != PRACTICE and key.network != "bluesky":  # one of many
        return f"{title_of(realm)} at {urlsplit(server).netloc}"
    return title_of(realm)


def places(flock: Iterable[Sheep], networks: Networks) -> Iterator[str]:
    """Yield which bots post where, a sentence for each place; nothing where all post to the same."""
    bots: defaultdict[str, list[str]] = defaultdict(list)
    for sheep in flock:
        bots[place_of(sheep.key, networks)].append(sheep.name)
    for place, names in bots.items() if len(bots) > 1 else ():
        yield printable(f"{named(names)} post{'s' if len(names) == 1 else ''} to {place}")


def bills(forecasts: Iterable[Forecast]) -> Iterator[str]:
    """Yield what each network charges for the posts of its bots; nothing for networks where a post is free."""
    yield from _bills(each for each in forecasts if each.is_real)


def bills_of_practice(forecasts: Iterable[Forecast]) -> Iterator[str]:
    """Yield what the bots that practise would cost if they did not; nothing where that is free, too."""
    for bill in _bills(each for each in forecasts if not each.is_real):
        yield f"practice costs nothing; for real, {bill}"


def _bills(forecasts: Iterable[Forecast]) -> Iterator[str]:
    billed: defaultdict[str, list[Forecast]] = defaultdict(list)
    for each in forecasts:
        if each.price:
            billed[each.network].append(each)
    for network, bots in billed.items():
        yield f"{count(len(bots), 'bot')} on {network}: {_bill(bots)}"


def _bill(forecasts: Sequence[Forecast]) -> str:
    posts = sum(each.posts_a_day for each in forecasts)
    cost = sum(each.dollars_for_real for each in forecasts)
    if math.isinf(posts):
        return "as many posts as the network takes, since an interval is 0; give a cap (--posts-per-day)"
    said = f"about {number(posts)} posts and {dollars(cost)} a day, {dollars(cost * MONTH)} in {MONTH} days"
    whole = sum(each.uncapped for each in forecasts)
    if math.isclose(whole, posts):
        return said
    return f"{said}, capped (without a cap {number(whole)} posts and {_uncapped_dollars(forecasts)} a day)"


def _uncapped_dollars(forecasts: Sequence[Forecast]) -> str:
    return dollars(sum(each.dollars_uncapped for each in forecasts))


def named(names: Sequence[str]) -> str:
    """Return the names, the first three at most, and how many more there are."""
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED:,} more" if len(names) > _NAMED else shown


def count(many: int, thing: str) -> str:
    """Return "1 bot" or "12 bots"."""
    return f"{many:,} {thing}{'' if many == 1 else 's'}"


def number(posts: float) -> str:
    """Return a number of posts as people say it: two digits under ten, whole numbers up to a thousand, then tens;
    "endless" where there is no end."""
    if math.isinf(posts):
        return "endless"
    if posts < 10:
        return f"{posts:.2g}"
    return f"{posts:,.0f}" if posts < 1000 else f"{round(posts, -1):,.0f}"


def dollars(amount: float) -> str:
    """Return an amount with cents, and in whole dollars from a hundred on; "endless" where there is no end."""
    if math.isinf(amount):
        return "endless"
    return f"${amount:,.0f}" if amount >= 99.5 else f"${amount:,.2f}"
