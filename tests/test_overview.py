"""How a flock is doing: told from its journal and its key files, running or not."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import simplejson as json

from flock.errors import BadKeys, BadOption, Suspended
from flock.journal import WELL, Condition, Noted, Outcome, Place, Settlement, SqliteJournal, Standing, Verb
from flock.options import Options, settle_options
from flock.overview import Bot, Overview, State, look_over
from flock.sheep.sheep import Sheep
from flock.temperament import TEMPERAMENTS
from tests.conftest import TIMEOUT
from tests.world import World

NOW = 1_800_000_000.0
MIDNIGHT = NOW - 3600
TEXTS = ("baa", "baa again")  # the poem that `write_key` writes

RUNNER = """
import pathlib, sys
from flock.journal import SqliteJournal
journal = SqliteJournal(pathlib.Path(sys.argv[1]))
journal.claim(sys.argv[2:])
print("claimed", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def options(tmp_path: Path) -> Options:
    """Return options with a journal beside the keys."""
    return settle_options({"state": tmp_path / "flock.db"}, environment={})


@contextmanager
def running(path: Path, *bots: str) -> Iterator[subprocess.Popen[str]]:
    """Run these bots in another process, which is killed at the end."""
    command = [sys.executable, "-c", RUNNER, str(path), *bots]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert "claimed" == process.stdout.readline().strip()
            yield process
        finally:
            process.kill()
            process.wait(TIMEOUT)


def note(options: Options, place: Place, standing: Standing = WELL, bot: str = "x:dolly") -> None:
    """Write this about the bot into the journal."""
    with closing(SqliteJournal(options.state_file)) as journal:
        journal.claim([bot])
        journal.keep(bot, place, standing)


def only(overview: Overview) -> Bot:
    """Return the one bot."""
    (bot,) = overview.bots
    return bot


def look(tmp_path: Path, options: Options, *names: str) -> Overview:
    """Look over the flock now."""
    return look_over(tmp_path, options, now=NOW, midnight=MIDNIGHT, names=names)


def test_before_the_first_run_every_bot_is_new(
    tmp_path: Path, options: Options, write_key: Callable[..., Path]
) -> None:
    """There is no journal, and none is made."""
    write_key()

    overview = look(tmp_path, options)

    assert (False, ()) == (overview.has_run, overview.processes)
    bot = only(overview)
    assert (State.NEW, 1, 2, "baa", None) == (bot.state, bot.line, bot.lines, bot.text, bot.due)
    assert not options.state_file.exists()


def test_without_a_flock_each_bot_keeps_its_place(
    tmp_path: Path, options: Options, write_key: Callable[..., Path]
) -> None:
    """And what it said last."""
    write_key()
    with closing(SqliteJournal(options.state_file)) as journal:
        journal.claim(["x:dolly"])
        journal.intend("x:dolly", Place(n=4, recitations=2, intended=NOW - 60, next_line="baa"), "baa")
        after = Place(n=5, line=1, recitations=2, due=NOW + 30, next_line="baa again", prior_line="baa")
        journal.settle("x:dolly", Settlement(4, 0, Outcome.SAID, NOW - 60, "77"), after)

    overview = look(tmp_path, options)

    bot = only(overview)
    assert (State.STOPPED, 2, 2, "baa again", NOW + 30) == (bot.state, bot.line, bot.lines, bot.text, bot.due)
    assert (2.5, 5, None, None) == (bot.age, bot.posts, bot.pid, bot.since)
    assert Noted("x:dolly", 4, 0, "baa", Outcome.SAID, NOW - 60, "77") == bot.said
    assert "https://x.com/dolly/status/77" == bot.link
    assert (1, 0.015, 1, {"X": 0.015}) == (bot.today, bot.spent, overview.today, overview.spent)


def test_an_edited_poem_is_shown_as_the_next_flock_says_it(
    tmp_path: Path, options: Options, write_key: Callable[..., Path]
) -> None:
    """At the line where it goes on."""
    write_key()
    note(options, Place(n=1, line=1, next_line="baa again", prior_line="baa", due=NOW))
    tmp_path.joinpath("poem.txt").write_text("a new line\nbaa\nbaa again\nmoo")

    bot = only(look(tmp_path, options))

    assert (3, 4, "baa again") == (bot.line, bot.lines, bot.text)


SUSPENDED = Standing(Condition.PENNED, "the account is suspended", "Suspended", until=NOW + 5)
LIMITED = Standing(Condition.WAITING, "too many requests", "RateLimited", until=NOW + 600)
AWAY = Standing(Condition.BACKING_OFF, "no route", "Unavailable", until=NOW + 8, failures=3)


@pytest.mark.parametrize(
    ("place", "standing", "state", "why"),
    [
        (Place(due=NOW + 20), WELL, State.ASLEEP, ""),
        (Place(due=NOW - 1), WELL, State.AWAKE, ""),
        (Place(due=NOW + 20, intended=NOW - 2), WELL, State.AWAKE, ""),
        (Place(due=NOW - 90), LIMITED, State.WAITING, "too many requests"),
        (Place(due=NOW - 30), AWAY, State.BACKING_OFF, "no route"),
        (Place(due=NOW - 90), AWAY, State.QUIET, "no route"),
        (Place(due=NOW - 90), WELL, State.QUIET, "no answer from the network yet"),
        (Place(due=NOW - 90), SUSPENDED, State.PENNED, "the account is suspended"),
        (Place(due=NOW - 90, paused=NOW - 100), WELL, State.PAUSED, ""),
    ],
)
def test_what_a_running_bot_does(
    place: Place,
    standing: Standing,
    state: State,
    why: str,
    *,
    tmp_path: Path,
    options: Options,
    write_key: Callable[..., Path],
) -> None:
    """Asleep, awake, or what is in its way; its process is named."""
    write_key()
    note(options, place._replace(next_line="baa"), standing)
    with running(options.state_file, "x:dolly") as process:
        with closing(SqliteJournal(options.state_file, read_only=True)) as journal:
            (began,) = [record.since for record in journal.bots()]
        assert began is not None
        # The process claimed its bots just now, and the clock of this test stands at another time.
        shift_claims(options, NOW - 3600)
        overview = look(tmp_path, options)

    bot = only(overview)
    assert (state, why) == (bot.state, why)
    assert (why, process.pid, NOW - 3600) == (bot.why, bot.pid, bot.since)
    assert [(process.pid, NOW - 3600, 1)] == [(each.pid, each.since, each.bots) for each in overview.processes]


def shift_claims(options: Options, since: float) -> None:
    """Let the bots have been claimed at another time."""
    with closing(sqlite3.connect(options.state_file)) as connection:
        connection.execute("UPDATE sheep SET held_since = ?", (since,))
        connection.commit()


def test_a_bot_is_not_quiet_before_its_flock_was_out(
    tmp_path: Path, options: Options, write_key: Callable[..., Path]
) -> None:
    """After a night without a flock it is late, and no wonder."""
    write_key()
    note(options, Place(due=NOW - 9 * 3600, next_line="baa"))
    with running(options.state_file, "x:dolly"):
        shift_claims(options, NOW - 5)
        assert State.AWAKE is only(look(tmp_path, options)).state


def test_a_killed_flock_runs_no_more(tmp_path: Path, options: Options, write_key: Callable[..., Path]) -> None:
    """Its locks tell; the number of its process is still in the journal."""
    write_key()
    note(options, Place(due=NOW, next_line="baa"))
    with running(options.state_file, "x:dolly"):
        pass

    overview = look(tmp_path, options)

    assert (State.STOPPED, (), None) == (only(overview).state, overview.processes, only(overview).pid)


def test_a_pen_outlives_its_flock(tmp_path: Path, options: Options, write_key: Callable[..., Path]) -> None:
    """What the operator can do about it is said."""
    write_key()
    note(options, Place(due=NOW, next_line="baa"), SUSPENDED)

    bot = only(look(tmp_path, options))

    assert (State.PENNED, "the account is suspended", None) == (bot.state, bot.why, bot.due)
    assert f"{Suspended.advice}; then save its key file, or start the flock anew" == bot.advice


def test_a_limit_outlives_its_flock_until_it_is_over(
    tmp_path: Path, options: Options, write_key: Callable[..., Path]
) -> None:
    """Then the next flock goes on."""
    write_key()
    note(options, Place(due=NOW - 5, next_line="baa"), LIMITED)
    assert (State.WAITING, NOW + 600) == (only(look(tmp_path, options)).state, only(look(tmp_path, options)).due)

    note(options, Place(due=NOW - 5, next_line="baa"), LIMITED._replace(until=NOW - 1))
    assert State.STOPPED is only(look(tmp_path, options)).state


def test_a_bad_key_file_is_named_and_the_others_are_shown(
    tmp_path: Path, options: Options, write_key: Callable[..., Path]
) -> None:
    """A folder without any key file is an error."""
    write_key()
    tmp_path.joinpath("shaun.json").write_text("{")

    overview = look(tmp_path, options)

    assert "dolly" == only(overview).name
    assert [tmp_path / "shaun.json"] == [problem.file for problem in overview.problems]
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadKeys):
        look(tmp_path / "empty", options)


