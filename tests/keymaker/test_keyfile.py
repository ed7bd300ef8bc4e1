"""Key files are written as a whole or not at all, whatever the disk does."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flock.errors import BadKeys, KeyNotMade
from flock.keymaker import Keymaker
from flock.keymaker.keyfile import prepare_folder, write_key_file
from tests.conftest import KEY
from tests.keymaker.person import Person

Make = Callable[..., Keymaker]


def fails_with(number: int) -> Callable[..., Any]:
    """Return a function that fails as a call of the system does."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The path of a key file, beside a poem."""
    (tmp_path / "poem.txt").write_text("baa\n")
    return tmp_path / "dolly.json"


def test_a_full_disk_leaves_nothing_behind(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where writing fails, and where only flushing does."""
    monkeypatch.setattr(os, "fsync", fails_with(errno.ENOSPC))

    with pytest.raises(KeyNotMade, match="No space left on device; free some space") as caught:
        write_key_file(file, KEY, replace=False)
    assert caught.value.may_pass
    assert ["poem.txt"] == [each.name for each in file.parent.iterdir()]


def test_a_full_disk_leaves_the_old_file_as_it_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it was to be replaced."""
    file.write_text("an older key")
    monkeypatch.setattr(os, "fsync", fails_with(errno.ENOSPC))

    with pytest.raises(KeyNotMade):
        write_key_file(file, KEY, replace=True)
    assert "an older key" == file.read_text()


def test_a_disk_that_is_full_after_the_dance_can_be_freed(
    make: Make, poem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person need not sign in again."""

    class Freeing(Person):
        def visit(self, url: str) -> None:
            super().visit(url)
            monkeypatch.setattr(os, "fsync", fails_with(errno.ENOSPC))

        def confirm(self, question: str) -> bool:
            monkeypatch.undo()
            return super().confirm(question)

    person = Freeing(yes=[True])
    assert "dolly" == make(person).new("x", poem).key.screen_name
    assert 1 == len(person.visited)
    assert [question for question in person.asked if "free some space. Try again?" in question]


def test_a_full_disk_is_told_before_the_dance(
    make: Make, poem: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No address is opened, and nothing is left."""
    monkeypatch.setattr(os, "fsync", fails_with(errno.ENOSPC))
    person = Person()

    with pytest.raises(KeyNotMade, match="free some space"):
        make(person).new("x", poem)
    assert "" == person.log
    assert [] == [*keys.iterdir()]


def test_a_file_that_comes_in_the_meantime_is_not_written_over(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also on a file system without hard links."""
    file.write_text("another program's")
    with pytest.raises(KeyNotMade, match="exists already"):
        write_key_file(file, KEY, replace=False)
    monkeypatch.setattr(os, "link", fails_with(errno.EPERM))
    with pytest.raises(KeyNotMade, match="exists already"):
        write_key_file(file, KEY, replace=False)
    assert "another program's" == file.read_text()
    assert {"dolly.json", "poem.txt"} == {each.name for each in file.parent.iterdir()}


def test_a_file_system_without_hard_links_has_key_files_too(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT, for example."""
    monkeypatch.setattr(os, "link", fails_with(errno.EPERM))
    write_key_file(file, KEY, replace=False)
    assert {"dolly.json", "poem.txt"} == {each.name for each in file.parent.iterdir()}


def test_what_a_killed_process_left_is_cleared_away(file: Path) -> None:
    """It is half a key at most, and no key file by its name."""
    file.with_name(".dolly.json.new").write_text("half")
    write_key_file(file, KEY, replace=False)
    assert {"dolly.json", "poem.txt"} == {each.name for each in file.parent.iterdir()}


def test_a_key_that_no_bot_could_use_is_not_written(file: Path) -> None:
    """The line names the file as it would have been called."""
    with pytest.raises(BadKeys, match=rf"^{file}: oauth_token: "):
        write_key_file(file, KEY | {"oauth_token": "two words"}, replace=False)
    assert ["poem.txt"] == [each.name for each in file.parent.iterdir()]


def test_folders_are_not_made_one_in_another(tmp_path: Path) -> None:
    """A typing error in a path makes none."""
    with pytest.raises(KeyNotMade, match="there is no folder"):
        prepare_folder(tmp_path / "no" / "keys")
    assert [] == [*tmp_path.iterdir()]


def test_a_file_in_place_of_the_folder_is_told(file: Path) -> None:
    """In one line."""
    file.write_text("")
    with pytest.raises(KeyNotMade, match="expected a folder of key files, found a file"):
        prepare_folder(file)
