"""What a flock has said: each post once, and none left out, whatever happens to the flock and its journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import simplejson as json
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flock.errors import BadOption
from flock.journal import Outcome, Place, Settlement, SqliteJournal
from flock.journal.copies import back_up, restore
from flock.logbook import Entry, Logbook
from flock.options import Options, settle_options

DOLLY, SHAUN = "x:dolly", "x:shaun"


@pytest.fixture
def options(tmp_path: Path, write_key: Callable[..., Path]) -> Options:
    """Return options with a journal beside the keys of two bots."""
    write_key()
    write_key("shaun.json", screen_name="shaun", oauth_token="1002-token", oauth_token_secret="other")
    return settle_options({"state": tmp_path / "flock.db"}, environment={})


@contextmanager
def writing(options: Options, keep: float = 1e9) -> Iterator[SqliteJournal]:
    """Let a flock write its journal."""
    with closing(SqliteJournal(options.state_file, keep=keep)) as journal:
        journal.claim([DOLLY, SHAUN])
        yield journal


def say(
    journal: SqliteJournal, n: int, bot: str = DOLLY, outcome: Outcome = Outcome.SAID, at: float = 0.0
) -> None:
    """Note the bot's n-th post, which ended at that second."""
    journal.read(bot)
    journal.intend(bot, Place(n=n, intended=at or n), f"{bot} {n}")
    journal.settle(bot, Settlement(n, 0, outcome, at or n, f"{n}"), Place(n=n + 1))


def numbers(entries: list[Entry]) -> list[int]:
    """Return the numbers of the posts."""
    return [entry.post.n for entry in entries]


def test_what_was_said_is_told_with_its_bot(tmp_path: Path, options: Options) -> None:
    """And with where it is on the web."""
    with writing(options) as journal:
        say(journal, 0, at=5.0)
        say(journal, 0, SHAUN, Outcome.SKIPPED, at=6.0)

    first, second = Logbook(tmp_path, options).posts()

    assert ("dolly", "X", "x:dolly 0", "https://x.com/dolly/status/0") == (
        first.bot,
        first.network,
        first.post.text,
        first.link,
    )
    assert ("shaun", "skipped") == (second.bot, second.post.outcome)
    assert "1970-01-01T00:00:05.000Z" == json.loads(json.dumps(first.as_dict()))["time"]


def test_a_bot_is_told_of_alone(tmp_path: Path, options: Options) -> None:
    """By its name; a name that no bot has is an error."""
    with writing(options) as journal:
        book = Logbook(tmp_path, options, ["@Shaun"])
        for bot in (DOLLY, SHAUN):
            say(journal, 0, bot, at=5.0)
        assert ["shaun"] == [entry.bot for entry in book.fresh()]
    assert ["shaun"] == [entry.bot for entry in Logbook(tmp_path, options, ["shaun"]).posts()]
    with pytest.raises(BadOption, match="no bot has that name"):
        Logbook(tmp_path, options, ["nobody"])


def test_since_when_is_told(tmp_path: Path, options: Options) -> None:
    """Earlier posts are left out."""
    with writing(options) as journal:
        for n in range(1, 5):
            say(journal, n)
    assert [3, 4] == numbers(Logbook(tmp_path, options).posts(3.0))


def test_what_ends_meanwhile_is_told_once(tmp_path: Path, options: Options) -> None:
    """By `fresh`, not by `posts`, however the two are called."""
    with writing(options) as journal:
        say(journal, 0)
        book = Logbook(tmp_path, options)
        say(journal, 1)
        assert [0] == numbers(book.posts())
        assert [1] == numbers(book.fresh())
        assert [] == numbers(book.fresh())
        assert [0] == numbers(book.posts()[:1])


def test_a_glance_tells_the_same_lines_or_that_a_look_is_needed(
    tmp_path: Path, options: Options, write_key: Callable[..., Path]
) -> None:
    """Without a journal, with a bot that was not there before, and with another journal in its place."""
    book = Logbook(tmp_path, options)
    assert None is book.quick()
    with writing(options) as journal:
        assert None is book.quick()
        assert [] == book.fresh()
        say(journal, 0)
        assert ([0], []) == (numbers(book.quick() or []), book.fresh())
        write_key("ram.json", screen_name="ram", oauth_token="1003-token", oauth_token_secret="third")
        journal.claim(["x:ram"])
        say(journal, 0, "x:ram")
        assert None is book.quick()
        assert ["ram"] == [entry.bot for entry in book.fresh()]
        assert ([], 2) == (book.quick(), book.total)
    options.state_file.rename(tmp_path / "away.db")
    assert None is book.quick()
    with writing(options) as journal:
        assert None is book.quick()


def test_a_post_under_way_is_told_when_it_has_ended(tmp_path: Path, options: Options) -> None:
    """One that is withdrawn is told when it is made after all."""
    with writing(options) as journal:
        book = Logbook(tmp_path, options)
        journal.intend(DOLLY, Place(intended=1.0), "baa")
        assert [] == book.fresh()
        journal.settle(DOLLY, Settlement(0, 0, Outcome.WITHDRAWN, 2.0), Place())
        assert [] == book.fresh()
        say(journal, 0, outcome=Outcome.UNKNOWN)
        assert [Outcome.UNKNOWN] == [entry.post.outcome for entry in book.fresh()]