def test_a_bot_is_found_by_its_name(tmp_path: Path, options: Options, write_key: Callable[..., Path]) -> None:
    """In any case, with or without @."""
    write_key()
    write_key("shaun.json", screen_name="shaun", oauth_token="1002-token", oauth_token_secret="other")

    assert ["shaun"] == [bot.name for bot in look(tmp_path, options, "@Shaun").bots]
    assert ["dolly", "shaun"] == [bot.name for bot in look(tmp_path, options).bots]
    with pytest.raises(BadOption, match="did you mean shaun"):
        look(tmp_path, options, "shawn")


def test_a_renamed_account_is_the_bot_that_it_was(
    tmp_path: Path, options: Options, write_key: Callable[..., Path]
) -> None:
    """Its number tells."""
    write_key(screen_name="dolly_the_second")
    with closing(SqliteJournal(options.state_file)) as journal:
        journal.claim(["x:dolly"], {"x:dolly": "x:1001"})
        journal.keep("x:dolly", Place(n=3, next_line="baa"), WELL)
    write_key(screen_name="dolly_the_second", user_id="1001")

    bot = only(look(tmp_path, options))

    assert ("dolly_the_second", "x:dolly", 3) == (bot.name, bot.journal_name, bot.posts)


def test_practice_costs_nothing_and_has_no_address(
    tmp_path: Path, options: Options, write_key: Callable[..., Path]
) -> None:
    """The place on the practice server is another one."""
    write_key()
    with closing(SqliteJournal(options.state_file)) as journal:
        journal.claim(["pasture:dolly"])
        journal.intend("pasture:dolly", Place(intended=NOW - 60, next_line="baa"), "baa")
        journal.settle("pasture:dolly", Settlement(0, 0, Outcome.SAID, NOW, "77"), Place(n=1, next_line="baa"))

    practice = only(look(tmp_path, replace(options, pasture=True)))
    real = only(look(tmp_path, options))

    assert (True, 1, 0.0, "") == (practice.practises, practice.today, practice.spent, practice.link)
    assert (False, State.NEW) == (real.practises, real.state)


