"""The journal in a PostgreSQL whose administrator has other habits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from flock.errors import DailyLimit
from flock.journal import Place
from flock.journal.postgres.journal import PostgresJournal
from flock.state import Database
from tests.postgres import PostgresServer

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
