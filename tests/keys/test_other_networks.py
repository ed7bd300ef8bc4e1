"""Key files of bots on Bluesky, Mastodon and in feeds: names of fields, secrets, and which bot is which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import simplejson as json

from flock.errors import BadKeys
from flock.keys import (
    BlueskyCredentials,
    FeedCredentials,
    MastodonCredentials,
    PracticeNames,
    XCredentials,
    read_key,
    read_keys,
    shared_poems,
)
from flock.keys.names import NAMES, OWN_NAMES, field_named
from tests.conftest import KEY
from tests.keys.conftest import SECRET, WriteKey, lines

NO_TOKENS: dict[str, Any] = {name: ... for name in KEY if "token" in name}
BLUESKY = {**NO_TOKENS, "network": "bluesky", "screen_name": "dolly.test", "app_password": "sesame-abcd-efgh"}
MASTODON = {**NO_TOKENS, "network": "mastodon", "server": "https://a.example", "access_token": "sesame-token-of-a"}
FEED = {**NO_TOKENS, "network": "feed", "file": "feeds/dolly.json"}
DOCS = Path(__file__).parents[2] / "docs" / "keys.md"


@pytest.mark.parametrize("server", ["pasture", "Pasture", " pasture/ "])
@pytest.mark.parametrize("secret", ["not-a-real-token", "YOUR_TOKEN", "sesame"])
@pytest.mark.parametrize("name", ["bluesky", "mastodon"])
def test_a_practice_key_may_have_any_secret(write_key: WriteKey, name: str, secret: str, server: str) -> None:
    """It is sent to no server but the practice server, so that others may read it."""
    fields = {**BLUESKY, "app_password": secret} if name == "bluesky" else {**MASTODON, "access_token": secret}
    file = write_key(**{**fields, "server": server})
    file.chmod(0o644)
    ring = read_keys(file.parent)
    assert ((), ()) == (ring.problems, ring.warnings)
    assert [True] == [key.practises for key in ring.keys]


@pytest.mark.parametrize("example", ["cumulus.example.json", "woolly_mammoth.json"])
@pytest.mark.parametrize("server", ["https://a.example", "https://pasture", "http://127.0.0.1:8280", None])
def test_an_example_key_does_not_post_for_real(write_key: WriteKey, example: str, server: str | None) -> None:
    """Its secret is a placeholder everywhere else."""
    key = json.loads((DOCS.parents[1] / "keys.example" / example).read_text(encoding="utf-8"))
    file = write_key()
    file.write_text(json.dumps({**key, "poem_file": "poem.txt", "server": server}))
    with pytest.raises(BadKeys, match=r"found a placeholder|address of the bot's server"):
        read_key(file)


def test_an_access_token_is_the_networks_own(write_key: WriteKey) -> None:
    """On X it is the token of OAuth 1.0a, on Mastodon that of the account."""
    on_mastodon = read_key(write_key("a.json", **MASTODON)).credentials
    on_x = read_key(write_key("b.json", oauth_token=..., access_token="1-sesame")).credentials
    assert isinstance(on_mastodon, MastodonCredentials)
    assert "sesame-token-of-a" == on_mastodon.access_token.get_secret_value()
    assert isinstance(on_x, XCredentials)
    assert "1-sesame" == on_x.oauth_token.get_secret_value()


@pytest.mark.parametrize("style", [str.upper, str.title, lambda name: f"mastodon_{name}"])
@pytest.mark.parametrize("name", ["access_token", "token", "user_access_token"])
def test_its_other_names_are_read_too(write_key: WriteKey, name: str, style: Any) -> None:
    """In any case, and with the network in front."""
    own = read_key(write_key(**{**MASTODON, "access_token": ..., style(name): "sesame"})).credentials
    assert isinstance(own, MastodonCredentials)
    assert "sesame" == own.access_token.get_secret_value()


def test_the_fields_may_stand_in_an_object_of_their_network(write_key: WriteKey) -> None:
    """As in the settings of programs for several networks."""
    key = read_key(write_key(**{**BLUESKY, "app_password": ..., "bsky": {"password": "sesame", "lang": "en"}}))
    assert isinstance(key.credentials, BlueskyCredentials)
    assert ("sesame", "en") == (key.credentials.app_password.get_secret_value(), key.credentials.lang)


def test_a_feeds_file_is_no_poem(write_key: WriteKey) -> None:
    """On other networks `file` is an old name of `poem_file`."""
    key = read_key(write_key(**FEED))
    assert isinstance(key.credentials, FeedCredentials)
    assert ("feeds/dolly.json", "poem.txt") == (key.credentials.file, key.poem_file.name)


def test_a_feed_is_not_written_among_the_key_files(write_key: WriteKey) -> None:
    """The next start would take it for a key file."""
    file = write_key(**{**FEED, "file": "../" + write_key("a.json").parent.name + "/feed.json"})
    text = 'file: expected a path outside of the folder of key files, such as "feeds/dolly.json"'
    assert [f"{file}: {text}"] == lines(read_keys(file.parent))


def test_no_usable_key_is_warned_of(write_key: WriteKey) -> None:
    """Nothing that holds for X alone is said of the others."""
    for name, fields in {"a": BLUESKY, "b": MASTODON, "c": FEED}.items():
        write_key(f"{name}.json", **fields)
    ring = read_keys(write_key("d.json").parent)
    assert ((), ()) == (ring.problems, ring.warnings)
    assert [] == list(shared_poems(ring.keys))


def test_only_files_with_secrets_must_be_private(write_key: WriteKey) -> None:
    """A feed has none."""
    files = [write_key(f"{fields['network']}.json", **fields) for fields in (BLUESKY, MASTODON, FEED)]
    for file in files:
        file.chmod(0o644)
    warnings = read_keys(files[0].parent).warnings
    assert [file.name for file in files[:2]] == [Path(line.partition(": ")[0]).name for line in warnings]


@pytest.mark.parametrize(("fields", "secret"), [(BLUESKY, "app_password"), (MASTODON, "access_token")])
def test_a_secret_in_a_wrong_place_is_not_shown(write_key: WriteKey, fields: dict[str, Any], secret: str) -> None:
    """As the account's name, as the poem, in the poem, in another field's name."""
    token = str(fields[secret])
    file = write_key("a.json", **fields, poem_file=token)
    write_key("b.json", **{**fields, "screen_name": token})
    write_key("c.json", **fields, poem_file="own.txt")
    write_key("d.json", **fields, temperament=token)
    file.with_name("own.txt").write_text(f"baa\nthe token is {token}\n")
    told = lines(read_keys(file.parent))
    assert 4 == len(told)
    assert [] == [line for line in told if SECRET in line]
    assert "tokens in it" in told[2]
    assert SECRET not in repr(read_key(write_key("e.json", **fields)))


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [(BLUESKY, "app_password", "xxxx-xxxx-xxxx-xxxx"), (MASTODON, "access_token", "${MASTODON_TOKEN}")],
)
def test_a_placeholder_is_told(write_key: WriteKey, fields: dict[str, Any], name: str, value: str) -> None:
    """Without a word about X's portal."""
    (line,) = lines(read_keys(write_key(**{**fields, name: value}).parent))
    assert line.endswith("write the value itself")
    assert f": {name}: found a " in line


