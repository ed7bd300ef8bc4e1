"""Core dumps off: a core dump holds every key."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

_PR_SET_DUMPABLE = 4


@cache
def forbid_core_dumps() -> None:
    """Make the kernel write no core dump of this process, and let no program but root's look into its memory.

    On Linux only; elsewhere nothing is done. A debugger then needs root.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
