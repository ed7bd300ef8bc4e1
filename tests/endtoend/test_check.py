"""`flock check`: a folder with one of each problem, in which all are found and none is invented."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
import simplejson as json
from click.testing import CliRunner

from flock.checks.findings import Kind
from flock.cli import cli
from tests.conftest import KEY, TIMEOUT
from tests.endtoend.conftest import Flock, Folder, WatchedPasture

Make = Callable[..., Folder]
Start = Callable[..., Flock]
OpenPasture = Callable[[Folder], WatchedPasture]

ROOT = Path(__file__).parents[2]
FILES = 60  # that the process may open; fewer than a flock needs

WORDS = (
    "wool",
    "gate",
    "hill",
    "rain",
    "lamb",
    "barn",
    "frost",
    "clover",
    "ditch",
    "bell",
    "moon",
    "thistle",
    "crow",
)


def plain(seed: int, lines: int = 6) -> list[str]:
    """Return a poem in which nothing is doubtful; no two of them are alike."""
    words = [f"{word}{chr(97 + seed // 26)}{chr(97 + seed % 26)}" for word in WORDS]
    return [
        f"the {words[at % 13]} and the {words[(at * 5 + 3) % 13]} near the {words[(at * 7 + 1) % 13]}, turn {at},"
        for at in range(lines)
    ]


class Pen:
    """A folder of keys with real networks, into which a test puts bots."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700)
        self.count = 0

    def add(
        self, name: str, poem: Sequence[str] | bytes | None = None, *, mode: int = 0o600, **fields: Any
    ) -> Path:
        """Add a bot on X with its poem; a field that is `...` is left out."""
        self.count += 1
        lines = plain(self.count) if poem is None else poem
        text = lines if isinstance(lines, bytes) else "\n".join(lines).encode()
        (self.folder / f"{name}.txt").write_bytes(text)
        given = {
            **KEY,
            "screen_name": name,
            "oauth_token": f"{5000 + self.count}-token-of-{name}-sesame",
            "poem_file": f"{name}.txt",
            **fields,
        }
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps({field: value for field, value in given.items() if value is not ...}))
        file.chmod(mode)
        return file

    def add_on_mastodon(self, name: str, poem: Sequence[str] | None = None, **fields: Any) -> Path:
        """Add a bot on a server of Mastodon's kind."""
        of_x: dict[str, Any] = dict.fromkeys((field for field in KEY if "token" in field), ...)
        given = {**of_x, "network": "mastodon", "server": "https://botsin.example", **fields}
        return self.add(name, poem, access_token=f"token-of-{name}", **given)


@pytest.fixture
def pen(tmp_path: Path) -> Pen:
    return Pen(tmp_path / "keys")


