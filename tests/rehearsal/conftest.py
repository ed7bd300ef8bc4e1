"""The worlds and folders of the sheep's and the end-to-end tests."""

from tests.endtoend.conftest import graze, make_folder, start
from tests.sheep.conftest import make_world, world

__all__ = ["graze", "make_folder", "make_world", "start", "world"]
