"""`flock rehearse`: what a flock will say, and when; and that a real flock says the same."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import simplejson as json

from flock.events import Birthday, Event, Events, Said
from flock.observers.wording import describe
from flock.options import Options
from flock.rehearsal import Rehearsal
from flock.shepherd import Shepherd
from flock.temperament import TEMPERAMENTS, Recitation, Temperament, Utterance, parse_temperament
from flock.units import DAY
from tests.conftest import TIMEOUT
from tests.endtoend.conftest import Flock, Folder, WatchedPasture
from tests.world import World

Make = Callable[..., Folder]
Start = Callable[..., Flock]
OpenPasture = Callable[[Folder], WatchedPasture]

ROOT = Path(__file__).parents[2]
BOOK = 8.0  # seconds of CPU, on a slow machine
TROUBLED = "erratic=0.6,mix_up=0.9,forget=0.8,boredom=0.6,fixation=0.5,maturity=3"  # all there is, and soon


def rehearsed(start: Start, *arguments: str | Path) -> list[dict[str, Any]]:
    """Return what `flock rehearse --json` prints, post by post."""
    code, output, errors = start("rehearse", *arguments, "--json").end()
    assert 0 == code, errors
    return [json.loads(line) for line in output.splitlines()]


def texts_of(posts: list[dict[str, Any]], bot: str) -> list[str]:
    """Return what one bot says, in order."""
    return [post["text"] for post in posts if post["bot"] == bot]


# What is said, and for how long


def test_posts_is_how_many_each_bot_says(make_folder: Make, start: Start) -> None:
    """--posts N: exactly N of each bot, in the order of time, numbered from 0, each its poem over and over."""
    folder = make_folder(4)

    posts = rehearsed(start, folder.path, "--posts", "13")

    assert dict.fromkeys(folder.poems, 13) == Counter(post["bot"] for post in posts)
    assert sorted(post["t"] for post in posts) == [post["t"] for post in posts]
    for name, poem in folder.poems.items():
        assert list(range(13)) == [post["n"] for post in posts if post["bot"] == name]
        assert [poem[n % 6] for n in range(13)] == texts_of(posts, name)


def test_bots_of_two_networks_with_one_name_are_counted_apart(write_key: Callable[..., Path]) -> None:
    """N of each, not N of both together."""
    folder = write_key("a.json").parent
    write_key("b.json", network="pasture", oauth_token="other")

    said = [event for event in Rehearsal(folder, Options()).play(posts=5) if isinstance(event, Said)]

    assert [0, 0, 1, 1, 2, 2, 3, 3, 4, 4] == sorted(event.n for event in said)


def test_posts_counts_the_pieces_of_a_long_line(make_folder: Make, start: Start) -> None:
    """A line of many posts is cut off where N is reached."""
    folder = make_folder(1)
    (folder.path / "bot0.txt").write_text(" ".join(f"word{number}" for number in range(600)))

    posts = rehearsed(start, folder.path, "--posts", "5")

    assert list(range(5)) == [post["n"] for post in posts]


def test_each_json_line_has_its_fields(make_folder: Make, start: Start) -> None:
    """At least t, bot, n and text; the intervals show in t; the summary is on the error output."""
    folder = make_folder(1, lines=2)

    code, output, errors = start(
        "rehearse", folder.path, "--posts", "3", "--json", "--line-interval", "7", "--poem-interval", "100"
    ).end()

    common = {"bot": "bot0", "mood": "faithful", "memory": 1.0, "entropy": 0.0}
    expected = [
        common | {"t": 0.0, "n": 0, "text": folder.poems["bot0"][0], "age": 0.0, "line": 0},
        common | {"t": 7.0, "n": 1, "text": folder.poems["bot0"][1], "age": 0.5, "line": 1},
        common | {"t": 107.0, "n": 2, "text": folder.poems["bot0"][0], "age": 1.0, "line": 0},
    ]
    assert expected == [json.loads(line) for line in output.splitlines()]
    assert 0 == code
    assert "the flock: 1 sheep, 3 posts" in errors


def test_days_is_how_long_it_takes(make_folder: Make, start: Start) -> None:
    """--days: every post within that time, and none after."""
    folder = make_folder(2)

    posts = rehearsed(start, folder.path, "--days", "0.01", "--line-interval", "60", "--poem-interval", "60")

    assert dict.fromkeys(folder.poems, 15) == Counter(post["bot"] for post in posts)  # 864 seconds
    assert 840 <= posts[-1]["t"] <= 864


def test_without_any_end_it_is_thirty_days(make_folder: Make, start: Start) -> None:
    """The default is 30 days."""
    folder = make_folder(1)

    posts = rehearsed(start, folder.path, "--line-interval", "1h", "--poem-interval", "1h")

    assert 30 * 24 + 1 == len(posts)


def test_at_age_is_one_recitation_at_that_age(make_folder: Make, start: Start) -> None:
    """--at-age alone: from the beginning of that recitation to its end."""
    folder = make_folder(2)

    posts = rehearsed(start, folder.path, "--at-age", "40")

    assert folder.poems == {name: texts_of(posts, name) for name in folder.poems}
    assert {40} == {int(post["age"]) for post in posts}


def test_at_age_says_what_a_sheep_of_that_age_says(make_folder: Make, start: Start) -> None:
    """A sheep that is made old says what it says when it has grown old by itself."""
    folder = make_folder(1)
    arguments = (folder.path, "--temperament", TROUBLED)

    lived = rehearsed(start, *arguments, "--posts", "400")
    made = rehearsed(start, *arguments, "--at-age", "9")

    assert [post["text"] for post in lived if int(post["age"]) == 9] == texts_of(made, "bot0")


def test_at_age_with_a_fraction_begins_in_the_middle(make_folder: Make, start: Start) -> None:
    """Half a recitation old is in the middle of the poem; it ends with that recitation."""
    folder = make_folder(1)

    posts = rehearsed(start, folder.path, "--at-age", "2.5")

    assert folder.poems["bot0"][3:] == texts_of(posts, "bot0")


def test_one_bot_alone_says_what_it_says_among_others(make_folder: Make, start: Start) -> None:
    """--bot leaves the others out, and changes neither texts nor times."""
    folder = make_folder(4)
    arguments = (folder.path, "--temperament", TROUBLED, "--posts", "60")

    alone = rehearsed(start, *arguments, "--bot", "bot2")
    together = rehearsed(start, *arguments)

    assert [post for post in together if post["bot"] == "bot2"] == alone


@pytest.mark.parametrize("name", ["bot2", "@bot2", "@BOT2", " Bot2 "])
def test_a_bot_is_named_as_in_its_key_file(make_folder: Make, start: Start, name: str) -> None:
    """With or without the @, in any case."""
    posts = rehearsed(start, make_folder(3).path, "--posts", "1", "--bot", name)

    assert ["bot2"] == [post["bot"] for post in posts]


def test_the_seed_is_for_the_old(make_folder: Make, start: Start) -> None:
    """Old sheep say something else with another seed; a young sheep says its poem with any seed."""
    folder = make_folder(1)
    arguments = (folder.path, "--temperament", TROUBLED)

    def said(*more: str) -> list[str]:
        return texts_of(rehearsed(start, *arguments, *more), "bot0")

    assert said("--posts", "6", "--seed", "1") == said("--posts", "6", "--seed", "2") == folder.poems["bot0"]
    assert said("--at-age", "50", "--posts", "9", "--seed", "1") == said(
        "--at-age", "50", "--posts", "9", "--seed", "1"
    )
    assert said("--at-age", "50", "--posts", "9", "--seed", "1") != said(
        "--at-age", "50", "--posts", "9", "--seed", "2"
    )


def test_a_key_file_goes_before_the_option(make_folder: Make, start: Start) -> None:
    """A bot with a temperament of its own keeps it; the others get the flock's."""
    folder = make_folder(2)
    file = folder.path / "bot1.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"temperament": {"erratic": 0, "maturity": 1}}))

    posts = rehearsed(start, folder.path, "--temperament", TROUBLED, "--at-age", "50")

    assert folder.poems["bot1"] == texts_of(posts, "bot1")
    assert folder.poems["bot0"] != texts_of(posts, "bot0")


