"""Credentials: one class a kind of network, chosen by the field `network`."""

import pytest

from flock.keys import (
    CREDENTIALS,
    BlueskyCredentials,
    FeedCredentials,
    MastodonCredentials,
    XCredentials,
    read_key,
    read_keys,
)
from flock.keys.credentials import field_names
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


@pytest.mark.parametrize(("said", "network"), [(..., "x"), ("twitter", "x"), ("x", "x"), ("pasture", "pasture")])
def test_the_network_chooses_the_class_of_credentials(write_key: WriteKey, said: object, network: str) -> None:
    """Without a network it is X, whose old name still stands in key files."""
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


OF_MASTODON = {"server": "https://botsin.example", "access_token": "sesame-token"}
OF_A_FEED = {"file": "feeds/feed.json"}

BLUESKY = {"network": "bluesky", "screen_name": "dolly.bsky.social", "app_password": "sesame-sesame"}


@pytest.mark.parametrize("name", ["Dolly.bsky.social", "@dolly.bsky.social", " a.co "])
def test_a_handle_is_written_with_or_without_its_at(write_key: WriteKey, name: str) -> None:
    """Signing in takes it without. What the key file does not say has its default."""
    key = read_key(write_key(**{**BLUESKY, "screen_name": name}))
    assert isinstance(key.credentials, BlueskyCredentials)
    assert name.strip().removeprefix("@") == key.screen_name
    own = key.credentials
    assert ("https://bsky.social", None, False) == (own.server, own.lang, own.mentions)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("https://PDS.example/", "https://pds.example"),
        ("http://localhost:2583", "http://localhost:2583"),
        ("http://127.0.0.1:2583/", "http://127.0.0.1:2583"),
        (None, "https://bsky.social"),
    ],
)
def test_the_server_is_a_root_url(write_key: WriteKey, written: object, expected: str) -> None:
    """Without TLS only on this machine."""
    own = read_key(write_key(**BLUESKY, server=written, lang=None, mentions=None)).credentials
    assert isinstance(own, BlueskyCredentials)
    assert (expected, None, False) == (own.server, own.lang, own.mentions)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("screen_name", "dolly", "the whole handle of the account, such as dolly.bsky.social"),
        ("screen_name", "dolly.123", "the whole handle"),
        ("screen_name", "dølly.bsky.social", "the whole handle"),
        ("screen_name", "dolly_the.bsky.social", "the whole handle"),
        ("app_password", ..., "missing; make one at https://bsky.app/settings/app-passwords"),
        ("app_password", "", "found an empty one; make one at"),
        ("app_password", ["x"], "found a list that is not an app password; make one at"),
        ("server", "bsky.social", "expected the address of the bot's server, such as https://bsky.social"),
        ("server", "http://pds.example", "expected https:// before the server's name"),
        ("server", "https://pds.example/xrpc", "expected the address of the bot's server"),
        ("server", "https://u:p@pds.example", "expected the address of the bot's server"),
        ("server", 7, "expected the address of the bot's server"),
        ("lang", "english please", 'expected the tag of one language, such as "en"'),
        ("lang", ["en"], "expected the tag of one language"),
        ("mentions", "yes", "expected true or false, without quotes, found a text"),
    ],
)
def test_a_bad_field_of_a_bot_on_bluesky_is_one_clear_line(
    write_key: WriteKey, field: str, value: object, text: str
) -> None:
    """It names the field and says what was expected."""
    file = write_key(**{**BLUESKY, field: value})
    (line,) = lines(read_keys(file.parent))
    assert line.startswith(f"{file}: {field}: ")
    assert text in line


