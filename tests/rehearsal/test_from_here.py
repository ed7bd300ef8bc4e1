"""`flock rehearse --from-here`: what comes next, and when, from the places that the journal holds."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import simplejson as json

from flock.errors import RateLimited, Suspended
from flock.events import Said
from flock.journal import WELL, SqliteJournal, open_journal
from flock.options import Options
from flock.rehearsal import Rehearsal
from flock.units import DAY
from tests.endtoend.conftest import Flock, Folder, WatchedPasture
from tests.world import START, World

Make = Callable[..., Folder]
Start = Callable[..., Flock]
OpenPasture = Callable[[Folder], WatchedPasture]


@pytest.fixture
def kept(make_world: Callable[..., World], tmp_path: Path) -> Iterator[World]:
    """Return a world whose journal is a file."""
    world = make_world(journal=SqliteJournal(tmp_path / "flock.db"), options=Options(state=tmp_path / "flock.db"))
    yield world
    world.journal.close()


def rehearse(world: World, **limits: float) -> tuple[list[tuple[float, str]], Rehearsal]:
    """Return when each post comes (in seconds from now), and its text."""
    now = world.clock.now()
    with (
        closing(open_journal(world.options.state_file, read_only=True)) as journal,
        closing(Rehearsal(world.folder, world.options, journal=journal, start=now)) as rehearsal,
    ):
        said = [event for event in rehearsal.play(**limits) if isinstance(event, Said)]
        return [(round(event.at - now), event.text) for event in said], rehearsal


# The places


def test_it_goes_on_where_the_bot_is_and_when_its_line_is_due(kept: World) -> None:
    """The third line in the 50 seconds that are left of its interval, also while the flock runs."""
    sheep = kept.raise_sheep(line_interval=60, poem_interval=600)
    kept.live(70, sheep)

    said, _ = rehearse(kept, posts=3)

    assert [(50, "dolly 2"), (110, "dolly 3"), (710, "dolly 0")] == said


def test_a_bot_that_is_overdue_says_its_line_at_once(kept: World) -> None:
    """As `flock run` would, after the night."""
    sheep = kept.raise_sheep(line_interval=60, poem_interval=600)
    kept.live(70, sheep)
    kept.clock.advance_to(START + DAY)

    assert [(0, "dolly 2"), (60, "dolly 3")] == rehearse(kept, posts=2)[0]


def test_a_new_bot_begins_at_its_first_line(kept: World) -> None:
    """Beside one that is in its journal already."""
    kept.live(70, kept.raise_sheep(line_interval=60, poem_interval=600))
    kept.raise_sheep("molly")

    said, rehearsal = rehearse(kept, posts=1)

    assert rehearsal.has_places
    assert {"dolly 2", "molly 0"} == {text for _, text in said}


def test_a_post_under_way_is_still_to_come(kept: World) -> None:
    """Whether it is out is not known here; the journal's intent stays as it is."""
    sheep = kept.raise_sheep()
    kept.live(70, sheep)
    place = sheep.place._replace(intended=kept.clock.wall(), saying="dolly 2", token="ab")
    kept.journal.intend(sheep.bot, place, "dolly 2")

    assert ["dolly 2", "dolly 3"] == [text for _, text in rehearse(kept, posts=2)[0]]
    found = kept.journal.read(sheep.bot)
    assert found
    assert place == found[0]


def test_posts_of_the_last_day_count_towards_a_cap(kept: World) -> None:
    """Three a day, of which two are made: one now, and the next a day after the first."""
    sheep = kept.raise_sheep(line_interval=60, poem_interval=600)
    kept.live(70, sheep)
    kept.options = replace(kept.options, posts_per_day=3, burst=True)

    (soon, first), (later, second) = rehearse(kept, posts=2)[0]

    assert (50, "dolly 2", "dolly 3") == (soon, first, second)
    assert later == pytest.approx(DAY - 70, abs=5)


def test_an_edited_poem_is_followed_and_told_of(kept: World) -> None:
    """As at the next start of the flock."""
    kept.live(70, kept.raise_sheep())
    (kept.folder / "dolly.txt").write_text("dolly 0\ndolly 1\na new line\ndolly 2\ndolly 3\n")

    said, rehearsal = rehearse(kept, posts=1)

    assert ["dolly 2"] == [text for _, text in said]
    (note,) = rehearsal.notes
    assert note.startswith("dolly ")
    assert "dolly 2" in note


# Bots that say nothing


def test_a_penned_bot_is_left_out_with_the_reason(kept: World) -> None:
    """It posts nothing until its operator acts; the others go on."""
    penned, sound = kept.raise_sheep(), kept.raise_sheep("molly")
    kept.stage().trouble = [Suspended("the account is suspended")]
    kept.live(70, penned, sound)

    said, rehearsal = rehearse(kept, posts=1)

    assert ["molly 2"] == [text for _, text in said]
    assert ("dolly is penned and left out: the account is suspended",) == rehearsal.notes


def test_a_paused_bot_is_left_out(kept: World) -> None:
    """Until it is told to go on."""
    sheep = kept.raise_sheep()
    kept.live(70, sheep)
    kept.journal.keep(sheep.bot, sheep.place._replace(paused=START), WELL)

    said, rehearsal = rehearse(kept, posts=1)

    assert [] == said
    assert ("dolly is paused and left out",) == rehearsal.notes


