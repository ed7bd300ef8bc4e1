"""What is shown of a key file: names of fields, paths and accounts, and never a secret, wherever it stands."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flock.errors import BadKeys
from flock.keys import Params, read_key, read_keys
from flock.keys.names import fold
from flock.keys.secrecy import HIDDEN, Secrecy, looks_like_a_token
from tests.conftest import KEY
from tests.keys.conftest import SECRET, WriteKey, all_that_shows, lines

BASE62 = string.ascii_letters + string.digits
TOKENS = [  # as X and others make them
    "1234567890-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCd",
    "xvz1evFS4wEEPTGEFPHBogqT2",
    "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw8e5XyN0",
    "AAAAAAAAAAAAAAAAAAAAAMLheAAAAAAA0%2BuSeid%2BULvsea4JtiGRiSDSJSI",
    "0123456789abcdef0123456789abcdef",
    "bfitLWdujNDQuvbrNUiJCPtbo",
]


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_is_known_by_its_looks(token: str) -> None:
    """Alone, in a path, and as a field's name."""
    assert looks_like_a_token(token)
    assert looks_like_a_token(f"../poems/{token}.txt")
    assert not Secrecy({token: 1}).may_show(token)


@pytest.mark.parametrize(
    "text",
    [
        *("dolly_the_first", "../poems/one-light-still-on.txt", "1984-george_orwell.txt", "/tmp/pytest-of-eve"),
        *("MyPoemFileNameIsHere", "TheTao_Of_Me_And_Us_2", "0b7c2b5e-3c1e-4b0a-9d55-1c2d3e4f5a6b"),
        *("a_Test_With_Many_Words_And_1_Number", "", "眠れぬ夜", "2024-12-31", "electroencephalographically"),
    ],
)
def test_what_people_write_is_no_token(text: str) -> None:
    """Names, paths and dates."""
    assert not looks_like_a_token(text)


@pytest.mark.parametrize(
    "name",
    [
        "mood",
        "humour",
        "API Key",
        "consumer-key",
        "apiToken",
        "x_auth_expires",
        "line_intervall",
        "notes2",
        "説明",
    ],
)
def test_the_name_of_a_field_is_shown(name: str) -> None:
    """Short words."""
    assert name == Secrecy({name: 1}, ["line_interval", "oauth_token_secret"]).name(name)


@pytest.mark.parametrize(
    "name",
    [
        *TOKENS,
        "1001-token-sesame",
        "consumer-secret-sesame",
        "a" * 25,
        "topsecretpassphrase",
        "x1y2z3w4v5",
        "hush",
    ],
)
def test_the_name_of_a_field_is_not_shown_where_it_may_be_a_secret(name: str) -> None:
    """It is no short word, or stands as a secret in the same file: the field is told by its place."""
    secrecy = Secrecy({"mood": 1, name: 1, "password": "hush"}, ["consumer_token", "oauth_token_secret"])
    assert "field 2, whose name is not shown" == secrecy.name(name)
    assert name not in repr(Params({name: 1, "password": "hush"}))


@pytest.mark.parametrize(
    ("fields", "text", "expected"),
    [
        ({"consumer_token": "sesame-open"}, "at/sesame-open.txt", f"at/{HIDDEN}.txt"),
        ({"API Key": " sesame-open\n"}, "sesame-open", HIDDEN),
        ({"twitter": {"bearer": ["sesame-open"]}}, "sesame-open", HIDDEN),
        ({"keys": {"one": "sesame-open"}}, "sesame-open", HIDDEN),
        ({"keys": {"screen_name": "dolly_the_first"}}, "dolly_the_first", "dolly_the_first"),
        ({"pin_key": 123456789}, "123456789", HIDDEN),
        ({"mood": TOKENS[0]}, TOKENS[0], HIDDEN),
        ({"author": "Emily Dickinson"}, "Emily Dickinson", "Emily Dickinson"),
        ({"monkey": "Emily Dickinson"}, "Emily Dickinson", "Emily Dickinson"),
        ({"consumer_token": "dolly"}, "dolly", "dolly"),
    ],
)
def test_a_secret_of_the_file_is_hidden_in_a_text(fields: dict[str, Any], text: str, expected: str) -> None:
    """Whatever the field is called, and however deep it stands; a text of a few letters is no secret."""
    assert expected == Secrecy(fields).hide(text)


def refusal_of(file: Path) -> str:
    """Return what is said of a folder with this bad key, which has none of its secrets."""
    ring = read_keys(file.parent)
    (line,) = lines(ring)
    assert SECRET not in line + repr(ring)
    return line.removeprefix(str(file.parent))


