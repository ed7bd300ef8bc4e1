"""The pool of threads that a flock is mapped over."""

import subprocess
import sys
import threading

import pytest

from flock.threads.pool import thread_pool


def test_each_item_gets_a_thread_of_its_own() -> None:
    """All three are at the barrier at once."""
    barrier = threading.Barrier(3)
    with thread_pool(3) as pool:
        numbers = pool.map(lambda _: barrier.wait(30), range(3), chunksize=1)
    assert [0, 1, 2] == sorted(numbers)


def test_a_pool_for_nothing_can_be_made() -> None:
    """With --once there may be no sheep that is due."""
    with thread_pool(0) as pool:
        assert [] == pool.map(str, [])


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_pool_starts_no_process(method: str) -> None:
    """Not even a resource tracker, whatever multiprocessing's start method is; from 3.14 on that is forkserver."""
    program = f"""if True:
        import multiprocessing, os
        from flock.threads.pool import thread_pool
        multiprocessing.set_start_method({method!r})
        with thread_pool(2) as pool:
            assert [0, 1] == pool.map(int, range(2))
            try:
                print(os.waitpid(-1, os.WNOHANG))
            except ChildProcessError:
                print("no child")
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ("no child\n", "") == (done.stdout, done.stderr)
