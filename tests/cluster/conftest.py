"""The same folders and flocks as for the end-to-end tests."""

from tests.endtoend.conftest import make_folder, start

__all__ = ["make_folder", "start"]
