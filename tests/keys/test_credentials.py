"""Credentials: one class a kind of network, chosen by the field `network`."""

import pytest

from flock.keys import CREDENTIALS, XCredentials, read_key, read_keys
from tests.keys.conftest import SECRET, WriteKey, lines


@pytest.mark.parametrize(
    ("user_id", "token", "expected"),
    [
        (..., "1001-token", "1001"),
        ("77", "1001-token", "77"),
        (77, "token", "77"),
        (..., "token", None),
        (..., "to-ken", None),
        (..., "1001", None),
    ],
)
def test_the_accounts_number_is_given_or_read_off_the_token(
    write_key: WriteKey, user_id: object, token: str, expected: str | None
) -> None:
    """The digits before the dash of an OAuth 1.0a access token are the user's id."""
    assert expected == read_key(write_key(user_id=user_id, oauth_token=token)).credentials.account_id


@pytest.mark.parametrize(
    ("said", "network"), [(..., "twitter"), ("twitter", "twitter"), ("x", "twitter"), ("pasture", "pasture")]
)
def test_the_network_chooses_the_class_of_credentials(write_key: WriteKey, said: object, network: str) -> None:
    """Without a network it is X, which the journal knows as twitter."""
    key = read_key(write_key(network=said))
    assert network == key.network
    assert isinstance(key.credentials, XCredentials)
    assert isinstance(key.credentials, CREDENTIALS[network])


def test_x_and_twitter_are_one_network(write_key: WriteKey) -> None:
    """Two keys of one name are one bot, although they write its network differently."""
    first = write_key("a.json", network="x")
    second = write_key("b.json", network="twitter", oauth_token="other")
    expected = [f"{second}: screen_name: dolly has a key in {first} too; keep one"]
    assert expected == lines(read_keys(first.parent))


def test_an_unknown_network_is_told_with_all_that_are_known(write_key: WriteKey) -> None:
    """The tokens are not complained about: which ones an unknown network takes is unknown. The rest is checked."""
    file = write_key(network="myspace", oauth_token=..., line_interval=-1)
    (line,) = lines(read_keys(file.parent))
    known = ", ".join(f'"{name}"' for name in [*CREDENTIALS][:-1])
    assert f'{file}: network: expected {known} or "{[*CREDENTIALS][-1]}"; line_interval: expected seconds' in line
    assert "oauth_token" not in line


def test_bots_of_one_app_have_one_app_and_tokens_of_their_own(write_key: WriteKey) -> None:
    """By the first, a trouble of the app is told once; by the second, two keys of one account are found."""
    first = read_key(write_key("a.json")).credentials
    second = read_key(write_key("b.json", oauth_token="other-sesame")).credentials
    assert first.app == second.app is not None
    assert first.own_token != second.own_token
    assert "oauth_token" == first.OWN_FIELD


@pytest.mark.parametrize("network", [*CREDENTIALS])
def test_credentials_never_print_their_secrets(write_key: WriteKey, network: str) -> None:
    """Neither alone nor as a part of their key."""
    key = read_key(write_key(network=network))
    shown = [f(each) for f in (repr, str, format) for each in (key.credentials, key.credentials.app, key)]
    assert [] == [text for text in shown if SECRET in text]
