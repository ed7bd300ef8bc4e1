"""`flock run` in which the thread of a bot ends by an error: exit code 70, also after SIGTERM."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.endtoend.conftest import Flock, Folder

QUITS = """
import sys
from flock import Sheep

class Quits(Sheep):
    def decide(self):
        if self.name == "bot0":
            sys.exit("from a library")
        return super().decide()
"""


@pytest.fixture
def quits(tmp_path: Path) -> str:
    """Return the name of a class of sheep of which one ends its thread."""
    (tmp_path / "quits.py").write_text(QUITS)
    return "quits:Quits"


def test_a_run_for_cron_in_which_a_thread_died_ends_with_70(
    make_folder: Callable[..., Folder], start: Callable[..., Flock], quits: str
) -> None:
    """The traceback is in the log, and the other bot has had its turn."""
    code, output, errors = start("run", make_folder(2).path, "--dry-run", "--once", "--sheep", quits).end()

    assert 70 == code
    assert "SystemExit: from a library" in errors
    assert "bot1: 0: what bot1 has to say" in output


def test_a_daemon_in_which_a_thread_died_ends_with_70(
    make_folder: Callable[..., Folder], start: Callable[..., Flock], quits: str
) -> None:
    """It goes on with the other bot until it is told to stop; then systemd starts all of them anew."""
    arguments = ("--dry-run", "--line-interval", "0.05", "--sheep", quits)
    flock = start("run", make_folder(2).path, *arguments)
    assert flock.process.stdout
    while "5: what bot1 has to say" not in flock.process.stdout.readline():
        pass

    code, _, errors = flock.stop(signal.SIGTERM)

    assert 70 == code
    assert "the thread of bot0 has ended" in errors


def test_a_daemon_whose_only_thread_died_ends_by_itself(
    make_folder: Callable[..., Folder], start: Callable[..., Flock], quits: str
) -> None:
    """Nothing is left that could post."""
    code, output, _ = start("run", make_folder(1).path, "--dry-run", "--sheep", quits).end()

    assert 70 == code
    assert "HAS STOPPED by an error" in output