def test_a_bad_temperament_in_a_key_file_is_named(make_folder: Make, start: Start) -> None:
    """It is reported like every other bad field, by `rehearse` and by `run`."""
    folder = make_folder(1, temperament={"forget": 2})

    for command in ("rehearse", "run"):
        code, output, errors = start(command, folder.path).end()

        assert (3, "") == (code, output)
        assert errors.endswith("bot0.json: temperament: forget: expected a number from 0 to 1\n")


# The summary


def test_the_summary_tells_of_each_bot(make_folder: Make, start: Start) -> None:
    """Posts a day, the cost, what is left of the poem, what was forgotten first, the longest fixation."""
    folder = make_folder(2)
    arguments = (folder.path, "--temperament", TROUBLED, "--days", "3")

    posts = rehearsed(start, *arguments)
    code, output, _ = start("rehearse", *arguments, "--quiet").end()

    lines = output.splitlines()
    mine = [post for post in posts if post["bot"] == "bot0"]
    first = next(post for post in mine if post["mood"] == "forgets")
    moods = "".join("x" if post["mood"] == "is fixated" else " " for post in mine)
    longest = max(map(len, moods.split()))
    assert 0 == code
    assert (
        f"the flock: 2 sheep, {len(posts):,} posts in 3 days, ${round(len(posts) * 0.015, 6):,.2f} on X"
        == lines[0]
    )
    assert f"bot0: {len(mine):,} posts in 3 days, ${round(len(mine) * 0.015, 6):,.2f} on X" == lines[1]
    assert re.fullmatch(r"    [0-9.]+ posts a day, \$[0-9.]+, over whole recitations with their rests", lines[2])
    assert f"    age {mine[-1]['age']:.1f}; remembers {mine[-1]['memory']:.0%} of its poem" == lines[3]
    assert f"    first forgot something on day {first['t'] // DAY + 1:.0f}: {first['text']}" == lines[4]
    times = {1: "once", 2: "twice"}.get(longest, f"{longest} times")
    assert lines[5].startswith(f"    longest fixation: came back {times}, at last as: ")
    assert lines[6].startswith("bot1: ")


