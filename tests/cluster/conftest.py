"""The same folders and flocks as for the end-to-end tests."""

from tests.endtoend.conftest import (
    Flock,
    Folder,
    WatchedPasture,
    make_folder,
    make_keys,
    recital,
    start,
    start_flock,
)

__all__ = ["Flock", "Folder", "WatchedPasture", "make_folder", "make_keys", "recital", "start", "start_flock"]
