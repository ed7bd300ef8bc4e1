"""The longer pause after a stanza."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from flock.keys import Key
from flock.options import Options
from flock.poem import stanzas_of
from flock.temperament import Recitation


class Stanzas(NamedTuple):
    """The number of the stanza of each line of a poem, and how many times as long the pause after a stanza is."""

    numbers: tuple[int, ...]
    factor: float

    def paced(self, recitation: Recitation, lines: int) -> Recitation:
        """Return the recitation with longer pauses where the next line is of a later stanza, if the poem that the
        sheep knows still has so many lines."""
        if len(self.numbers) != lines:
            return recitation
        utterances = [
            here._replace(pause=here.pause * self.factor)
            if self.numbers[here.line] < self.numbers[after.line]
            else here
            for here, after in pairwise(recitation.utterances)
        ]
        return replace(recitation, utterances=(*utterances, recitation.utterances[-1]))


def stanzas_for(key: Key, options: Options, line_interval: float) -> Stanzas | None:
    """Return the stanzas of the poem, or None where no longer pause follows them. Raises BadPoem.

    `line_interval` is the bot's own, in seconds.
    """
    interval = options.stanza_interval if key.stanza_interval is None else key.stanza_interval
    if not interval or not line_interval:
        return None
    return Stanzas(stanzas_of(key.poem_file, key.say, options.poem_format), interval / line_interval)
