"""The folders, flocks and pastures of the end-to-end tests, and the world of the sheep's."""

from tests.endtoend.conftest import graze, make_folder, start
from tests.sheep.conftest import make_world, world

__all__ = ["graze", "make_folder", "make_world", "start", "world"]
