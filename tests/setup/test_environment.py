"""The developer's own settings do not reach the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SETTINGS = {"FLOCK_PASTURE": "1", "FLOCK_NOT_YET_KNOWN": "1", "HURRY": "9", "HTTPS_PROXY": "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def seen_early() -> dict[str, str]:
    """Return the environment that a fixture of a whole module, and the processes that it starts, would get."""
    return dict(os.environ)


def test_no_test_and_no_fixture_sees_a_setting_of_the_developer(seen_early: dict[str, str]) -> None:
    """None that is known today, and none that flock may get later."""
    assert set() == SETTINGS.keys() & (seen_early.keys() | os.environ.keys())


def test_settings_are_taken_out_of_the_environment_of_pytest() -> None:
    """The test before this one passes in a pytest that was started with all of them."""
    test = f"{__file__}::{test_no_test_and_no_fixture_sees_a_setting_of_the_developer.__name__}"
    command = [sys.executable, "-m", "pytest", "-q", test]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, env=os.environ | SETTINGS, cwd=root, capture_output=True, text=True, check=False
    )

    assert 0 == done.returncode, done.stdout
    assert "1 passed" in done.stdout
