"""A bot is called by its name in the key file; of a name that means none, or several, the right one is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flock.errors import BadOption
from flock.keys import keys_called, read_keys

WriteKey = Callable[..., Path]
MASTODON = {"network": "mastodon", "access_token": "sesame", "server": "https://wool.example"}


@pytest.fixture
def folder(write_key: WriteKey) -> Path:
    """Return a folder of four bots, of which two on two networks have one name."""
    write_key("a.json", screen_name="Dolly", oauth_token="1-sesame")
    write_key("b.json", screen_name="dolly", **MASTODON)
    write_key("c.json", screen_name="ewe_turn", oauth_token="2-sesame")
    return write_key("d.json", screen_name="lamb", **{**MASTODON, "access_token": "another"}).parent


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["ewe_turn"], ["c.json"]),
        (["@EWE_TURN", "x:ewe_turn", "lamb"], ["c.json", "d.json"]),
        (["x:dolly"], ["a.json"]),
        (["mastodon:@dolly"], ["b.json"]),
        (["Dolly@wool.example", "lamb@wool.example"], ["b.json", "d.json"]),
        ([], []),
    ],
)
def test_a_bot_is_called_by_its_name(folder: Path, names: list[str], files: list[str]) -> None:
    """With or without @, in any case, with its network or its server; each bot is meant once."""
    assert files == [key.file.name for key in keys_called(names, read_keys(folder).keys)]


def test_all_wrong_names_are_told_in_one_go(folder: Path) -> None:
    """A typo with the nearest name, a name of two bots with the names to write, and whatever else there is."""
    with pytest.raises(BadOption) as caught:
        keys_called(["@ewe_trun", "dolly", "wolf\x1b", "x:lamb"], read_keys(folder).keys)

    assert [
        "@ewe_trun: no bot has that name; did you mean ewe_turn?",
        "dolly: 2 bots have that name; write x:Dolly or mastodon:dolly@wool.example",
        r"wolf\x1b: no bot has that name; the bots are Dolly, dolly, ewe_turn, lamb",
        "x:lamb: no bot has that name; did you mean mastodon:lamb@wool.example?",
    ] == str(caught.value).split("\n")
