"""Reading plain files, and nothing else."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from flock.files import NotPlain, TooLarge, read_plain
from tests.conftest import open_files


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    """One byte more is too large."""
    file = tmp_path / "file"
    file.write_bytes(b"baa")
    assert b"baa" == read_plain(file, 3)
    with pytest.raises(TooLarge):
        read_plain(file, 2)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has files in /proc")
def test_a_file_that_has_no_size_is_read_and_bounded_all_the_same() -> None:
    """Files in /proc have size 0."""
    assert b"Name:" == read_plain(Path("/proc/self/status"), 65_536)[:5]
    with pytest.raises(TooLarge):
        read_plain(Path("/proc/self/status"), 8)


def test_reading_leaves_no_descriptor_open(tmp_path: Path) -> None:
    """Also when it is refused."""
    pipe, file = tmp_path / "pipe", tmp_path / "file"
    os.mkfifo(pipe)
    file.write_bytes(b"baa!")
    assert b"baa!" == read_plain(file, 4)
    with pytest.raises(NotPlain):
        read_plain(pipe, 3)
    with pytest.raises(TooLarge):
        read_plain(file, 3)
    assert 0 == open_files(tmp_path)
    with file.open():
        assert 1 == open_files(tmp_path)
