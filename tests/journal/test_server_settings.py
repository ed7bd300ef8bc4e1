"""The journal in a PostgreSQL whose administrator has other habits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial

import pytest

from flock.errors import DailyLimit, JournalError
from flock.journal import Place, open_journal
from flock.journal.postgres.journal import PostgresJournal
from flock.state import Database
from tests.conftest import until
from tests.postgres import USER, PostgresServer

CAP = 5


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_a_cap_holds_whatever_the_isolation_of_the_database_is(postgres: PostgresServer, isolation: str) -> None:
    """Posts are counted when the lock is there, and not as they were when the transaction began."""
    url = postgres.new_database()
    name = url.rpartition("/")[2]
    postgres.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'")
    bots = [f"x:bot{number}" for number in range(12)]

    with ExitStack() as opened:
        journals = [opened.enter_context(closing(PostgresJournal(Database(url)))) for _ in bots]
        for bot, journal in zip(bots, journals, strict=True):
            journal.limit(CAP)
            journal.claim([bot])

        def is_noted(place: int) -> bool:
            try:
                journals[place].intend(bots[place], Place(intended=1000.0), "baa")
            except DailyLimit:
                return False
            return True

        with ThreadPoolExecutor(len(bots)) as pool:
            noted = list(pool.map(is_noted, range(len(bots))))

    assert CAP == sum(noted)


def test_a_user_that_is_refused_is_not_named() -> None:
    """Also where the server asks for no password."""
    server = PostgresServer()
    try:
        server.start()
        url = server.new_database()
        (server.folder / "data" / "pg_hba.conf").write_text("host all wolf 127.0.0.1/32 trust\n")
        server.execute("SELECT pg_reload_conf()")
        told = []
        for each in (url, url.replace(USER, "wolf")):  # the one may not come from here, and the other is not there
            until("it is refused", partial(_is_refused, each))
            with pytest.raises(JournalError) as error:
                open_journal(each)
            told.append(str(error.value).partition(": ")[2].partition(";")[0])
    finally:
        server.close()
    assert ["the server refuses the user or the password"] * 2 == told


def _is_refused(url: str) -> bool:
    try:
        open_journal(url).close()
    except JournalError:
        return True
    return False
