"""The command line: what it imports, what it refuses, and with which exit code."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import simplejson as json
from click.testing import CliRunner

from flock.cli import as_called, cli
from flock.cli.run import run
from flock.options import PARSERS
from tests.conftest import TIMEOUT
from tests.endtoend.conftest import Flock, Folder

ROOT = Path(__file__).parents[2]

Start = Callable[..., Flock]


def test_help_imports_neither_numpy_nor_the_network_stack() -> None:
    """--help loads no heavy module, so that it starts quickly."""
    program = (
        "import sys\nfrom flock.cli import cli\ncli(['--help'], standalone_mode=False)\n"
        "heavy = {'numpy', 'twitter', 'requests', 'pydantic', 'werkzeug', 'sqlite3', 'twitter_text', 'regex'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )

    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert "[]" == output.splitlines()[-1]


def test_help_takes_little_time() -> None:
    """`flock --help` takes under 0.6 s of CPU, also on a busy machine."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "flock", "--help"], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.6


def test_help_names_every_exit_code() -> None:
    """--help explains each exit code, which cron puts into its mail."""
    for arguments in (["--help"], ["run", "--help"]):
        output = CliRunner().invoke(cli, arguments).output
        assert [] == [
            code for code in ("0 ", "2 ", "3 ", "4 ", "5 ", "70 ", "74 ") if f"\n    {code}" not in output
        ]


def test_help_fits_a_terminal_of_80_columns() -> None:
    """Of each command and each of its commands: nothing is cut or broken in the middle of a word."""
    pages = [["--help"]]
    for name, command in cli.commands.items():
        pages.append([name, "--help"])
        pages += [[name, each, "--help"] for each in getattr(command, "commands", ())]

    long = {
        " ".join(page): line
        for page in pages
        for line in CliRunner().invoke(cli, page, env={"COLUMNS": "80"}).output.splitlines()
        if len(line) > 80
    }

    assert len(pages) > 12
    assert {} == long


OF_THE_COMMAND = {
    "log_format",
    "log_file",
    "once",
    "verbose",
    "quiet",
    "alert",
    "on_trouble",
    "metrics",
    "web",
    "web_name",
}


def test_every_option_reads_its_variable() -> None:
    """Every option of `flock run` has a FLOCK_ variable, and each is a field that a driver's environment sets."""
    variables = {option.name: option.envvar for option in run.params if option.name != "keys"}

    assert {name: f"FLOCK_{(name or '').upper()}" for name in variables} == variables
    assert set(PARSERS) == set(variables) - OF_THE_COMMAND


def test_six_kinds_of_bad_key_files_are_six_lines(tmp_path: Path, start: Start) -> None:
    """Every bad file is reported in one go, nothing starts, and no secret is printed."""
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "poem.txt").write_text("a line")
    good = {
        "screen_name": "good",
        "consumer_token": "hush-1",
        "consumer_token_secret": "hush-2",
        "oauth_token": "hush-3",
        "oauth_token_secret": "hush-4",
        "poem_file": "poem.txt",
    }
    bad = {
        "broken": json.dumps(good)[:-1] + ",",
        "missing": json.dumps({name: value for name, value in good.items() if name != "oauth_token"}),
        "wrong_type": json.dumps(good | {"oauth_token_secret": 12345}),
        "no_poem": json.dumps(good | {"poem_file": "nowhere.txt"}),
        "negative": json.dumps(good | {"line_interval": -1}),
        "not_an_object": json.dumps(["hush-5"]),
    }
    for name, text in bad.items():
        (keys / f"{name}.json").write_text(text)

    code, output, errors = start("run", keys).end()

    assert (3, "") == (code, output)
    assert sorted(bad) == [Path(line.partition(":")[0]).stem for line in errors.splitlines()]
    assert "hush" not in errors
    assert not (tmp_path / "state").exists()


