"""The commands with a journal in PostgreSQL, against a pasture over real HTTP."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import simplejson as json

from tests.endtoend.conftest import Flock, Folder, WatchedPasture
from tests.postgres import PASSWORD, PostgresServer

Make = Callable[..., Folder]
Start = Callable[..., Flock]
OpenPasture = Callable[[Folder], WatchedPasture]

PLAIN = {"NO_COLOR": "1", "COLUMNS": "80"}


def test_a_flock_is_seen_and_told_while_it_runs(
    make_folder: Make, start: Start, open_pasture: OpenPasture, postgres: PostgresServer
) -> None:
    """By status, log and tell, as with a file. No output of any of them holds the password."""
    folder = make_folder(2, lines=400)
    pasture = open_pasture(folder)
    url = postgres.new_database()
    shown = url.replace(f"shepherd:{PASSWORD}@", "")
    where = ["--base-url", pasture.url, "--state", url]
    told: list[str] = []

    def run(*arguments: str | Path) -> tuple[int, str]:
        code, output, errors = start(*arguments, **PLAIN).end()
        told.extend((output, errors))
        return code, output

    assert (0, f"no flock has run with this journal yet: {shown}") == (
        (first := run("status", folder.path, *where))[0],
        first[1].splitlines()[0],
    )
    code, _ = run("tell", folder.path, "bot0", "pause", *where)
    assert (2, True) == (code, f"there is no journal at {shown}" in told[-1])

    flock = start("run", folder.path, "--line-interval", "0.2", "--verbose", *where)
    pasture.wait_for_posts(folder, 3)
    code, output = run("status", folder.path, *where)
    assert re.match(rf"running: process {flock.process.pid} since \d\d:\d\d, 2 bots\nbots: ", output)
    status = json.loads(run("status", folder.path, "bot1", "--json", *where)[1])
    assert (shown, [flock.process.pid], None) == (
        status["journal"],
        [each["pid"] for each in status["processes"]],
        status["bots"][0]["host"],
    )
    code, output = run("tell", folder.path, "bot0", "pause", *where)
    assert f"bot0: pause: process {flock.process.pid} obeys within a second\n" == output
    said = len(pasture.said("bot1"))
    while "does as it is told: pause" not in (
        line := flock.process.stdout.readline() if flock.process.stdout else ""
    ):
        told.append(line)
    assert len(pasture.said("bot1")) >= said
    code, output, errors = flock.stop()
    told += [output, errors]
    assert 0 == code

    _, output = run("log", folder.path, "bot0", "--json", *where)
    assert pasture.said("bot0") == [json.loads(line)["text"] for line in output.splitlines()]
    _, output = run("status", folder.path, *where)
    assert output.startswith("not running\nbots: ")
    assert "1 paused" in output
    assert run("check", folder.path, "--base-url", pasture.url, "--state", url)[0] in (0, 3)
    assert not [text for text in told if "sesame" in text]


def test_copies_are_left_to_the_server(start: Start, tmp_path: Path) -> None:
    """The line names the program for them."""
    for command, program in (("backup", "pg_dump -Fc"), ("restore", "pg_restore --clean")):
        state = "postgresql://shepherd:sesame@db.example/flock"
        code, output, errors = start(command, tmp_path / "copy", "--state", state).end()
        assert (2, "") == (code, output)
        assert errors.endswith(f"copies of a database are its server's affair; use {program}\n")
        assert "sesame" not in errors


def test_a_password_in_the_wrong_form_is_not_shown(start: Start, make_folder: Make) -> None:
    """Neither from the command line nor from the variable."""
    folder = make_folder(1)
    wrong = "postgresql://shepherd:ses/ame@db.example/flock"
    by_option = start("run", folder.path, "--state", wrong).end()
    by_variable = start("status", folder.path, FLOCK_STATE=wrong).end()
    for code, output, errors in (by_option, by_variable):
        assert (2, "") == (code, output)
        assert (
            "expected a URL such as postgresql://flock@db.example/flock, found one that cannot be read" in errors
        )
        assert "ses/ame" not in errors


def test_the_extra_is_named_where_it_is_missing(start: Start, make_folder: Make, tmp_path: Path) -> None:
    """With the command that installs it."""
    (tmp_path / "psycopg.py").write_text("raise ImportError('not here')")
    folder = make_folder(1)
    state = ("--state", "postgresql://shepherd:sesame@db.example/flock")
    for command in (("run", folder.path), ("status", folder.path), ("tell", folder.path, "--all", "pause")):
        code, _, errors = start(*command, *state, PYTHONPATH=str(tmp_path)).end()
        assert 2 == code
        assert (
            "flock: the journal postgresql://db.example/flock: psycopg is not installed; "
            "type: pip install 'poem-flock[postgres]'\n"
        ) == errors


def test_a_flock_with_a_file_never_loads_the_extra(make_folder: Make, tmp_path: Path) -> None:
    """A flock on one machine needs none of it."""
    folder = make_folder(1)
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from flock import Options, Shepherd\n"
        "Shepherd(sys.argv[1], options=Options(pasture=True, state=Path(sys.argv[2]))).once()\n"
        "print(sorted(name for name in sys.modules if 'psycopg' in name or 'postgres' in name))"
    )
    command: list[str | Path] = [sys.executable, "-c", program, folder.path, tmp_path / "flock.db"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "[]" in done.stdout.splitlines()
    assert (tmp_path / "flock.db").exists()
