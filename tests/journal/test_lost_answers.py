"""The journal in PostgreSQL when answers of the server get lost, or writes arrive late: nobody knows then whether
a write was made."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress

import pytest

from flock.errors import JournalError
from flock.journal import WELL, Outcome, Place, Settlement
from flock.journal.postgres.journal import PostgresJournal
from flock.state import Database
from tests.conftest import until
from tests.postgres import PostgresServer

DOLLY, EWE = "x:dolly", "x:ewe"
UNDER_WAY = Place(n=7, intended=10.0)
_READY = b"Z\x00\x00\x00\x05I"  # the server is ready, and no transaction is open


class Wire:
    """A way to the server, on which one answer can be lost, and the connection with it, or the end of a request.

    `lose_answer_to` is a part of the request that it answers, and `lose_end_of` is where the
    request ends then.
    """

    def __init__(self, port: int) -> None:
        self.lose_answer_to: bytes | None = None
        self.lose_end_of: bytes | None = None
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                cut = threading.Event()
                threading.Thread(target=self._carry, args=(client, server, cut), daemon=True).start()
                threading.Thread(target=self._carry_back, args=(server, client, cut), daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        with suppress(OSError), client, server:
            while request := client.recv(1 << 20):
                if self.lose_answer_to and self.lose_answer_to in request:
                    self.lose_answer_to = None
                    cut.set()
                if self.lose_end_of and self.lose_end_of in request:
                    server.sendall(request[: request.index(self.lose_end_of)])
                    self.lose_end_of = None
                    while client.recv(1 << 20):  # until it is given up
                        pass
                    return
                server.sendall(request)

    def _carry_back(self, server: socket.socket, client: socket.socket, cut: threading.Event) -> None:
        with suppress(OSError), client, server:
            while answer := server.recv(1 << 20):
                if not cut.is_set():
                    client.sendall(answer)
                elif _READY in answer:
                    client.shutdown(socket.SHUT_RDWR)
                    return

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """Return the URL of an empty database."""
    return postgres.new_database()


@pytest.fixture
def wire(postgres: PostgresServer) -> Iterator[Wire]:
    """Return a way to the server."""
    with closing(Wire(postgres.port)) as made:
        yield made


@pytest.fixture
def open_one(url: str) -> Iterator[Callable[..., PostgresJournal]]:
    """Return an opener of journals in the database, by a port of the server, which are closed at the end."""

    def opened(port: int | None = None) -> PostgresJournal:
        head, _, tail = url.rpartition("@")
        database = Database(url if port is None else f"{head}@127.0.0.1:{port}/{tail.rpartition('/')[2]}")
        return stack.enter_context(closing(PostgresJournal(database)))

    with ExitStack() as stack:
        yield opened


def test_a_lease_of_which_no_answer_came_is_still_ours(
    postgres: PostgresServer, url: str, wire: Wire, open_one: Callable[..., PostgresJournal]
) -> None:
    """The bots have got another epoch, and the flock cannot know that; it keeps them all the same."""
    journal = open_one(wire.port)
    journal.claim([DOLLY, EWE])
    first = journal.holding.lease.epoch
    wire.lose_answer_to = b"INSERT INTO lease"
    postgres.execute("UPDATE lease SET until = clock_timestamp()", url=url)

    until("the answer is lost", lambda: wire.lose_answer_to is None)
    until("another lease", lambda: journal.holding.lease.epoch != first)
    until("it is good", lambda: journal.may_post(DOLLY))

    assert [] == list(journal.look_after(0.0))
    journal.keep(DOLLY, Place(n=1), WELL)
    journal.keep(EWE, Place(n=1), WELL)


def test_a_lease_that_begins_just_now_loses_no_bot(
    postgres: PostgresServer, url: str, open_one: Callable[..., PostgresJournal]
) -> None:
    """A write that was under way is refused; it finds an epoch of which this flock has not been told yet."""
    journal = open_one()
    journal.claim([DOLLY])
    lease = journal.holding.lease
    is_taken, may_go_on, told = threading.Event(), threading.Event(), lease._tell_kept

    def tell_later(kept: set[int]) -> None:
        is_taken.set()
        may_go_on.wait(20)
        told(kept)

    lease._tell_kept = tell_later
    lease._deadline += 60  # as where the server's clock is set forward: the lease ends while it looks good here
    postgres.execute("UPDATE lease SET until = clock_timestamp()", url=url)
    assert is_taken.wait(20)
    with pytest.raises(JournalError, match="trying again"):
        journal.keep(DOLLY, Place(n=1), WELL)
    may_go_on.set()

    until("it is written", lambda: _is_kept(journal, Place(n=1)))
    assert [] == list(journal.look_after(0.0))


def _is_kept(journal: PostgresJournal, place: Place) -> bool:
    with suppress(JournalError):
        journal.keep(DOLLY, place, WELL)
        return True
    return False


def test_an_intent_of_which_no_answer_came_is_noted_anew(
    wire: Wire, open_one: Callable[..., PostgresJournal]
) -> None:
    """Nothing is sent for it, so that the next one takes its place; a settlement is made once, too."""
    journal = open_one(wire.port)
    journal.claim([DOLLY])
    journal.keep(DOLLY, Place(n=7), WELL)
    wire.lose_answer_to = b"INSERT INTO tweet"
    with pytest.raises(JournalError, match="the server cannot be used"):
        journal.intend(DOLLY, UNDER_WAY, "baa")
    assert (UNDER_WAY, WELL) == journal.read(DOLLY)
    journal.intend(DOLLY, UNDER_WAY._replace(intended=11.0), "baa")

    settlement = Settlement(7, 0, Outcome.SAID, 12.0)
    wire.lose_answer_to = b"UPDATE tweet"
    with pytest.raises(JournalError, match="the server cannot be used"):
        journal.settle(DOLLY, settlement, Place(n=8))
    journal.settle(DOLLY, settlement, Place(n=8))
    journal.intend(DOLLY, Place(n=8, intended=13.0), "baa again")
    assert [(7, "baa", 12.0)] == [(each.n, each.text, each.at) for each in journal.posts()]


def test_a_flock_that_is_cut_off_within_a_write_holds_up_no_other(
    wire: Wire, open_one: Callable[..., PostgresJournal]
) -> None:
    """Nor one that is frozen then. The server begins with a write when it has the whole of it."""
    cut_off, other = open_one(wire.port), open_one()
    for journal, bot in ((cut_off, DOLLY), (other, EWE)):
        journal.limit(10)
        journal.claim([bot])
        journal.keep(bot, Place(n=7), WELL)
    wire.lose_end_of = b"INSERT INTO tweet"
    failed = threading.Event()

    def intend() -> None:
        with pytest.raises(JournalError, match="does not answer"):
            cut_off.intend(DOLLY, UNDER_WAY, "baa")
        failed.set()

    thread = threading.Thread(target=intend)
    thread.start()
    until("it is cut off", lambda: wire.lose_end_of is None)
    threading.Event().wait(0.5)  # until the server has done what it can with that
    other.intend(EWE, UNDER_WAY, "baa")
    assert not failed.is_set()  # it is still under way there
    thread.join(20)
    assert failed.is_set()
    cut_off.intend(DOLLY, UNDER_WAY, "baa")


def test_the_server_finds_out_that_a_machine_is_gone(open_one: Callable[..., PostgresJournal]) -> None:
    """Within seconds, and not in the two hours that are usual: what a lost write has locked is free then."""
    asked = "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout"
    settings = ", ".join(f"current_setting('{name}')" for name in asked)

    assert ("5", "2", "2", "5000") == open_one()._session.fetch(f"SELECT {settings}")[0]


@pytest.fixture
def own() -> Iterator[PostgresServer]:
    """Return a server of this test's alone."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


