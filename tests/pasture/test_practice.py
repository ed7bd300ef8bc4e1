"""Bots of a running flock on the embedded pasture, above all two bots with one name on two networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from flock.journal import SqliteJournal
from flock.keys import Key, XCredentials, read_key, read_keys
from flock.networks.base import Intent
from flock.networks.registry import Networks
from flock.options import Options
from flock.pasture import Account
from flock.pasture.accounts import Accounts
from flock.pasture.store import Store
from flock.shepherd import Shepherd

WriteKey = Callable[..., Path]
MakeNetworks = Callable[[], Networks]
INTENT = Intent("0" * 31 + "1", 1_800_000_000.0)


@pytest.fixture
def practise(tmp_path: Path) -> Iterator[MakeNetworks]:
    """Return a factory of the networks of a practising flock; each call stands for a new process."""
    made: list[Networks] = []

    def make() -> Networks:
        made.append(Networks(Options(pasture=True, state=tmp_path / f"{len(made)}.db")))
        return made[-1]

    yield make
    for networks in made:
        networks.close()


@pytest.fixture
def twins(write_key: WriteKey) -> tuple[Key, Key]:
    """Return two keys of one name: the first is for X, the second for the pasture."""
    files = (
        write_key("a.json", screen_name="Dolly"),
        write_key("b.json", network="pasture", oauth_token="1001-other", poem_file="other.txt"),
    )
    files[0].with_name("other.txt").write_text("moo\n")
    on_x, on_pasture = map(read_key, files)
    return on_x, on_pasture


@pytest.mark.parametrize("network", ["twitter", "x", "pasture"])
def test_a_bot_that_practises_alone_is_where_earlier_versions_put_it(
    practise: MakeNetworks, write_key: WriteKey, network: str
) -> None:
    """Its place in its poem goes on from a journal that was written before networks shared names."""
    assert "pasture:dolly" == practise().bot(read_key(write_key(network=network, screen_name="Dolly")))


def test_one_name_on_two_networks_is_two_bots_in_practice_too(
    practise: MakeNetworks, twins: tuple[Key, Key]
) -> None:
    """The first key by file name has the plain name, and the second one its network behind it, however often."""
    networks = practise()
    assert ["pasture:dolly", "pasture:dolly (pasture)"] == [networks.bot(key) for key in twins]
    assert ["pasture:dolly (pasture)", "pasture:dolly"] == [networks.bot(key) for key in reversed(twins)]


def test_outside_of_practice_networks_keep_the_names_apart(twins: tuple[Key, Key]) -> None:
    """Their names are `network:name`, without practice mode."""
    networks = Networks(Options())
    assert ["x:dolly", "pasture:dolly"] == [networks.bot(key) for key in twins]


def test_bots_of_one_name_have_an_account_each_on_the_pasture(
    practise: MakeNetworks, twins: tuple[Key, Key]
) -> None:
    """None replaces the other, and each reads its own posts, although both tokens say the number 1001."""
    networks = practise()
    first, second = (networks.connect(key) for key in twins)
    first.post("baa", INTENT)
    second.post("moo", INTENT)
    assert [["baa"], ["moo"]] == [[post.text for post in bot.recent()] for bot in (first, second)]


def test_a_bot_with_new_tokens_keeps_its_account(practise: MakeNetworks, twins: tuple[Key, Key]) -> None:
    """The other bot with its name keeps its account, too."""
    networks = practise()
    first, second = (networks.connect(key) for key in twins)
    first.post("baa", INTENT)
    assert isinstance(twins[0].credentials, XCredentials)
    own = replace(twins[0].credentials, oauth_token=SecretStr("1001-new"))
    again = networks.connect(replace(twins[0], credentials=own))
    again.post("baa again", INTENT)
    second.post("moo", INTENT)
    assert ["baa again", "baa"] == [post.text for post in again.recent()]
    assert ["moo"] == [post.text for post in second.recent()]


def test_a_flock_runs_both_bots_of_one_name(tmp_path: Path, twins: tuple[Key, Key]) -> None:
    """Each says its own poem under its own name, and the journal has a place for each."""
    state = tmp_path / "state" / "flock.db"
    Shepherd(twins[0].file.parent, options=Options(pasture=True, state=state)).once()

    journal = SqliteJournal(state)
    places = [journal.read(bot) for bot in ("pasture:dolly", "pasture:dolly (pasture)")]
    journal.close()
    store = Store(state.with_name("pasture.db"))
    said = {(post.screen_name, post.text) for post in store.posts()}
    store.close()

    assert [1, 1] == [kept[0].n for kept in places if kept]
    assert {("Dolly", "baa"), ("dolly (pasture)", "moo")} == said


def test_a_folder_with_both_bots_of_one_name_is_good(twins: tuple[Key, Key]) -> None:
    """The folder is read without knowledge of practice mode."""
    ring = read_keys(twins[0].file.parent)
    assert [key.file for key in twins] == [key.file for key in ring.keys]
    assert () == ring.problems


def test_accounts_whose_computed_numbers_collide_are_told_apart(wolf: Account, lamb: Account) -> None:
    """Both tokens have the same CRC-32, from which the number is computed, and another account has that number."""
    tokens = ("plumless", "buckeroo")
    accounts = Accounts([wolf, lamb])
    added = [accounts.admit(replace(wolf, screen_name=token, token=token)) for token in tokens]
    assert 2 == len({account.user_id for account in added} - {wolf.user_id, lamb.user_id})
    assert added == [accounts.with_id(account.user_id) for account in added]
