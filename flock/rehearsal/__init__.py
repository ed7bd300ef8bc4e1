"""A rehearsal: the flock's own sheep on virtual time and without a network, and a tally of what they say."""

from flock.rehearsal.borrowed import KnownJournal
from flock.rehearsal.rehearsal import Rehearsal
from flock.rehearsal.tally import Tally

__all__ = ["KnownJournal", "Rehearsal", "Tally"]
