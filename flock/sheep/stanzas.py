"""The longer pause after a stanza."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from flock.temperament import Recitation


def paused(recitation: Recitation, stanzas: Sequence[int], factor: float) -> Recitation:
    """Return the recitation with pauses that are `factor` times as long where the next line is of a later stanza.

    `stanzas` has the number of the stanza of each line of the poem.
    """
    utterances = [
        here._replace(pause=here.pause * factor) if stanzas[here.line] < stanzas[after.line] else here
        for here, after in pairwise(recitation.utterances)
    ]
    return replace(recitation, utterances=(*utterances, recitation.utterances[-1]))
