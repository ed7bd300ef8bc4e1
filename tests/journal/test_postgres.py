"""The journal in a real PostgreSQL: claims are leases, writes carry an epoch, and what breaks is told in words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.errors import BadOption, BotsTaken, DailyLimit, JournalError, Unstorable
from flock.journal import WELL, Condition, Outcome, Place, Settlement, Standing, Verb, find_journal, open_journal
from flock.journal.postgres import schema
from flock.journal.postgres.journal import PostgresJournal
from flock.journal.postgres.leases import MARGIN, TTL
from flock.journal.postgres.texts import restored, stored
from flock.state import Database
from flock.units import DAY
from tests.conftest import until
from tests.postgres import PASSWORD, PostgresServer

DOLLY, EWE = "x:dolly", "x:ewe"
UNDER_WAY = Place(n=7, intended=10.0)
AILING = Standing(condition=Condition.WAITING, trouble="a limit", until=99.0)


class Clock:
    """A boot-time clock that a test can let run ahead, as after a machine was suspended."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """Return the URL of an empty database."""
    return postgres.new_database()


@pytest.fixture
def open_one(url: str) -> Iterator[Callable[..., PostgresJournal]]:
    """Return an opener of journals in the database, which are closed at the end."""
    with ExitStack() as opened:
        yield lambda **parts: opened.enter_context(closing(PostgresJournal(Database(url), **parts)))


@pytest.fixture
def journal(open_one: Callable[..., PostgresJournal]) -> PostgresJournal:
    """Return a journal on which a bot is claimed."""
    fresh = open_one()
    fresh.claim([DOLLY])
    return fresh


def say(journal: PostgresJournal, bot: str, n: int, at: float) -> None:
    """Note the `n`-th post of a bot, and that it was said."""
    journal.intend(bot, Place(n=n, intended=at), "baa")
    journal.settle(bot, Settlement(n, 0, Outcome.SAID, at), Place(n=n + 1))


def expire(postgres: PostgresServer, url: str) -> None:
    """Let every lease end now, by the database's clock, as if it had not been renewed for long enough."""
    postgres.execute("UPDATE lease SET until = clock_timestamp()", url=url)


