"""The folders and flocks of the end-to-end tests."""

from tests.endtoend.conftest import make_folder, open_pasture, start

__all__ = ["make_folder", "open_pasture", "start"]
