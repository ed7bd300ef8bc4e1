"""Which account a bot posts to, where only the network tells: the account, and not its name, has the place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flock.errors import JournalError, Unauthorized, Unavailable
from flock.events import BackingOff, Said, Waiting
from flock.journal import Place, SqliteJournal, Standing
from flock.keys import Key
from flock.networks.base import Network
from flock.networks.scripted import ScriptedNetwork, ScriptedNetworks
from flock.options import Options
from flock.sheep.sheep import Sheep
from flock.temperament import TEMPERAMENTS
from tests.world import World

BLUESKY: dict[str, Any] = {"network": "bluesky", "app_password": "sesame"}


@dataclass
class Known(ScriptedNetwork):
    """A network that tells the account, or raises what it finds instead."""

    account: str | Exception = "did:plc:dolly"
    asked_for_it: int = 0

    def find_account(self) -> str:
        self.asked_for_it += 1
        if isinstance(self.account, Exception):
            raise self.account
        return self.account


class KnownNetworks(ScriptedNetworks):
    """Gives each bot such a network. No session is kept: the account is known when the network has told it."""

    def connect(self, key: Key) -> Network:
        return self.known(key.screen_name)

    def known(self, name: str) -> Known:
        """Return the network of the bot with that handle; ids of posts on it are higher than those on others."""
        first_id, service = 1 + 100 * len(self.by_name), self.service("bluesky")
        made = self.by_name.setdefault(name, Known(clock=self._clock, service=service, first_id=first_id))
        assert isinstance(made, Known)
        return made


class TornJournal(SqliteJournal):
    """A journal that cannot be read the next so many times."""

    failures = 0

    def read(self, bot: str) -> tuple[Place, Standing] | None:
        if self.failures:
            self.failures -= 1
            raise JournalError("the journal: the disk fails")
        return super().read(bot)


@pytest.fixture
def blue(make_world: Callable[..., World], tmp_path: Path) -> Iterator[World]:
    """Return a world with a network that tells accounts."""
    options = Options(temperament=TEMPERAMENTS["senile"], state=tmp_path / "state" / "flock.db")
    world = make_world(journal=TornJournal(options.state_file), options=options)
    world.stages = KnownNetworks(world.options, world.clock)
    world.anew()
    yield world
    world.journal.close()


def stage(world: World, name: str) -> Known:
    """Return the network of a bot that may not be there yet."""
    assert isinstance(world.stages, KnownNetworks)
    return world.stages.known(name)


def bot(world: World, name: str, file: str = "dolly", **fields: Any) -> Sheep:
    """Return a bot with that handle and that key file, in a new process."""
    world.journal.close()
    world.journal = TornJournal(world.options.state_file)
    world.anew()
    world.folder.joinpath(f"{file}.json").unlink(missing_ok=True)
    return world.raise_sheep(file, lines=30, screen_name=name, **BLUESKY, **fields)


def test_a_renamed_account_goes_on_where_it_was(blue: World) -> None:
    """With its place and its random numbers; it is asked for once, before the first post."""
    sheep = bot(blue, "dolly.test")
    blue.live(150, sheep)
    renamed = bot(blue, "molly.test")
    assert 0 == renamed.place.n

    blue.live(120, renamed)

    assert (sheep.bot, sheep.seed, "molly.test") == (renamed.bot, renamed.seed, renamed.name)
    recited = [each.text for each in sheep.recitation.utterances[:5]]
    assert recited == blue.stage("dolly.test").posts + blue.stage("molly.test").posts
    assert 1 == stage(blue, "molly.test").asked_for_it


def test_a_renamed_account_that_is_not_due_yet_waits_until_it_is(blue: World) -> None:
    """It does not speak at once, as a new bot does."""
    sheep = bot(blue, "dolly.test")
    blue.live(70, sheep)

    renamed = bot(blue, "molly.test")
    renamed.beat()

    assert ([], sheep.due) == (blue.stage("molly.test").posts, renamed.due)


def test_a_handle_of_another_account_is_a_new_bot(blue: World) -> None:
    """The first account keeps its place, whatever the other one meets before it is known."""
    sheep = bot(blue, "dolly.test")
    blue.live(150, sheep)
    stage(blue, "dolly.test").account = Unauthorized("no such password")
    other = bot(blue, "dolly.test")
    assert "bluesky:dolly.test (unknown)" == other.bot
    blue.live(60, other)
    assert (sheep.place, sheep.standing) == blue.journal.read("bluesky:dolly.test")

    stage(blue, "dolly.test").account = "did:plc:other"
    blue.live(900, other)

    assert "bluesky:dolly.test (other)" == other.bot
    assert other.place.n > 0
    assert (sheep.place, sheep.standing) == blue.journal.read("bluesky:dolly.test")
    bot(blue, "dolly.test")
    assert "bluesky:dolly.test (other)" == blue.journal.identify("bluesky:dolly.test", "bluesky:did:plc:other")


def test_an_account_that_cannot_be_asked_for_is_asked_for_again(blue: World) -> None:
    """The bot backs off as after any failure, and posts nothing meanwhile."""
    stage(blue, "dolly.test").account = Unavailable("no connection")
    sheep = bot(blue, "dolly.test")
    blue.live(30, sheep)
    assert ([], [0]) == (blue.stage("dolly.test").tries, [sheep.place.n])
    assert {"no connection"} == {event.why for event in blue.told(BackingOff) if isinstance(event, BackingOff)}

    stage(blue, "dolly.test").account = "did:plc:dolly"
    blue.live(60, sheep)

    assert blue.stage("dolly.test").posts[0] == sheep.recitation.utterances[0].text


def test_two_keys_of_one_account_post_one_poem(blue: World) -> None:
    """The second waits, and says which bots they are; it goes on when it may."""
    first = bot(blue, "dolly.test")
    second = blue.raise_sheep("other", screen_name="molly.test", **BLUESKY)
    stage(blue, "molly.test")

    blue.live(150, first, second)

    assert (3, []) == (len(blue.stage("dolly.test").posts), blue.stage("molly.test").tries)
    (waiting,) = blue.told(Waiting)
    assert isinstance(waiting, Waiting)
    assert ("molly.test", "this process already runs dolly.test") == (
        waiting.bot,
        waiting.why.partition(";")[0],
    )


def test_a_journal_that_fails_meanwhile_costs_no_place(blue: World) -> None:
    """The bot neither posts where a new bot would, nor forgets that it has to move."""
    sheep = bot(blue, "dolly.test")
    blue.live(150, sheep)
    renamed = bot(blue, "molly.test")
    assert isinstance(blue.journal, TornJournal)
    blue.journal.failures = 2

    blue.live(300, renamed)

    said = blue.stage("dolly.test").posts + blue.stage("molly.test").posts
    assert [each.text for each in sheep.recitation.utterances[: len(said)]] == said
    assert len(said) > 4


def test_a_key_of_another_account_is_not_used_by_a_flock_that_runs(blue: World) -> None:
    """It would go on in the other's poem. A new app password of the same account is fine."""
    sheep = bot(blue, "dolly.test")
    blue.live(70, sheep)
    network = stage(blue, "dolly.test")

    for account, is_same in (("did:plc:other", False), ("did:plc:dolly", True)):
        network.account = account
        network.always = Unauthorized("no such password")
        blue.live(120, sheep)
        network.always = None
        file = sheep.json_file
        file.write_text(file.read_text().replace('"sesame', '"sesame-'))
        blue.live(180, sheep)
        assert is_same == (len(network.posts) > 2)
        waits = [event.why for event in blue.told(Waiting) if isinstance(event, Waiting)]
        assert ["its key file is another account's now; start the flock anew"] == waits
    assert {"bluesky:dolly.test"} == {sheep.bot, blue.context.bot(sheep.key).partition(" (")[0]}
    assert len(blue.told(Said)) == len(network.posts)