@pytest.mark.parametrize(
    ("arguments", "rate"),
    [
        (["--at-age", "0"], "222.7 posts a day, $3.34"),  # 15 lines in 14 * 30 s, and a rest of 1.5 h
        (["--posts", "15"], "222.7 posts a day, $3.34"),
        (["--posts", "29"], "222.7 posts a day, $3.34"),
        (["--at-age", "2.5", "--posts", "25"], "222.7 posts a day, $3.34"),
        (["--days", "9"], "222.7 posts a day, $3.34"),
        (["--days", "9", "--posts-per-day", "20"], "19.9 posts a day, $0.30"),
        (["--posts", "15", "--flock-posts-per-day", "7"], "7.0 posts a day, $0.10"),
        (["--posts", "14"], None),
        (["--at-age", "0.5"], None),
        (["--posts", "20", "--line-interval", "0", "--poem-interval", "0"], None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_rate_is_that_of_whole_recitations(
    make_folder: Make, start: Start, arguments: list[str], rate: str | None
) -> None:
    """Parts of a recitation would show 2,880 posts a day or none; a cap is never exceeded."""
    folder = make_folder(1, lines=15)

    _, output, _ = start("rehearse", folder.path, *arguments, "--quiet").end()

    rates = [line.strip() for line in output.splitlines() if " a day" in line]
    assert ([] if rate is None else [f"{rate}, over whole recitations with their rests"]) == rates


def test_what_was_forgotten_before_the_rehearsal_is_not_called_the_first(make_folder: Make, start: Start) -> None:
    """A rehearsal from birth names what is forgotten first; one from age 60 does not know it."""
    folder = make_folder(1)
    how = ("rehearse", folder.path, "--temperament", "forget=0.9,maturity=20", "--quiet")

    _, lived, _ = start(*how, "--days", "5").end()
    _, old, _ = start(*how, "--at-age", "60").end()

    assert 1 == lived.count("    first forgot something on day ")
    assert "    age 60.0 to 60." in old
    assert "first forgot" not in old


def test_a_bot_that_may_post_nothing_is_counted(make_folder: Make, start: Start) -> None:
    """A cap of 0 keeps it silent; it is there all the same."""
    folder = make_folder(1)

    code, output, _ = start("rehearse", folder.path, "--posts-per-day", "0", "--quiet").end()

    assert (0, ["the flock: 1 sheep, 0 posts in 30 days", "bot0: 0 posts in 30 days"]) == (
        code,
        output.splitlines(),
    )


def test_ages_that_look_the_same_are_told_once(make_folder: Make, start: Start) -> None:
    """No "age 7.0 to 7.0"."""
    folder = make_folder(1, lines=100)

    _, output, _ = start("rehearse", folder.path, "--at-age", "7", "--posts", "3", "--quiet").end()

    assert "    age 7.0; remembers 100% of its poem" in output.splitlines()


def test_practice_is_told_to_cost_nothing(make_folder: Make, start: Start) -> None:
    """The prices are those that X would charge; a flock of which a part practises tells of that part."""
    folder = make_folder(2).path
    file = folder / "bot0.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"network": "pasture"}))

    _, output, _ = start("rehearse", folder, "--posts", "10", "--quiet").end()

    assert [
        "the flock: 2 sheep, 20 posts in 94m, $0.30 on X",
        "    practice costs nothing; X would charge $0.15",
    ] == (output.splitlines()[:2])


def test_the_summary_of_a_faithful_flock_is_short(make_folder: Make, start: Start) -> None:
    """A bot without tendencies has no lines about forgetting and fixation; posts with links cost more."""
    folder = make_folder(1, lines=1)
    (folder.path / "bot0.txt").write_text("baa\nsee https://example.com\n")

    _, output, _ = start("rehearse", folder.path, "--days", "1", "--quiet", "--poem-interval", "23h").end()

    assert [
        "the flock: 1 sheep, 4 posts in 1 day, $0.43 on X",
        "bot0: 4 posts in 1 day, $0.43 on X",
        "    2.1 posts a day, $0.22, over whole recitations with their rests",
        "    age 1.5; remembers 100% of its poem",
    ] == output.splitlines()


def test_the_total_is_told_for_each_network(make_folder: Make, start: Start) -> None:
    """Posts cost money on X alone; a flock without a bot there costs nothing, and X is not named."""
    folder = make_folder(1).path
    own = {"network": "bluesky", "screen_name": "blue.test", "app_password": "sesame", "poem_file": "bot0.txt"}
    folder.joinpath("blue.json").write_text(json.dumps(own))
    folder.joinpath("blue.json").chmod(0o600)

    both = start("rehearse", folder, "--posts", "4", "--quiet").end()[1].splitlines()
    free = start("rehearse", folder, "--posts", "4", "--quiet", "--bot", "blue.test").end()[1].splitlines()

    assert "the flock: 2 sheep, 8 posts in 1.5m (4 on Bluesky, 4 on X), $0.06 on X" == both[0]
    assert "the flock: 1 sheep, 4 posts in 1.5m" == free[0]
    assert "on X" not in "".join(free)


def test_lines_for_people_have_day_time_bot_text_and_mood(make_folder: Make, start: Start) -> None:
    """The plain output is one line a post, with the mood when it is not the usual one, then the summary."""
    folder = make_folder(1)
    arguments = (folder.path, "--temperament", TROUBLED, "--at-age", "9", "--posts", "4")

    posts = rehearsed(start, *arguments)
    _, output, _ = start("rehearse", *arguments).end()

    for line, post in zip(output.splitlines(), posts, strict=False):
        seconds = int(post["t"])
        mood = "" if post["mood"] == "faithful" else f"  ({post['mood']})"
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        assert f"day 1   {clock}  bot0             {post['text']}{mood}" == line
    assert output.splitlines()[len(posts)].startswith("the flock: ")


def test_a_terminal_gets_a_progress_bar(make_folder: Make) -> None:
    """With --quiet on a terminal a bar fills; elsewhere there is none."""
    folder = make_folder(1)
    command = [sys.executable, "-m", "flock", "rehearse", str(folder.path), "--days", "30", "--quiet"]
    ours, theirs = pty.openpty()

    piped = subprocess.run(command, capture_output=True, text=True, check=True)
    on_terminal = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, text=True, check=True)
    os.close(theirs)
    bar = b"".join(read_all(ours)).decode()

    assert "" == piped.stderr
    assert "rehearsing" in bar
    assert "100%" in bar
    assert piped.stdout == on_terminal.stdout


@pytest.mark.parametrize("more", [(), ("--json",)], ids=" ".join)
def test_a_reader_in_a_pipe_is_not_disturbed_by_a_bar(make_folder: Make, more: tuple[str, ...]) -> None:
    """`| head` shows the posts on the same terminal: nothing else comes there, nor is its cursor hidden."""
    folder = make_folder(1)
    command = [sys.executable, "-m", "flock", "rehearse", str(folder.path), "--days", "300", *more]
    ours, theirs = pty.openpty()

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True) as process:
        assert process.stdout
        assert "what bot0 has to say" in process.stdout.readline()
        process.stdout.close()
        code = process.wait(TIMEOUT)
    os.close(theirs)

    assert (0, b"") == (code, b"".join(read_all(ours)).split(b"the flock: ")[0])


def read_all(terminal: int) -> Iterator[bytes]:
    """Yield what was written to a terminal, and close it."""
    try:
        while part := os.read(terminal, 4096):
            yield part
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(terminal)


# What a network refuses, and what looks like a mistake


@pytest.mark.parametrize(
    ("poem", "said", "refused", "doubt"),
    [
        ("baa\n", 1, 47, "the poem has one line; X takes it once and refuses it from then on"),
        ("baa\nbaa\nboo\n", 96, 48, "lines 1 and 2 are the same; X refuses the second: baa"),
        (
            "a rose\nis\na rose\n",
            97,
            47,
            "the last line (3) is the same as the first; X refuses the first when the poem starts over: a rose",
        ),
    ],
)
def test_the_same_text_twice_in_a_row_is_foretold(
    make_folder: Make, start: Start, *, poem: str, said: int, refused: int, doubt: str
) -> None:
    """X refuses it, so that it is neither counted nor paid; and it is told of beforehand."""
    folder = make_folder(1)
    (folder.path / "bot0.txt").write_text(poem)
    pace = ("--line-interval", "0", "--poem-interval", "1h")

    code, output, errors = start("rehearse", folder.path, "--days", "1.98", *pace, "--quiet").end()

    assert 0 == code
    assert f"flock: warning: {folder.path / 'bot0.txt'}: {doubt}\n" == errors
    dollars, posts = f"${round(said * 0.015, 6):,.2f} on X", "post" if said == 1 else "posts"
    assert f"the flock: 1 sheep, {said} {posts} in 1.98 days, {dollars}" == output.splitlines()[0]
    assert f"    {refused} lines are refused: the same text twice in a row" == output.splitlines()[3]


def test_a_refused_line_is_shown_as_such(make_folder: Make, start: Start) -> None:
    """In the place where a real flock would skip it."""
    folder = make_folder(1)
    (folder.path / "bot0.txt").write_text("baa\nbaa\nboo\n")

    _, output, _ = start("rehearse", folder.path, "--posts", "2").end()

    assert [
        "day 1   00:00:00  bot0             baa",
        "day 1   00:00:30  bot0             baa  (refused: the same text twice in a row)",
        "day 1   00:01:00  bot0             boo",
    ] == output.splitlines()[:3]


def test_a_poem_of_one_line_is_rehearsed_for_as_long_as_asked(make_folder: Make, start: Start) -> None:
    """Days come to their end; posts never would, so that the rehearsal ends when nothing new comes."""
    folder = make_folder(1, lines=1)

    days = start("rehearse", folder.path, "--days", "60", "--poem-interval", "1h", "--quiet").end()
    posts = start("rehearse", folder.path, "--posts", "2", "--quiet").end()

    assert (0, 0) == (days[0], posts[0])
    assert "    1,440 lines are refused: the same text twice in a row" == days[1].splitlines()[2]
    assert "    4 lines are refused: the same text twice in a row" in posts[1].splitlines()


def test_what_is_doubtful_about_a_poem_is_told_first(make_folder: Make, start: Start) -> None:
    """Once for each poem, however many bots recite it; with --bot only about that bot's."""
    folder = make_folder(3)
    (folder.path / "bot0.txt").write_text("one &amp; two\nthree\n")
    file = folder.path / "bot1.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"poem_file": "bot0.txt"}))

    _, _, errors = start("rehearse", folder.path, "--posts", "1").end()
    _, _, others = start("rehearse", folder.path, "--posts", "1", "--bot", "bot2").end()

    what = "line 1 holds an HTML entity, which is posted as it stands: one &amp; two"
    assert 1 == errors.splitlines().count(f"flock: warning: {folder.path / 'bot0.txt'}: {what}")
    assert what not in others


def test_a_book_is_rehearsed_in_seconds(make_folder: Make) -> None:
    """A quarter of a megabyte in long paragraphs, with emoji and quotation marks: more than a thousand posts."""
    folder = make_folder(1)
    words = "the sea, the whale — “old.” café 🐑 deep. so"
    (folder.path / "bot0.txt").write_text("\n".join(f"{number}: {(words + ' ') * 20}" for number in range(300)))
    before = time.process_time()

    rehearsal = Rehearsal(folder.path, Options())
    said = [event for event in rehearsal.play(recitations=1) if isinstance(event, Said)]

    assert time.process_time() - before < BOOK
    assert 900 < len(said)
    (doubt,) = rehearsal.notes
    assert " makes 4 posts: " in doubt


@pytest.mark.parametrize("more", [(), ("--json",), ("--quiet",)], ids=" ".join)
def test_a_reader_that_has_read_enough_ends_the_rehearsal_quietly(
    make_folder: Make, more: tuple[str, ...]
) -> None:
    """As with `| head`: no traceback, and no code that a script takes for a failure."""
    folder = make_folder(2)
    command = [sys.executable, "-m", "flock", "rehearse", str(folder.path), "--days", "300", *more]
    reading, writing = os.pipe()
    with subprocess.Popen(command, stdout=writing, stderr=subprocess.PIPE, text=True) as process:
        os.close(writing)
        if "--quiet" not in more:
            os.read(reading, 10)
        os.close(reading)
        _, errors = process.communicate(timeout=TIMEOUT)

    assert (0, "") == (process.returncode, errors)


# What cannot be done


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["keys", "--bot", "nobody"], 2, "--bot nobody: no key file is for that bot; the bots are bot0"),
        (["keys", "--days", "1", "--posts", "1"], 2, "exclude each other"),
        (["keys", "--days", "0"], 2, "--days"),
        (["keys", "--days", "nan"], 2, "--days"),
        (["keys", "--posts", "0"], 2, "--posts"),
        (["keys", "--at-age", "-1"], 2, "--at-age"),
        (["keys", "--at-age", "nan"], 2, "--at-age"),
        (["keys", "--at-age", "inf"], 2, "--at-age"),
        (["keys", "--seed", "-1"], 2, "--seed"),
        (["keys", "--temperament", "grumpy"], 2, "expected steadfast, wistful"),
        (["keys", "--temperament", "forget=2"], 2, "forget: expected a number from 0 to 1"),
        (["keys", "--line-interval", "0", "--poem-interval", "0"], 2, "interval"),
        (["keys", "--posts", "1", "--posts-per-day", "0"], 2, "bot0 posted nothing in 1000 tries: "),
        (["nowhere"], 3, "no such folder"),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, list) else None,
)
def test_what_cannot_be_done_is_one_line_and_a_named_code(
    make_folder: Make, start: Start, arguments: list[str], code: int, words: str
) -> None:
    """A mistake on the command line ends in neither a traceback nor a rehearsal without end."""
    make_folder(1)

    exit_code, output, errors = start("rehearse", *arguments).end()

    assert (code, "") == (exit_code, output)
    assert words in errors.splitlines()[-1]
    assert "Traceback" not in errors


