"""A container's user: no home, and a number without a line in /etc/passwd."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import TIMEOUT

HOMELESS = """
import pwd
def nobody(uid):
    raise KeyError(uid)
pwd.getpwuid = nobody
import flock.__main__
"""


def run(*arguments: str | Path) -> tuple[int, list[str]]:
    """Run flock without a home; return its exit code and the lines of its errors."""
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_STATE_HOME")}
    command = [sys.executable, "-c", HOMELESS + "flock.__main__.main()", *map(str, arguments)]
    ended = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=TIMEOUT)
    return ended.returncode, ended.stderr.splitlines()


def test_without_a_home_the_journal_needs_a_path(write_key: Callable[..., Path]) -> None:
    """One line, that says how to give it."""
    keys = write_key().parent
    expected = "flock: no home directory to keep the journal in; give --state PATH or FLOCK_STATE"
    assert (2, [expected]) == run("run", keys, "--once")


@pytest.mark.parametrize("command", [("run", "--dry-run", "--once"), ("rehearse", "--posts", "2")])
def test_what_needs_no_journal_needs_no_home(write_key: Callable[..., Path], command: tuple[str, ...]) -> None:
    """A dry run touches no file."""
    code, errors = run(command[0], write_key().parent, *command[1:])
    assert (0, []) == (code, errors)
