"""A journal's place: a file or a database, whose password is never shown."""

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.options import parse_state
from flock.state import Database, absolute, parse_database

HOSTS = [
    "db.example",
    "db.example:5433",
    "[::1]:5432",
    "a.example:5432,b.example",
    "%2Fvar%2Frun%2Fpostgresql",
    "",
]
SECRETS = st.text(st.characters(codec="utf-8"), min_size=1).map(lambda text: f"sesame{text}sesame")


@given(st.sampled_from(HOSTS), SECRETS, SECRETS)
def test_a_database_shows_where_it_is_and_no_secret(host: str, user: str, password: str) -> None:
    """Neither by str nor by repr; a password may also stand in the query."""
    secrets = f"{quote(user, safe='')}:{quote(password, safe='')}"
    database = parse_database(f"postgresql://{secrets}@{host}/flock?sslmode=require&password={secrets}")
    assert f"postgresql://{host}/flock" == str(database)
    assert "sesame" not in repr(database)


@given(st.text(st.characters(codec="utf-8")))
def test_a_url_that_cannot_be_read_is_not_quoted(text: str) -> None:
    """It may hold a password in the wrong form."""
    try:
        shown = str(parse_database(f"postgresql://shepherd:sesame{text}@db.example/flock"))
    except ValueError as error:
        shown = str(error)
    assert "sesame" not in shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgres://db.example", "postgresql://db.example"),
        ("postgresql:///flock?host=/run/postgresql&user=me", "postgresql:///flock?host=/run/postgresql"),
        ("postgresql://?service=flock", "postgresql://?service=flock"),
    ],
)
def test_settings_say_where_it_is(url: str, shown: str) -> None:
    """A socket's folder, or a service."""
    assert shown == str(parse_state(url))


@pytest.mark.parametrize(
    "url",
    [
        "mysql://shepherd:sesame@db/flock",
        "postgresql://shepherd:ses/ame@db/flock",
        "postgresql://shepherd:sesame",
        "postgresql://shepherd:sesame@db/flock#x",
        "postgresql://shepherd:ses%ame@db/flock",
        "postgresql://shepherd:sesame@db example/flock",
    ],
)
def test_another_url_is_refused(url: str) -> None:
    """The line says what is expected."""
    with pytest.raises(ValueError, match=r"postgresql://flock@db\.example/flock") as error:
        parse_state(url)
    assert "ame" not in str(error.value).replace("name", "")


def test_a_file_is_told_with_its_full_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database is told as it is."""
    monkeypatch.chdir(tmp_path)
    assert tmp_path / "flock.db" == absolute(Path("flock.db"))
    assert Database("postgresql://db/flock") == absolute(Database("postgresql://db/flock"))