def test_a_link_has_its_price(tmp_path: Path, options: Options, write_key: Callable[..., Path]) -> None:
    """X takes more for it; posts of yesterday are not counted."""
    write_key()
    with closing(SqliteJournal(options.state_file)) as journal:
        journal.claim(["x:dolly"])
        for n, (at, text) in enumerate([(MIDNIGHT - 1, "baa"), (MIDNIGHT, "see example.com"), (NOW, "baa")]):
            journal.intend("x:dolly", Place(n=n, intended=at, next_line="baa"), text)
            journal.settle("x:dolly", Settlement(n, 0, Outcome.SAID, at), Place(n=n + 1, next_line="baa"))

    bot = only(look(tmp_path, options))

    assert bot.today == 2
    assert pytest.approx(0.215) == bot.spent


def test_what_a_bot_was_told_is_shown(tmp_path: Path, options: Options, write_key: Callable[..., Path]) -> None:
    """As long as it has not done it."""
    write_key()
    note(options, Place(due=NOW, next_line="baa"))
    with closing(SqliteJournal(options.state_file)) as journal:
        journal.give(["x:dolly"], Verb.PAUSE, at=5.0)
        journal.give(["x:dolly"], Verb.FROM, 7, at=6.0)

    bot = only(look(tmp_path, options))

    assert ["pause at 5.0", "from 7 at 6.0"] == [f"{each} at {each.given}" for each in bot.commands]


def test_it_agrees_with_the_sheep_itself(world: World, options: Options) -> None:
    """Line, lines, age and next text are what the sheep of an old temperament would say."""
    journal = SqliteJournal(options.state_file)
    with closing(journal):
        world.journal = journal
        world.options = replace(options, temperament=TEMPERAMENTS["senile"])
        world.anew()
        sheep: Sheep = world.raise_sheep(lines=12)
        sheep.grow_to(60.4)
        for _ in range(5):
            world.live(60, sheep)
            bot = only(look(world.folder, world.options))
            texts = [utterance.text for utterance in sheep.recitation.utterances]
            assert (sheep.mod_tweet_tracker + 1, len(texts)) == (bot.line, bot.lines)
            assert (sheep.decide(), sheep.age, sheep.tot_tweet_tracker) == (bot.text, bot.age, bot.posts)


def test_it_is_json_throughout(tmp_path: Path, options: Options, write_key: Callable[..., Path]) -> None:
    """Times are in ISO 8601."""
    write_key()
    note(options, Place(due=NOW, paused=NOW, next_line="baa"), LIMITED)

    told = json.loads(json.dumps(look(tmp_path, options).as_dict()))

    assert "2027-01-15T08:00:00.000Z" == told["time"] == told["bots"][0]["paused_since"]
    assert ("paused", "too many requests") == (told["bots"][0]["state"], told["bots"][0]["why"])


@pytest.mark.parametrize("version", ["v2", "v4"])
def test_a_journal_of_an_older_flock_is_shown_and_left_as_it_is(
    version: str, tmp_path: Path, options: Options
) -> None:
    """What it says is brought up to date in memory alone."""
    dump = Path(__file__).parent / "journal" / "data" / f"journal-{version}.sql"
    with closing(sqlite3.connect(options.state_file)) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
    before = options.state_file.read_bytes()

    with closing(SqliteJournal(options.state_file, read_only=True)) as journal:
        bots, posts = journal.bots(), journal.posts()

    assert "x:said" in {record.bot for record in bots}
    assert "twitter" not in {record.bot.partition(":")[0] for record in bots}
    assert {post.bot for post in posts} <= {record.bot for record in bots}
    assert before == options.state_file.read_bytes()