def test_nothing_is_touched(make_folder: Make, start: Start, tmp_path: Path) -> None:
    """A rehearsal creates no journal, no state folder and no other file."""
    folder = make_folder(2)
    before = sorted(tmp_path.rglob("*"))

    rehearsed(start, folder.path, "--posts", "9", "--temperament", "senile")

    assert before == sorted(tmp_path.rglob("*"))


def test_a_rehearsal_needs_no_place_of_its_own(make_folder: Make, start: Start, open_pasture: OpenPasture) -> None:
    """A flock that is out keeps its bots; a rehearsal of the same folder begins at birth all the same."""
    folder = make_folder(1)
    pasture = open_pasture(folder)
    start("run", folder.path, "--base-url", pasture.url, "--line-interval", "0.05")
    pasture.wait_for_posts(folder, 3)

    posts = rehearsed(start, folder.path, "--posts", "2")

    assert folder.poems["bot0"][:2] == texts_of(posts, "bot0")


# A rehearsal and the real thing


def test_a_real_flock_says_what_was_rehearsed_though_it_is_killed(
    make_folder: Make, start: Start, open_pasture: OpenPasture
) -> None:
    """All tendencies at once, soon old, over HTTP, with a kill -9 in the middle: the same, post for post."""
    folder = make_folder(3)
    pasture = open_pasture(folder)
    how = (folder.path, "--temperament", TROUBLED, "--seed", "5")
    pace = ("--line-interval", "0.01", "--poem-interval", "0.01")

    posts = rehearsed(start, *how, *pace, "--posts", "400")
    first = start("run", *how, *pace, "--base-url", pasture.url)
    pasture.wait_for_posts(folder, 40)
    first.stop(signal.SIGKILL)
    second = start("run", *how, *pace, "--base-url", pasture.url)
    pasture.wait_for_posts(folder, 120)
    code, _, errors = second.stop()

    assert (0, "") == (code, errors)
    for name, poem in folder.poems.items():
        said = pasture.said(name)[:400]
        assert texts_of(posts, name)[: len(said)] == said
        assert not set(said) <= set(poem)  # it has grown old


