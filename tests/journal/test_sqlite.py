"""The journal in a file: durable, shared by threads, owned by one process a bot."""

import gc
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from flock.errors import BotsTaken, JournalError, Unstorable
from flock.journal import WELL, Condition, Outcome, Place, Settlement, SqliteJournal, Standing
from flock.journal.schema import migrate
from tests.conftest import TIMEOUT, until

HOLDER = """
import sys, pathlib
from flock.journal import SqliteJournal
from flock.errors import BotsTaken
journal = SqliteJournal(pathlib.Path(sys.argv[1]))
try:
    journal.claim(sys.argv[2:])
except BotsTaken as error:
    print(error, flush=True)
else:
    print("claimed", flush=True)
    sys.stdin.read()
journal.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a journal may be."""
    return tmp_path / "state" / "flock.db"


@contextmanager
def another_process(path: Path, *bots: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run another process that claims `bots`; yield it with what it said of that, and end it."""
    command = [sys.executable, "-c", HOLDER, str(path), *bots]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()
            process.wait(TIMEOUT)


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """Return what `query` finds in the file, read as any other program would."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def together(journal: SqliteJournal, *calls: Callable[[], object]) -> list[Future[object]]:
    """Make these calls, each in a thread, while another program holds the journal up; return how they ended.

    The first begins to write, and the others queue up behind it in their order.
    """
    made: list[Future[object]] = []
    with ThreadPoolExecutor(len(calls)) as pool, closing(sqlite3.connect(journal.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        for call in calls:
            made.append(pool.submit(call))
            until("it is queued", lambda: journal.commits.pending == len(made))
    return made


def refusal(act: Callable[[], object]) -> str:
    """Return the one line in which `act` is refused."""
    with pytest.raises(JournalError) as caught:
        act()
    caught.value.__traceback__ = None  # with it goes the half-open journal
    gc.collect()
    (line,) = str(caught.value).splitlines()
    return line


def test_a_journal_survives_being_closed(path: Path) -> None:
    """Its folder is made for it; the place and the open intent are there again."""
    place = Place(n=4, line=2, saying="baa", next_line="baa", due=17.25, intended=16.0)
    with closing(SqliteJournal(path)) as journal:
        journal.claim(["x:dolly"])
        journal.intend("x:dolly", place, "baa")
    with closing(SqliteJournal(path)) as journal:
        assert (place, WELL) == journal.read("x:dolly")
        assert [16.0] == journal.latest_posts(9)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277])
def test_the_state_is_private_whatever_the_umask(path: Path, umask: int) -> None:
    """The files that the journal creates can be read and written by their owner alone; its folder, too."""
    before = os.umask(umask & 0o077)
    try:
        path.parent.mkdir(mode=0o700)
        os.umask(umask)
        with closing(SqliteJournal(path)) as journal:
            journal.claim(["x:dolly"])
            names = ("flock.db", "flock.db-wal", "flock.db-shm", "flock.db.lock")
            modes = {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert dict.fromkeys(names, "0o600") == modes


def test_the_folder_that_the_journal_creates_is_private(path: Path) -> None:
    """Another user cannot list it."""
    with closing(SqliteJournal(path)):
        assert 0o700 == path.parent.stat().st_mode & 0o777


def test_how_a_tweet_ended_can_be_read_by_others(path: Path) -> None:
    """The columns that an operator's query finds."""
    with closing(SqliteJournal(path)) as journal:
        journal.claim(["x:dolly"])
        journal.intend("x:dolly", Place(n=1, piece=2, intended=10.0), "baa")
        journal.settle("x:dolly", Settlement(1, 2, Outcome.SKIPPED, 11.0, None, "too long"), Place(n=2))
        expected = [("x:dolly", 1, 2, "baa", "skipped", None, "too long", 10.0, 11.0)]
        query = """SELECT sheep.bot, tweet.n, tweet.piece, text, outcome, post_id, why, intended_at, settled_at
            FROM tweet JOIN sheep ON sheep.id = tweet.bot"""
        assert expected == rows(path, query)


@pytest.mark.parametrize(
    ("intended", "expected"),
    [(None, ("withdrawn", 10.0)), (10.0, ("intended", None))],
    ids=["surely not out", "may be out"],
)
def test_keeping_withdraws_what_is_surely_not_out(
    path: Path, intended: float | None, expected: tuple[object, ...]
) -> None:
    """An operator's query finds how the intent ended; the intents of other posts and bots stay as they are."""
    with closing(SqliteJournal(path)) as journal:
        journal.intend("x:ewe", Place(n=1, intended=5.0), "baa")
        journal.intend("x:dolly", Place(n=0, intended=5.0), "baa")
        journal.settle("x:dolly", Settlement(0, 0, Outcome.UNKNOWN, 6.0), Place(n=1))
        journal.intend("x:dolly", Place(n=1, intended=10.0), "baa")
        journal.keep("x:dolly", Place(n=1, intended=intended), Standing(Condition.BACKING_OFF, failures=1))
        query = (
            "SELECT outcome, settled_at FROM tweet JOIN sheep ON sheep.id = tweet.bot ORDER BY sheep.bot, tweet.n"
        )
        assert [("unknown", 6.0), expected, ("intended", None)] == rows(path, query)


def test_two_hundred_threads_write_at_once(path: Path) -> None:
    """What each was told is written is in the file, and each bot is at its right place."""
    bots = [f"x:sheep{number}" for number in range(200)]
    start = threading.Barrier(len(bots))

    def live(bot: str) -> list[int]:
        start.wait(TIMEOUT)
        seen = []
        for n in range(5):
            journal.intend(bot, Place(n=n, intended=n), f"{bot} {n}")
            journal.settle(bot, Settlement(n, 0, Outcome.SAID, n, post_id=str(n)), Place(n=n + 1))
            kept = journal.read(bot)
            seen.append(kept[0].n if kept else -1)
        return seen

    with closing(SqliteJournal(path)) as journal:
        journal.claim(bots)
        with ThreadPoolExecutor(len(bots)) as pool:
            assert [[1, 2, 3, 4, 5]] * 200 == list(pool.map(live, bots))
        assert [(1000,)] == rows(path, "SELECT count(*) FROM tweet WHERE outcome = 'said'")
        assert [(200, 5)] == rows(path, "SELECT count(*), min(n) FROM sheep WHERE is_kept")
        wrong = "SELECT 1 FROM tweet JOIN sheep ON sheep.id = tweet.bot WHERE text != sheep.bot || ' ' || tweet.n"
        assert [] == rows(path, wrong)


def test_an_intent_is_on_the_disk_before_intend_returns(path: Path) -> None:
    """Another program sees it while the journal is open: a kill -9 now would lose nothing."""
    with closing(SqliteJournal(path)) as journal:
        journal.claim(["x:dolly"])
        journal.intend("x:dolly", Place(intended=1.0), "baa")
        assert [("baa", "intended")] == rows(path, "SELECT text, outcome FROM tweet")


@pytest.mark.parametrize(
    ("black", "poison"),
    [
        pytest.param("x:black", Place(next_line="baa \ud800"), id="a lone surrogate in a text"),
        pytest.param("x:black", Place(n=2**63), id="a number of more than 64 bits"),
        pytest.param("x:black", Place(due=float("nan")), id="no number"),
        pytest.param("x:black", Place(last_id=["99"]), id="another type"),  # type: ignore[arg-type]
    ],
)
@pytest.mark.parametrize("position", [1, 4, 7])
def test_a_write_that_cannot_be_stored_fails_alone(path: Path, black: str, poison: Place, position: int) -> None:
    """The other writes of its group are committed; the error is not one of the journal."""
    with closing(SqliteJournal(path)) as journal:
        white = [(f"x:sheep{number}", Place(n=number, intended=1.0)) for number in range(8)]
        group = [*white[:position], (black, poison._replace(intended=1.0)), *white[position:]]
        calls = together(journal, *(partial(journal.intend, bot, place, "baa") for bot, place in group))
        errors = [call.exception() for call in calls]
        assert [None] * 8 == errors[:position] + errors[position + 1 :]
        assert isinstance(errors[position], Unstorable)
        assert isinstance(errors[position], ValueError)
        assert not isinstance(errors[position], JournalError)
        assert str(errors[position]).isprintable()
        assert [(place, WELL) for _, place in white] == [journal.read(bot) for bot, _ in white]
        assert [(8,)] == rows(path, "SELECT count(*) FROM tweet")


@pytest.mark.parametrize("odd", ["baa \ud800", "\udfff"])
def test_each_text_may_be_the_one_that_cannot_be_stored(path: Path, odd: str) -> None:
    """The tweet, its id, the reason, and the bot, also in what only reads; nothing of that write is stored."""
    with closing(SqliteJournal(path)) as journal:
        here, after = Place(n=1, intended=1.0), Place(n=2)
        journal.intend("x:dolly", here, "baa")
        acts: list[Callable[[], object]] = [
            partial(journal.intend, "x:dolly", after._replace(intended=2.0), odd),
            partial(journal.settle, "x:dolly", Settlement(1, 0, Outcome.SAID, 2.0, odd), after),
            partial(journal.settle, "x:dolly", Settlement(1, 0, Outcome.SKIPPED, 2.0, None, odd), after),
            partial(journal.keep, "x:dolly", after, Standing(Condition.PENNED, odd)),
            partial(journal.claim, ["x:ewe", f"x:{odd}"]),
            partial(journal.read, f"x:{odd}"),
            partial(journal.latest_posts, 9, f"x:{odd}"),
        ]
        for act in acts:
            with pytest.raises(Unstorable):
                act()
        assert (here, WELL) == journal.read("x:dolly")
        assert [("x:dolly",)] == rows(path, "SELECT bot FROM sheep")
        after = after._replace(prior_line="b\0a")
        journal.settle("x:dolly", Settlement(1, 0, Outcome.SAID, 3.0, "9\0009"), after)
        assert (after, WELL) == journal.read("x:dolly")


class Faulty(sqlite3.Connection):
    """A connection on which chosen statements fail once each, as if the disk did."""

    failing: ClassVar[list[str]] = []

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql in self.failing:
            self.failing.remove(sql)
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *values)


@pytest.mark.parametrize("next_is_flushed", [False, True])
@pytest.mark.parametrize("failing", [["COMMIT"], ["COMMIT", "ROLLBACK"], ["BEGIN IMMEDIATE"]])
def test_a_transaction_that_fails_leaves_none_open(
    path: Path, monkeypatch: pytest.MonkeyPatch, failing: list[str], next_is_flushed: bool
) -> None:
    """Its write raises; the next write has no such trouble, also where `PRAGMA synchronous` comes first."""
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Faulty))
    with closing(SqliteJournal(path)) as journal:
        dolly, ewe = (partial(journal.keep, bot, Place(), WELL) for bot in ("x:dolly", "x:ewe"))
        ewe()
        monkeypatch.setattr(Faulty, "failing", [*failing])
        assert f"the journal {path}: disk I/O error" == refusal(dolly)
        assert not Faulty.failing
        if next_is_flushed:
            journal.intend("x:ewe", Place(intended=1.0), "baa")
        else:
            ewe()
        assert [("x:ewe",)] == rows(path, "SELECT bot FROM sheep")