class TestClaims:
    """One flock runs a bot, whatever becomes of the others."""

    def test_a_second_flock_is_refused(
        self, journal: PostgresJournal, open_one: Callable[..., PostgresJournal]
    ) -> None:
        """The line names the process and its machine; what else was asked for is not claimed either."""
        second = open_one()
        with pytest.raises(BotsTaken, match=r"this process already runs ewe, dolly; close that flock first"):
            second.claim([EWE, DOLLY])
        assert {DOLLY: os.getpid()} == second.holders([DOLLY, EWE])
        journal.claim([EWE])

    def test_what_is_given_back_is_free_at_once(self, open_one: Callable[..., PostgresJournal]) -> None:
        """By release or by close; nothing can be under way any more."""
        first, second = open_one(), open_one()
        first.claim([DOLLY, EWE])
        first.keep(DOLLY, Place(n=3), AILING)
        first.release([DOLLY])
        second.claim([DOLLY])
        assert ((Place(n=3), AILING), False) == (second.read(DOLLY), second.is_taken_over(DOLLY))
        with pytest.raises(JournalError, match="does not hold x:dolly"):
            first.keep(DOLLY, Place(), WELL)
        first.close()
        second.claim([EWE])
        assert not second.is_taken_over(EWE)

    def test_a_lease_that_ended_may_be_taken_over(
        self, postgres: PostgresServer, url: str, open_one: Callable[..., PostgresJournal]
    ) -> None:
        """The new holder goes on where the other was, and knows that its post may be under way. The other one can
        write nothing, and finds out that it has lost the bot."""
        first, second = open_one(), open_one()
        first.claim([DOLLY, EWE])
        first.intend(DOLLY, UNDER_WAY, "baa")
        expire(postgres, url)

        second.claim([DOLLY])

        assert ((UNDER_WAY, WELL), True) == (second.read(DOLLY), second.is_taken_over(DOLLY))
        with pytest.raises(
            JournalError, match=rf"process {os.getpid()} on .* runs x:dolly now; nothing is posted"
        ):
            first.settle(DOLLY, Settlement(7, 0, Outcome.SAID, 11.0), Place(n=8))
        assert [DOLLY] == list(first.look_after(0.0))
        assert not first.may_post(DOLLY)
        assert (UNDER_WAY, WELL) == second.read(DOLLY)
        second.settle(DOLLY, Settlement(7, 0, Outcome.SAID, 11.0), Place(n=8))

    def test_a_flock_keeps_what_nobody_has_taken(
        self, postgres: PostgresServer, url: str, open_one: Callable[..., PostgresJournal]
    ) -> None:
        """After its lease has ended it takes another, under which its other bots go on."""
        first, second = open_one(), open_one()
        first.claim([DOLLY, EWE])
        expire(postgres, url)
        second.claim([DOLLY])

        first.holding.lease.renew()

        assert [DOLLY] == list(first.look_after(0.0))
        assert [False, True] == [first.may_post(bot) for bot in (DOLLY, EWE)]
        say(first, EWE, 0, 1.0)
        say(second, DOLLY, 0, 2.0)
        with pytest.raises(JournalError):
            first.keep(DOLLY, Place(n=9), WELL)
        assert (Place(n=1), WELL) == second.read(DOLLY)

    def test_nothing_is_written_before_the_lease_ends(self, open_one: Callable[..., PostgresJournal]) -> None:
        """By the flock's own clock, with the time in which the machine was suspended."""
        clock = Clock()
        journal = open_one(now=clock)
        journal.claim([DOLLY])
        clock.ahead = TTL - MARGIN + 0.1

        assert not journal.may_post(DOLLY)
        writes: list[Callable[[], object]] = [
            lambda: journal.intend(DOLLY, UNDER_WAY, "baa"),
            lambda: journal.keep(DOLLY, Place(), WELL),
            lambda: journal.settle(DOLLY, Settlement(7, 0, Outcome.SAID, 1.0), Place()),
        ]
        for write in writes:
            with pytest.raises(JournalError, match="another flock may take the bots; going on when it is back"):
                write()

        journal.holding.lease.renew()
        journal.intend(DOLLY, UNDER_WAY, "baa")

    def test_a_renewal_that_is_under_way_does_not_bring_a_dead_lease_back(
        self, postgres: PostgresServer, url: str, open_one: Callable[..., PostgresJournal]
    ) -> None:
        """Of many flocks that claim, and of the holder that renews at the same moment, one has the bot."""
        for round_ in range(10):
            holder = open_one()
            holder.claim([DOLLY])
            others = [open_one() for _ in range(3)]
            expire(postgres, url)

            def try_it(each: PostgresJournal) -> bool:
                try:
                    each.claim([DOLLY])
                except BotsTaken:
                    return False
                return True

            with ThreadPoolExecutor(5) as pool:
                renewal = pool.submit(holder.holding.lease.renew)
                won = [other for other, has_it in zip(others, pool.map(try_it, others), strict=True) if has_it]
                renewal.result()
            claimants = [*won, *([] if holder.look_after(0.0) else [holder])]
            assert 1 == len(claimants), round_
            claimants[0].keep(DOLLY, Place(n=round_), WELL)
            for each in (holder, *others):
                each.close()

    def test_the_lease_is_renewed_by_itself(
        self, postgres: PostgresServer, url: str, journal: PostgresJournal
    ) -> None:
        """One row for all bots of a flock."""
        ((before,),) = postgres.execute("SELECT until FROM lease", url=url)
        until(
            "renewed",
            lambda: (
                before < postgres.execute("SELECT until FROM lease", url=url)[0][0]
                and journal.holding.lease.is_good
            ),
        )

    def test_a_killed_flock_is_followed_within_seconds(
        self, url: str, open_one: Callable[..., PostgresJournal]
    ) -> None:
        """No later than its lease ends."""
        code = (
            "import sys, threading; from flock.journal import open_journal; "
            f"open_journal(sys.argv[1]).claim(['{DOLLY}']); print(flush=True); threading.Event().wait()"
        )
        with subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            journal = open_one()
            with pytest.raises(BotsTaken, match=f"process {process.pid} on "):
                journal.claim([DOLLY])
            process.send_signal(signal.SIGKILL)
        clock = Clock()
        killed = clock()

        def is_free() -> bool:
            try:
                journal.claim([DOLLY])
            except BotsTaken:
                return False
            return True

        until("taken over", is_free)
        assert clock() - killed < TTL + 0.5

    def test_a_forked_child_has_nothing_of_it(self, journal: PostgresJournal) -> None:
        """The connections are its parent's."""
        pid = os.fork()
        if not pid:
            try:
                journal.keep(DOLLY, Place(n=1), WELL)
            except JournalError:
                os._exit(7)
            os._exit(0)
        assert 7 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        journal.keep(DOLLY, Place(n=2), WELL)


