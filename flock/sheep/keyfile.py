"""A bot's key file: whether it has changed, and the key that is in it now."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from flock.errors import BadInput
from flock.keys import Key, read_key

log = logging.getLogger(__name__)


class KeyFile:
    """The file at `path`. `stamp` is that of the content whose key is used."""

    __slots__ = ("_rejected", "path", "stamp")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stamp = _stamp(path)  # taken before the file is read: a later change is noticed
        self._rejected = ("", "")  # a stamp, and what is wrong with the key

    @property
    def has_changed(self) -> bool:
        """Whether the file has another content than the one whose key is used."""
        return _stamp(self.path) != self.stamp

    def renew(self, use: Callable[[Key], None], *, complaint: str, again: bool) -> bool:
        """Read the key and pass it to `use`; return whether it can be used.

        What is wrong with it is logged after `complaint`, once for each change of the file, or `again`.
        """
        stamp = _stamp(self.path)
        try:
            use(read_key(self.path))
        except Exception as error:  # whatever it is, the bot has a key, though one that was refused
            rejected = (stamp, str(error))
            if again or rejected != self._rejected:
                trace = None if isinstance(error, BadInput | OSError) else error
                log.warning("%s: %s", complaint, error, exc_info=trace)
            self._rejected = rejected
            return False
        self.stamp = stamp
        return True


def _stamp(file: Path) -> str:
    """Return what changes when `file` does; "gone" while it is away."""
    try:
        status = file.stat()
    except OSError:
        return "gone"
    return f"{status.st_mtime_ns} {status.st_size}"