def test_skip_bad_runs_the_others(make_folder: Callable[..., Folder], start: Start) -> None:
    """With --skip-bad one broken file does not keep the flock at home; it is still reported."""
    folder = make_folder(1)
    (folder.path / "broken.json").write_text("{")

    flock = start("run", folder.path, "--skip-bad", "--dry-run", "--line-interval", "0.05")
    first = flock.process.stdout.readline() if flock.process.stdout else ""
    code, _, errors = flock.stop()

    assert 0 == code
    assert "1 sheep on the way out" in first
    assert "broken.json: broken JSON at line 1" in errors


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["keys", "--line-interval", "-1"], 2, "--line-interval"),
        (["keys", "--line-interval", "soon"], 2, "90s"),
        (["keys", "--api", "3"], 2, "expected 2 or 1.1"),
        (["keys", "--base-url", "api.x.com"], 2, "https://api.x.com"),
        (["keys", "--base-url", "http://a..b"], 2, "an impossible host name or address"),
        (["keys", "--posts-per-day", str(2**63)], 2, "expected a whole number under 2**63"),
        (["keys", "--flock-posts-per-day", "٧"], 2, "expected a whole number, 0 or more"),
        (["keys", "--pasture", "--dry-run"], 2, "exclude each other"),
        (["keys", "--pasture", "--base-url", "http://localhost"], 2, "exclude each other"),
        (["keys", "-q", "-v"], 2, "exclude each other"),
        (["keys", "--sheep", "nowhere:Sheep"], 2, "nowhere"),
        (["keys", "--sheep", "json:JSONDecoder"], 2, "subclass of flock.Sheep"),
        (["keys", "--state", "/dev/null/flock.db"], 74, "journal"),
        (["keys", "--state", "sate/flock.db"], 2, "there is no folder sate; make it first"),
        (["nowhere"], 3, "no such folder"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_a_named_code(
    make_folder: Callable[..., Folder], start: Start, arguments: list[str], code: int, words: str
) -> None:
    """A mistake on the command line never ends in a traceback."""
    make_folder(1)

    exit_code, output, errors = start("run", *arguments).end()

    assert (code, "") == (exit_code, output)
    assert words in errors.splitlines()[-1]
    assert "Traceback" not in errors


@pytest.mark.parametrize("files", range(5, 12))
def test_too_few_files_are_no_bug(files: int, make_folder: Callable[..., Folder], tmp_path: Path) -> None:
    """Whichever file is the one too many, also that of a module: one line says what to raise."""
    keys = make_folder(1, lines=2).path
    ended = subprocess.run(
        [sys.executable, "-m", "flock", "run", str(keys), "--once", "--base-url", "http://127.0.0.1:9"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        env={**os.environ, "FLOCK_STATE": str(tmp_path / "flock.db")},
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_NOFILE, (files, files)),
    )
    assert "Traceback" not in ended.stderr
    assert (ended.returncode, len(ended.stderr.splitlines())) in [(0, 0), (2, 1), (3, 1), (74, 1)]


def test_nothing_is_imported_from_the_folder_that_one_stands_in(make_folder: Callable[..., Folder]) -> None:
    """The command itself, in a folder that may be anybody's; --sheep finds its module there, and no more."""
    folder = make_folder(1).path.parent
    for name in ("flock", "simplejson", "random", "resource", "numpy", "sitecustomize"):
        (folder / f"{name}.py").write_text("open('marked', 'a').write(__name__ + ' ')\n")
    (folder / "own.py").write_text("import resource, random, numpy, flock\nclass Own(flock.Sheep):\n    pass\n")
    command = [str(Path(sys.executable).with_name("flock")), "run", "keys", "--once", "--dry-run"]

    for more in ([], ["--sheep", "own:Own"]):
        subprocess.run([*command, *more], cwd=folder, check=True, capture_output=True, timeout=TIMEOUT)

    assert not (folder / "marked").exists()


def test_a_bad_variable_is_named(make_folder: Callable[..., Folder], start: Start) -> None:
    """A typo in a unit file's Environment= is found, too."""
    make_folder(1)

    code, _, errors = start("run", "keys", FLOCK_SEED="fast").end()

    assert 2 == code
    assert "FLOCK_SEED" in errors


@pytest.mark.parametrize("url", ["http://me:sesame@localhost", "http://me:ses ame@[::1", "me:sesame@localhost"])
def test_a_password_in_an_address_is_not_printed(
    make_folder: Callable[..., Folder], start: Start, url: str
) -> None:
    """As an option and as a variable."""
    make_folder(1)

    for flock in (start("run", "keys", "--base-url", url), start("run", "keys", FLOCK_BASE_URL=url)):
        code, output, errors = flock.end()
        assert (2, "") == (code, output)
        assert "a user name or a password" in errors.splitlines()[-1]
        assert "ses" not in errors


def test_key_files_are_read_as_other_programs_write_them(
    make_folder: Callable[..., Folder], start: Start, tmp_path: Path
) -> None:
    """From the portal's names in an object to the first post of the bot."""
    folder = make_folder(1)
    file = tmp_path / "keys" / "bot0.json"
    account = folder.accounts[0]
    values = {
        "API Key": account.consumer_key,
        "API Key Secret": account.consumer_secret.get_secret_value(),
        "Access Token": f" {account.token}\n",
        "Access Token Secret": account.token_secret.get_secret_value(),
    }
    file.write_text(json.dumps({"twitter": values, "username": "@bot0", "poem_file": "bot0.txt"}))

    code, output, errors = start("run", "keys", "--pasture", "--once", "--state", "flock.db").end()

    assert (0, "") == (code, errors)
    assert f"bot0: {folder.poems['bot0'][0]}" in output


def test_completion_is_bound_to_the_full_path(start: Start) -> None:
    """The completion is bound to the full path; the system's own flock keeps its completion."""
    code, output, _ = start("completion", "bash").end()

    assert 0 == code
    bound = [line.split()[-1] for line in output.splitlines() if line.strip().startswith("complete ")]
    assert str(Path(sys.executable).with_name("flock")) == bound[0]
    assert "flock" not in bound


@pytest.mark.parametrize(
    ("program", "variables", "name"),
    [
        ("/srv/flock/.venv/bin/flock", {}, "/srv/flock/.venv/bin/flock"),
        ("/srv/flock/.venv/bin/flock", {"FLOCK_COMMAND": "scripts/flock"}, "scripts/flock"),
        ("/srv/my flock/.venv/bin/flock", {}, "'/srv/my flock/.venv/bin/flock'"),
        ("/srv/flock/flock/__main__.py", {}, "python -m flock"),
    ],
)
def test_a_usage_error_names_the_command_as_it_was_called(
    program: str, variables: dict[str, str], name: str
) -> None:
    assert name == as_called([program, "run"], variables)


def test_what_a_usage_error_says_to_try_can_be_copied() -> None:
    """From a checkout, where `flock` alone would be util-linux's command."""
    failed = subprocess.run(["scripts/flock", "run"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert 2 == failed.returncode
    assert "Try 'scripts/flock run --help' for help." in failed.stderr.splitlines()
    tried = subprocess.run(
        ["scripts/flock", "run", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "Usage: scripts/flock run " in tried.stdout


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["run", "keys", "--temperament", "s"], {"steadfast", "senile"}),
        (["rehearse", "keys.example", "--bot", "@wool"], {"wool_over_wires", "woolly_mammoth"}),
        (["log", "keys.example", "mee"], {"mee_mee_hitsuji"}),
        (["tell", "keys.example", "ewe_turn", "from"], {"from", "from-the-top"}),
        (["keys", "new", "keys.example", "--network", ""], {"x", "bluesky", "mastodon"}),
        (["rehearse", "no/such/folder", "--bot", ""], set()),
        (["rehearse", "--bot", ""], set()),
    ],
)
def test_the_shell_completes_temperaments_and_bots(words: list[str], found: set[str]) -> None:
    variables = {"_FLOCK_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(["flock", *words])}
    asked = subprocess.run(
        [sys.executable, "-m", "flock"],
        env={**os.environ, **variables, "COMP_CWORD": str(len(words))},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found == {line.removeprefix("plain,") for line in asked.stdout.split()}
    assert "" == asked.stderr
