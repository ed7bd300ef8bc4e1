"""Poems: a text file -> what is said in turn; a text -> posts that fit; a text found again after an edit."""

from flock.poem.about import About, Say, parse_say
from flock.poem.cutting import ELLIPSIS, cut
from flock.poem.doubts import find_doubts
from flock.poem.finding import find_again, find_part, is_alike, mark_of
from flock.poem.headings import find_headings
from flock.poem.reading import about_poem, place_of_line, read_poem, read_poem_file, stanzas_of

__all__ = [
    "ELLIPSIS",
    "About",
    "Say",
    "about_poem",
    "cut",
    "find_again",
    "find_doubts",
    "find_headings",
    "find_part",
    "is_alike",
    "mark_of",
    "parse_say",
    "place_of_line",
    "read_poem",
    "read_poem_file",
    "stanzas_of",
]
