"""docs/growing-old.md: every command is run, and prints what the page says it prints."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.image
import numpy as np
import pytest
import simplejson as json

from flock.events import Said
from flock.options import Options
from flock.poem import read_poem
from flock.rehearsal import Rehearsal
from flock.temperament import Character, parse_temperament
from tests.conftest import TIMEOUT
from tests.endtoend.conftest import Flock

Start = Callable[..., Flock]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "growing-old.md").read_text(encoding="utf-8")
LEFT_OUT = "…"  # a line of its own: lines that the page does not show
DATE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
LONGEST = 4 * TIMEOUT  # seconds, for the months of a picture
LARGEST_PICTURE = 150_000  # bytes


class Example(NamedTuple):
    """A command of the page, without `scripts/flock`, and the lines that the page shows after it."""

    arguments: list[str]
    shown: list[str]


def blocks(language: str = "") -> list[str]:
    """Return the page's fenced blocks of one language."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [text for name, text in fences if name == language]


def examples() -> Iterator[Example]:
    """Yield the page's commands."""
    for block in blocks():
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = part.splitlines()
            program, *arguments = shlex.split(command)
            assert "scripts/flock" == program
            yield Example(arguments, shown)


def shows(shown: list[str], printed: list[str]) -> bool:
    """Return whether `printed` is what `shown` shows, with anything in place of a line that is an ellipsis.

    The dates of --from-here are those of the day on which the page was written.
    """
    shown, printed = ([DATE.sub("(a date)", line) for line in lines] for lines in (shown, printed))
    pattern = "".join(r"(.*\n)*?" if line == LEFT_OUT else re.escape(line) + r"\n" for line in shown)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)) is not None


REHEARSALS = [example for example in examples() if example.arguments[0] == "rehearse"]
DRAWN = [example for example in REHEARSALS if "--plot" in example.arguments]
RUNS = [example for example in examples() if example.arguments[0] == "run"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with what the page's commands find in the repository."""
    for name in ("keys.example", "poems"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "docs" / "images").mkdir(parents=True)
    return tmp_path


def test_the_page_has_what_these_tests_look_for() -> None:
    """Every kind of command is found in the page: another notation would leave some untested."""
    ages = [
        arguments[arguments.index("--at-age") + 1]
        for arguments, _ in REHEARSALS
        if "--at-age" in arguments and "senile" in arguments
    ]

    assert ["0", "200", "800", "2400"] == ages
    assert 2 == len(DRAWN)
    assert 1 == sum("--from-here" in arguments for arguments, _ in REHEARSALS)
    assert RUNS
    assert all(
        shown for arguments, shown in REHEARSALS if "--quiet" not in arguments and "--json" not in arguments
    )


@pytest.mark.parametrize(
    "example",
    [example for example in REHEARSALS if example not in DRAWN],
    ids=lambda example: " ".join(example.arguments[2:]),
)
def test_a_rehearsal_prints_what_the_page_shows(checkout: Path, start: Start, example: Example) -> None:
    """The page shows the same texts, times, moods and summary as the command prints."""
    code, output, errors = start(*example.arguments, HURRY="1").end()

    assert 0 == code, errors
    assert not example.shown or shows(example.shown, output.splitlines()), output
    assert output


@pytest.mark.parametrize("example", RUNS, ids=lambda example: " ".join(example.arguments[2:]))
def test_a_run_starts(checkout: Path, start: Start, example: Example) -> None:
    """The page's commands for real runs send all sheep out."""
    flock = start(*example.arguments)
    first = flock.process.stdout.readline() if flock.process.stdout else ""
    code, _, errors = flock.stop()

    assert "7 sheep on the way out" in first
    assert (0, "") == (code, errors)


@pytest.mark.parametrize("example", DRAWN, ids=lambda example: str(example.arguments[-1]))
def test_a_picture_is_the_one_that_its_command_draws(checkout: Path, start: Start, example: Example) -> None:
    """The page's pictures are small, are shown, and are what its commands draw, but for the fonts' last pixels.

    The commands print what the page shows.
    """
    name = example.arguments[-1]
    shown = ROOT / name

    code, output, errors = start(*example.arguments, HURRY="1").end(LONGEST)
    ours, theirs = (matplotlib.image.imread(file) for file in (shown, checkout / name))

    assert 0 == code, errors
    assert shows(example.shown, output.splitlines()), output
    assert shown.stat().st_size < LARGEST_PICTURE
    assert f"({name.removeprefix('docs/')})" in PAGE
    assert theirs.shape == ours.shape
    assert float(np.abs(ours - theirs).mean()) < 0.03


def test_the_key_file_example_is_a_temperament() -> None:
    """The line for the key file is one that a key file may hold."""
    (line,) = blocks("json")

    found = parse_temperament(json.loads(f"{{{line}}}")["temperament"])

    assert Character(forget=0.4, mix_up=0.2, maturity=30) == found


def test_the_python_example_does_as_it_says(checkout: Path) -> None:
    """The latecomer begins a line later each time, and says all of the poem all the same."""
    (program,) = blocks("python")
    names: dict[str, Any] = {"__name__": "latecomer"}
    exec(compile(program, "latecomer.py", "exec"), names)
    poem = list(read_poem(checkout / "poems" / "hitsuji-nemurezu.txt"))

    rehearsal = Rehearsal(
        checkout / "keys.example", Options(temperament=names["latecomer"]), bots=["mee_mee_hitsuji"]
    )
    said = [event.text for event in rehearsal.play(posts=3 * len(poem)) if isinstance(event, Said)]

    assert [line for late in range(3) for line in poem[late:] + poem[:late]] == said