@pytest.mark.parametrize("field", ["screen_name", "poem_file", "file"])
@pytest.mark.parametrize("source", ["oauth_token", "consumer_token_secret"])
def test_a_secret_in_a_field_that_is_shown_is_a_problem(write_key: WriteKey, field: str, source: str) -> None:
    """As the account's name, as a path, or as a part of it."""
    more = {"poem_file": ...} if field == "file" else {}
    for value in (KEY[source], f"@{KEY[source]}", f"a{KEY[source]}.txt"):
        line = refusal_of(write_key(**{field: value, **more}))
        shown = "poem_file" if field == "file" else field
        assert line.startswith(f"/dolly.json: {shown}: expected ")
        assert "token or a secret" in line


@pytest.mark.parametrize("token", [TOKENS[0], "1001-token"])
def test_a_token_as_the_accounts_name_is_a_problem_by_its_looks(write_key: WriteKey, token: str) -> None:
    """No name on X has digits and a dash."""
    line = refusal_of(write_key(screen_name=token, oauth_token="dolly-sesame"))
    assert (
        "/dolly.json: screen_name: expected the account's name, such as dolly, found a token or a secret" == line
    )


def test_a_path_that_looks_like_a_token_is_not_shown_when_it_leads_nowhere(write_key: WriteKey) -> None:
    """Where there is such a file, it is one: a folder may be named by a hash."""
    assert TOKENS[4] not in refusal_of(write_key(poem_file=f"{TOKENS[4]}.txt"))
    file = write_key(poem_file=f"{TOKENS[4]}.txt")
    file.with_name(f"{TOKENS[4]}.txt").write_text("baa\n")
    assert 1 == len(read_keys(file.parent).keys)


def test_a_file_that_is_named_by_its_token_is_a_problem(write_key: WriteKey) -> None:
    """Its name would be shown in many places."""
    write_key(f"{KEY['oauth_token']}.json")
    file = write_key(f"{KEY['oauth_token']}.json")
    assert refusal_of(file).startswith(f"/{HIDDEN}.json: the name of this file is or holds a token")
    file.rename(file.with_name(f"{TOKENS[0]}.json"))
    file.with_name(f"{TOKENS[0]}.json").write_text("{")
    assert refusal_of(file).startswith(f"/{HIDDEN}.json: the name of this file is or holds a token")


def test_many_unknown_fields_are_counted(write_key: WriteKey) -> None:
    """The first twenty have a line each."""
    warnings = read_keys(write_key(**{f"mood{number}": 1 for number in range(30)}).parent).warnings
    assert 21 == len(warnings)
    assert "10 more unknown fields; they are ignored" in warnings[-1]
    warnings = read_keys(write_key(**{f"mood{number}": 1 for number in range(21)}).parent).warnings
    assert warnings[-1].endswith("1 more unknown field; it is ignored")


NAMES = st.sampled_from(
    [*KEY, "file", "API Key", "mood", "twitter", "user_id", "network", "api", "temperament", "x"]
)
TOKEN = st.text(BASE62, min_size=8, max_size=50).map(lambda text: f"{text}sesame")
LEAVES = TOKEN | st.sampled_from(["poem.txt", "dolly", "2"])
NESTED = LEAVES | st.lists(LEAVES, max_size=2) | st.dictionaries(NAMES | TOKEN, LEAVES, max_size=2)
VALUES = NESTED | st.lists(NESTED, max_size=2) | st.dictionaries(NAMES | TOKEN, NESTED, max_size=2)


@settings(max_examples=150)
@given(st.dictionaries(NAMES | TOKEN, VALUES), st.dictionaries(st.sampled_from([*KEY]), TOKEN))
@example({**KEY, "1001-token-sesame": ""}, {})
@example(KEY, {"screen_name": "sesameAbCdEfGhIjKl1", "consumer_token": "sesameAbCdEfGhIjKl1"})
def test_no_message_ever_holds_a_secret(
    tmp_path_factory: pytest.TempPathFactory, anywhere: dict[str, Any], swapped: dict[str, str]
) -> None:
    """Tokens stand as names and as values of all fields, at any depth; each also where it belongs."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "poem.txt").write_text("baa\n")
    file = folder / "any.json"
    home = {f"token{number}": text for number, text in enumerate(_texts([anywhere, swapped]))}
    file.write_text(json.dumps({**KEY, **anywhere, **swapped, "own_tokens": home}))
    ring = read_keys(folder)
    shown = [repr(ring), *ring.warnings, *lines(ring)]
    try:
        shown.append(repr(read_key(file)))
    except BadKeys as error:
        shown.append(all_that_shows(error))
    assert [] == [text for text in shown if SECRET in text]


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if SECRET in value else []
    inner = [*value, *value.values()] if isinstance(value, dict) else value
    return [text for each in inner for text in _texts(each)]


@given(st.text(st.characters()))
def test_a_folded_name_is_folded_once(name: str) -> None:
    """Case, blanks and punctuation do not count."""
    assert fold(name) == fold(fold(name)) == fold(f" {name}_-")
