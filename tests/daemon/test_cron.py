"""docs/cron.md: its lines are run as cron runs them, with a minimal environment."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.conftest import TIMEOUT
from tests.endtoend.conftest import Folder, WatchedPasture, make_folder, open_pasture

__all__ = ["make_folder", "open_pasture"]  # fixtures

ROOT = Path(__file__).parents[2]

Make = Callable[..., Folder]
OpenPasture = Callable[[Folder], WatchedPasture]
Cron = Callable[[str, WatchedPasture], subprocess.Popen[str]]
Minutely = Callable[[WatchedPasture], tuple[int, str]]


def crontab(when: str) -> str:
    """Return the command of the one line of docs/cron.md that runs `when` this says."""
    blocks: list[str] = re.findall(
        r"^```crontab\n(.*?)^```$", (ROOT / "docs" / "cron.md").read_text(), re.DOTALL | re.MULTILINE
    )
    lines = [line for block in blocks for line in block.splitlines()]
    (command,) = [line.removeprefix(f"{when} ") for line in lines if line.startswith(f"{when} ")]
    assert "%" not in command, "cron makes a line's end of a %"
    return command.replace("/opt/flock", shlex.quote(str(ROOT)))


@pytest.fixture(scope="module")
def _set_up() -> None:
    """Run the page's one-time command, so that cron does not mail the output of the environment's set-up."""
    environment = {**os.environ, "FLOCK_VENV": sys.prefix}
    subprocess.run([ROOT / "scripts" / "flock", "--version"], env=environment, capture_output=True, check=True)


@pytest.fixture
def cron(tmp_path: Path, _set_up: None) -> Iterator[Cron]:
    """Return a starter of commands as cron runs them: in the home folder, by sh, with few variables."""
    jobs: list[subprocess.Popen[str]] = []

    def run(command: str, pasture: WatchedPasture) -> subprocess.Popen[str]:
        ours = [f"FLOCK_BASE_URL={pasture.url}", f"FLOCK_VENV={sys.prefix}"]
        theirs = [f"HOME={tmp_path}", "LOGNAME=shepherd", "SHELL=/bin/sh", "PATH=/usr/bin:/bin"]
        job = subprocess.Popen(
            ["/usr/bin/env", "-i", *theirs, *ours, "/bin/sh", "-c", command],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        jobs.append(job)
        return job

    yield run
    for job in jobs:
        with suppress(ProcessLookupError):
            os.killpg(job.pid, signal.SIGKILL)  # sh, and the flock that it waits for
        job.communicate()


@pytest.fixture
def minutely(cron: Cron) -> Minutely:
    """Return a function that runs the page's line for every minute, and returns its exit code and cron's mail."""

    def run(pasture: WatchedPasture) -> tuple[int, str]:
        job = cron(crontab("* * * * *"), pasture)
        output, _ = job.communicate(timeout=TIMEOUT)
        return job.returncode, output

    return run


def let_a_minute_pass(journal: Path) -> None:
    """Move all due times in the journal a minute back."""
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("UPDATE sheep SET due = due - 60, until = max(0, until - 60)")


def holder(journal: Path) -> int:
    """Return the process that runs the bots of the journal."""
    with closing(sqlite3.connect(journal)) as connection:
        ((process,),) = connection.execute("SELECT DISTINCT holder FROM sheep")
    return int(process)


def test_each_bot_that_is_due_says_one_line(
    make_folder: Make, open_pasture: OpenPasture, minutely: Minutely, tmp_path: Path
) -> None:
    """The first run says a line, one a moment later none, one in the next minute the next; and none is mailed."""
    folder = make_folder(2)
    pasture = open_pasture(folder)
    counts = []

    for _ in range(2):
        for _ in range(2):
            assert (0, "") == minutely(pasture)
            counts.append([len(pasture.said(name)) for name in folder.poems])
        let_a_minute_pass(tmp_path / "flock.db")

    assert [[1, 1], [1, 1], [2, 2], [2, 2]] == counts
    assert [poem[:2] for poem in folder.poems.values()] == [pasture.said(name) for name in folder.poems]


def test_a_penned_flock_is_mailed_once(make_folder: Make, open_pasture: OpenPasture, minutely: Minutely) -> None:
    """All are penned: code 4 each minute, but one mail, and a saved key file lets its bot out."""
    folder = make_folder(1)
    pasture = open_pasture(folder)
    pasture.suspend("bot0")

    code, mail = minutely(pasture)
    again = minutely(pasture)
    pasture.pardon("bot0")
    key = folder.path / "bot0.json"
    key.write_text(key.read_text() + "\n")
    mended = minutely(pasture)

    assert 4 == code
    assert "bot0: IS PENNED" in mail
    assert [(4, ""), (0, "")] == [again, mended]
    assert folder.poems["bot0"][:1] == pasture.said("bot0")


def test_the_line_for_boot_starts_a_daemon_that_cron_and_nobody_else_runs(
    make_folder: Make, open_pasture: OpenPasture, cron: Cron, minutely: Minutely, tmp_path: Path
) -> None:
    """@reboot keeps its flock going and writes its log; the minutely line beside it ends with 5 and no mail."""
    folder = make_folder(1)
    pasture = open_pasture(folder)
    daemon = cron(crontab("@reboot"), pasture)
    pasture.wait_for_posts(folder, 1)

    code, mail = minutely(pasture)
    os.kill(holder(tmp_path / "flock.db"), signal.SIGTERM)
    output, _ = daemon.communicate(timeout=TIMEOUT)

    assert (5, "") == (code, mail)
    assert (0, "") == (daemon.returncode, output)
    assert f"bot0: {folder.poems['bot0'][0]}" in (tmp_path / "flock.log").read_text()