def run_check(folder: Path, *options: str, files: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run `flock check` as a process that may open so many files."""
    limit = f"ulimit -n {files}; " if files else ""
    environment = {**os.environ, "XDG_STATE_HOME": str(folder.parent / "state")}
    command = [
        "sh",
        "-c",
        f'{limit}exec "$@"',
        "sh",
        sys.executable,
        "-m",
        "flock",
        "check",
        str(folder),
        *options,
    ]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=TIMEOUT, cwd=ROOT, check=False
    )


class Answer(NamedTuple):
    """The exit code, and what was printed as JSON."""

    exit_code: int
    found: dict[str, Any]


def ask(pen: Pen, *options: str) -> Answer:
    """Run `flock check --json` in this process."""
    result = CliRunner().invoke(cli, ["check", str(pen.folder), "--json", *options])
    return Answer(result.exit_code, json.loads(result.stdout))


def show(pen: Pen, **variables: str) -> str:
    """Return the table and the lines that `flock check` prints, in this process."""
    return CliRunner(env=variables).invoke(cli, ["check", str(pen.folder)]).output


def test_one_of_each_problem_is_found_and_none_is_invented(pen: Pen) -> None:
    """Each finding is one that the folder was made for, and each that it was made for is found once."""
    (pen.folder / "broken.json").write_text('{"screen_name": "broken",')
    pen.add("tokenless", oauth_token=...)
    pen.add("poemless").with_suffix(".txt").unlink()
    pen.add("latin", "Der Schäfer zählt, die Nacht ist grün,\nund über Wiesen möchte er ziehn.".encode("latin-1"))
    pen.add("twin_a", screen_name="twin")
    pen.add("twin_b", screen_name="twin")
    pen.add("renamed_a", oauth_token="7777-token-of-old-sesame")
    pen.add("renamed_b", oauth_token="7777-token-of-new-sesame")
    pen.add("hasty", line_interval=0)
    pen.add("open_to_all", mode=0o644)
    pen.add("typo", line_intervall=60)
    (pen.folder / "nearly.json.txt").write_text("{}")
    pen.add("stammers", [*plain(20), "baa,", "baa,", *plain(21)])
    pen.add("villanelle", ["I had it here,", *plain(22), "I had it here,", *plain(23)])
    pen.add("linked", [*plain(24), "where the ram is, so.in he goes,"])
    pen.add("an_original", plain(25, 12))
    pen.add("copycat", [*plain(25, 12)[:9], *plain(26, 3)])
    pen.add("sharer", poem_file="an_original.txt")
    pen.add("quick", line_interval=5, poem_interval=5)
    pen.add("marked", [*plain(27), "**bold** is the ram,"])
    pen.add("headed", ["Title: The Ram", *plain(28)])
    pen.add("titled", ["The Ram Upon the Hill", "by Ada B. Shepherd", "", *plain(29)])
    pen.add("calls", [*plain(30), "come home, @jack,"])
    pen.add("endless", [*plain(31), "and so on and on " * 80])
    pen.add_on_mastodon("tooter", line_interval=20, poem_interval=20)

    done = run_check(pen.folder, "--json", files=FILES)
    found = json.loads(done.stdout)

    assert (3, "") == (done.returncode, done.stderr)
    assert [
        ("interval", "hasty"),
        ("key", "broken"),
        ("key", "renamed_b"),
        ("key", "tokenless"),
        ("key", "twin_b"),
        ("poem", "latin"),
        ("poem", "poemless"),
    ] == sorted((each["kind"], Path(each["file"]).stem) for each in found["errors"])
    assert [
        ("heading", "titled: The Ram Upon the Hill"),
        ("heading", "titled: by Ada B. Shepherd"),
        ("key", "nearly.json.txt"),
        ("key", "open_to_all.json"),
        ("key", "typo.json"),
        ("likeness", "an_original"),
        ("likeness", "copycat"),
        ("limit", "quick in 15m"),
        ("limit", "quick in 3h"),
        ("limit", "the app in 1d"),
        ("limit", "tooter in 3h"),
        ("link", "linked"),
        ("machine", "files"),
        ("poem", "calls"),
        ("poem", "endless"),
        ("poem", "headed"),
        ("poem", "marked"),
        ("refrain", "stammers"),
        ("refrain", "villanelle"),
    ] == sorted((each["kind"], told(each)) for each in found["warnings"])
    assert {each["kind"] for each in found["errors"] + found["warnings"]} == set(get_args(Kind)) - {"account"}


def test_warnings_of_keys_name_bots_and_files(pen: Pen) -> None:
    """Of a key its bot and its file, and of one poem for several bots all of them; other files have no bot."""
    typo = pen.add("typo", line_intervall=60)
    hasty = pen.add("hasty", line_interval=0)
    pen.add("sharer", poem_file="typo.txt")
    (pen.folder / "nearly.json.txt").write_text("{}")

    found = ask(pen).found

    assert [
        ("key", ["typo"], str(typo)),
        ("key", [], str(pen.folder / "nearly.json.txt")),
        ("likeness", ["sharer", "typo"], str(pen.folder / "sharer.json")),
    ] == [(each["kind"], each["bots"], each["file"]) for each in found["warnings"]]
    assert [("interval", ["hasty"], str(hasty))] == [
        (each["kind"], each["bots"], each["file"]) for each in found["errors"]
    ]


def told(warning: Mapping[str, Any]) -> str:
    """Return which of the problems a warning is of."""
    text: str = warning["text"]
    match warning["kind"]:
        case "heading":
            return f"{warning['bots'][0]}: {text.partition('; ')[0].rpartition(': ')[2]}"
        case "key":
            return Path(text.partition(": ")[0]).name
        case "limit":
            window = re.search(r"in (\d+[mhd])", text)
            assert window
            who = "the app" if "one app" in text else ",".join(warning["bots"])
            return f"{who} in {window[1]}"
        case "machine":
            return "files" if "open files" in text else text
        case _:
            return str(warning["bots"][0] if warning["bots"] else Path(text.partition(": ")[0]).stem)


def test_the_shipped_flock_has_no_warnings() -> None:
    done = run_check(ROOT / "keys.example")

    assert (0, "") == (done.returncode, done.stderr)
    assert "7 bots, 0 errors, 0 warnings" == done.stdout.splitlines()[-1]


def test_warnings_leave_the_exit_code_alone(pen: Pen) -> None:
    pen.add("dolly", ["I had it here,", *plain(1), "I had it here,", *plain(2)])

    assert "1 bot, 0 errors, 1 warning" == show(pen).splitlines()[-1]
    assert 0 == ask(pen).exit_code


def test_what_a_bot_costs_is_that_of_its_whole_recitations(pen: Pen) -> None:
    """15 lines at the default intervals: 222.7 posts a day, of which one in 15 holds a link."""
    pen.add("dolly", [*plain(1, 14), "so.in the end,"])

    found = ask(pen).found
    (bot,) = found["bots"]

    assert (15, 15, 420.0, 5820.0) == (
        bot["lines"],
        bot["posts"],
        bot["recitation_seconds"],
        bot["cycle_seconds"],
    )
    posts = 15 * 86400 / 5820
    assert round(posts, 1) == bot["posts_a_day"]
    assert round(posts * (14 * 0.015 + 0.20) / 15, 2) == bot["dollars_a_day"]
    assert found["totals"]["dollars_a_month"] == pytest.approx(30 * posts * (14 * 0.015 + 0.20) / 15, abs=0.01)
    assert (0.015, 0.20) == (found["prices"]["x"]["post"], found["prices"]["x"]["post_with_link"])


def test_a_line_of_several_posts_counts_each_of_them(pen: Pen) -> None:
    pen.add("dolly", ["one,", "so many words, " * 60, "three,"])

    (bot,) = ask(pen).found["bots"]

    assert (3, 6) == (bot["lines"], bot["posts"])
    assert 2 * 30.0 + 3 * 3.0 == bot["recitation_seconds"]


def test_caps_of_a_bot_and_of_the_flock_lower_the_cost(pen: Pen) -> None:
    pen.add("capped", posts_per_day=20)
    pen.add("free")

    def posts(*options: str) -> list[float]:
        return [bot["posts_a_day"] for bot in ask(pen, *options).found["bots"]]

    assert 20 == posts()[0]
    assert [20, 50] == posts("--posts-per-day", "50")
    assert 30 == pytest.approx(sum(posts("--posts-per-day", "50", "--flock-posts-per-day", "30")), abs=0.1)


def test_a_recitation_is_as_long_as_its_cap_makes_it(pen: Pen) -> None:
    """Ten lines at two a day: five days, but for the time of the last one."""
    pen.add("capped", plain(1, 10), posts_per_day=2)

    spread, burst = (ask(pen, *options).found["bots"][0] for options in ([], ["--burst"]))

    assert (2, 9 * 12 * 3600.0, 5 * 86400.0) == (
        spread["posts_a_day"],
        spread["recitation_seconds"],
        spread["cycle_seconds"],
    )
    assert (2, 9 * 30.0) == (burst["posts_a_day"], burst["recitation_seconds"])


def test_bots_that_share_a_cap_get_an_equal_share_of_it(pen: Pen) -> None:
    """What a slow bot leaves is for the others."""
    for name in ("first", "second"):
        pen.add(name)
    pen.add("slow", posts_per_day=2)

    bots = ask(pen, "--flock-posts-per-day", "30").found["bots"]

    assert [14, 14, 2] == [bot["posts_a_day"] for bot in bots]


def test_practice_costs_nothing_and_reaches_no_limit(pen: Pen) -> None:
    pen.add("quick", line_interval=0.1, poem_interval=0)

    found = ask(pen, "--pasture").found

    assert ([], {}, 0) == (found["warnings"], found["prices"], found["totals"]["dollars_a_day"])
    assert (True, "the pasture") == (found["bots"][0]["practises"], found["bots"][0]["place"])


def test_practice_is_told_what_it_would_cost_for_real(pen: Pen) -> None:
    """One line; bots on free networks are not counted, and without one on X there is no line."""
    pen.add("dolly", plain(1, 15), network="pasture")
    pen.add_on_mastodon("tooter")
    expected = "practice costs nothing; for real, 1 bot on X: about 223 posts and $3.34 a day, $100 in 30 days"

    lines = show(pen).splitlines()
    totals = ask(pen).found["totals"]
    all_practise = CliRunner().invoke(cli, ["check", str(pen.folder), "--pasture"]).output.splitlines()
    (pen.folder / "dolly.json").unlink()

    assert expected in lines
    assert expected in all_practise
    assert (0, 3.34, 100.21) == (
        totals["dollars_a_day"],
        totals["dollars_a_day_for_real"],
        totals["dollars_a_month_for_real"],
    )
    assert "practice" not in show(pen)


def test_a_dry_run_in_the_environment_does_not_hide_the_cost(pen: Pen, monkeypatch: pytest.MonkeyPatch) -> None:
    pen.add("dolly")
    monkeypatch.setenv("FLOCK_DRY_RUN", "1")

    assert ask(pen).found["totals"]["dollars_a_day"] > 0


def test_an_interval_of_0_has_no_end_and_json_has_no_infinity(pen: Pen) -> None:
    pen.add("endless", line_interval=0, poem_interval=0)

    found = ask(pen, "--pasture").found
    table = CliRunner().invoke(cli, ["check", str(pen.folder), "--pasture"]).output

    assert found["bots"][0]["posts_a_day"] is found["totals"]["posts_a_day"] is None
    assert "endless" in table


def test_bots_of_one_app_share_its_limit(pen: Pen) -> None:
    """60 bots of 180 posts a day each are over the 10,000 of one app; over two apps they are not."""
    for number in range(60):
        app = "app-of-all" if number % 2 else "another-app"
        pen.add(f"bot{number:02}", line_interval=480, poem_interval=480, consumer_token=app)

    def limits() -> list[str]:
        found = ask(pen).found
        return [each["text"] for each in found["warnings"] if each["kind"] == "limit"]

    assert [] == limits()
    for file in pen.folder.glob("*.json"):
        file.write_text(file.read_text().replace("another-app", "app-of-all"))
    (text,) = limits()
    assert "together make up to 10,800 posts in 1d; X takes 10,000 of one app" in text


def test_bots_that_are_left_out_are_warnings(pen: Pen) -> None:
    """With --skip-bad, as `flock run` has it; but not where no bot is left."""
    pen.add("dolly")
    pen.add("bad", oauth_token=...)

    some = ask(pen, "--skip-bad")
    (pen.folder / "dolly.json").unlink()
    none = ask(pen, "--skip-bad")

    assert (0, 1, 0) == (some.exit_code, len(some.found["warnings"]), len(some.found["errors"]))
    assert (3, 1) == (none.exit_code, len(none.found["errors"]))


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    done = run_check(tmp_path / "nowhere")

    assert (3, "") == (done.returncode, done.stdout)
    assert "no such folder" in done.stderr


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"COLUMNS": "80"}])
def test_the_table_fits_80_columns_without_colours_in_a_pipe(pen: Pen, variables: dict[str, str]) -> None:
    pen.add("a_bot_with_a_rather_long_name")
    pen.add_on_mastodon("short")

    output = show(pen, **variables)
    table = output[: output.index("a_bot_with_a_rather_long_name post")]

    assert "\x1b" not in output
    assert max(map(len, table.splitlines())) <= 80
    assert "$" in table


def test_no_control_character_of_a_poem_or_a_name_reaches_the_terminal(pen: Pen) -> None:
    shutil.move(pen.add("dolly", ["**bold** \u202ebaa,", *plain(1)]), pen.folder / "do\x1b[31mlly.json")

    output = show(pen)

    assert "warning" in output
    assert not set(output) & {"\x1b", "\u202e"}


def test_no_secret_is_shown(pen: Pen) -> None:
    pen.add("dolly", line_intervall=1, mode=0o644)
    pen.add("bad", oauth_token_secret=...)

    printed = show(pen) + str(ask(pen).found)

    assert "oauth_token_secret" in printed
    assert "sesame" not in printed


def test_online_each_network_is_asked_who_its_bots_are(make_folder: Make, open_pasture: OpenPasture) -> None:
    """One line a bot: two good ones, a revoked token (an error), and a server that is away (a warning)."""
    folder = make_folder(3)
    pasture = open_pasture(folder)
    pasture.revoke("bot1")
    away = {"screen_name": "away", "network": "mastodon", "server": "http://127.0.0.1:9", "access_token": "token"}
    (folder.path / "away.json").write_text(json.dumps({**away, "poem_file": "bot0.txt"}))
    (folder.path / "away.json").chmod(0o600)
    arguments = ["check", str(folder.path), "--online", "--base-url", pasture.url]

    result = CliRunner().invoke(cli, [*arguments, "--json"])
    lines = CliRunner().invoke(cli, arguments).stdout.splitlines()
    found = json.loads(result.stdout)

    assert 3 == result.exit_code
    assert [("away", "unknown"), ("bot0", "good"), ("bot1", "refused"), ("bot2", "good")] == [
        (each["bot"], each["state"]) for each in found["accounts"]
    ]
    assert [("account", ["bot1"])] == [(each["kind"], each["bots"]) for each in found["errors"]]
    assert [("account", ["away"])] == [(each["kind"], each["bots"]) for each in found["warnings"]]
    assert [f"bot{number}: {pasture.url}: this is @bot{number}, number 100{number}" for number in (0, 2)] == [
        line for line in lines if ": this is @" in line
    ]
    assert [] == pasture.said("bot0")


def test_without_online_nothing_is_asked(make_folder: Make, open_pasture: OpenPasture) -> None:
    folder = make_folder(1)
    pasture = open_pasture(folder)
    pasture.revoke("bot0")

    result = CliRunner().invoke(cli, ["check", str(folder.path), "--json", "--base-url", pasture.url])

    assert (0, []) == (result.exit_code, json.loads(result.stdout)["accounts"])


def test_a_run_says_first_where_its_bots_post_and_what_that_costs(pen: Pen, start: Start) -> None:
    """On a network that is not this machine; its name never leads anywhere."""
    for number in range(3):
        pen.add(f"bot{number}", plain(number, 15))
    pen.add_on_mastodon("dolly", server="https://botsin.invalid")

    flock = start("run", pen.folder, "--base-url", "https://x.invalid")
    assert flock.process.stderr
    lines = [flock.process.stderr.readline() for _ in range(3)]
    flock.stop()

    assert [
        "flock: info: bot0, bot1, bot2 post to X\n",
        "flock: info: dolly posts to Mastodon at botsin.invalid\n",
        "flock: info: 3 bots on X: about 668 posts and $10.02 a day, $301 in 30 days\n",
    ] == lines


@pytest.mark.parametrize(
    ("arguments", "variables"), [(["--line-interval", "0"], {}), ([], {"FLOCK_LINE_INTERVAL": "0"})]
)
def test_a_run_without_pauses_is_refused_on_a_real_network(
    pen: Pen, start: Start, arguments: list[str], variables: dict[str, str]
) -> None:
    """Before a post is made; a dry run is free to, and so is an operator who really means it."""
    pen.add("dolly")

    refused = start("run", pen.folder, *arguments, "--base-url", "https://x.invalid", **variables).end()
    dry = start("run", pen.folder, *arguments, "--dry-run", "--once", **variables).end()
    meant = start(
        *("run", pen.folder, *arguments, "--base-url", "https://x.invalid", "--yes-really", "--once"), **variables
    ).end()

    assert (2, "") == refused[:2]
    assert refused[2].startswith(
        "flock: --line-interval 0: all lines of a poem would be posted at once on X (dolly)"
    )
    assert 1 == len(refused[2].splitlines())
    assert 0 == dry[0]
    assert "x.invalid cannot be found" in meant[1]


def test_the_page_names_every_kind_and_every_field_of_the_json(pen: Pen) -> None:
    page = (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
    pen.add("dolly", ["I had it here,", *plain(1), "I had it here,"], oauth_token_secret="t")
    pen.add("bad", oauth_token=...)
    found = ask(pen).found
    objects = (found, found["totals"], found["prices"]["x"], *found["bots"], *found["errors"])
    names = {name for each in objects for name in each} | {"bot", "state", "says"}

    assert [] == [name for name in names if f"`{name}`" not in page]
    assert list(get_args(Kind)) == [kind for kind in get_args(Kind) if f"| `{kind}` |" in page]
