"""How alike poems are: the share of one that is also in another, in time that is linear in their lengths."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

_WORDS = 4  # in a row; texts of one subject share many words, but few rows of four
_WORD = re.compile(  # a word, or one character of a script that has no spaces between words
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]|[^\\W_]+"
)
_MOST = 4_000_000  # rows that are compared; of more, a sample
_OWNERS = 8  # poems that a row is remembered for
ALIKE = 0.3  # the share from which on two poems are substantially similar; chosen by us, X names none


class Likeness(NamedTuple):
    """So large a `share` (0 to 1) of the shorter of two poems is also in the other; both by number."""

    first: int
    second: int
    share: float


def alike(poems: Sequence[Sequence[str]], least: float = ALIKE) -> Iterator[Likeness]:
    """Yield each poem of which at least the share `least` is in an earlier one, with the most similar one.

    What is compared are rows of four words within a line; case and punctuation do not matter. A row that more than
    eight poems have is compared with the first eight of them. Of very long poems a sample is compared.
    """
    total = sum(len(line) for poem in poems for line in poem)
    every = 1 + total // (_MOST * _WORDS)
    owners: dict[int, list[int]] = {}
    sizes: list[int] = []
    for number, poem in enumerate(poems):
        rows = _rows(poem, every)
        sizes.append(len(rows))
        shared: Counter[int] = Counter()
        for row in rows:
            having = owners.get(row)
            if having is None:
                owners[row] = [number]
                continue
            for other in having:
                shared[other] += 1
            if len(having) < _OWNERS:
                having.append(number)
        shares = [(count / max(1, min(sizes[other], len(rows))), -other) for other, count in shared.items()]
        share, other = max(shares, default=(0.0, 0))
        if share >= least:
            yield Likeness(-other, number, share)


def _rows(poem: Sequence[str], every: int) -> set[int]:
    """Return the hashes of all rows of words in a poem, or of one in `every`."""
    found = set()
    for line in poem:
        words = _WORD.findall(line.casefold())
        rows = (" ".join(words[at : at + _WORDS]) for at in range(max(1, len(words) - _WORDS + 1)))
        if words:
            found |= {hash(row) for row in rows if every == 1 or crc32(row.encode()) % every == 0}
    return found