class TestWrites:
    """Group commit, pruning, and caps."""

    def test_many_threads_write_together(
        self, postgres: PostgresServer, url: str, journal: PostgresJournal
    ) -> None:
        """Each bot its own, and in far fewer transactions than writes."""
        bots = [f"x:bot{number}" for number in range(64)]
        journal.claim(bots)
        count = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"

        def live(bot: str) -> None:
            for n in range(10):
                say(journal, bot, n, float(n))

        commits: list[float] = []
        journal.commits.measure(commits.append)
        with ThreadPoolExecutor(len(bots)) as pool:
            list(pool.map(live, bots))

        assert [(Place(n=10), WELL)] * len(bots) == [journal.read(bot) for bot in bots]
        assert len(bots) * 10 == len(journal.posts())
        assert len(commits) < len(bots) * 10, postgres.execute(count, url=url)

    def test_one_text_that_cannot_be_stored_harms_no_other(self, journal: PostgresJournal) -> None:
        """It is left out of its group, whatever else is in it."""
        bots = [f"x:bot{number}" for number in range(32)]
        journal.claim(bots)

        def write(bot: str) -> str:
            try:
                journal.intend(bot, UNDER_WAY, "\ud800" if bot == bots[7] else "baa")
            except Unstorable as error:
                return str(error)
            return ""

        with ThreadPoolExecutor(len(bots)) as pool:
            found = dict(zip(bots, pool.map(write, bots), strict=True))

        assert {bots[7]} == {bot for bot, error in found.items() if error}
        with pytest.raises(Unstorable):
            journal.keep(DOLLY, Place(n=2**63), WELL)
        journal.keep(DOLLY, Place(n=2**63 - 1), WELL)

    @given(st.text(st.characters(codec="utf-8") | st.sampled_from("\0\1" + "01")))
    def test_every_text_has_its_own_form(self, text: str) -> None:
        """PostgreSQL has no NUL."""
        kept = stored(text)
        assert kept is not None
        assert "\0" not in kept
        assert text == restored(kept)

    def test_what_another_program_changed_is_not_overwritten(
        self, postgres: PostgresServer, url: str, journal: PostgresJournal
    ) -> None:
        """A dump that was restored, for instance: the flock must be started anew."""
        journal.keep(DOLLY, Place(n=5), WELL)
        postgres.execute("UPDATE sheep SET n = 3", url=url)
        for _ in range(2):
            with pytest.raises(
                JournalError, match="another program has changed the row of x:dolly; stop the flock"
            ):
                journal.intend(DOLLY, Place(n=5, intended=1.0), "baa")
        postgres.execute("UPDATE sheep SET n = 5", url=url)
        journal.intend(DOLLY, Place(n=5, intended=1.0), "baa")

    def test_old_posts_are_pruned(self, open_one: Callable[..., PostgresJournal]) -> None:
        """So the database stops growing."""
        journal = open_one(keep=3600.0)
        journal.claim([DOLLY])
        for n in range(400):
            say(journal, DOLLY, n, n * 60.0)
        left = [post.n for post in journal.posts()]
        assert 399 == left[-1]
        assert 60 <= len(left) < 90

    def test_posts_that_a_cap_counts_are_kept(self, open_one: Callable[..., PostgresJournal]) -> None:
        """However old they are: a date may come from a wrong clock."""
        journal = open_one(keep=60.0)
        journal.claim([DOLLY])
        journal.latest_posts(30, DOLLY)
        for n in range(100):
            say(journal, DOLLY, n, n * DAY)
        assert 30 == len(journal.latest_posts(30, DOLLY))

    def test_a_cap_holds_for_all_flocks(self, open_one: Callable[..., PostgresJournal]) -> None:
        """However many post at the same moment, on however many machines."""
        bots = [f"x:bot{number}" for number in range(24)]
        journals = [open_one() for _ in range(3)]
        for place, journal in enumerate(journals):
            journal.limit(10)
            journal.claim(bots[place::3])

        def try_it(bot: str) -> float | None:
            journal = next(each for each in journals if each.may_post(bot))
            try:
                journal.intend(bot, Place(intended=1000.0), "baa")
            except DailyLimit as limit:
                return limit.until
            return None

        with ThreadPoolExecutor(len(bots)) as pool:
            found = list(pool.map(try_it, bots))

        assert 10 == found.count(None)
        assert {None, 1000.0 + DAY} == set(found)
        free = next(bot for bot, again in zip(bots, found, strict=True) if again)
        journal = next(each for each in journals if each.may_post(free))
        journal.intend(free, Place(intended=1000.0 + DAY), "baa")

    def test_a_refused_command_stays(self, postgres: PostgresServer, url: str, journal: PostgresJournal) -> None:
        """A flock that has lost the bot neither obeys nor deletes it: all or nothing."""
        journal.give([DOLLY], Verb.SKIP, at=1.0)
        (command,) = journal.commands()
        postgres.execute("UPDATE sheep SET epoch = NULL", url=url)
        with pytest.raises(JournalError):
            journal.obey(command, DOLLY, Place(n=4), WELL)
        assert ([command], None) == (journal.commands(), journal.read(DOLLY))


