"""How a flock is to be run: options and the environment."""

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.errors import BadOption
from flock.options import (
    PARSERS,
    Options,
    parse_api,
    parse_seed,
    parse_sheep,
    parse_switch,
    parse_url,
)
from flock.temperament import TEMPERAMENTS

READ = [
    ("line_interval", "90s", 90.0),
    ("poem_interval", "1.5h", 5400.0),
    ("pasture", "yes", True),
    ("dry_run", "1", True),
    ("base_url", "http://127.0.0.1:8280/", "http://127.0.0.1:8280"),
    ("api", "1.1", "1.1"),
    ("state", "/tmp/flock.db", Path("/tmp/flock.db")),
    ("sheep", "my.sheep:Shouting", "my.sheep:Shouting"),
    ("skip_bad", "ON", True),
    ("seed", " 7 ", 7),
    ("posts_per_day", "100", 100),
    ("flock_posts_per_day", "0", 0),
    ("retry_base", "0.01", 0.01),
    ("keep_history", "30d", 30 * 86400.0),
    ("keep_history", "10m", 600.0),
    ("temperament", "senile", TEMPERAMENTS["senile"]),
]
REFUSED = [
    ("line_interval", "-1"),
    ("poem_interval", "soon"),
    ("pasture", "perhaps"),
    ("dry_run", "2"),
    ("base_url", "127.0.0.1:8280"),
    ("api", "3"),
    ("sheep", "Shouting"),
    ("skip_bad", "maybe"),
    ("seed", "-1"),
    ("posts_per_day", "-1"),
    ("flock_posts_per_day", "many"),
    ("retry_base", "nan"),
    ("retry_base", "0"),
    ("keep_history", "59s"),
    ("keep_history", "367d"),
    ("keep_history", "ever"),
    ("temperament", "grumpy"),
]


def test_every_option_has_a_parser() -> None:
    """So that each has its variable; and there is no parser for nothing."""
    assert {field.name for field in fields(Options)} == set(PARSERS)


def test_every_option_is_read_below() -> None:
    """The next test leaves none out."""
    assert set(PARSERS) == {name for name, _, _ in READ}


@pytest.mark.parametrize(("name", "text", "expected"), READ)
def test_an_option_is_read_from_the_environment(name: str, text: str, expected: object) -> None:
    """Under FLOCK_ and its name; all others keep their defaults."""
    options = Options.from_environment({f"FLOCK_{name.upper()}": text, "FLOCK_UNKNOWN": "x"})
    assert expected == getattr(options, name)
    others = [field.name for field in fields(Options) if field.name != name]
    assert [getattr(Options(), other) for other in others] == [getattr(options, other) for other in others]


@pytest.mark.parametrize(("name", "text"), REFUSED)
def test_nonsense_in_the_environment_names_its_variable(name: str, text: str) -> None:
    """And says what was expected, in one line."""
    with pytest.raises(BadOption) as caught:
        Options.from_environment({f"FLOCK_{name.upper()}": text})
    assert str(caught.value).startswith(f"FLOCK_{name.upper()}: expected ")
    assert 1 == len(str(caught.value).splitlines())


@given(st.sampled_from(sorted(PARSERS)), st.text(st.characters(exclude_characters="\0")))
def test_any_environment_is_options_or_a_bad_option(name: str, text: str) -> None:
    """Never another exception."""
    variable = f"FLOCK_{name.upper()}"
    try:
        options: object = Options.from_environment({variable: text})
    except BadOption as error:
        options = str(error)
    assert isinstance(options, Options) or variable in str(options)


def test_an_empty_variable_is_none() -> None:
    """As `FLOCK_API= flock run` means it."""
    assert Options() == Options.from_environment({f"FLOCK_{name.upper()}": "" for name in PARSERS})


@pytest.mark.parametrize("word", ["1", "true", "Yes", " on ", "y", "T"])
def test_yes_is_said_in_many_words(word: str) -> None:
    """Whichever way an operator is used to."""
    assert parse_switch(word)


@pytest.mark.parametrize("word", ["0", "false", "No", " off ", "n", "F"])
def test_no_is_said_in_many_words(word: str) -> None:
    """Setting a variable to 0 does not switch it on."""
    assert not parse_switch(word)


@pytest.mark.parametrize("text", ["1", "2.0", "", "1.1 "])
def test_there_are_two_apis(text: str) -> None:
    """Neither more, nor in another spelling."""
    with pytest.raises(ValueError, match=r"expected 2 or 1\.1, found"):
        parse_api(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.x.com",
        "ftp://api.x.com",
        "http://",
        "https://api.x.com?x=1",
        "https://api.x.com/#x",
        "http://[::1",
    ],
)
def test_an_address_is_http_and_has_a_host(text: str) -> None:
    """A query or a fragment would end up in the middle of every URL."""
    with pytest.raises(ValueError, match="URL"):
        parse_url(text)


@pytest.mark.parametrize("text", ["", "mysheep", "mysheep:", ":Shouting", "my-sheep:Shouting", "a..b:C", "a:b.c"])
def test_a_sheep_class_is_a_module_and_a_name(text: str) -> None:
    """Whatever else stands there is never imported."""
    with pytest.raises(ValueError, match=r"expected MODULE:CLASS, such as mysheep:ShoutingSheep, found"):
        parse_sheep(text)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "seven", str(2**64), "9" * 5000])
def test_a_seed_is_a_whole_number_of_64_bits(text: str) -> None:
    """The random generator takes no other."""
    with pytest.raises(ValueError, match=r"."):
        parse_seed(text)


@pytest.mark.parametrize("others", [{"dry_run": True}, {"base_url": "http://127.0.0.1"}])
def test_the_pasture_excludes_other_places_to_post(others: dict[str, bool]) -> None:
    """Two answers to one question are an error, not a precedence to remember."""
    with pytest.raises(BadOption, match="exclude each other; give one"):
        Options(pasture=True, **others)  # type: ignore[arg-type]


def test_intervals_are_replaced_and_checked() -> None:
    """The seed's driver gives them to the Shepherd."""
    options = Options(seed=4).with_intervals(1, 2.5)
    assert (1.0, 2.5, 4) == (options.line_interval, options.poem_interval, options.seed)
    with pytest.raises(BadOption, match="line_interval and poem_interval: expected seconds"):
        Options().with_intervals(-1, 0)


def test_the_state_is_where_it_was_told_to_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As given, else in systemd's state directory (the first of several), else in the user's state folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert tmp_path in Options().state_file.parents
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/flock:/var/lib/other")
    assert Path("/var/lib/flock/flock.db") == Options().state_file
    assert tmp_path / "mine.db" == Options(state=Path("~/mine.db")).state_file
