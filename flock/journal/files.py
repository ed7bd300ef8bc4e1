"""The journal's files and their folder: for their owner alone."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from flock.files import create_private

log = logging.getLogger(__name__)


def make_folder(folder: Path) -> None:
    """Create the folder and those around it, each 0700 whatever the umask, unless it exists. Raises OSError."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        with suppress(FileExistsError):
            each.mkdir()
            each.chmod(0o700)
    folder.mkdir(exist_ok=True)  # raises where a file is in its place


def make_private(file: Path) -> None:
    """Create the file, 0600 whatever the umask, or take others' permissions if it exists. Raises OSError."""
    if not create_private(file):
        tighten(file)


def tighten(file: Path) -> None:
    """Take the permissions that others have on the file, if it exists; warn where that cannot be done."""
    with suppress(FileNotFoundError):
        mode = file.stat().st_mode & 0o777
        if not mode & 0o077:
            return
        try:
            file.chmod(mode & 0o700)
        except OSError:
            log.warning("%s: others can open it, and its mode cannot be changed; chmod 600 it as its owner", file)
