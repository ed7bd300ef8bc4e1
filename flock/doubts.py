"""What an operator should know about the poems of a flock before the first post."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from flock.errors import BadPoem, printable
from flock.keys.credentials import title_of
from flock.networks.registry import Networks
from flock.poem import find_doubts, read_poem_file
from flock.poem.reading import PoemFile
from flock.sheep.sheep import Sheep


class Doubt(NamedTuple):
    """A doubt about a poem, the first bot that recites it, and the sentence as it is told: safe to show."""

    sheep: Sheep
    poem: Path
    text: str

    def __str__(self) -> str:
        return printable(f"{self.poem}: {self.text}")


def one_for_each_poem(flock: Iterable[Sheep]) -> Iterator[Sheep]:
    """Yield the first sheep of each poem on each network."""
    seen = set()
    for sheep in flock:
        poem = sheep.key.poem_file, sheep.key.network, sheep.key.say
        if poem not in seen:
            seen.add(poem)
            yield sheep


def poem_file_of(sheep: Sheep) -> PoemFile:
    """Return what is in the file of a sheep's poem, said as the sheep says it. Raises BadPoem."""
    return read_poem_file(sheep.key.poem_file, sheep.key.say, sheep.context.options.poem_format)


def doubts_about(flock: Iterable[Sheep], networks: Networks) -> Iterator[Doubt]:
    """Yield the doubts about the poems of `flock`, each poem once. No server is asked, since one may hang."""
    for sheep in one_for_each_poem(flock):
        poem = sheep.key.poem_file
        name = title_of(sheep.key.network) if sheep.api.refuses_duplicates else ""
        with suppress(BadPoem):  # exchanged since it was memorized: told of when it is read again
            fits = networks.fits(sheep.key)
            for text in find_doubts(poem_file_of(sheep), fits=fits, refuses_duplicates=name):
                yield Doubt(sheep, poem, text)
