"""The article's driver, unchanged, against a pasture."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import TIMEOUT
from tests.endtoend.conftest import Folder, WatchedPasture, recital

DRIVER = """
from flock import Shepherd

s = Shepherd('keys/',
        line_interval = 60,
        poem_interval = 1800 )
s.loop()
"""

SIMPLE_DRIVER = """
from flock import SimpleShepherd

SimpleShepherd('keys/', line_interval=0.05, poem_interval=0.05).loop()
"""


@pytest.fixture
def drive(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Return a starter of Python programs in the folder that holds keys/, with FLOCK_ variables."""

    def run(program: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return run


@pytest.mark.parametrize("api", ["2", "1.1"])
def test_the_articles_driver_runs_as_it_stands(
    make_folder: Callable[..., Folder],
    open_pasture: Callable[[Folder], WatchedPasture],
    drive: Callable[..., subprocess.Popen[str]],
    api: str,
) -> None:
    """The key files' own intervals override; the other options come from the environment."""
    folder = make_folder(3, line_interval=0.05, poem_interval=0.1)
    pasture = open_pasture(folder)

    driver = drive(DRIVER, FLOCK_BASE_URL=pasture.url, FLOCK_API=api)
    pasture.wait_for_posts(folder, 9)
    driver.send_signal(signal.SIGINT)
    output, _ = driver.communicate(timeout=TIMEOUT)

    assert 0 == driver.returncode
    assert folder.poems["bot0"][0] in output
    for name, poem in folder.poems.items():
        assert recital(poem, len(pasture.said(name))) == pasture.said(name)


def test_a_simple_shepherd_runs_until_it_is_killed(
    make_folder: Callable[..., Folder],
    open_pasture: Callable[[Folder], WatchedPasture],
    drive: Callable[..., subprocess.Popen[str]],
) -> None:
    """The article's SimpleShepherd knows no signals, and recites all the same."""
    folder = make_folder(2)
    pasture = open_pasture(folder)

    driver = drive(SIMPLE_DRIVER, FLOCK_BASE_URL=pasture.url)
    pasture.wait_for_posts(folder, 9)
    driver.kill()
    driver.communicate(timeout=TIMEOUT)

    for name, poem in folder.poems.items():
        assert recital(poem, len(pasture.said(name))) == pasture.said(name)