class TestDatabases:
    """What is there before, and what can be wrong with it."""

    def test_a_new_database_gets_its_tables(self, url: str, open_one: Callable[..., PostgresJournal]) -> None:
        """And then it is no new one; many flocks may start at once."""
        with ThreadPoolExecutor(4) as pool:
            opened = list(pool.map(lambda _: open_one(), range(4)))
        assert 1 == sum(each.is_new for each in opened)
        assert not open_one().is_new
        found = find_journal(Database(url))
        assert found
        found.close()

    def test_an_empty_database_is_no_journal_yet(self, postgres: PostgresServer, url: str) -> None:
        """And a look at it makes none."""
        assert find_journal(Database(url)) is None
        assert [(0,)] == postgres.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", url=url)

    def test_a_look_writes_nothing(self, journal: PostgresJournal, url: str) -> None:
        """Beside a running flock."""
        say(journal, DOLLY, 0, 1.0)
        look = find_journal(Database(url))
        assert look
        with closing(look):
            assert [(DOLLY, os.getpid())] == [(each.bot, each.holder) for each in look.bots()]
            writes: list[Callable[[], object]] = [
                lambda: look.claim([EWE]),
                lambda: look.give([EWE], Verb.NOW, at=1.0),
            ]
            for write in writes:
                with pytest.raises(JournalError, match="read-only"):
                    write()

    def test_migrations_are_made_once(self, url: str, open_one: Callable[..., PostgresJournal]) -> None:
        """An older database is brought up to date; a newer one is refused, and so is a look at an older one."""
        open_one()
        newer = (*schema.MIGRATIONS, "ALTER TABLE sheep ADD COLUMN fleece TEXT")
        with psycopg.connect(url, autocommit=True) as connection:
            assert not schema.migrate(connection, newer)
            assert 2 == schema.version(connection)
            connection.execute("SELECT fleece FROM sheep")
        with pytest.raises(JournalError, match="it was written by a newer flock; install that version again"):
            open_one()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE journal_version SET version = 0")
        with pytest.raises(JournalError):
            open_journal(url)

    def test_the_tables_of_another_program_are_left_alone(self, postgres: PostgresServer, url: str) -> None:
        """It may have a table of that name."""
        postgres.execute("CREATE TABLE sheep (name TEXT)", url=url)
        with pytest.raises(
            JournalError, match="a table sheep that is not flock's; use another database or schema"
        ):
            open_journal(url)

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            (("/flock", "/nowhere"), "there is no such database; make it first"),
            ((PASSWORD, "wrong-sesame"), "the server refuses the user or the password"),
            (("shepherd:", "nobody:"), "the server refuses the user or the password"),
        ],
        ids=["database", "password", "user"],
    )
    def test_what_is_wrong_is_one_line(self, url: str, change: tuple[str, str], expected: str) -> None:
        """Which never shows the password, nor does any error behind it."""
        with pytest.raises(JournalError, match=expected) as error:
            open_journal(url.replace(*change))
        told = f"{error.value!r} {error.value.__cause__!r} {error.value.__context__!r}"
        assert "sesame" not in told
        assert "\n" not in str(error.value)

    def test_a_wrong_clock_is_told(
        self,
        open_one: Callable[..., PostgresJournal],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Other flocks read what this one writes."""
        open_one()
        assert not caplog.messages
        right = time.time
        monkeypatch.setattr("time.time", lambda: right() - 3600.5)
        open_one()
        assert ["this machine's clock is 1h behind that of the journal's server"] == [
            message.partition(";")[0] for message in caplog.messages
        ]

    def test_no_server_is_told(self) -> None:
        """Where nothing listens."""
        with pytest.raises(JournalError, match=r"the server cannot be used .*refused"):
            open_journal("postgresql://shepherd:sesame@127.0.0.1:1/flock")

    def test_a_setting_that_libpq_does_not_know_is_refused(self, url: str) -> None:
        """Without a word of the URL."""
        with pytest.raises(BadOption, match="libpq cannot read this URL") as error:
            open_journal(f"{url}?sesame=sesame")
        assert "sesame" not in str(error.value)

    def test_credentials_may_come_from_a_file(
        self, postgres: PostgresServer, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of passwords, or of services."""
        passwords, services = tmp_path / "pgpass", tmp_path / "services"
        passwords.write_text(f"127.0.0.1:{postgres.port}:*:shepherd:{PASSWORD}\n")
        passwords.chmod(0o600)
        name = url.rpartition("/")[2]
        services.write_text(f"[flock]\nhost=127.0.0.1\nport={postgres.port}\nuser=shepherd\ndbname={name}\n")
        monkeypatch.setenv("PGPASSFILE", str(passwords))
        monkeypatch.setenv("PGSERVICEFILE", str(services))
        for where in (postgres.url(name, password=None), "postgresql://?service=flock"):
            with closing(open_journal(where)) as journal:
                journal.claim([DOLLY])


class TestOutages:
    """Nothing is written while the server is away, and all goes on by itself."""

    @pytest.fixture
    def own(self) -> Iterator[PostgresServer]:
        """Return a server that this test may stop."""
        server = PostgresServer()
        try:
            server.start()
            yield server
        finally:
            server.close()

    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["restarted", "killed"])
    def test_a_server_that_comes_back_is_used_again(self, own: PostgresServer, how: signal.Signals) -> None:
        """At once, and with the bots: nobody else could take them."""
        with closing(open_journal(own.new_database())) as journal:
            journal.claim([DOLLY])
            journal.intend(DOLLY, UNDER_WAY, "baa")
            own.stop(how)
            with pytest.raises(JournalError, match="the server cannot be used"):
                journal.settle(DOLLY, Settlement(7, 0, Outcome.SAID, 11.0), Place(n=8))
            own.start()
            journal.settle(DOLLY, Settlement(7, 0, Outcome.SAID, 11.0), Place(n=8))
            assert (Place(n=8), WELL) == journal.read(DOLLY)

    def test_a_long_outage_ends_the_lease_and_another_begins(self, own: PostgresServer) -> None:
        """Meanwhile nothing may be posted. A flock goes on with its bots as it was."""
        with closing(open_journal(own.new_database())) as journal:
            journal.claim([DOLLY])
            journal.keep(DOLLY, Place(n=3), WELL)
            own.stop()
            until("the lease has ended", lambda: not journal.may_post(DOLLY))
            with pytest.raises(JournalError, match="going on when it is back"):
                journal.intend(DOLLY, Place(n=3, intended=1.0), "baa")
            threading.Event().wait(1.2)  # the database's own end of the lease
            own.start()
            until("another lease", lambda: journal.may_post(DOLLY))
            journal.intend(DOLLY, Place(n=3, intended=1.0), "baa")
            assert [] == list(journal.look_after(0.0))

    def test_a_server_that_hangs_holds_up_nobody_for_long(self, own: PostgresServer) -> None:
        """A write fails after some seconds, and the lease ends meanwhile."""
        with closing(open_journal(own.new_database())) as journal:
            journal.claim([DOLLY])
            journal.keep(DOLLY, Place(), WELL)
            own.freeze()
            try:
                with pytest.raises(JournalError, match="the server does not answer"):
                    journal.intend(DOLLY, UNDER_WAY, "baa")
                assert not journal.may_post(DOLLY)
            finally:
                own.thaw()
            until("another lease", lambda: journal.may_post(DOLLY))
            journal.intend(DOLLY, UNDER_WAY, "baa")

    def test_a_server_that_is_read_only_is_told(self, own: PostgresServer) -> None:
        """A standby, or a primary on its way to be one. Where it is writable again, all goes on."""
        url = own.new_database()
        name = url.rpartition("/")[2]
        with closing(open_journal(url)) as journal:
            journal.claim([DOLLY])
            own.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
            own.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            with pytest.raises(JournalError, match=r"read-only|cannot be used"):
                journal.intend(DOLLY, UNDER_WAY, "baa")
            own.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
            until("writable", lambda: journal.may_post(DOLLY))
            journal.intend(DOLLY, UNDER_WAY, "baa")
