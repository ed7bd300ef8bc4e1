"""What is doubtful about the poems of a flock: what every start tells, headings, and what X makes of them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise

from flock.checks.costs import dollars, named
from flock.checks.findings import Finding, Kind
from flock.checks.likeness import alike
from flock.doubts import Doubt, doubts_about, one_for_each_poem, poem_file_of
from flock.errors import BadPoem, printable
from flock.keys.credentials import DEFAULT_NETWORK
from flock.networks.registry import Networks
from flock.networks.terms import terms_of
from flock.networks.x.prices import links_in
from flock.poem import find_headings
from flock.poem.saying import NumberedLine
from flock.sheep.sheep import Sheep

_NAMED = 5  # lines of a kind that are told of each poem; the others are counted
_MOST_ALIKE = 20  # pairs of bots that are told
_SHOWN = 60  # code points of a line that are shown


def doubts_about_poems(flock: Sequence[Sheep], networks: Networks) -> Iterator[Finding]:
    """Yield what is doubtful about the poems: each poem once for each network."""
    for doubt in doubts_about(flock, networks):
        yield _finding("refrain" if doubt.sheep.api.refuses_duplicates and _is_refusal(doubt) else "poem", doubt)
    told = set()
    for sheep in one_for_each_poem(flock):
        poem = sheep.key.poem_file
        with suppress(BadPoem):  # exchanged since it was memorized
            found = poem_file_of(sheep)
            for text in find_headings(found) if poem not in told else ():
                yield _finding("heading", Doubt(sheep, poem, text))
            told.add(poem)
            if sheep.key.network == DEFAULT_NETWORK:
                for text in _refrains(found.said):
                    yield _finding("refrain", Doubt(sheep, poem, text))
                for text in _links(found.said):
                    yield _finding("link", Doubt(sheep, poem, text))


def likenesses(flock: Sequence[Sheep]) -> Iterator[Finding]:
    """Yield the bots on X with different poems that are much the same."""
    by_poem: dict[str, Sheep] = {}
    for sheep in flock:
        if sheep.key.network == DEFAULT_NETWORK:
            by_poem.setdefault(os.path.realpath(sheep.key.poem_file), sheep)
    bots = [*by_poem.values()]
    found = [*alike([sheep.memory for sheep in bots])]
    for first, second, share in found[:_MOST_ALIKE]:
        names = bots[second].name, bots[first].name
        same = f"{names[0]} and {names[1]} post much the same: {share:.0%} of the shorter poem is in the other"
        text = f"{same}; X does not allow that over several accounts"
        yield Finding("likeness", printable(text), bots=names, file=bots[second].key.poem_file)
    if more := found[_MOST_ALIKE:]:
        names_of_more = tuple(bots[each.second].name for each in more)
        text = f"{named(names_of_more)} post much the same as other bots, too"
        yield Finding("likeness", printable(text), bots=names_of_more)


def _finding(kind: Kind, doubt: Doubt) -> Finding:
    return Finding(kind, str(doubt), bots=(doubt.sheep.name,), file=doubt.poem)


def _is_refusal(doubt: Doubt) -> bool:
    return "refuses" in doubt.text


def _refrains(lines: Sequence[NumberedLine]) -> Iterator[str]:
    """Tell of lines that come again later. Of two that are the same in a row every start tells."""
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, line in enumerate(lines):
        numbers[line.text].append(line.number)
        places[line.text].append(place)
    last = len(lines) - 1
    apart = [text for text, at in places.items() if any(1 < there - here < last for here, there in pairwise(at))]
    for text in apart[:_NAMED]:
        which = ", ".join(map(str, numbers[text][:_NAMED]))
        yield f"lines {which} are the same: {_short(text)}; X may refuse a text that the account has just posted"
    if more := len(apart[_NAMED:]):
        yield f"{more:,} more lines come again; X may refuse them"


def _links(lines: Iterable[NumberedLine]) -> Iterator[str]:
    """Tell which lines X takes for a text with a link, and what they cost."""
    prices = terms_of(DEFAULT_NETWORK).price
    if not prices:
        return
    dear, cheap = dollars(prices.post_with_link), f"${prices.post:.3f}"
    found = [(line, links[0]) for line in lines if (links := links_in(line.text))]
    for line, link in found[:_NAMED]:
        which = f"line {line.number} holds what X takes for a link ({_short(link)})"
        yield f"{which}, and costs {dear} instead of {cheap}"
    if more := len(found[_NAMED:]):
        yield f"{more:,} more lines hold links, and cost {dear} each"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
