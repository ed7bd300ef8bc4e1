"""The same sheep on virtual time: what a flock will say, and when, with nothing posted."""

from flock.rehearsal.rehearsal import Rehearsal, Tally

__all__ = ["Rehearsal", "Tally"]
