"""The pool of threads that a flock is mapped over."""

from __future__ import annotations

import multiprocessing
from multiprocessing.pool import Pool, ThreadPool

from flock.errors import BadOption


class _ThreadPool(ThreadPool):
    """The pool that multiprocessing.dummy.Pool() makes, without a helper process.

    A ThreadPool makes two locks for processes, as the default start method wants them. All methods but "fork",
    which is the default no longer from Python 3.14 on, start a resource tracker for them: 7 MB, and complaints on
    stderr after a kill -9. So these locks are made as for "fork". Nothing is forked.
    """

    def __init__(self, size: int) -> None:
        Pool.__init__(self, size, context=multiprocessing.get_context("fork"))


def thread_pool(size: int) -> ThreadPool:
    """Return a pool of `size` threads, at least one. Raises BadOption when the machine allows fewer."""
    try:
        return _ThreadPool(max(1, size))
    except (RuntimeError, AttributeError) as error:  # what the pool makes of "can't start new thread"
        raise BadOption(
            f"{size} sheep need {size} threads, and this process may not have so many: "
            "raise TasksMax= in the unit, or ulimit -u, or run fewer bots"
        ) from error
