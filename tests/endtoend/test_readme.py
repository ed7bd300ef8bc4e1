"""What the README tells people to type is typed here."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.endtoend.conftest import Flock

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^ *scripts/flock (.+)$", README, re.MULTILINE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with the example keys, twice: as they are, and as the `keys/` of the reader."""
    for name in ("keys.example", "poems"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "keys.example", tmp_path / "keys")
    shutil.copy(ROOT / "docs" / "another-sheep.md", tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("checkout")
def test_each_command_of_the_readme_works(start: Callable[..., Flock], command: str) -> None:
    """It speaks at once; what runs for ever ends with Ctrl-C, and with 0."""
    flock = start(*shlex.split(command.partition("#")[0]))
    assert flock.process.stdout
    first = [flock.process.stdout.readline() for _ in range(3)]

    code, _, errors = flock.end() if command.startswith("rehearse") else flock.stop(signal.SIGINT)

    assert all(first)
    assert (0, "") == (code, errors)


def test_the_readme_has_the_two_commands() -> None:
    """They are what a newcomer types first."""
    assert "run keys.example/ --line-interval 2 --poem-interval 10" in COMMANDS
    assert "\nscripts/test\n" in README


def test_the_other_sheep_of_the_docs_shouts(start: Callable[..., Flock], checkout: Path) -> None:
    """The subclass of docs/another-sheep.md runs as it stands there."""
    page = (checkout / "another-sheep.md").read_text(encoding="utf-8")
    program, command = re.findall(r"```\w*\n(.*?)```", page, re.DOTALL)[:2]
    (checkout / "shouting.py").write_text(program)

    flock = start(*shlex.split(command.strip().removeprefix("scripts/flock ")))
    assert flock.process.stdout
    lines = [flock.process.stdout.readline() for _ in range(6)]
    code, _, _ = flock.stop(signal.SIGINT)

    assert 0 == code
    assert any("THE WIND HAS COME IN WITH ITS HAT IN ITS HAND,!" in line for line in lines)


def test_every_page_that_is_linked_exists() -> None:
    """No page of the documentation sends a reader nowhere."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "benchmarks" / "README.md"]
    links = [
        (page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    ]

    assert [] == [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()]