@pytest.mark.parametrize("name", TEMPERAMENTS)
def test_no_text_is_rehearsed_twice_in_a_row(name: str) -> None:
    """Networks refuse a repeated text, and a real flock would skip it."""
    rehearsal = Rehearsal(ROOT / "keys.example", Options(temperament=TEMPERAMENTS[name]))
    said: dict[str, list[str]] = {sheep.name: [] for sheep in rehearsal.flock}

    for event in rehearsal.play(posts=1500):
        if isinstance(event, Said):
            said[event.bot].append(event.text)

    assert {bot: [] for bot in said} == {
        bot: [here for here, there in pairwise(texts) if here == there] for bot, texts in said.items()
    }


@pytest.mark.parametrize("text", [TROUBLED, *TEMPERAMENTS])
def test_a_restart_at_any_post_changes_nothing(make_world: Callable[..., World], text: str) -> None:
    """A sheep that is started anew before each of its posts says what one says that never stops."""

    def recite(name: str, *, restarts: bool) -> list[str]:
        world = make_world(options=Options(temperament=parse_temperament(text)))
        sheep = world.raise_sheep()
        for _ in range(150):
            world.clock.advance_to(sheep.wake)
            sheep.beat()
            if restarts:
                world.anew()
                sheep = world.raise_sheep()
        return world.stage().posts

    assert recite("never", restarts=False) == recite("always", restarts=True)


