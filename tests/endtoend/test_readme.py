"""What README.md and CONTRIBUTING.md tell people to type is typed here."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.endtoend.conftest import Flock
from tests.endtoend.test_daily_life import ANSWERS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TYPED = re.findall(r"^ *scripts/flock (.+)$", README, re.MULTILINE)
COMMANDS = [command for command in TYPED if command not in ANSWERS]  # those have a flock beside them
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TOOLS = re.findall(r"^\| `([^`]+)` \|", CONTRIBUTING, re.MULTILINE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with the example keys, twice: as they are, and as the `keys/` of the reader."""
    for name in ("keys.example", "poems"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "keys.example", tmp_path / "keys")
    for page in ("another-sheep.md", "testing-your-sheep.md"):
        shutil.copy(ROOT / "docs" / page, tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("checkout")
def test_each_command_of_the_readme_works(start: Callable[..., Flock], command: str) -> None:
    """It speaks at once; what runs for ever ends with Ctrl-C, and with 0."""
    words = shlex.split(command.partition("#")[0])
    if words[:2] in (["keys", "new"], ["cluster", "run"]):  # see tests/endtoend/test_keys.py, tests/cluster
        code, output, errors = start(*words[:2], "--help").end()
        assert [] == [word for word in words if word.startswith("--") and word not in output]
    elif words[0] == "run":
        flock = start(*words)
        assert flock.process.stdout
        first = [flock.process.stdout.readline() for _ in range(3)]
        assert all(first)
        code, output, errors = flock.stop(signal.SIGINT)
    else:
        code, output, errors = start(*words).end()
        if "--from-here" in words:  # there is no journal yet
            errors = re.sub(r"flock: warning: .*: there is no journal yet.*\n", "", errors)
    assert output
    assert (0, "") == (code, errors)


def test_the_readme_begins_with_what_a_newcomer_types() -> None:
    """The first block of code: get it, run it, test it."""
    first = re.search(r"```\n(.*?)```", README, re.DOTALL)
    assert first
    assert [
        "git clone <this repository>",
        "cd flock",
        "scripts/flock run keys.example/ --line-interval 2 --poem-interval 10",
        "scripts/test",
    ] == first[1].splitlines()


def test_what_the_readme_says_that_practice_would_cost_is_what_check_says(start: Callable[..., Flock]) -> None:
    """The line in "What it costs" is the command's."""
    (shown,) = re.findall(r"^practice costs nothing; .*$", README, re.MULTILINE)

    _, output, _ = start("check", ROOT / "keys.example").end()

    assert shown in output.splitlines()


def run_tests(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run what `scripts/test ARGUMENTS` becomes, in the environment of this very test."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments]
    return subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, check=False)


def test_one_file_of_tests_runs_by_itself() -> None:
    """The first command of CONTRIBUTING.md."""
    program, *arguments = shlex.split(TOOLS[0])
    done = run_tests(*arguments)
    assert ("scripts/test", 0) == (program, done.returncode), done.stdout


@pytest.mark.parametrize("tool", TOOLS)
def test_each_tool_of_contributing_exists(tool: str) -> None:
    """Of those in the environment their version is asked for, and tests that are named are found."""
    program, *arguments = shlex.split(tool)
    if program.startswith(".venv/bin/"):
        installed = Path(sys.executable).with_name(Path(program).name)
        assert subprocess.run([installed, "--version"], capture_output=True, check=False).returncode == 0
    else:
        assert os.access(ROOT / program, os.X_OK)
    if program == "scripts/test" and arguments and arguments != ["--long"]:
        assert run_tests("--collect-only", *arguments).returncode == 0


def test_paths_in_contributing_exist() -> None:
    """Whatever looks like a file or a folder of the repository is one."""
    paths = re.findall(r"`((?:flock|tests|docs|scripts|benchmarks|\.ci)/[^` ]*)`", CONTRIBUTING)
    assert paths
    assert [] == [path for path in paths if not (ROOT / path).exists()]


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


def test_the_tests_of_the_other_sheep_pass(checkout: Path) -> None:
    """docs/testing-your-sheep.md tests that sheep in ten lines, and pytest runs them as they stand there."""
    pages = [checkout / name for name in ("another-sheep.md", "testing-your-sheep.md")]
    for program in re.findall(r"```python\n(.*?)```", "".join(map(Path.read_text, pages)), re.DOTALL):
        name = program.partition("\n")[0].removeprefix("# ")
        (checkout / name).write_text(program, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-W", "error", "test_shouting.py", "test_a_month.py"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_every_page_that_is_linked_exists() -> None:
    """No page of the documentation sends a reader nowhere."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "benchmarks" / "README.md"]
    links = [
        (page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    ]

    assert [] == [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()]
