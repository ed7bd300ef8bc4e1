"""Poems: a text file -> lines; a line -> posts that fit; a line found again after an edit."""

from flock.poem.cutting import ELLIPSIS, cut
from flock.poem.finding import find_again, is_alike
from flock.poem.reading import read_poem

__all__ = ["ELLIPSIS", "cut", "find_again", "is_alike", "read_poem"]
