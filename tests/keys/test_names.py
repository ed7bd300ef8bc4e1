"""The names under which people write the fields of a key file, and which field each means."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.keys import read_key, read_keys
from flock.keys.names import (
    NAMES,
    OF_OAUTH_2,
    OTHER_NETWORKS,
    PREFIXES,
    field_named,
    fold,
    is_of_oauth_2,
    read_fields,
)
from tests.conftest import KEY
from tests.keys.conftest import SECRET, WriteKey, lines

DOCS = Path(__file__).parents[2] / "docs" / "keys.md"
TOKENS = ("consumer_token", "consumer_token_secret", "oauth_token", "oauth_token_secret")
SETS = {  # the names of the four values, in the order of TOKENS
    "tweepy": ("consumer_key", "consumer_secret", "access_token", "access_token_secret"),
    "python-twitter": ("consumer_key", "consumer_secret", "access_token_key", "access_token_secret"),
    "node-twitter-api-v2": ("appKey", "appSecret", "accessToken", "accessSecret"),
    "twython": ("app_key", "app_secret", "oauth_token", "oauth_token_secret"),
    "python-twitter-tools": ("consumer_key", "consumer_secret", "token", "token_secret"),
    "requests-oauthlib": ("client_key", "client_secret", "resource_owner_key", "resource_owner_secret"),
    "the portal": ("API Key", "API Key Secret", "Access Token", "Access Token Secret"),
    "the portal, before": ("API key", "API secret key", "Access token", "Access token secret"),
    "EverywordDE": ("apiToken", "apiSecret", "token", "tokenSecret"),
    "environment": (
        *("TWITTER_CONSUMER_KEY", "TWITTER_CONSUMER_SECRET"),
        *("TWITTER_ACCESS_TOKEN", "TWITTER_ACCESS_TOKEN_SECRET"),
    ),
    "environment of X": ("X_API_KEY", "X_API_KEY_SECRET", "X_ACCESS_TOKEN", "X_ACCESS_TOKEN_SECRET"),
    "dashes": ("consumer-key", "consumer-secret", "access-token", "access-token-secret"),
    "capitals": ("CONSUMER KEY", "CONSUMER SECRET", "ACCESS TOKEN", "ACCESS TOKEN SECRET"),
    "camels": ("ConsumerToken", "ConsumerTokenSecret", "OAuthToken", "OAuthTokenSecret"),
}


def renamed(names: tuple[str, ...]) -> dict[str, Any]:
    """Return the fields of a good key with the four values under these names."""
    return {**dict.fromkeys(TOKENS, ...), **{name: KEY[token] for name, token in zip(names, TOKENS, strict=True)}}


def values_of(file: Path) -> list[str]:
    """Return the four values that a key has read, in the order of TOKENS."""
    credentials = read_key(file).credentials
    return [getattr(credentials, token).get_secret_value() for token in TOKENS]


RIGHT = [KEY[token] for token in TOKENS]


@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
def test_the_names_that_others_give_are_read(write_key: WriteKey, names: tuple[str, ...]) -> None:
    """Each value is the field's that it is meant for, and there is nothing to warn of."""
    file = write_key(**renamed(names))
    assert RIGHT == values_of(file)
    ring = read_keys(file.parent)
    assert ((), ()) == (ring.problems, ring.warnings)
    assert names[0] in read_key(file).params


CONSUMER = {"key": RIGHT[0], "secret": RIGHT[1]}
ACCESS = {"token": RIGHT[2], "secret": RIGHT[3]}
NESTED = [
    {"twitter": dict(zip(TOKENS, RIGHT, strict=True))},
    {"keys": dict(zip(SETS["tweepy"], RIGHT, strict=True))},
    {
        "twitter": {
            "consumer": {"key": RIGHT[0], "secret": RIGHT[1]},
            "access": {"token": RIGHT[2], "secret": RIGHT[3]},
        }
    },
    {"api": {"key": RIGHT[0], "secret": RIGHT[1]}, "access_token": {"token": RIGHT[2], "secret": RIGHT[3]}},
    {"bots": [dict(zip(SETS["the portal"], RIGHT, strict=True))]},
]


