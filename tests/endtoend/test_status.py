"""flock status, log, backup and restore, beside a flock that runs and after it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import simplejson as json

from tests.conftest import TIMEOUT, until
from tests.endtoend.conftest import Flock, Folder, WatchedPasture

Make = Callable[..., Folder]
Start = Callable[..., Flock]
OpenPasture = Callable[[Folder], WatchedPasture]

PAGE = (Path(__file__).parents[2] / "docs" / "status.md").read_text(encoding="utf-8")
PLAIN = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "80"}


def documented(heading: str) -> list[str]:
    """Return the fields that the page has in the table under that heading."""
    section = PAGE.partition(f"# {heading}\n")[2]
    return re.findall(r"^\| `(\w+)` \|", re.split(r"^#", section, maxsplit=1, flags=re.MULTILINE)[0], re.MULTILINE)


def test_a_flock_is_seen_while_it_runs_and_after_it(
    make_folder: Make, start: Start, open_pasture: OpenPasture, tmp_path: Path
) -> None:
    """Before, during and after its run: process, bots, posts, log, a copy, and what a copy replaces."""
    folder = make_folder(2)
    pasture = open_pasture(folder)
    where = ["--base-url", pasture.url, "--state", str(tmp_path / "flock.db")]
    code, output, _ = start("status", folder.path, *where, **PLAIN).end()
    assert (0, True) == (
        code,
        output.startswith(f"no flock has run with this journal yet: {tmp_path / 'flock.db'}"),
    )

    flock = start("run", folder.path, "--line-interval", "0.2", "--poem-interval", "0.2", *where)
    pasture.wait_for_posts(folder, 3)
    code, output, errors = start("status", folder.path, *where, **PLAIN).end()
    assert (0, "") == (code, errors)
    assert re.match(rf"running: process {flock.process.pid} since \d\d:\d\d, 2 bots\nbots: ", output)
    assert re.search(r"^ bot0 +(awake|asleep) +\d/6 ", output, re.MULTILINE)
    assert max(map(len, output.splitlines())) <= 80

    told = json.loads(start("status", folder.path, "bot1", "--json", *where).end()[1])
    assert documented("As JSON") == list(told)
    assert documented("Each bot") == list(told["bots"][0])
    assert documented("The latest post") == list(told["bots"][0]["last"])
    assert (True, ["bot1"]) == (told["running"], [bot["bot"] for bot in told["bots"]])
    assert told["bots"][0]["last"]["text"] in folder.poems["bot1"]

    copy = tmp_path / "copy.db"
    backed = start("backup", copy, "--state", tmp_path / "flock.db").end()
    assert (0, "") == (backed[0], backed[2])
    refused = start("restore", copy, "--state", tmp_path / "flock.db").end()
    assert (5, "") == refused[:2]
    assert "stop the flock first" in refused[2]
    assert 0 == flock.stop()[0]

    code, output, _ = start("log", folder.path, "bot0", "--json", *where).end()
    posts = [json.loads(line) for line in output.splitlines()]
    assert documented("The log as JSON") == list(posts[0])
    assert pasture.said("bot0") == [post["text"] for post in posts]

    refused = start("restore", copy, "--state", tmp_path / "flock.db").end()
    assert (2, True) == (refused[0], "--force restores it all the same" in refused[2])
    code, output, _ = start("restore", copy, "--state", tmp_path / "flock.db", "--force").end()
    assert (0, True) == (code, "what was there is kept: " in output)
    assert "not running\n" in start("status", folder.path, *where, **PLAIN).end()[1]


def test_the_log_is_followed_until_ctrl_c(
    make_folder: Make, start: Start, open_pasture: OpenPasture, tmp_path: Path
) -> None:
    """It begins before the flock, and shows each post once: also those after a kill -9."""
    folder = make_folder(1, lines=300)
    pasture = open_pasture(folder)
    where = ["--base-url", pasture.url, "--state", str(tmp_path / "flock.db")]
    following = start("log", folder.path, "-f", *where)
    assert following.process.stderr is not None
    assert following.process.stderr.readline().startswith("no flock has run with this journal yet: ")

    flock = start("run", folder.path, "--line-interval", "0.1", *where)
    pasture.wait_for_posts(folder, 3)
    flock.process.kill()
    flock.process.communicate()
    flock = start("run", folder.path, "--line-interval", "0.1", *where)
    pasture.wait_for_posts(folder, 9)
    assert 0 == flock.stop()[0]

    posts = pasture.said("bot0")
    assert following.process.stdout is not None
    lines = [following.process.stdout.readline() for _ in posts]
    code, rest, errors = following.stop(signal.SIGINT)
    assert (0, "", "") == (code, rest, errors), (posts, lines)
    assert [text in line for text, line in zip(posts, lines, strict=True)] == [True] * len(posts)


def test_a_journal_that_cannot_be_read_is_told_of_once(make_folder: Make, start: Start, tmp_path: Path) -> None:
    """The log goes on when it can be."""
    journal = tmp_path / "flock.db"
    following = start("log", make_folder(1).path, "-f", "--state", str(journal))
    assert following.process.stderr is not None
    assert following.process.stderr.readline().startswith("no flock has run")
    journal.write_bytes(b"scrap" * 1000)
    line = following.process.stderr.readline()
    assert line.endswith("; going on when it can be read\n")
    journal.unlink()
    assert (0, "", "") == following.stop(signal.SIGINT)


def test_a_reader_that_has_seen_enough_ends_the_log(
    make_folder: Make, start: Start, open_pasture: OpenPasture, tmp_path: Path
) -> None:
    """`flock log | head` is no error."""
    folder = make_folder(1, lines=3000)
    pasture = open_pasture(folder)
    where = ["--base-url", pasture.url, "--state", str(tmp_path / "flock.db")]
    flock = start("run", folder.path, "--line-interval", "0.05", *where)
    pasture.wait_for_posts(folder, 4)
    following = start("log", folder.path, "-f", *where)
    assert following.process.stdout is not None
    following.process.stdout.readline()
    following.process.stdout.close()
    until("the log has ended", lambda: following.process.poll() is not None)
    assert 0 == following.process.returncode
    assert 0 == flock.stop()[0]


def test_a_bad_key_file_is_named_beside_the_others(make_folder: Make, start: Start, tmp_path: Path) -> None:
    """On standard error, and among the problems in JSON."""
    folder = make_folder(1)
    (folder.path / "bad.json").write_text("{")
    state = ("--state", str(tmp_path / "flock.db"))

    code, output, errors = start("status", folder.path, *state).end()
    told = json.loads(start("status", folder.path, "--json", *state).end()[1])
    logged = start("log", folder.path, *state).end()

    assert (0, True) == (code, "bot0" in output)
    assert errors.startswith(f"left out: {folder.path / 'bad.json'}: ")
    assert ([f"left out: {problem}" for problem in told["problems"]], 0) == (errors.splitlines(), logged[0])
    assert logged[2].startswith(errors)


def test_a_bot_whose_key_file_is_bad_is_not_merely_unknown(
    make_folder: Make, start: Start, tmp_path: Path
) -> None:
    """The line about the name is followed by one for each bad file, with all that is wrong in it."""
    folder = make_folder(1)
    file = folder.path / "bot0.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "line_interval": "soon", "temperament": "merry"}))

    code, output, errors = start("status", folder.path, "bot0", "--state", str(tmp_path / "flock.db")).end()

    first, left_out = errors.splitlines()
    assert (2, "") == (code, output)
    assert "flock: bot0: no bot has that name; no key file can be used" == first
    assert left_out.startswith(f"left out: {file}: ")
    assert ("line_interval: " in left_out, "temperament: " in left_out) == (True, True)


def test_ten_thousand_rows_are_printed_plainly() -> None:
    """Each on a line of its own, aligned, without what a terminal would obey."""
    program = (
        "from flock.cli.tables import print_table\n"
        "rows = [(f'羊{n}', n) for n in range(9999)] + [('\\x1b[31m', 7)]\n"
        "print_table(('bot', 'posts'), rows, numbers=('posts',))"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=TIMEOUT
    ).stdout.splitlines()

    assert ["bot      posts", "羊0          0", "羊1          1"] == output[:3]
    assert 10_001 == len(output)
    assert "\x1b" not in output[-1]


def test_what_since_cannot_mean_is_a_usage_error(make_folder: Make, start: Start) -> None:
    """The line says what it can."""
    code, _, errors = start("log", make_folder(1).path, "--since", "once").end()
    assert (2, True) == (code, "expected today, yesterday, 14:05" in errors)