def test_a_journal_is_closed_when_all_that_was_queued_is_written(path: Path) -> None:
    """It may be closed again."""
    journal = SqliteJournal(path)
    journal.claim([f"x:sheep{number}" for number in range(3)])
    keeps = [partial(journal.keep, f"x:sheep{number}", Place(), WELL) for number in range(3)]
    assert [None] * 4 == [call.result() for call in together(journal, *keeps, journal.close)]
    journal.close()
    assert [(3,)] == rows(path, "SELECT count(*) FROM sheep WHERE is_kept")


def test_a_file_that_is_no_journal_is_refused_in_a_line(path: Path) -> None:
    """And left as it is."""
    path.parent.mkdir()
    path.write_text("Dear diary, " * 500)
    expected = (
        f"the journal {path}: it is damaged or no journal; restore a copy, or move it away and all bots start over"
    )
    assert expected == refusal(lambda: SqliteJournal(path))
    assert path.read_text().startswith("Dear diary")


def test_a_journal_of_a_newer_flock_is_refused_in_a_line(path: Path) -> None:
    """An older program must not write what it does not understand."""
    SqliteJournal(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    expected = f"the journal {path}: it was written by a newer flock; install that version again"
    assert expected == refusal(lambda: SqliteJournal(path))


def test_a_folder_that_cannot_be_made_is_refused_in_a_line(tmp_path: Path) -> None:
    """Here a file is in its place."""
    (tmp_path / "state").write_text("")
    path = tmp_path / "state" / "deeper" / "flock.db"
    assert f"the journal {path}: Not a directory" == refusal(lambda: SqliteJournal(path))


def test_a_folder_in_the_journals_place_is_refused_in_a_line(path: Path) -> None:
    """As when --state names the folder and not the file."""
    path.mkdir(parents=True)
    expected = f"the journal {path}: it is no file; give --state the path of a file"
    assert expected == refusal(lambda: SqliteJournal(path))


def test_a_journal_that_cannot_be_written_says_so_and_recovers(path: Path) -> None:
    """Nothing is half written, readers still read, and once it can be written the flock goes on."""
    before, intended = Place(n=1), Place(n=1, intended=3.0)
    with closing(SqliteJournal(path)) as journal:
        journal.claim(["x:dolly"])
        journal.settle("x:dolly", Settlement(0, 0, Outcome.SAID, 1.0), before)
        journal._writer.execute("PRAGMA query_only = ON")  # the tests run as root, whom no mode keeps from writing
        expected = (
            f"the journal {path}: it cannot be written; check its owner and permissions, and those of its folder"
        )
        assert expected == refusal(lambda: journal.intend("x:dolly", intended._replace(line=1), "baa"))
        assert (before, WELL) == journal.read("x:dolly")
        assert [] == rows(path, "SELECT * FROM tweet")
        journal._writer.execute("PRAGMA query_only = OFF")
        journal.intend("x:dolly", intended, "baa")
        assert (intended, WELL) == journal.read("x:dolly")


def test_settling_moves_the_sheep_and_closes_the_intent_or_neither(path: Path) -> None:
    """Where the second statement fails, the first is undone."""
    with closing(SqliteJournal(path)) as journal:
        journal.claim(["x:dolly"])
        ailing = Standing(Condition.BACKING_OFF, "no answer", failures=1)
        journal.keep("x:dolly", Place(n=1), ailing)
        journal.intend("x:dolly", Place(n=1, intended=1.0), "baa")
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TRIGGER no BEFORE UPDATE ON tweet BEGIN SELECT RAISE(ABORT, 'no room'); END")
            other.commit()
        with pytest.raises(Unstorable, match="no room"):
            journal.settle("x:dolly", Settlement(1, 0, Outcome.SAID, 2.0), Place(n=2))
        assert (Place(n=1, intended=1.0), ailing) == journal.read("x:dolly")


def test_a_closed_journal_refuses_to_write(path: Path) -> None:
    """A sheep that ends after the journal did must not wait for ever."""
    journal = SqliteJournal(path)
    journal.claim(["x:dolly"])
    journal.close()
    answers: list[str] = []

    def write_late() -> None:
        try:
            journal.intend("x:dolly", Place(intended=1.0), "baa")
        except JournalError as error:
            answers.append(str(error))

    late = threading.Thread(target=write_late, daemon=True)
    late.start()
    late.join(2)
    assert 1 == len(answers)


def test_an_intent_of_a_bot_that_nobody_claimed_is_not_lost(path: Path) -> None:
    """It is either written or refused; what returns is durable."""
    with closing(SqliteJournal(path)) as journal:
        try:
            journal.intend("x:stray", Place(n=1, intended=1.0), "baa")
        except JournalError:
            return
        assert (Place(n=1, intended=1.0), WELL) == journal.read("x:stray")


@pytest.fixture(params=["open file description locks", "POSIX locks"])
def _each_kind_of_lock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claim with the locks of Linux, and with those of other systems."""
    if request.param == "POSIX locks":
        monkeypatch.setattr("flock.journal.claims._HAS_FILE_LOCKS", False)


claims = pytest.mark.usefixtures("_each_kind_of_lock")


@claims
def test_a_second_journal_of_the_same_process_is_refused_the_bot(path: Path) -> None:
    """It says so, claims none of its bots, and may claim the others."""
    with closing(SqliteJournal(path)) as first, closing(SqliteJournal(path)) as second:
        first.claim(["x:dolly"])
        with pytest.raises(BotsTaken, match=r"^this process already runs dolly; close that flock first,"):
            second.claim(["x:ewe", "x:dolly"])
        first.claim(["x:ewe"])
        second.claim(["x:lamb"])
        with pytest.raises(BotsTaken):
            first.claim(["x:lamb"])


@claims
def test_closing_one_journal_leaves_the_claims_of_another(path: Path) -> None:
    """In the same process and for others; then closing that frees them."""
    first, second = SqliteJournal(path), SqliteJournal(path)
    first.claim(["x:dolly"])
    second.claim(["x:ewe"])
    with closing(SqliteJournal(path)) as third, pytest.raises(BotsTaken):
        third.claim(["x:dolly"])
    second.close()
    for bot, expected in (("x:dolly", "already runs dolly"), ("x:ewe", "claimed")):
        with another_process(path, bot) as (_, answer):
            assert expected in answer
    first.close()
    with another_process(path, "x:dolly") as (_, answer):
        assert "claimed" == answer
    with closing(SqliteJournal(path)) as journal:
        journal.claim(["x:dolly", "x:ewe"])


@claims
def test_two_names_of_one_account_are_not_claimed_at_once(path: Path) -> None:
    """Two flocks start in the same moment, and neither finds the account in the journal yet."""
    with closing(SqliteJournal(path)) as first, closing(SqliteJournal(path)) as second:
        names = [journal.identify(bot, "x:1") for journal, bot in ((first, "x:dolly"), (second, "x:molly"))]
        assert ["x:dolly", "x:molly"] == names

        first.claim(["x:dolly"], {"x:dolly": "x:1"})
        with pytest.raises(BotsTaken, match="already runs dolly"):
            second.claim(["x:molly"], {"x:molly": "x:1"})


@claims
def test_an_account_that_another_flock_runs_is_not_recognized(path: Path) -> None:
    """Its name was another one when it was claimed there; when that flock has ended, it is."""
    with closing(SqliteJournal(path)) as first:
        first.claim(["x:dolly"], {"x:dolly": "x:1"})
        with closing(SqliteJournal(path)) as second:
            second.claim(["x:molly"])
            with pytest.raises(BotsTaken, match="already runs dolly"):
                second.recognize("x:molly", "x:molly", "x:1")
            first.close()
            assert "x:dolly" == second.recognize("x:molly", "x:molly", "x:1")
            with closing(SqliteJournal(path)) as third, pytest.raises(BotsTaken, match="already runs dolly"):
                third.claim(["x:dolly"])


@claims
def test_one_of_two_flocks_gets_an_account_that_both_find_out(path: Path) -> None:
    """In the same moment, and neither finds it in the journal yet."""
    with closing(SqliteJournal(path)) as first, closing(SqliteJournal(path)) as second:
        first.claim(["x:dolly"])
        second.claim(["x:molly"])
        assert "x:dolly" == first.recognize("x:dolly", "x:dolly", "x:1")
        with pytest.raises(BotsTaken, match="already runs dolly"):
            second.recognize("x:molly", "x:molly", "x:1")


@claims
def test_the_same_journal_by_another_path_is_the_same(path: Path) -> None:
    """What counts is the lock file, not its name."""
    with closing(SqliteJournal(path)) as first:
        first.claim(["x:dolly"])
        path.parent.with_name("link").symlink_to(path.parent)
        other = path.parent.with_name("link") / path.name
        with closing(SqliteJournal(other)) as second, pytest.raises(BotsTaken):
            second.claim(["x:dolly"])


FORKING = """
import os, sys, pathlib
from flock.journal import WELL, Place, SqliteJournal
from flock.errors import FlockError
path = pathlib.Path(sys.argv[1])
journal = SqliteJournal(path)
journal.claim(["x:dolly"])
read, write = os.pipe()
if not os.fork():
    def answer(act):
        try:
            act()
        except FlockError as error:
            return type(error).__name__
        return "done"
    dolly = "x:dolly"
    keep = lambda: journal.keep(dolly, Place(), WELL)
    acts = [lambda: journal.claim(["x:ewe"]), keep, lambda: journal.read(dolly)]
    print(*map(answer, acts), flush=True)
    other = SqliteJournal(path)
    print(answer(lambda: other.claim(["x:dolly"])), flush=True)
    other.close()
    journal.close()
    os.close(read)
    os.write(write, b"!")
    sys.stdin.read()  # it outlives its parent
    os._exit(0)
os.read(read, 1)
print("forked", flush=True)
sys.stdin.readline()
"""


def test_a_forked_child_has_no_claims_and_leaves_those_of_its_parent(path: Path) -> None:
    """It cannot write through the parent's journal; closing it frees nothing. The claims end with the parent."""
    command = [sys.executable, "-c", FORKING, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin
        assert parent.stdout
        lines = [parent.stdout.readline().strip() for _ in range(3)]
        assert ["JournalError JournalError JournalError", "BotsTaken", "forked"] == lines
        with closing(SqliteJournal(path)) as journal:
            with pytest.raises(BotsTaken):
                journal.claim(["x:dolly"])
            parent.kill()
            parent.wait(TIMEOUT)
            journal.claim(["x:dolly"])


@claims
def test_a_bot_that_runs_already_is_refused_to_another_process(path: Path) -> None:
    """It is told which process has it, and which bots; other bots are free."""
    with closing(SqliteJournal(path)) as journal:
        journal.claim(["x:dolly", "x:ewe"])
        with another_process(path, "x:ewe", "x:lamb") as (_, answer):
            assert f"process {os.getpid()} already runs ewe; stop that flock first," in answer
        with another_process(path, "x:lamb") as (_, answer):
            assert "claimed" == answer


@claims
def test_this_process_is_refused_what_another_has(path: Path) -> None:
    """And names that one."""
    with another_process(path, "x:dolly") as (process, answer), closing(SqliteJournal(path)) as journal:
        assert "claimed" == answer
        with pytest.raises(BotsTaken, match=f"^process {process.pid} already runs dolly;"):
            journal.claim(["x:dolly"])


@claims
def test_a_refused_claim_keeps_none_of_its_bots(path: Path) -> None:
    """Those that were free are free again for the next who asks."""
    with another_process(path, "x:dolly"), closing(SqliteJournal(path)) as journal:
        with pytest.raises(BotsTaken):
            journal.claim(["x:dolly", "x:ewe"])
        with another_process(path, "x:ewe") as (_, answer):
            assert "claimed" == answer


@claims
def test_a_killed_flock_frees_its_bots_at_once(path: Path) -> None:
    """After a kill -9 nobody waits for a lock to time out."""
    with closing(SqliteJournal(path)) as journal:
        with another_process(path, "x:dolly") as (process, answer):
            assert "claimed" == answer
            process.send_signal(signal.SIGKILL)
            assert -signal.SIGKILL == process.wait(TIMEOUT)
        journal.claim(["x:dolly"])
        with another_process(path, "x:dolly") as (_, answer):
            assert f"process {os.getpid()} already runs dolly" in answer


def test_a_closed_journal_frees_its_bots(path: Path) -> None:
    """A flock that stops can be started again at once."""
    journal = SqliteJournal(path)
    journal.claim(["x:dolly"])
    journal.close()
    with another_process(path, "x:dolly") as (_, answer):
        assert "claimed" == answer


def test_a_migration_is_all_or_nothing(path: Path) -> None:
    """A second one that fails half-way leaves the first, and its number; mended, it runs."""
    path.parent.mkdir()
    first, broken = "CREATE TABLE a (x)", "CREATE TABLE b (x); CREATE TABLE a (x)"
    with ExitStack() as stack:
        connection = stack.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            migrate(connection, [first, broken])
        tables = "SELECT name FROM sqlite_master ORDER BY name"
        assert [("a",)] == connection.execute(tables).fetchall()
        assert (1,) == connection.execute("PRAGMA user_version").fetchone()
        migrate(connection, [first, "CREATE TABLE b (x)"])
        migrate(connection, [first, "CREATE TABLE b (x)"])
        assert [("a",), ("b",)] == connection.execute(tables).fetchall()
        assert (2,) == connection.execute("PRAGMA user_version").fetchone()


def test_what_was_said_long_ago_is_forgotten_little_by_little(tmp_path: Path) -> None:
    """Years cost megabytes: the rows of the last two days stay, and the count of a lifetime."""
    path = tmp_path / "flock.db"
    journal = SqliteJournal(path, keep=2 * 86400)
    hour = 3600.0
    for n in range(201):
        journal.intend("x:dolly", Place(n=n, intended=n * hour), f"line {n}")
        journal.settle("x:dolly", Settlement(n, 0, Outcome.SAID, n * hour), Place(n=n + 1))
    kept = [n for (n,) in rows(path, "SELECT n FROM tweet ORDER BY n")]
    there = journal.read("x:dolly")
    journal.close()

    assert list(range(200 - 48, 201)) == kept
    assert (Place(n=201), WELL) == there


@pytest.mark.parametrize(("is_capped", "expected"), [(False, [31, 32]), (True, list(range(8, 33)))])
def test_a_day_is_remembered_where_a_cap_is_counted_from_it(
    tmp_path: Path, is_capped: bool, expected: list[int]
) -> None:
    """However short the history should be; where nobody counts, it is as short as that."""
    journal = SqliteJournal(tmp_path / "flock.db", keep=3600.0)
    if is_capped:
        journal.latest_posts(5)
    for hour in range(33):
        journal.intend("x:dolly", Place(n=hour, intended=hour * 3600.0), f"line {hour}")
    kept = [n for (n,) in rows(journal.path, "SELECT n FROM tweet ORDER BY n")]
    journal.close()

    assert expected == kept


FAR = 10 * 365 * 86400.0


@pytest.mark.parametrize("of_flock", [False, True])
@pytest.mark.parametrize("wrong", [FAR, -FAR], ids=["ahead", "behind"])
def test_what_a_cap_counts_is_kept_whatever_the_clock_says(path: Path, wrong: float, of_flock: bool) -> None:
    """The clock is wrong for some posts, and then right again; skipped lines are not counted."""
    cap, now, ends = 12, FAR + 1e6, (Outcome.SAID, Outcome.SKIPPED)
    with closing(SqliteJournal(path, keep=3600.0)) as journal:
        journal.claim(["x:dolly", "x:ewe"])
        assert [] == journal.latest_posts(cap, None if of_flock else "x:dolly")
        for n in range(60):
            at = now + n + (wrong if 30 <= n < 50 else 0.0)
            for bot in ("x:dolly", "x:ewe"):
                journal.intend(bot, Place(n=n, intended=at), "baa")
                journal.settle(bot, Settlement(n, 0, ends[n % 2], at), Place(n=n + 1))
        kept = rows(path, "SELECT n FROM tweet WHERE outcome = 'said' AND bot = 1 ORDER BY n DESC")
    latest = [(n,) for n in range(58, -1, -2)][: cap // 2 if of_flock else cap]
    assert latest == kept[: len(latest)]


def test_posts_dated_in_the_future_do_not_keep_the_file_from_staying_small(path: Path) -> None:
    """Pruning begins with the oldest posts, also where the clock was wrong at the first."""
    with closing(SqliteJournal(path, keep=3600.0)) as journal:
        for n in range(201):
            journal.intend("x:dolly", Place(n=n, intended=n * 600.0 + (FAR if n < 40 else 0.0)), "baa")
            journal.settle("x:dolly", Settlement(n, 0, Outcome.SAID, n * 600.0), Place(n=n + 1))
        assert [(7, 194)] == rows(path, "SELECT count(*), min(n) FROM tweet")