@pytest.mark.parametrize("fields", NESTED, ids=map(str, range(len(NESTED))))
def test_fields_in_an_object_are_read(write_key: WriteKey, fields: dict[str, Any]) -> None:
    """Also with a part of their name on the object, and in a list of one."""
    file = write_key(**{**dict.fromkeys(TOKENS, ...), **fields})
    assert RIGHT == values_of(file)
    assert () == read_keys(file.parent).warnings


def test_a_list_of_one_bot_is_the_bot(write_key: WriteKey) -> None:
    """The brackets around it mean nothing."""
    file = write_key()
    file.write_text(f"[{file.read_text()}]")
    assert RIGHT == values_of(file)


TWO = {"access_token": "2222-sesame", "access_token_secret": "sesame-2"}
SEVERAL = [
    {"bots": [{**TWO}, {**TWO, "access_token": "3333-sesame"}]},
    {"ulysses_bot": {**TWO}, "dubliners_bot": {**TWO, "access_token": "3333-sesame"}},
    {"bots": {"a": {**TWO}, "b": {**TWO, "access_token": "3333-sesame"}}},
]


@pytest.mark.parametrize("fields", SEVERAL, ids=map(str, range(len(SEVERAL))))
def test_several_bots_in_one_file_are_one_line(write_key: WriteKey, fields: dict[str, Any]) -> None:
    """In a list, or in objects."""
    (line,) = lines(read_keys(write_key(**{"oauth_token": ..., "oauth_token_secret": ..., **fields}).parent))
    assert "dolly.json: expected one bot, found 2 objects with the same fields ('" in line
    assert "; write each bot into a file of its own" in line


def test_a_list_of_several_bots_is_one_line(write_key: WriteKey) -> None:
    """As the whole file."""
    file = write_key()
    file.write_text(f"[{file.read_text()}, {file.read_text()}]")
    (line,) = lines(read_keys(file.parent))
    assert f"{file}: expected one bot, found a list of 2; write each bot into a file of its own" in line


def test_another_networks_object_is_not_read(write_key: WriteKey) -> None:
    """Its fields may have the same names."""
    file = write_key(**renamed(SETS["tweepy"]), mastodon={"access_token": "1-sesame"})
    assert RIGHT == values_of(file)


def test_two_names_with_two_values_are_a_problem(write_key: WriteKey) -> None:
    """Which of them is right cannot be known; where they are equal, it need not be."""
    (line,) = lines(read_keys(write_key(consumer_token=..., consumer_key="sesame-1", api_key="sesame-2").parent))
    assert (
        "dolly.json: consumer_token: expected one value, found 'consumer_key' and 'api_key' with different" in line
    )
    file = write_key(consumer_token=..., consumer_key="sesame-1", api_key=" sesame-1")
    assert "sesame-1" == values_of(file)[0]
    assert "sesame-1" == values_of(write_key(consumer_token=..., consumer_key="sesame-1", api_key=""))[0]


def test_the_fields_own_name_overrides_all_others(write_key: WriteKey) -> None:
    """As poem_file overrides file; another value is told."""
    file = write_key(api_key="sesame-1", access_token=KEY["oauth_token"])
    assert RIGHT == values_of(file)
    (warning,) = read_keys(file.parent).warnings
    assert f"{file}: api_key: another name for 'consumer_token', which is there too, with another value" in warning