@pytest.mark.parametrize(
    ("fields", "stranger"),
    [(BLUESKY, "visibility"), (MASTODON, "app_password"), (FEED, "oauth_token_secret"), ({}, "app_password")],
)
def test_a_field_of_another_network_is_one_line(
    write_key: WriteKey, fields: dict[str, Any], stranger: str
) -> None:
    """The key is usable without it."""
    file = write_key(**{**fields, stranger: "sesame"})
    ring = read_keys(file.parent)
    assert (f"{file}: {stranger}: a field of another network; it is ignored",) == ring.warnings


@pytest.mark.parametrize("fields", [BLUESKY, MASTODON])
def test_a_key_that_does_not_say_its_network_is_told_to(write_key: WriteKey, fields: dict[str, Any]) -> None:
    """In one line, and not one for each token of X that is missing."""
    file = write_key(**{**fields, "network": ...})
    text = (
        f'network: missing; these are the fields of a bot on another network: add "network": "{fields["network"]}"'
    )
    assert [f"{file}: {text}"] == lines(read_keys(file.parent))


def test_a_handle_may_be_as_long_as_a_domain(write_key: WriteKey) -> None:
    """253 letters; a name elsewhere has 64 at most."""
    handle = ".".join(["a" * 61, "b" * 63, "c" * 63, "d" * 63])
    assert 253 == len(handle)
    assert handle == read_key(write_key("a.json", **{**BLUESKY, "screen_name": handle})).screen_name
    write_key("b.json", **{**BLUESKY, "screen_name": f"a{handle}"})
    write_key("c.json", **{**MASTODON, "screen_name": "a" * 65})
    assert 2 == len(lines(read_keys(write_key("a.json").parent)))


def test_one_name_on_two_servers_is_two_bots(write_key: WriteKey) -> None:
    """Each server has names of its own. The same name on one server is one bot, however it is written."""
    write_key("a.json", **MASTODON)
    write_key("b.json", **{**MASTODON, "server": "https://b.example", "access_token": "sesame-token-of-b"})
    file = write_key(
        "c.json", **{**MASTODON, "screen_name": "@Dolly@a.example", "access_token": "sesame-token-of-c"}
    )
    ring = read_keys(file.parent)
    assert ["dolly@a.example", "dolly@b.example"] == [key.account_name for key in ring.keys]
    assert [f"Dolly@a.example has a key in {file.with_name('a.json')} too; keep one"] == [
        problem.text for problem in ring.problems
    ]
    names = PracticeNames()
    assert ["dolly", "dolly (b.example)", "dolly"] == [names.of(key) for key in (*ring.keys, ring.keys[0])]


def test_each_name_of_a_network_means_one_field() -> None:
    """And none of them is a name of X's tokens there; the docs have all of them."""
    page = DOCS.read_text(encoding="utf-8")
    for network, own in OWN_NAMES.items():
        for field, names in own.items():
            assert {field} == {field_named(name, network) for name in names}
            assert [] == [name for name in names if f"`{name}`" not in page]
        assert [] == [name for name in NAMES["consumer_token"] if field_named(name, network)]
