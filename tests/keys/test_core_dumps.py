"""A process that has read a key leaves no core dump."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import TIMEOUT

PROGRAM = """
import ctypes, pathlib, sys
from flock.keys import read_keys
dumpable = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)  # PR_GET_DUMPABLE
before = dumpable()
read_keys(pathlib.Path(sys.argv[1]))
print(before, dumpable())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_process_that_has_read_a_key_writes_no_core_dump(write_key: Callable[..., Path]) -> None:
    """Also where it is not the command line's."""
    folder = write_key().parent
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT)
    assert "1 0" == answer.stdout.strip()
