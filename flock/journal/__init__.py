"""What each sheep has said and is about to say, kept so that a kill -9 loses nothing and repeats nothing."""

from flock.journal.base import Journal, Outcome, Record, Settlement
from flock.journal.memory import MemoryJournal
from flock.journal.sqlite import SqliteJournal

__all__ = ["Journal", "MemoryJournal", "Outcome", "Record", "Settlement", "SqliteJournal"]