# Temperaments in Python


def contrary(poem: tuple[str, ...], recitation: int, seed: int) -> Recitation:
    """Says every second line, the even ones first."""
    places = range(recitation % 2, len(poem), 2)
    said = [Utterance(poem[place], place, "contrary", 2.0) for place in places]
    return Recitation(said, entropy=0.25, memory=0.5, rest=3.0)


def test_any_callable_is_a_temperament(make_folder: Make) -> None:
    """Its texts, pauses, rest, mood, memory and entropy are those of the flock's events."""
    folder = make_folder(1, lines=4)
    temperament: Temperament = contrary

    rehearsal = Rehearsal(folder.path, Options(temperament=temperament, line_interval=10, poem_interval=100))
    events = list(rehearsal.play(posts=5))

    poem = folder.poems["bot0"]
    said = [event for event in events if isinstance(event, Said)]
    assert [poem[place] for place in (0, 2, 1, 3, 0)] == [event.text for event in said]
    assert [0, 20, 320, 340, 640] == [round(event.at) for event in said]
    assert [0, 2, 1, 3, 0] == [event.source for event in said]
    assert {("contrary", 0.5, 0.25, 2)} == {
        (event.mood, event.memory, event.entropy, event.lines) for event in said
    }


def test_a_shepherd_takes_a_callable(make_folder: Make) -> None:
    """Shepherd(keys, temperament=...) is all that a driver needs to say."""
    folder = make_folder(1, lines=4)
    heard: list[Event] = []
    shepherd = Shepherd(
        folder.path, 0, 0, options=Options(dry_run=True), temperament=contrary, events=Events([heard.append])
    )

    for _ in range(3):
        shepherd.all_sheep[0].beat()

    poem = folder.poems["bot0"]
    assert [poem[0], poem[2], poem[1]] == [event.text for event in heard if isinstance(event, Said)]


