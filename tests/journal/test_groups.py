"""Group commit: what is queued while one thread commits is committed together."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from flock.journal.groups import Closed, GroupCommit, Write
from tests.conftest import TIMEOUT, until


class Committing:
    """Commits groups; the first one is held up until `go` is set. Keeps the numbers of what it commits."""

    def __init__(self, interrupted_at: int | None = None) -> None:
        self.go = threading.Event()
        self.groups: list[list[object]] = []
        self._interrupted_at = interrupted_at

    def __call__(self, group: Sequence[Write]) -> None:
        assert self.go.wait(TIMEOUT)
        numbers = [values[0] for write in group for _, values in write.statements]
        if self._interrupted_at in numbers:
            raise KeyboardInterrupt
        self.groups.append(numbers)
        for write in group:
            write.error = None


class InterruptedTurn:
    """The lock of a thread that gets Ctrl-C while it waits: at once, or when it has just been told to commit."""

    def __init__(self, *, is_told: bool) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._is_told = is_told

    def acquire(self) -> bool:
        if self._is_told:
            with self._lock:
                raise KeyboardInterrupt
        raise KeyboardInterrupt

    def release(self) -> None:
        self._lock.release()

    def locked(self) -> bool:
        return self._lock.locked()


def numbered(number: int) -> Write:
    """Return a write that can be told from others."""
    return Write([("", (number,))], flush=False)


@contextmanager
def queued(commits: GroupCommit, go: threading.Event, writes: Sequence[Write]) -> Iterator[list[Future[None]]]:
    """Submit the writes, each in a thread, and let the first commit go on when all are queued in this order."""
    with ThreadPoolExecutor(len(writes)) as pool:
        made: list[Future[None]] = []
        try:
            for write in writes:
                made.append(pool.submit(commits.submit, write))
                until("it is queued", lambda: commits.pending == len(made))
        finally:
            go.set()
        yield made


@pytest.mark.parametrize(
    ("at_most", "groups"),
    [
        (500, [[0], [1, 2, 3, 4, 5, 6]]),
        (4, [[0], [1, 2, 3, 4], [5, 6]]),
        (1, [[0], [1], [2], [3], [4], [5], [6]]),
    ],
)
def test_writes_that_queue_up_are_committed_together(at_most: int, groups: list[list[object]]) -> None:
    """In their order, at most so many in one group; each thread returns."""
    commit = Committing()
    commits = GroupCommit(commit, at_most)
    writes = [numbered(number) for number in range(7)]
    with queued(commits, commit.go, writes) as made:
        assert [None] * 7 == [each.result(TIMEOUT) for each in made]
    assert groups == commit.groups
    assert [None] * 7 == [write.error for write in writes]
    assert 0 == commits.pending


def test_an_interrupt_in_a_commit_leaves_no_thread_waiting() -> None:
    """Ctrl-C is raised in the thread that commits; the other writes of its group have failed, the next has not."""
    commit = Committing(interrupted_at=2)
    commits = GroupCommit(commit, at_most=3)
    writes = [numbered(number) for number in range(6)]
    with queued(commits, commit.go, writes) as made:
        errors = [each.exception(TIMEOUT) for each in made]
    assert [KeyboardInterrupt] == [type(error) for error in errors if error]
    assert isinstance(errors[1], KeyboardInterrupt)
    assert [None, *[InterruptedError] * 3, None, None] == [write.error and type(write.error) for write in writes]
    assert [[0], [4, 5]] == commit.groups


@pytest.mark.parametrize("is_told", [False, True])
def test_an_interrupt_in_a_thread_that_waits_leaves_no_other_waiting(is_told: bool) -> None:
    """Its write is taken back, also if it would have been the next to commit."""
    commit = Committing()
    commits = GroupCommit(commit)
    writes = [numbered(number) for number in range(3)]
    writes[1].turn = InterruptedTurn(is_told=is_told)  # type: ignore[assignment]
    with ThreadPoolExecutor(3) as pool:
        made = [pool.submit(commits.submit, writes[0])]
        until("it is being committed", lambda: commits.pending == 1)
        made.append(pool.submit(commits.submit, writes[1]))
        until("it is queued, or taken back", lambda: commits.pending == 2 if is_told else made[1].done())
        made.append(pool.submit(commits.submit, writes[2]))
        until("it is queued", lambda: commits.pending == 2 + is_told)
        commit.go.set()
        errors = [each.exception(TIMEOUT) for each in made]
    assert [type(None), KeyboardInterrupt, type(None)] == [type(error) for error in errors]
    assert [[0], [2]] == commit.groups
    commits.submit(numbered(3))
    assert [[0], [2], [3]] == commit.groups


def test_a_closed_queue_takes_no_writes() -> None:
    """What was queued before is committed first."""
    commit = Committing()
    commits = GroupCommit(commit)
    writes = [numbered(number) for number in range(3)]
    with queued(commits, commit.go, writes) as made:
        commits.close()
        assert [None] * 3 == [each.result(TIMEOUT) for each in made]
    with pytest.raises(Closed):
        commits.submit(numbered(3))
    assert [0, 1, 2] == [number for group in commit.groups for number in group]


def test_commits_are_measured_where_that_is_asked_for() -> None:
    """One number a commit, in seconds; also of one that fails."""
    told: list[float] = []
    journal_is_full = [False, True]

    def commit(group: Sequence[Write]) -> None:
        if journal_is_full.pop(0):
            raise OSError("full")
        for write in group:
            write.error = None

    commits = GroupCommit(commit)
    commits.measure(told.append)

    commits.submit(Write([], flush=False))
    with pytest.raises(OSError, match="full"):
        commits.submit(Write([], flush=False))

    assert 2 == len(told)
    assert all(0 <= seconds < 10 for seconds in told)