def test_a_flock_goes_on_where_a_crash_of_the_server_lost_what_it_wrote_last(own: PostgresServer) -> None:
    """It knows better than the server where its bots are, and writes that with the next post."""
    url = own.new_database()
    with closing(PostgresJournal(Database(url))) as journal:
        journal.claim([DOLLY])
        journal.intend(DOLLY, UNDER_WAY, "baa")
        own.execute("CREATE TABLE before AS SELECT * FROM sheep", url=url)
        journal.settle(DOLLY, Settlement(7, 0, Outcome.SAID, 11.0), Place(n=8))
        own.stop(signal.SIGKILL)
        own.start()
        # What the server still had in its memory is lost, however quick it has been to write it.
        own.execute("UPDATE sheep SET n = before.n, intended = before.intended FROM before", url=url)

        journal.intend(DOLLY, Place(n=8, intended=12.0), "baa again")

        assert (Place(n=8, intended=12.0), WELL) == journal.read(DOLLY)


def test_a_write_that_arrives_late_undoes_nothing(
    postgres: PostgresServer, url: str, open_one: Callable[..., PostgresJournal]
) -> None:
    """A server that hung goes on with a write that was given up, when others have followed it."""
    journal = open_one()
    journal.claim([DOLLY])
    journal.keep(DOLLY, Place(n=7), WELL)
    writing = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'BEGIN%moved%' AND datname = current_database()"
    hung = int(postgres.execute(writing, url=url)[0][0])
    later, is_noted = UNDER_WAY._replace(intended=11.0, token="later"), False
    os.kill(hung, signal.SIGSTOP)
    try:
        with pytest.raises(JournalError, match="the server does not answer"):
            journal.intend(DOLLY, UNDER_WAY, "baa")
        until("the lease is renewed", lambda: journal.may_post(DOLLY))
        with suppress(JournalError):
            journal.intend(DOLLY, later, "baa")
            is_noted = True
    finally:
        os.kill(hung, signal.SIGCONT)
    is_there = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
    until("it has ended", lambda: not postgres.execute(is_there, (hung,))[0][0])
    if not is_noted:
        journal.intend(DOLLY, later, "baa")

    assert (later, WELL) == journal.read(DOLLY)
