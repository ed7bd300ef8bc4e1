"""Poems: a text file -> lines; a line -> posts that fit; a line found again after an edit."""

from flock.poem.cutting import ELLIPSIS, cut
from flock.poem.doubts import find_doubts
from flock.poem.finding import find_again, is_alike, mark_of
from flock.poem.headings import find_headings
from flock.poem.reading import place_of_line, read_poem, read_poem_file

__all__ = [
    "ELLIPSIS",
    "cut",
    "find_again",
    "find_doubts",
    "find_headings",
    "is_alike",
    "mark_of",
    "place_of_line",
    "read_poem",
    "read_poem_file",
]