def test_a_temperament_that_fails_ends_the_rehearsal(make_folder: Make, start: Start, tmp_path: Path) -> None:
    """A bug in the operator's own sheep class ends the rehearsal with its error."""
    folder = make_folder(1)
    (tmp_path / "mute.py").write_text(
        "from flock import Sheep\nclass Mute(Sheep):\n    def decide(self):\n        raise KeyError('tongue')\n"
    )

    code, output, errors = start("rehearse", folder.path, "--sheep", "mute:Mute", "--posts", "1").end()

    assert (2, "") == (code, output)
    assert "tongue" in errors.splitlines()[-1]


# Events


def test_a_birthday_says_how_old(make_folder: Make) -> None:
    """At the end of each recitation the sheep is a year older, and tells its rest."""
    folder = make_folder(1, lines=2)

    events = Rehearsal(folder.path, Options(temperament=contrary, poem_interval=100)).play(posts=3)
    birthdays = [event for event in events if isinstance(event, Birthday)]

    assert [(1, 300.0), (2, 300.0), (3, 300.0)] == [(event.age, event.rest) for event in birthdays]
    assert "is 3 today: has said its whole poem 3 times, and rests 5m" == describe(birthdays[2])


def test_a_real_flocks_events_carry_mood_and_memory(make_folder: Make, start: Start, tmp_path: Path) -> None:
    """The JSON log has the mood, the memory and the entropy of each post."""
    folder = make_folder(1)
    flock = start(
        *("run", folder.path, "--dry-run", "--log-format", "json", "--temperament", TROUBLED),
        *("--line-interval", "0.01", "--poem-interval", "0.01"),
    )
    lines = [flock.process.stdout.readline() for _ in range(80)] if flock.process.stdout else []
    flock.stop()

    said = [event for event in map(json.loads, lines) if event["event"] == "said"]
    assert {"faithful", "forgets", "mixes up lines", "is fixated"} <= {event["mood"] for event in said}
    assert 1 == said[0]["memory"] > said[-1]["memory"] > 0
    assert 0 == said[0]["entropy"] < said[-1]["entropy"] <= 1


def test_the_example_flock_rehearses(start: Start, tmp_path: Path) -> None:
    """The practice sheep, as a newcomer sees them."""
    for name in ("keys.example", "poems"):
        shutil.copytree(ROOT / name, tmp_path / name)

    posts = rehearsed(start, "keys.example", "--posts", "2")

    assert 7 == len({post["bot"] for post in posts})
    assert 14 == len(posts)
