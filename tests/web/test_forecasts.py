"""What bots will post and cost is worked out in a process of its own, which may end or not come to an end."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from flock.options import Options
from flock.roster import Roster, read_roster
from flock.web.forecasts import Foresight, Outlook
from tests.conftest import runs, until

PAGE = """
import pickle, sys, threading
from flock.roster import read_roster
from flock.web.forecasts import Foresight
folder, options = pickle.load(sys.stdin.buffer)
Foresight(folder, options).outlook(read_roster(folder, options, []))
threading.Event().wait()
"""
PID = "import os; open('pid', 'w').write(f'{os.getpid()}\\n')\n"


@pytest.fixture
def begin(
    tmp_path: Path, write_key: Callable[..., Path], options: Options, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], tuple[Foresight, Roster]]]:
    """Return a function that begins the forecast of a bot with a Sheep in whose module this code stands.

    The process writes its id to the file `pid`.
    """
    begun: list[Foresight] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("flock.web.forecasts._PATIENCE", 0.0)

    def start(code: str) -> tuple[Foresight, Roster]:
        key = write_key()
        tmp_path.joinpath("curious.py").write_text(f"from flock import Sheep\n{PID}{code}\n", encoding="utf-8")
        chosen = replace(options, sheep="curious:Sheep")
        foresight, roster = Foresight(key.parent, chosen), read_roster(key.parent, chosen, [])
        begun.append(foresight)
        assert foresight.outlook(roster) is None
        return foresight, roster

    yield start
    for foresight in begun:
        foresight.close()


def its_pid(tmp_path: Path) -> int:
    """Wait until the process has written its id, and return that."""
    file = tmp_path / "pid"
    until("the process runs", lambda: file.exists() and file.read_text().endswith("\n"))
    return int(file.read_text())


@pytest.mark.parametrize(
    "code", ["print('baa')", "import atexit, threading; atexit.register(threading.Event().wait, 0.5)"]
)
def test_another_process_works_it_out(
    begin: Callable[[str], tuple[Foresight, Roster]], tmp_path: Path, code: str
) -> None:
    """What a Sheep prints does not get in between. The process ends by itself, maybe long after its answer."""
    foresight, roster = begin(code)
    until("the outlook", lambda: foresight.outlook(roster) is not None)
    outlook = foresight.outlook(roster)
    assert outlook is not None
    assert not outlook.trouble
    [bot] = outlook.bots.values()
    assert bot.posts > 0 < bot.dollars
    assert "1 bot on X: about" in outlook.bills[0]
    assert its_pid(tmp_path) != os.getpid()
    until("its end", lambda: not runs(its_pid(tmp_path)))


@pytest.mark.parametrize(("code", "how"), [("os.kill(os.getpid(), 9)", "SIGKILL"), ("os._exit(0)", "exit code 0")])
def test_its_failure_is_told(
    begin: Callable[[str], tuple[Foresight, Roster]], caplog: pytest.LogCaptureFixture, code: str, how: str
) -> None:
    """As where the machine has no memory left: Linux kills such a process."""
    foresight, roster = begin(code)
    until("the outlook", lambda: foresight.outlook(roster) is not None)
    outlook = foresight.outlook(roster)
    assert Outlook({}, (), "the forecast failed; the log says why") == outlook
    assert [f"the forecast failed: its process has ended: {how}"] == caplog.messages


def test_it_ends_with_the_page(
    begin: Callable[[str], tuple[Foresight, Roster]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a word of it, and for good."""
    foresight, roster = begin("import threading; threading.Event().wait()")
    pid = its_pid(tmp_path)
    foresight.close()
    until("its end", lambda: not runs(pid))
    tmp_path.joinpath("pid").unlink()
    until("the outlook", lambda: foresight.outlook(replace(roster)) is not None)
    assert not tmp_path.joinpath("pid").exists()
    assert not caplog.messages


def test_it_ends_with_a_page_that_is_killed(
    tmp_path: Path, write_key: Callable[..., Path], options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a flock would wait for it before it starts the page again."""
    monkeypatch.chdir(tmp_path)
    folder = write_key().parent
    Path("curious.py").write_text(f"from flock import Sheep\n{PID}import threading; threading.Event().wait()\n")
    with Popen([sys.executable, "-c", PAGE], stdin=PIPE) as page:
        assert page.stdin is not None
        page.stdin.write(pickle.dumps((folder, replace(options, sheep="curious:Sheep"))))
        page.stdin.flush()
        pid = its_pid(tmp_path)
        assert runs(pid)
        page.kill()
    until("its end", lambda: not runs(pid))
