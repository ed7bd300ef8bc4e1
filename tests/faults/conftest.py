"""The same folders and flocks as for the end-to-end tests."""

from tests.endtoend.conftest import graze, make_folder, start

__all__ = ["graze", "make_folder", "start"]
