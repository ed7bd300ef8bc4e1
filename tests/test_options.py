"""How a flock is to be run: options and the environment."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.errors import BadOption
from flock.options import (
    PARSERS,
    POEM_INTERVAL,
    Options,
    parse_api,
    parse_seed,
    parse_sheep,
    parse_switch,
    parse_url,
    read_environment,
    settle_options,
)
from flock.state import Database
from flock.temperament import TEMPERAMENTS

READ = [
    ("yes_really", "1", True),
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
    ("posts_per_day", str(2**63 - 1), 2**63 - 1),
    ("flock_posts_per_day", "0", 0),
    ("keep_history", "30d", 30 * 86400.0),
    ("keep_history", "10m", 600.0),
    ("temperament", "senile", TEMPERAMENTS["senile"]),
    ("poem_format", "Stanzas", "stanzas"),
    ("burst", "1", True),
    ("schedule", " 0  9 * * mon-fri ", "0 9 * * mon-fri"),
    ("poem_schedule", "30 20 * * 5", "30 20 * * 5"),
    ("awake", " 08:00-23:00, sat 10-12", "08:00-23:00, sat 10-12"),
    ("timezone", "Europe/Berlin", "Europe/Berlin"),
    ("jitter", "0.25", 0.25),
    ("stanza_interval", "10m", 600.0),
    ("pasture_port", "8280", 8280),
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
    ("posts_per_day", str(2**63)),
    ("posts_per_day", "9" * 5000),
    ("posts_per_day", "١٢"),
    ("posts_per_day", "1e3"),
    ("flock_posts_per_day", str(2**63)),
    ("line_interval", "١٢s"),
    ("line_interval", "9" * 5000),
    ("seed", str(2**64)),
    ("seed", "٧"),
    ("state", "$HOME/flock.db"),
    ("base_url", "http://localhost:99999"),
    ("flock_posts_per_day", "many"),
    ("keep_history", "59s"),
    ("keep_history", "367d"),
    ("keep_history", "ever"),
    ("temperament", "grumpy"),
    ("poem_format", "verses"),
    ("burst", "perhaps"),
    ("schedule", "daily"),
    ("schedule", "0 25 * * *"),
    ("poem_schedule", "0 9 * *"),
    ("awake", "always"),
    ("timezone", "Berlin"),
    ("jitter", "1.1"),
    ("jitter", "10%"),
    ("stanza_interval", "long"),
    ("pasture_port", "65536"),
    ("pasture_port", "-1"),
    ("pasture_port", "http"),
]


def test_every_option_has_a_parser() -> None:
    """Each field of Options has a parser, and each parser a field."""
    assert {field.name for field in fields(Options)} == set(PARSERS)


def test_every_option_is_read_below() -> None:
    """The table of the next test names every option."""
    assert set(PARSERS) == {name for name, _, _ in READ}


@pytest.mark.parametrize(("name", "text", "expected"), READ)
def test_an_option_is_read_from_the_environment(name: str, text: str, expected: object) -> None:
    """Under FLOCK_ and its name; all others keep their defaults."""
    options = read_environment({f"FLOCK_{name.upper()}": text, "FLOCK_UNKNOWN": "x"})
    assert expected == getattr(options, name)
    others = [field.name for field in fields(Options) if field.name != name]
    assert [getattr(Options(), other) for other in others] == [getattr(options, other) for other in others]


@pytest.mark.parametrize(("name", "text"), REFUSED)
def test_nonsense_in_the_environment_names_its_variable(name: str, text: str) -> None:
    """The message says in one line what was expected."""
    with pytest.raises(BadOption) as caught:
        read_environment({f"FLOCK_{name.upper()}": text})
    assert str(caught.value).startswith(f"FLOCK_{name.upper()}: expected ")
    assert 1 == len(str(caught.value).splitlines())


@given(st.sampled_from(sorted(PARSERS)), st.text(st.characters(exclude_characters="\0")))
def test_any_environment_is_options_or_a_bad_option(name: str, text: str) -> None:
    """Every bad value raises BadOption and no other exception."""
    variable = f"FLOCK_{name.upper()}"
    try:
        options: object = read_environment({variable: text})
    except BadOption as error:
        options = str(error)
    assert isinstance(options, Options) or variable in str(options)


def test_an_empty_variable_is_none() -> None:
    """As `FLOCK_API= flock run` means it."""
    assert Options() == read_environment({f"FLOCK_{name.upper()}": "" for name in PARSERS})


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


IMPOSSIBLE_URLS = [
    *("", "api.x.com", "ftp://api.x.com", "http://", "http:///x", "http:x", "http://:80"),
    *("https://api.x.com?x=1", "https://api.x.com/#x", "http://a b", "http://a/b c", " http://a", "http://a\n"),
    *("http://a\\b", "http://a%20b", "http://a\u200bb", "http://a\u202eb", "http://a\ud800"),
    *("http://a:99999", "http://a:0", "http://a:", "http://a:x", "http://a:-1", "http://a:８０"),
    *("http://a..b", "http://.a", "http://a.", "http://.", "http://-a", f"http://{'a' * 64}.com"),
    *(f"http://{'a.' * 127}com", "http://1.2.3.999", "http://1.2.3", "http://１.2.3.4"),
    *("http://[::1", "http://::1", "http://[zz]", "http://[127.0.0.1]", "http://[::1]x"),
]


@pytest.mark.parametrize("text", IMPOSSIBLE_URLS)
def test_an_address_is_http_and_can_be(text: str) -> None:
    """A server may have it as its name and port; a query would end up in the middle of every URL."""
    with pytest.raises(ValueError, match=r"^expected a URL such as https://api\.x\.com, found one "):
        parse_url(text)


@pytest.mark.parametrize(
    "text",
    [
        *("http://127.0.0.1:8280", "https://api.x.com", "http://[::1]:80", "http://localhost/x/y", "HTTP://A-b.c"),
        *("http://my_server:1", "https://bücher.example", "https://xn--bcher-kva.example", "http://1.example"),
    ],
)
def test_an_address_that_can_be_is_taken_as_it_is(text: str) -> None:
    """Without the slash at its end."""
    assert text == parse_url(text) == parse_url(text + "/")


URL_PARTS = st.sampled_from(
    ["http://", "https://", ":", "@", "[", "]", "/", "?", "#", "..", "a.b", " ", "ℵ", "::1"]
)


@given(st.lists(URL_PARTS | st.just("geheim"), max_size=9).map("".join))
def test_an_address_that_is_refused_is_never_quoted(text: str) -> None:
    """It may hold a password, however broken it is; and what may hold one is refused."""
    refusal = ""
    try:
        parse_url(text)
    except ValueError as error:
        shown = (error, error.__cause__, error.__context__)
        refusal = " ".join(map(repr, shown))
    assert "geheim" not in refusal
    assert refusal or "@" not in text


@pytest.mark.parametrize("text", ["", "mysheep", "mysheep:", ":Shouting", "my-sheep:Shouting", "a..b:C", "a:b.c"])
def test_a_sheep_class_is_a_module_and_a_name(text: str) -> None:
    """Other texts are refused, and nothing is imported."""
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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            ("line_interval", -1),
            ("poem_interval", float("nan")),
            ("keep_history", 1),
            ("base_url", "http://a..b"),
        ],
        *[("posts_per_day", value) for value in (-1, 2**63, True, 1.5)],
        *[("flock_posts_per_day", 10**5000), ("seed", 2**64), ("seed", -1)],
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_program_gives_is_checked_too(name: str, value: Any) -> None:
    """As if it stood on the command line, and before anything is done with it."""
    with pytest.raises(BadOption, match=f"^{name}: expected ") as caught:
        settle_options({name: value}, environment={})
    assert 1 == len(str(caught.value).splitlines())


LAYERS = {"FLOCK_LINE_INTERVAL": "10m", "FLOCK_SEED": "3", "FLOCK_PASTURE": "1"}


@pytest.mark.parametrize(
    ("arguments", "options", "environment", "expected"),
    [
        ({}, None, {}, 30.0),
        ({}, None, LAYERS, 600.0),
        ({}, Options(line_interval=7), LAYERS, 7.0),
        ({"line_interval": 5}, Options(line_interval=7), LAYERS, 5.0),
        ({"line_interval": None}, Options(), LAYERS, 600.0),
    ],
)
def test_arguments_go_over_options_over_the_environment_over_the_defaults(
    arguments: dict[str, Any], options: Options | None, environment: dict[str, str], expected: float
) -> None:
    """What is None was not said, in each of them."""
    settled = settle_options(arguments, options, environment=environment)
    assert expected == settled.line_interval
    assert POEM_INTERVAL == settled.poem_interval


def test_options_leave_the_environment_what_they_do_not_say() -> None:
    """FLOCK_PASTURE=1 keeps a driver with a seed of its own off the real network; pasture=False lets it out."""
    assert settle_options(options=Options(seed=7), environment=LAYERS).pasture
    assert not settle_options(options=Options(pasture=False), environment=LAYERS).pasture


@given(
    *[st.fixed_dictionaries({}, optional={"seed": st.integers(0, 9), "skip_bad": st.booleans()}) for _ in range(3)]
)
def test_the_last_layer_that_says_something_wins(
    environment: dict[str, Any], options: dict[str, Any], arguments: dict[str, Any]
) -> None:
    """For each field by itself."""
    variables = {f"FLOCK_{name.upper()}": str(int(value)) for name, value in environment.items()}
    settled = settle_options(arguments, Options(**options), environment=variables)
    expected = {"seed": 0, "skip_bad": False} | environment | options | arguments
    assert expected == {name: getattr(settled, name) for name in expected}


def test_settling_twice_changes_nothing() -> None:
    """The command line settles its options, and the Shepherd settles what it is given."""
    settled = settle_options({"seed": 4}, environment=LAYERS)
    assert settled == settle_options(options=settled, environment=LAYERS)


def test_the_state_is_where_it_was_told_to_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As given, else in systemd's state directory (the first of several), else in the user's state folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    systemd = {"STATE_DIRECTORY": "/var/lib/flock:/var/lib/other"}
    assert tmp_path in settle_options(environment={}).state_file.parents
    assert Path("/var/lib/flock/flock.db") == settle_options(environment=systemd).state_file
    given = settle_options({"state": Path("~/mine.db")}, environment=systemd)
    assert tmp_path / "mine.db" == given.state_file


def test_a_state_may_be_a_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Files that lie beside a journal in a file are then in systemd's state directory, or the user's folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    url = "postgresql://flock:sesame@db.example/flock"
    by_variable = settle_options(environment={"FLOCK_STATE": url})
    given = settle_options({"state": Database(url)}, environment={"STATE_DIRECTORY": "/var/lib/flock"})

    assert "postgresql://db.example/flock" == str(by_variable.journal) == str(given.journal)
    assert tmp_path in by_variable.state_file.parents
    assert Path("/var/lib/flock/flock.db") == given.state_file
    assert "sesame" not in f"{by_variable!r} {given!r}"


def test_a_home_that_is_nobodys_is_a_bad_option() -> None:
    """~nosuchuser/x names no folder."""
    with pytest.raises(BadOption, match="there is no such user"):
        _ = Options(state=Path("~nosuchuser/x")).state_file


@pytest.mark.parametrize(
    ("arguments", "variables", "expected"),
    [
        ({"schedule": "0 9 * * *"}, {"FLOCK_LINE_INTERVAL": "60"}, ("0 9 * * *", 60.0)),
        ({"line_interval": 60.0}, {"FLOCK_SCHEDULE": "0 9 * * *"}, (None, 60.0)),
        ({"line_interval": 60.0, "schedule": "0 9 * * *"}, {}, ("0 9 * * *", 60.0)),
        ({}, {"FLOCK_SCHEDULE": "0 9 * * *"}, ("0 9 * * *", 30.0)),
    ],
)
def test_an_interval_overrides_the_schedule_of_a_layer_below(
    arguments: dict[str, Any], variables: dict[str, str], expected: tuple[str | None, float]
) -> None:
    """In one layer, the schedule counts; and so it does when the options are settled twice."""
    options = settle_options(arguments, environment=variables)
    assert expected == (options.schedule, options.line_interval)
    assert options == settle_options(options=options, environment={})
