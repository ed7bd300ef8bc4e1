"""A pipe to wait on: who sleeps on one is no trouble to others, while locks share a table in the kernel."""

from __future__ import annotations

import os
import weakref

from flock.errors import BadOption


def open_pipe(owner: object) -> tuple[int, int]:
    """Return the reading and the writing end of a pipe, which is closed when `owner` is gone.

    Raises BadOption when this process may open no more files.
    """
    try:
        ends = os.pipe()
    except OSError as error:
        raise BadOption(
            f"this process may open no more files ({error.strerror}): raise LimitNOFILE= in the unit, or ulimit -n"
        ) from error
    weakref.finalize(owner, _close, *ends)
    return ends


def _close(*files: int) -> None:
    for file in files:
        os.close(file)
