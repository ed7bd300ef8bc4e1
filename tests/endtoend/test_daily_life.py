"""Each question of docs/daily-life.md is answered by the command that stands under it."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from tests.endtoend.conftest import Flock

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "daily-life.md").read_text(encoding="utf-8")
OBEYS = "process [0-9]+ obeys within a second"
ANSWERS = {
    "status keys/": "running: process [0-9]+ .*, 7 bots",
    "log keys/ --since yesterday": "ewe_turn",
    "web keys/": "the page is at http://127.0.0.1:[0-9]+/",
    "rehearse keys/ --from-here --posts 5": "ewe_turn",
    "check keys/": "7 bots, 0 errors, 0 warnings",
    "keys list keys/": "ewe_turn",
    "keys verify keys/": "ewe_turn",
    "tell keys/ ewe_turn pause": f"ewe_turn: pause: {OBEYS}",
    "tell keys/ ewe_turn resume": f"ewe_turn: resume: {OBEYS}",
    "tell keys/ ewe_turn skip": f"ewe_turn: skip: {OBEYS}",
    "tell keys/ ewe_turn from 7": f"ewe_turn: from 7 .*: {OBEYS}",
    "tell keys/ ewe_turn from-the-top": f"ewe_turn: from-the-top: {OBEYS}",
    "backup copy.db": "copy.db",
}


def test_each_question_has_its_answer(start: Callable[..., Flock], tmp_path: Path) -> None:
    """Beside a flock that runs, in the order of the page."""
    for name in ("keys.example", "poems"):
        shutil.copytree(ROOT / name, tmp_path / name.replace("keys.example", "keys"))
    commands = re.findall(r"^scripts/flock (.+)$", PAGE, re.MULTILINE)
    assert list(ANSWERS) == commands

    flock = start("run", "keys/", "--line-interval", "1", "--poem-interval", "1")
    assert flock.process.stdout
    assert any(" ewe_turn: " in line for line in flock.process.stdout)  # it reads up to the first
    for command in commands:
        started = start(*shlex.split(command), NO_COLOR="1", FLOCK_WEB="0")  # 0: any port that is free
        if command == "web keys/":
            assert started.process.stdout
            first = started.process.stdout.readline()
            code, output, errors = started.stop(signal.SIGINT)
            output = first + output
        else:
            code, output, errors = started.end()
        assert 0 == code, (command, errors)
        assert re.search(ANSWERS[command], output), (command, output)

    assert 0 == flock.stop(signal.SIGINT)[0]
    assert (tmp_path / "copy.db").exists()