@pytest.mark.parametrize("network", [*CREDENTIALS])
def test_credentials_never_print_their_secrets(write_key: WriteKey, network: str) -> None:
    """Neither alone nor as a part of their key."""
    bluesky = BLUESKY if network == "bluesky" else {}
    key = read_key(write_key(**{**OF_MASTODON, **OF_A_FEED, **bluesky, "network": network}))
    shown = [f(each) for f in (repr, str, format) for each in (key.credentials, key.credentials.app, key)]
    assert [] == [text for text in shown if SECRET in text]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://botsin.example", "https://botsin.example"),
        (" https://Botsin.Example/ ", "https://botsin.example"),
        ("https://botsin.example:443", "https://botsin.example"),
        ("https://botsin.example:8443", "https://botsin.example:8443"),
        ("http://127.0.0.1:8280", "http://127.0.0.1:8280"),
        ("http://localhost:80/", "http://localhost"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_a_server_has_one_address(write_key: WriteKey, given: str, expected: str) -> None:
    """However it is written; plain HTTP is for this machine alone."""
    own = read_key(write_key(network="mastodon", server=given, access_token="a")).credentials
    assert isinstance(own, MastodonCredentials)
    assert expected == own.server


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("server", ..., "missing; add the address of the bot's server"),
        *(
            ("server", value, "expected the address of the bot's server, such as https://")
            for value in (
                "botsin.example",
                "",
                7,
                "https://",
                "https://botsin.example/@dolly",
                "https://dolly@botsin.example",
                "https://dolly:open-sesame@botsin.example",
                "https://botsin.example?x",
                "https://botsin.example#x",
                "https://botsin.example:port",
                "https://bots in.example",
                "https://[botsin",
                "ftp://botsin.example",
            )
        ),
        ("server", "http://botsin.example", "expected https:// before the server's name"),
        ("server", "http://dolly:open-sesame@botsin.example", "expected https:// before the server's name"),
        ("access_token", ..., "missing; make one on your server"),
        ("access_token", "", "expected a text in quotes, found an empty one; copy it again from your server"),
        ("access_token", "tök", "expected a text in quotes, found a text that is not a token"),
        ("visibility", "direct", 'expected "public", "unlisted" or "private"'),
        ("visibility", ["public"], 'expected "public", "unlisted" or "private"'),
        ("lang", "English please", "expected the tag of one language"),
        ("lang", ["en"], "expected the tag of one language"),
        ("content_warning", " ", "expected a text of at most 200 characters"),
        ("content_warning", "x" * 201, "expected a text of at most 200 characters"),
        ("mentions", "yes", "expected true or false, without quotes"),
    ],
)
def test_a_bad_field_of_mastodon_is_one_clear_line(
    write_key: WriteKey, field: str, value: object, expected: str
) -> None:
    """The file, the field, what was expected."""
    fields = {**dict.fromkeys(field_names(XCredentials), ...), **OF_MASTODON, field: value}
    file = write_key(network="mastodon", **fields)
    (line,) = lines(read_keys(file.parent))
    assert line.startswith(f"{file}: {field}: {expected}")
    assert SECRET not in line


def test_the_optional_fields_of_mastodon(write_key: WriteKey) -> None:
    """Unlisted posts without a warning, which address nobody, unless the key file says otherwise."""
    plain = read_key(write_key("a.json", network="mastodon", **OF_MASTODON, visibility=None, mentions=None))
    other = read_key(
        write_key(
            "b.json",
            network="mastodon",
            **OF_MASTODON,
            visibility="public",
            mentions=True,
            lang="pt-BR",
            content_warning=" sheep,  many ",
        )
    )
    shown = [
        (own.visibility, own.mentions, own.lang, own.content_warning)
        for own in (plain.credentials, other.credentials)
        if isinstance(own, MastodonCredentials)
    ]
    assert [("unlisted", False, None, None), ("public", True, "pt-BR", "sheep, many")] == shown


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("file", ..., "missing; add the path of the feed to write"),
        ("file", "feed.xml", "expected the path of the feed to write"),
        ("file", "fe\0ed.json", "expected the path of the feed to write"),
        ("file", 7, "expected the path of the feed to write"),
        ("title", " ", "expected a text"),
        ("home", "example.com", "expected the address of a web page"),
    ],
)
def test_a_bad_field_of_a_feed_is_one_clear_line(
    write_key: WriteKey, field: str, value: object, expected: str
) -> None:
    """The file, the field, what was expected."""
    file = write_key(network="feed", **{"file": "feed.json", field: value})
    (line,) = lines(read_keys(file.parent))
    assert line.startswith(f"{file}: {field}: {expected}")


def test_two_bots_do_not_write_one_feed(write_key: WriteKey) -> None:
    """The second one is told which field it is."""
    first = write_key("a.json", network="feed", **OF_A_FEED)
    second = write_key("b.json", network="feed", **OF_A_FEED, screen_name="ewe")
    assert isinstance(read_key(first).credentials, FeedCredentials)
    assert [f"{second}: file: the same as in {first}; authorize this bot's account"] == lines(
        read_keys(first.parent)
    )