def test_the_first_run_is_followed_from_its_first_line(tmp_path: Path, options: Options) -> None:
    """The log was there before the journal."""
    book = Logbook(tmp_path, options)
    assert (False, [], []) == (book.has_run, book.posts(), book.fresh())
    with writing(options) as journal:
        say(journal, 0)
        assert [0] == numbers(book.fresh())
    assert book.has_run


def test_a_pruned_journal_and_another_flock_leave_no_gap(tmp_path: Path, options: Options) -> None:
    """It keeps nothing longer than it must, and the flock is started anew again and again."""
    book = Logbook(tmp_path, options)
    told: list[int] = []
    for n in range(60):
        with writing(options, keep=0.0) as journal:
            say(journal, n)
        told += numbers(book.fresh())
    assert list(range(60)) == told


def test_a_clock_that_is_set_back_leaves_no_gap(tmp_path: Path, options: Options) -> None:
    """Posts are followed by their number, not by their time."""
    with writing(options) as journal:
        book = Logbook(tmp_path, options)
        say(journal, 0, at=1000.0)
        assert [0] == numbers(book.fresh())
        say(journal, 1, at=10.0)
        assert [1] == numbers(book.fresh())


@pytest.mark.parametrize("since", [1, 3])
def test_a_restored_journal_is_followed_on(since: int, tmp_path: Path, options: Options) -> None:
    """What was told is not told again; what is said once more is, also where it overtakes at once."""
    with writing(options) as journal:
        for n in range(5):
            say(journal, n, at=100.0 + n)
    copy = back_up(options.state_file, tmp_path / "copy.db").file
    with writing(options) as journal:
        for n in range(5, 5 + since):
            say(journal, n, at=100.0 + n)
    book = Logbook(tmp_path, options)
    book.posts()
    restore(copy, options.state_file, force=True)
    with writing(options) as journal:
        for n in range(5, 7):
            say(journal, n, at=200.0 + n)

        assert [205.0, 206.0] == [entry.post.at for entry in book.fresh()]
        assert [] == book.fresh()
        say(journal, 7, at=300.0)
        assert [7] == numbers(book.fresh())


def test_a_bot_that_joins_is_told_of(tmp_path: Path, options: Options, write_key: Callable[..., Path]) -> None:
    """From its first line on."""
    book = Logbook(tmp_path, options)
    with writing(options) as journal:
        say(journal, 0)
        book.fresh()
        write_key("ram.json", screen_name="ram", oauth_token="1003-token", oauth_token_secret="third")
        journal.claim(["x:ram"])
        say(journal, 0, "x:ram")
        assert ["ram"] == [entry.bot for entry in book.fresh()]


def test_a_folder_that_is_away_for_a_moment_does_no_harm(tmp_path: Path, options: Options) -> None:
    """The bots are those that it had."""
    keys = tmp_path / "keys"
    keys.mkdir()
    for file in ("dolly.json", "shaun.json", "poem.txt"):
        (tmp_path / file).rename(keys / file)
    book = Logbook(keys, options)
    keys.rename(tmp_path / "elsewhere")
    with writing(options) as journal:
        say(journal, 0)
        assert [0] == numbers(book.fresh())
        (tmp_path / "elsewhere").rename(keys)
        say(journal, 1)
        assert [1] == numbers(book.fresh())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(steps=st.lists(st.sampled_from(["dolly", "shaun", "look", "glance", "anew"]), max_size=25))
@example(steps=["dolly"] * 9)
@example(steps=["dolly", "look", "dolly", "glance", "shaun", "glance", "look", "dolly"])
def test_each_post_is_told_once_and_in_order(
    steps: list[str], tmp_path_factory: pytest.TempPathFactory, options: Options
) -> None:
    """Whenever one looks, or glances."""
    folder = options.state_file.parent
    fresh = settle_options({"state": tmp_path_factory.mktemp("state") / "flock.db"}, environment={})
    book = Logbook(folder, fresh)
    said = {DOLLY: 0, SHAUN: 0}
    told: list[tuple[str, int]] = []
    journal = None
    for step in steps:
        if step == "look":
            told += [(entry.post.bot, entry.post.n) for entry in book.fresh()]
        elif step == "glance":
            told += [(entry.post.bot, entry.post.n) for entry in book.quick() or ()]
        elif step == "anew" and journal:
            journal.close()
            journal = None
        elif step != "anew":
            if journal is None:
                journal = SqliteJournal(fresh.state_file, keep=0.0)
                journal.claim([DOLLY, SHAUN])
            say(journal, said[f"x:{step}"], f"x:{step}")
            said[f"x:{step}"] += 1
            if said[f"x:{step}"] % 8 == 0:  # the next intent lets the journal forget what is older
                told += [(entry.post.bot, entry.post.n) for entry in book.fresh()]
    if journal:
        journal.close()
    told += [(entry.post.bot, entry.post.n) for entry in book.fresh()]
    for bot, count in said.items():
        assert list(range(count)) == [n for name, n in told if name == bot]