def test_a_bot_that_waits_for_a_limit_waits_in_the_rehearsal(kept: World) -> None:
    """Its next line comes when the limit is over."""
    sheep = kept.raise_sheep()
    kept.stage().trouble = [None, RateLimited("slow down", until=START + 1000)]
    kept.live(70, sheep)

    said, _ = rehearse(kept, posts=1)

    assert [(931, "dolly 1")] == said


# The command


def test_it_foretells_what_the_flock_says_next(make_folder: Make, start: Start, open_pasture: OpenPasture) -> None:
    """While the flock runs, after it was killed, and again: post for post, and the journal stays as it is."""
    folder = make_folder(3)
    pasture = open_pasture(folder)
    how = ("--base-url", pasture.url, "--temperament", "forget=0.9,mix_up=0.9,fixation=1,maturity=2")
    pace = ("--line-interval", "0.05", "--poem-interval", "0.05")
    first = start("run", folder.path, *how, *pace)
    pasture.wait_for_posts(folder, 30)

    running = foretold(start, folder, *how, *pace)
    pasture.wait_for_posts(folder, 60)
    first.stop(signal.SIGKILL)
    stopped = foretold(start, folder, *how, *pace)
    start("run", folder.path, *how, *pace)
    pasture.wait_for_posts(folder, 1 + max(post["n"] for post in [*running, *stopped]))

    for name in folder.poems:
        said = pasture.said(name)
        assert [] == [post for post in running if post["bot"] == name and said[post["n"]] != post["text"]]
        assert [] == [post for post in stopped if post["bot"] == name and said[post["n"]] != post["text"]]
        assert min(post["n"] for post in stopped if post["bot"] == name) >= 59
        assert min(post["n"] for post in running if post["bot"] == name) >= 29


def foretold(start: Start, folder: Folder, *how: str) -> list[dict[str, Any]]:
    """Return what --from-here foretells: 25 posts of each bot."""
    code, output, errors = start("rehearse", folder.path, "--from-here", "--json", "--posts", "25", *how).end()
    assert 0 == code, errors
    return [json.loads(line) for line in output.splitlines()]


def test_dates_are_in_local_time(make_folder: Make, start: Start) -> None:
    """Each line has its date; the JSON has the same moment in UTC."""
    folder = make_folder(1)
    arguments = ("rehearse", folder.path, "--from-here", "--posts", "2", "--line-interval", "2h")
    before = time.time()

    code, output, errors = start(*arguments, TZ="UTC-9").end()  # POSIX: nine hours ahead of UTC
    _, as_json, _ = start(*arguments, "--json").end()

    day, clock, bot, _ = output.splitlines()[1].split(maxsplit=3)
    moment = time.mktime(time.strptime(f"{day} {clock} +0900", "%Y-%m-%d %H:%M:%S %z")) - time.timezone - 9 * 3600
    assert (0, "bot0") == (code, bot)
    assert moment == pytest.approx(before + 7200, abs=60)
    assert "there is no journal yet; each bot begins at its first line" in errors
    post = json.loads(as_json.splitlines()[1])
    assert (1, 7200.0) == (post["n"], post["t"])
    assert post["time"].startswith(time.strftime("%Y-%m-%dT%H:", time.gmtime(before + 7200))[:11])


def test_places_of_practice_and_of_the_real_network_are_told_apart(make_folder: Make, start: Start) -> None:
    """A bot that has only practised begins at its first line on X, and the rehearsal says so."""
    folder = make_folder(1)
    flock = start("run", folder.path, "--pasture", "--line-interval", "0.05", "--state", "here.db")
    for _ in range(4):
        assert flock.process.stdout
        flock.process.stdout.readline()
    flock.stop()
    arguments = ("rehearse", folder.path, "--from-here", "--posts", "1", "--state", "here.db")

    code, real, errors = start(*arguments).end()
    _, practice, none = start(*arguments, "--pasture").end()

    assert (0, True) == (code, real.splitlines()[0].endswith(folder.poems["bot0"][0]))
    assert "flock: warning: here.db: no place of these bots yet; each bot begins at its first line\n" == errors
    assert not practice.splitlines()[0].endswith(folder.poems["bot0"][0])
    assert "" == none


def test_nothing_is_written(make_folder: Make, start: Start, tmp_path: Path) -> None:
    """Neither journal nor folder is made, and --state may name a file that is not there."""
    folder = make_folder(1)
    before = sorted(tmp_path.rglob("*"))

    code, _, _ = start("rehearse", folder.path, "--from-here", "--state", "such.db", "--posts", "1").end()

    assert 0 == code
    assert before == sorted(tmp_path.rglob("*"))


def test_without_a_length_it_is_one_day(make_folder: Make, start: Start) -> None:
    """What comes next, and not what comes in 30 days."""
    folder = make_folder(1)

    _, output, _ = start("rehearse", folder.path, "--from-here", "--quiet").end()

    assert output.startswith("the flock: 1 sheep, ")
    assert " posts in 1 day, " in output.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--at-age", "3"], 2, "--from-here and --at-age exclude each other"),
        (["--state", "keys/bot0.txt"], 74, "bot0.txt"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_a_named_code(
    make_folder: Make, start: Start, arguments: list[str], code: int, words: str
) -> None:
    """A mistake on the command line ends in no traceback."""
    folder = make_folder(1)

    exit_code, output, errors = start("rehearse", folder.path, "--from-here", *arguments).end()

    assert (code, "") == (exit_code, output)
    assert words in errors.splitlines()[-1]
    assert "Traceback" not in errors