def test_what_is_of_oauth_2_is_told(write_key: WriteKey) -> None:
    """It is not taken for a field of OAuth 1.0a."""
    file = write_key(bearer_token="AAAA", client_id="x", clientSecret="y", TWITTER_REFRESH_TOKEN="z")
    warnings = read_keys(file.parent).warnings
    assert ["of OAuth 2.0; flock does not use it"] * 4 == [line.split(": ")[2] for line in warnings]
    file = write_key(**dict.fromkeys(TOKENS, ...), client_id="x", client_secret="y", access_token="sesame" * 9)
    (line,) = lines(read_keys(file.parent))
    assert (
        "consumer_token: missing; copy it from the developer portal (API Key) ('client_id', 'client_secret'"
        in line
    )
    assert "oauth_token: found a token of OAuth 2.0; expected the Access Token" in line


def test_no_name_of_the_file_is_told_for_two_fields(write_key: WriteKey) -> None:
    """The nearest field has it; the others say where the portal has their values."""
    file = write_key(**dict.fromkeys(TOKENS, ...), oauth_secrte="sesame", consumer_tokn="sesame")
    (line,) = lines(read_keys(file.parent))
    assert ["oauth_secrte", "consumer_tokn"] == sorted(re.findall(r"rename '(\w+)'", line), reverse=True)
    assert 4 == line.count("missing; ")


def test_each_name_means_one_field() -> None:
    """Also with a prefix; and none is of OAuth 2.0."""
    folded = {field: {fold(name) for name in names} for field, names in NAMES.items()}
    assert [] == [(a, b) for (a, ones), (b, others) in combinations(folded.items(), 2) if ones & others]
    for field, names in NAMES.items():
        assert field in names
        for name in names:
            assert {field} == {field_named(f"{prefix}_{name}") for prefix in PREFIXES}
            assert not is_of_oauth_2(name)
    assert not [name for name in (*OF_OAUTH_2, *OTHER_NETWORKS) if field_named(name)]


@pytest.mark.parametrize(
    "name",
    ["name", "secret", "key", "bot_token", "auth_token", "google_api_key", "mastodon_access_token", "x", "my", ""],
)
def test_a_name_whose_meaning_is_not_certain_means_nothing(name: str) -> None:
    """It may be anything."""
    assert field_named(name) is None


STYLES = st.sampled_from([str.upper, str.title, str.lower, lambda name: f" {name}\u200b "])
GAPS = st.sampled_from(["_", " ", "-", "", ".", "__"])


@given(st.sampled_from(sorted({name for names in NAMES.values() for name in names})), STYLES, GAPS)
def test_case_and_gaps_do_not_count(name: str, style: Any, gap: str) -> None:
    """A field is known in whatever way its name is written."""
    assert field_named(name) == field_named(style(name.replace("_", gap))) is not None


@given(st.text(st.characters()))
def test_any_name_means_a_field_or_none(name: str) -> None:
    """And is folded to letters and digits."""
    assert field_named(name) in (None, *NAMES)
    assert fold(name) == fold(fold(name))


LEAVES = st.text("ab", max_size=3) | st.none() | st.integers(0, 9)
ANY_NAME = st.sampled_from(
    [name for names in NAMES.values() for name in names] + ["a", "twitter", "consumer", "key"]
)
OBJECTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(ANY_NAME, inner, max_size=3), max_leaves=9
)


@given(st.dictionaries(ANY_NAME, OBJECTS, max_size=5))
def test_what_is_read_stands_in_the_file(params: dict[str, Any]) -> None:
    """Under a name of the field or in an object; a field's own name at the top comes first."""
    reading = read_fields(params)
    for field, value in reading.given.items():
        assert str(value) in str(params)
        if params.get(field, "") not in ("", None) and not isinstance(params[field], dict | list):
            assert value == params[field]


def test_the_docs_have_all_names() -> None:
    """In a table, a row a field."""
    table = DOCS.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|$", table, re.MULTILINE))
    told = {field: re.findall(r"`(\w+)`", row) for field, row in rows.items()}
    assert {field: [*names[1:]] for field, names in NAMES.items() if names[1:]} == told


def test_no_test_here_shows_a_secret() -> None:
    """The values of these tests hold the word that the other tests look for."""
    assert all(SECRET in value for value in RIGHT)
